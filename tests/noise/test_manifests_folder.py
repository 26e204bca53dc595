"""``manifests/``: every file is what was published, every digest holds, and building again gives the same ones."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

import actiseg_noise
from actiseg_noise.check.recount import recount
from actiseg_noise.check.verify import verify
from actiseg_noise.manifest.info import ManifestInfo, read_info

FOLDER = Path(__file__).parents[2] / "manifests"
ADVICE = "run: make manifests"


def load_make() -> ModuleType:
    """Return ``manifests/make.py``, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("manifests_make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = load_make()
WANTED = MAKE.wanted()
NAMES = [f"{split}/{recipe}" for split, recipe, _ in WANTED]
TEXT = [variant for variant in WANTED if variant[0] == "train" and not variant[1].startswith(("mask", "mixed"))]


def stored(split: str, recipe: str, seed: int = 0) -> ManifestInfo:
    return read_info(MAKE.folder_of(split, recipe, seed))


def test_every_track_of_the_protocol_is_there_and_nothing_else() -> None:
    found = sorted(path.parent.relative_to(FOLDER / "kitchen") for path in FOLDER.glob("kitchen/*/*/manifest.json"))
    assert found == sorted(Path(split) / f"{recipe}-s{seed}" for split, recipe, seed in WANTED), ADVICE


def test_every_file_is_as_published() -> None:
    done = subprocess.run(
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"],
        cwd=FOLDER / "kitchen",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_is_up_to_date() -> None:
    page = MAKE.page([stored(*variant) for variant in WANTED])
    assert (FOLDER / "README.md").read_text("utf-8") == page, ADVICE


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 16_000_000


@pytest.mark.parametrize("variant", WANTED, ids=NAMES)
def test_a_published_variant_holds_by_itself(variant: tuple[str, str, int]) -> None:
    manifest = actiseg_noise.read_manifest(MAKE.folder_of(*variant))
    assert verify(manifest) == []
    assert list(recount(manifest)) == []


@pytest.mark.parametrize("variant", TEXT, ids=[recipe for _, recipe, _ in TEXT])
def test_the_text_of_a_track_is_built_again_with_the_same_digests(
    variant: tuple[str, str, int], tmp_path: Path
) -> None:
    split, recipe, seed = variant
    built = actiseg_noise.build("kitchen", split=split, recipe=recipe, seed=seed, content="text", out=tmp_path / "m")
    tables = read_info(built).tables
    published = stored(*variant).tables
    assert (tables["clips"], tables["samples"]) == (published["clips"], published["samples"])
    clean = stored("train", "clean").tables
    assert (published["frames"], published["masks"]) == (clean["frames"], clean["masks"])


@pytest.mark.parametrize("recipe", ["mask-rand-15", "mixed-60-21"])
def test_a_track_with_masks_is_built_again_with_the_same_digest(
    recipe: str, kitchen_root: Path, tmp_path: Path
) -> None:
    built = actiseg_noise.build("kitchen", root=kitchen_root, recipe=recipe, out=tmp_path / "m")
    assert read_info(built).digest == stored("train", recipe).digest
