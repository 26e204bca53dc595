"""Make this folder: ``python manifests/make.py`` builds every variant, publishes them, and writes the page beside it.

The variants are those of the protocol ``full-v1``: ``kitchen``'s train split under each of its recipes, and the clean
evaluation split. The labels are the same on every machine; the bytes of the Parquet files are those of one version of
Arrow.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import actiseg_noise
from actiseg_noise.manifest.info import ManifestInfo, SlotCounts, read_info
from actiseg_noise.publishing.checksums import seal
from actiseg_noise.publishing.publication import publish

HERE = Path(__file__).parent
PROTOCOL = HERE.parent / "actiseg_bench" / "protocols" / "full-v1.toml"
PUBLISHED = datetime(2026, 11, 23, tzinfo=UTC)


def wanted() -> list[tuple[str, str, int]]:
    """Return (split, recipe, noise seed) of every variant, in the protocol's order."""
    protocol = tomllib.loads(PROTOCOL.read_text("utf-8"))
    seed = protocol["noise_seed"]
    train = [(protocol["train_split"], recipe, seed) for recipe in dict.fromkeys(protocol["tracks"].values())]
    return [*train, (protocol["eval_split"], "clean", seed)]


def folder_of(split: str, recipe: str, seed: int) -> Path:
    """Return where a variant lies."""
    return HERE / "kitchen" / split / f"{recipe}-s{seed}"


def make() -> None:
    """Build, publish, and write the page."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", str(int(PUBLISHED.timestamp())))
    with tempfile.TemporaryDirectory() as room:
        built = []
        for split, recipe, seed in wanted():
            out = Path(room) / split / recipe
            built.append(actiseg_noise.build("kitchen", split=split, recipe=recipe, seed=seed, out=out, workers=1))
        seal(publish(built, Path(room) / "kitchen").path, lfs=False)
        shutil.rmtree(HERE / "kitchen", ignore_errors=True)
        shutil.copytree(Path(room) / "kitchen", HERE / "kitchen")
    (HERE / "README.md").write_text(page([read_info(folder_of(*variant)) for variant in wanted()]), "utf-8")


def page(infos: Sequence[ManifestInfo]) -> str:
    """Return ``README.md``."""
    lines = ["| manifest | noise, realised | positives with a wrong noun | median IoU of noised masks | digest |"]
    lines += ["|---|---|---|---|---|"]
    for info in infos:
        noises = ", ".join(map(_describe, info.noises)) or "none"
        harmful, iou = info.severity["harmful_positives"], info.severity["median_iou"]
        severity = f"{harmful:.1%} | {'—' if iou is None else f'{iou:.3f}'}".replace("%", " %")
        lines.append(f"| `{info.name}` | {noises} | {severity} | `{info.digest}` |")
    return _INTRO + "\n".join(lines) + "\n" + _USE


def _describe(slot: SlotCounts) -> str:
    """Return a noise and its realised rate."""
    return f"`{slot.noise_id}` {slot.rate:.1%}".replace("%", " %") if slot.rate is not None else f"`{slot.noise_id}` —"


_INTRO = """# Published variants of `kitchen`

The labels of every track of the protocol `full-v1`, and of its clean evaluation split, as data. They are here so that a
number in a leaderboard can be traced to the labels behind it: the leaderboard prints the first digits of these digests.
[kitchen/](kitchen/README.md) is a publication as `actiseg-noise publish` makes it; `make manifests` makes this folder
again, this page included.

"""
_USE = """
Any of them can be checked by itself, and against the dataset, which the package draws:

```bash
actiseg-noise verify manifests/kitchen/train/text-40-s0
actiseg-noise verify manifests/kitchen/train/text-40-s0 --rebuild
```

`actiseg-bench run --protocol full-v1` builds its tracks itself and gets these digests. To train on the files:

    actiseg-bench run --strategy gce --manifest manifests/kitchen/train/text-40-s0 \\
        --eval-manifest manifests/kitchen/val/clean-s0
"""

if __name__ == "__main__":
    sys.exit(make())
