"""What is edited: small files of every kind, made by the commands themselves, and which commands read them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.soak.attempt import BENCH, NOISE, Limits, attempt

N, B = (NOISE,), (BENCH,)
CONFIG = """title = "a configuration"
[train]
item = "clip"
clips_per_batch = 1
learning_rate = 1e-4
schedule = "cosine"
drops = [1]
weight_decay = 5e-4
clip_norm = 0.1
[train.rates]
"text" = 0.5
[train.loss]
mask = 0.4
dice = 1.0
positive_loss = "focal"
[train.augment]
flip = 0.5
brightness = 0.0
[train.augment.scales]
sides = [240]
long_side = 400
"""


@dataclass(frozen=True)
class Subject:
    """A folder that is edited, and the commands that read it.

    In commands, ``{it}`` is the edited copy, ``{out}`` a place that is not there yet, ``{made}`` the folder of all
    sound files, ``{file}`` the edited file.

    Attributes:
        files: patterns of the files that are edited, below the folder.
        commands: every edit is tried on each. slow: on a tenth of the edits, as these take seconds.
        is_manifest: the folder is a manifest, whose digests are made anew after an edit.
        weight: how often it is drawn.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    slow: tuple[tuple[str, ...], ...] = ()
    is_manifest: bool = False
    weight: float = 1.0


READ_MANIFEST = (
    (*N, "verify", "{it}"),
    (*N, "diff", "{it}", "{made}/manifest"),
    (*N, "inspect", "{it}"),
    (*N, "publish", "{it}", "--out", "{out}"),
    (*N, "export", "{it}", "--format", "refvos", "--out", "{out}"),
    (*N, "export", "{it}", "--format", "actionvos", "--out", "{out}"),
    (*N, "preview", "{it}", "--out", "{out}/sheet.png", "--root", "{made}/kitchen"),
    (*B, "evaluate", "--pred", "{made}/predicted", "--manifest", "{it}"),
)
SLOW_ON_MANIFEST = (
    (*N, "verify", "--rebuild", "{it}"),
    (*N, "diff", "{made}/manifest", "{it}", "--json"),
    (*N, "inspect", "{it}", "--json", "--plot", "{out}"),
    (*N, "publish", "{it}", "--labels", "recipe-only", "--out", "{out}"),
    (*N, "export", "{it}", "--format", "refvos", "--masks", "rle", "--images", "copy", "--out", "{out}"),
    (*N, "export", "{it}", "--format", "actionvos", "--images", "link", "--root", "{made}/kitchen", "--out", "{out}"),
    (*B, "train", "--manifest", "{it}", "--steps", "1", "--threads", "1", "--out", "{out}"),
    (
        *B,
        "predict",
        "--manifest",
        "{it}",
        "--checkpoint",
        "{made}/weights/checkpoint.safetensors",
        "--threads",
        "1",
        "--out",
        "{out}",
    ),
)
ONE_STEP = ("--steps", "1", "--threads", "1", "--out", "{out}")
BUILD = (*N, "build", "--workers", "1", "--out", "{out}")
SUBJECTS = (
    Subject(
        "manifest",
        "manifest",
        ("*.parquet", "*.parquet", "manifest.json", "vocabulary.json"),
        READ_MANIFEST,
        SLOW_ON_MANIFEST,
        True,
        10,
    ),
    Subject("manifest of texts", "text", ("*.parquet", "manifest.json"), READ_MANIFEST[:7], (), True),
    Subject("imported manifest", "imported", ("*.parquet", "manifest.json"), READ_MANIFEST[:7], (), True),
    Subject(
        "recipe-only manifest",
        "withheld",
        ("*.parquet", "manifest.json"),
        (*READ_MANIFEST[:3], (*N, "publish", "{it}", "--labels", "recipe-only", "--out", "{out}"), READ_MANIFEST[6]),
        ((*N, "verify", "--rebuild", "{it}"),),
        is_manifest=True,
    ),
    Subject(
        "evaluation labels",
        "evaluation",
        ("*.parquet", "manifest.json"),
        ((*N, "verify", "{it}"), (*B, "verify", "{made}/runs", "--eval-manifest", "{it}")),
        is_manifest=True,
    ),
    Subject(
        "recipe",
        "recipes",
        ("*.toml",),
        (
            (*BUILD, "--dataset", "kitchen", "--limit", "1", "--recipe", "{file}"),
            (*N, "build", "--dry-run", "--dataset", "kitchen", "--recipe", "{file}"),
        ),
        weight=3,
    ),
    Subject(
        "vocabulary",
        "vocabulary",
        ("*.json",),
        (
            (
                *BUILD,
                "--dataset",
                "kitchen",
                "--limit",
                "1",
                "--flip",
                ".5",
                "--content",
                "text",
                "--vocabulary",
                "{file}",
            ),
        ),
    ),
    Subject(
        "list of clips",
        "lists",
        ("clips.txt",),
        ((*BUILD, "--dataset", "kitchen", "--flip", ".5", "--content", "text", "--clips", "@{file}"),),
    ),
    Subject(
        "ActionVOS tree",
        "actionvos",
        ("ImageSets/*", "Annotations_Sparse/train/*/*.png", "JPEGImages_Sparse/train/*/*.jpg"),
        (
            (*BUILD, "--dataset", "actionvos", "--root", "{it}", "--flip", ".5"),
            (
                *N,
                "import",
                "--dataset",
                "actionvos",
                "--clean",
                "{made}/clean",
                "--noisy",
                "{it}",
                "--out",
                "{out}",
            ),
            (
                *N,
                "import",
                "--expressions",
                "{it}/ImageSets/train_meta_expressions_promptaction.json",
                "--categories",
                "{it}/ImageSets/train_objects_category.json",
                "--out",
                "{out}",
            ),
            (
                *B,
                "evaluate",
                "--pred",
                "{made}/actionvos/Annotations_Sparse/train",
                "--gt",
                "{it}/Annotations_Sparse/train",
                "--split-json",
                "{it}/ImageSets/train.json",
            ),
            (
                *B,
                "evaluate",
                "--davis",
                "--pred",
                "{it}/Annotations_Sparse/train",
                "--gt",
                "{made}/actionvos/Annotations_Sparse/train",
            ),
        ),
        weight=3,
    ),
    Subject(
        "Ref-YouTube-VOS tree",
        "refvos",
        ("meta_expressions/train/*.json", "train/meta.json", "train/Annotations/*/*.png", "train/JPEGImages/*/*.jpg"),
        ((*BUILD, "--dataset", "refvos", "--root", "{it}", "--flip", ".5"),),
        weight=1.5,
    ),
    Subject(
        "folders of masks",
        "refvos",
        ("train/Annotations/*/*.png", "texts.json"),
        (
            (
                *N,
                "import",
                "--clean",
                "{made}/refvos/train/Annotations",
                "--noisy",
                "{it}/train/Annotations",
                "--texts",
                "{it}/texts.json",
                "--name",
                "x",
                "--out",
                "{out}",
            ),
            (
                *N,
                "import",
                "--clean",
                "{it}/train/Annotations",
                "--noisy",
                "{made}/refvos/train/Annotations",
                "--objects",
                "union",
                "--name",
                "x",
                "--out",
                "{out}",
            ),
            (*B, "evaluate", "--pred", "{it}/train/Annotations", "--manifest", "{made}/manifest"),
        ),
        weight=2,
    ),
    Subject(
        "pictures",
        "pictures",
        ("*/images/*/*.jpg",),
        (
            (*N, "preview", "{made}/manifest", "--root", "{it}", "--out", "{out}/sheet.png"),
            (
                *N,
                "export",
                "{made}/manifest",
                "--format",
                "refvos",
                "--images",
                "copy",
                "--root",
                "{it}",
                "--out",
                "{out}",
            ),
        ),
        (
            (
                *B,
                "train",
                "--manifest",
                "{made}/manifest",
                "--root",
                "{it}",
                "--steps",
                "1",
                "--threads",
                "1",
                "--out",
                "{out}",
            ),
        ),
    ),
    Subject(
        "runs",
        "runs",
        ("*/*/*/*/*/result.json", "*/*/*/*/*/result.json", "*/*/*/*/*/*.parquet"),
        (
            (*B, "leaderboard", "{it}"),
            (*B, "leaderboard", "{it}", "--format", "html"),
            (*B, "leaderboard", "{it}", "--format", "csv"),
            (*B, "verify", "{it}", "--eval-manifest", "{made}/evaluation"),
        ),
        (
            (*B, "analyze", "{it}", "--out", "{out}"),
            (*B, "leaderboard", "{it}", "--json"),
            (*B, "leaderboard", "{it}", "--format", "latex"),
        ),
        weight=4,
    ),
    Subject(
        "checkpoint",
        "weights",
        ("*.safetensors",),
        (
            (
                *B,
                "predict",
                "--checkpoint",
                "{file}",
                "--manifest",
                "{made}/manifest",
                "--threads",
                "1",
                "--out",
                "{out}",
            ),
        ),
        ((*B, "evaluate", "--checkpoint", "{file}", "--manifest", "{made}/manifest", "--threads", "1"),),
        weight=1.5,
    ),
    Subject(
        "start weights",
        "start",
        ("*.safetensors",),
        ((*B, "train", "--weights", "{file}", "--manifest", "{made}/manifest", *ONE_STEP),),
        weight=0.5,
    ),
    Subject(
        "published checkpoint",
        "published",
        ("*.pth",),
        ((*B, "convert-checkpoint", "{file}", "--model", "tiny", "--out", "{out}/x.safetensors"),),
        weight=0.5,
    ),
    Subject("protocol", "protocols", ("protocol.toml",), ((*B, "list", "tracks", "--protocol", "{file}"),)),
    Subject(
        "configuration",
        "protocols",
        ("config.toml",),
        (
            (
                *B,
                "train",
                "--config",
                "{file}",
                "--manifest",
                "{made}/manifest",
                "--threads",
                "1",
                "--steps",
                "1",
                "--out",
                "{out}",
            ),
        ),
        weight=0.5,
    ),
)


def make_subjects(made: Path, kitchen: Path) -> None:
    """Make the sound files below ``made`` with the commands themselves.

    Args:
        kitchen: the drawn dataset; it is drawn when it is not there.

    Raises:
        RuntimeError: a command failed on sound files.
    """
    made.mkdir(parents=True)
    (made / "kitchen").symlink_to(kitchen)
    environment = {"ACTISEG_KITCHEN_ROOT": str(kitchen)}

    def run(*command: str) -> None:
        done = attempt(command, made / "log", Limits(seconds=900, memory_bytes=8 << 30), environment, made)
        if done.exit_code != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.exit_code}\n{done.output[-2000:]}")

    build = (*N, "build", "--dataset", "kitchen", "--limit", "2", "--workers", "1")
    run(*build, "--recipe", "mixed-40-15", "--out", "manifest")
    run(*build, "--recipe", "text-40", "--content", "text", "--out", "text")
    run(*build, "--recipe", "clean", "--split", "val", "--out", "evaluation")
    run(*N, "publish", "manifest", "--labels", "recipe-only", "--out", "publication")
    (published,) = (path.parent for path in (made / "publication").rglob("manifest.json"))
    shutil.copytree(published, made / "withheld")
    run(*N, "export", "manifest", "--format", "actionvos", "--images", "copy", "--out", "actionvos")
    run(*N, "export", "manifest", "--format", "actionvos", "--labels", "clean", "--images", "copy", "--out", "clean")
    run(*N, "export", "manifest", "--format", "refvos", "--images", "copy", "--out", "refvos")
    run(*N, "export", "manifest", "--format", "refvos", "--labels", "clean", "--out", "old_export")
    masks = made / "refvos/train/Annotations"
    texts = {folder.name: {"clean": "cup", "noisy": "mug"} for folder in sorted(masks.iterdir())}
    (made / "refvos/texts.json").write_text(json.dumps(texts), "utf-8")
    run(*N, "import", "--clean", str(masks), "--noisy", str(masks), "--name", "x", "--out", "imported")
    train = ("--manifest", "manifest", "--steps", "2", "--threads", "1")
    run(*B, "run", *train, "--eval-manifest", "evaluation", "--strategy", "baseline", "--keep-weights", "--out", "runs")
    _copy_small_files(made)
    checkpoint = ("--checkpoint", "weights/checkpoint.safetensors", "--threads", "1")
    run(*B, "predict", "--manifest", "manifest", *checkpoint, "--out", "predicted")
    (made / "log").unlink()


def _copy_small_files(made: Path) -> None:
    """Copy recipes, a vocabulary, lists, pictures, weights, a protocol and a configuration to places of their own."""
    import torch
    from safetensors.torch import load_file

    import actiseg_bench
    import actiseg_noise

    noise, bench = Path(actiseg_noise.__file__).parent, Path(actiseg_bench.__file__).parent
    shutil.copytree(noise / "recipes", made / "recipes")
    _place(made / "manifest/vocabulary.json", made / "vocabulary/vocabulary.json")
    _place(bench / "protocols/quick.toml", made / "protocols/protocol.toml")
    (made / "protocols/config.toml").write_text(CONFIG, "utf-8")
    start = bench.parent / "models/tiny/model.safetensors"
    _place(start, made / "start/model.safetensors")
    (checkpoint,) = (made / "runs").rglob("checkpoint.safetensors")
    _place(checkpoint, made / "weights/checkpoint.safetensors")
    info = json.loads((made / "manifest/manifest.json").read_text("utf-8"))
    names = sorted(path.name for path in (made / "refvos/train/Annotations").iterdir())
    (made / "lists").mkdir()
    (made / "lists/clips.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
    videos = {name[:-1] for name in names}
    for video in videos:
        place = Path(info["split"]) / "images" / video
        shutil.copytree(made / "kitchen" / place, made / "pictures" / place)
    (made / "published").mkdir()
    torch.save({"model": load_file(start), "epoch": 3}, made / "published/model.pth")


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
