"""The digest of a manifest's pictures: what changes it, what does not, and what a file costs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import pytest
from bench_fakes import FakeRunner, run_grid
from PIL import Image

from actiseg_bench.data import pictures
from actiseg_bench.data.pictures import combined, pictures_digest
from actiseg_bench.grid.run import make_grid
from actiseg_bench.grid.tracks import open_track
from actiseg_noise import read_manifest
from actiseg_noise.errors import DataError


@pytest.fixture
def root(kitchen_root: Path, tmp_path: Path) -> Path:
    """A copy of the drawn pictures that a test may change."""
    return Path(shutil.copytree(kitchen_root / "val", tmp_path / "root" / "val").parent)


def first_picture(root: Path) -> Path:
    return min((root / "val" / "images").rglob("*.jpg"))


def invert(path: Path) -> None:
    cv2.imwrite(str(path), 255 - cv2.imread(str(path)))


def test_labels_of_the_same_clips_have_the_same_pictures_wherever_they_lie(
    clean_val: Path, noisy_val: Path, kitchen_root: Path, root: Path
) -> None:
    digests = {pictures_digest(read_manifest(m), r) for m in (clean_val, noisy_val) for r in (kitchen_root, root)}
    assert len(digests) == 1


def test_one_other_picture_is_another_digest(clean_val: Path, root: Path) -> None:
    labels = read_manifest(clean_val)
    before = pictures_digest(labels, root)
    invert(first_picture(root))
    assert pictures_digest(labels, root) != before


def test_two_pictures_that_changed_places_are_another_digest(clean_val: Path, root: Path) -> None:
    labels = read_manifest(clean_val)
    before = pictures_digest(labels, root)
    one, two, *_ = sorted((root / "val" / "images").rglob("*.jpg"))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert pictures_digest(labels, root) != before


def test_a_name_and_its_digest_are_apart() -> None:
    assert combined([("a", "bc")]) != combined([("ab", "c")])


def test_pictures_that_no_clip_shows_do_not_count(clean_val: Path, root: Path) -> None:
    labels = read_manifest(clean_val)
    before = pictures_digest(labels, root)
    invert(max((root / "val" / "images").rglob("*.jpg")))
    assert pictures_digest(labels, root) == before


def test_a_picture_is_read_once_as_long_as_it_does_not_change(
    clean_val: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def digest(path: Path) -> str:
        read.append(path)
        return "d"

    monkeypatch.setattr(pictures, "digest_file", digest)
    for _ in range(3):
        pictures_digest(read_manifest(clean_val), root)
    assert len(read) == len(set(read)) == 12
    os.utime(first_picture(root), ns=(1, 1))
    pictures_digest(read_manifest(clean_val), root)
    assert read[12:] == [first_picture(root)]


def test_a_missing_picture_is_named_with_its_frame_and_the_way_out(clean_val: Path, root: Path) -> None:
    first_picture(root).unlink()
    with pytest.raises(DataError, match=r"00000\.jpg: .* is missing \(clip val_00000., frame 00000\)\. Point --root"):
        pictures_digest(read_manifest(clean_val), root)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_breaks_off_is_named_before_anything_is_trained_on_it(
    form: str, clean_val: Path, root: Path
) -> None:
    path = first_picture(root)
    with Image.open(path) as picture:
        picture.load()
    picture.save(path, form)
    pictures_digest(read_manifest(clean_val), root)
    whole = path.read_bytes()
    path.write_bytes(whole[:-300])
    with pytest.raises(DataError, match=r"00000\.jpg: not a readable image .*\(clip val_00000., frame 00000\)"):
        pictures_digest(read_manifest(clean_val), root)
    path.write_bytes(whole + b"\0" * 2000)  # as some cameras have it
    pictures_digest(read_manifest(clean_val), root)


def test_with_other_pictures_a_run_is_made_again(noisy_val: Path, clean_val: Path, root: Path, tmp_path: Path) -> None:
    def run() -> list[str]:
        runner = FakeRunner()
        grid = make_grid([open_track(noisy_val, clean_val, root, root)], ["gce"], "faithful", 1, "tiny")
        assert not run_grid(grid, runner, tmp_path / "out").failed
        return runner.made

    assert len(run()) == 3
    assert run() == []
    for path in (root / "val" / "images").rglob("*.jpg"):
        invert(path)
    assert len(run()) == 3
