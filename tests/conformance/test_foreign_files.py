"""What people's disks do to a dataset's files, for every dataset read from disk: the labels stay, or it is said.

A newcomer is judged without being listed here; it needs a writer in ``tests/noise/deposits.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from deposits import DEPOSITS, FORMS, dataset_of, writer_of
from PIL import Image

import actiseg_noise
from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.progress import Progress

NAMES = (*(name for name in DATASETS if name in DEPOSITS), *FORMS)
IMAGES = (".jpg", ".jpeg")


def build(name: str, root: Path, out: Path, **options: object) -> actiseg_noise.Manifest:
    dataset = dataset_of(name)
    split = ((name in FORMS and FORMS[name].splits) or DATASETS[dataset].card.splits)[0]
    path = actiseg_noise.build(dataset, root=root, split=split, recipe="clean", out=out, skip_missing=True, **options)  # type: ignore[arg-type]
    return actiseg_noise.read_manifest(path)


def files(root: Path, *suffixes: str) -> list[Path]:
    return [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix.lower() in suffixes]


def upper_suffixes(root: Path) -> None:
    """Call frames ``.JPG`` and masks ``.PNG``, as cameras do."""
    for path in files(root, *IMAGES, ".png"):
        path.rename(path.with_suffix(path.suffix.upper()))


def frames_as_png(root: Path) -> None:
    """Store frames without loss, under another suffix."""
    for path in files(root, *IMAGES):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()


def left_behind(root: Path) -> None:
    """Leave what systems leave in every folder."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        for path in list(folder.iterdir()):
            if path.is_file():
                (folder / f"._{path.name}").write_bytes(b"\0\5\x16\7Mac OS X")
        for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
            (folder / name).write_bytes(b"\0")
        for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX"):
            (folder / name).mkdir()
            (folder / name / "00000.png").write_bytes(b"\0")


def byte_order_marks(root: Path) -> None:
    """Save every text file as a Windows program does."""
    for path in files(root, ".txt", ".json", ".csv", ".yaml", ".xml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


@pytest.mark.parametrize("change", [upper_suffixes, frames_as_png, left_behind, byte_order_marks])
@pytest.mark.parametrize("name", NAMES)
def test_what_says_the_same_in_another_way_gives_the_same_labels(
    name: str, change: Callable[[Path], None], tmp_path: Path
) -> None:
    root = writer_of(name)(tmp_path / "data")
    before = build(name, root, tmp_path / "before")
    change(root)
    after = build(name, root, tmp_path / "after")
    assert after.digest == before.digest
    images = [m.table("frames", ["image_path"]).to_pydict()["image_path"] for m in (before, after)]
    assert [path is None for path in images[0]] == [path is None for path in images[1]]
    assert all((root / path).is_file() for path in images[1] if path is not None)


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_of_another_shape_than_its_mask_is_refused(name: str, tmp_path: Path) -> None:
    root = writer_of(name)(tmp_path / "data")
    turned = 0
    for path in files(root, *IMAGES):
        with Image.open(path) as image:
            image.transpose(Image.Transpose.ROTATE_90).save(path)
            turned += 1
    assert turned
    with pytest.raises(DataError, match=r"the mask is \d+×\d+, its image is \d+×\d+ .*lies on its side"):
        build(name, root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_that_is_no_image_is_named(name: str, tmp_path: Path) -> None:
    root = writer_of(name)(tmp_path / "data")
    for path in files(root, *IMAGES):
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n")
    with pytest.raises(DataError, match=r"\.jpg: a pointer of git-lfs"):
        build(name, root, tmp_path / "out")


@pytest.mark.parametrize("name", NAMES)
def test_a_root_one_folder_too_high_or_too_low_is_answered_with_the_right_one(name: str, tmp_path: Path) -> None:
    root = writer_of(name)(tmp_path / "upper" / "data").resolve()
    layout = DATASETS[dataset_of(name)].layout
    assert layout, f"say in {DATASETS[dataset_of(name)].__name__}.layout what a root holds"
    folders = (path for path in sorted(root.iterdir()) if path.is_dir())
    inner = next(path for path in folders if not any((path / part).exists() for part in layout))
    for wrong in (root.parent, inner):
        with pytest.raises(ActisegError, match=rf"Did you mean {root}\?"):
            build(name, wrong, tmp_path / "out")


class Notes(Progress):
    """Keeps what a build says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_image_is_counted_in_one_line(name: str, tmp_path: Path) -> None:
    root = writer_of(name)(tmp_path / "data")
    whole = build(name, root, tmp_path / "whole").table("frames", ["image_path", "is_annotated"]).to_pylist()
    paths = [row["image_path"] for row in whole if row["is_annotated"]]
    gone = [path for path in paths if path][-1]
    (root / gone).unlink()
    notes = Notes()
    manifest = build(name, root, tmp_path / "some", progress=notes)
    rows = manifest.table("frames", ["image_path", "is_annotated"]).to_pylist()
    lacking = sum(row["is_annotated"] and row["image_path"] is None for row in rows)
    assert lacking == paths.count(None) + paths.count(gone) > 0
    assert sum(f"{lacking:,} of " in line and "masks have no image" in line for line in notes.lines) == 1
    for path in files(root, *IMAGES):
        path.unlink()
    notes = Notes()
    without = build(name, root, tmp_path / "none", progress=notes)
    assert without.info.counts["masks"] == manifest.info.counts["masks"]
    assert any("no image is there: labels alone" in line for line in notes.lines)


def test_masks_and_images_none_of_which_share_a_name_are_refused(tmp_path: Path) -> None:
    root = DEPOSITS["davis"](tmp_path / "data")
    for path in files(root, *IMAGES):
        path.rename(path.with_name(f"img_{path.name}"))
    with pytest.raises(DataError, match=r"none of 9 masks has an image of its name, and none of 9 images a mask"):
        build("davis", root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
