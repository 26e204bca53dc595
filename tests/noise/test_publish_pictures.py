"""Pictures of a publication: its preview, and frames where the licence lets them be passed on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from publish_fakes import MIX, Made, run
from toys import make_toy, write_toy

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError
from actiseg_noise.publishing.licence import find_licence
from actiseg_noise.publishing.publication import publish


def toy_with_frames(root: Path, licence: str) -> Any:
    """A toy whose frames are on disk, red, under a licence."""
    from dataclasses import replace

    from PIL import Image

    toy = write_toy(make_toy(clips=3), root)
    for clip in toy.clips:
        for frame in clip.frames:
            Image.new("RGB", (64, 48), (200, 30, 40)).save(root / str(frame.image_path))
    toy.card = replace(toy.card, licence=licence)  # type: ignore[misc]
    return toy


def has_red(path: Path) -> bool:
    from PIL import Image

    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return bool((np.abs(pixels - (200, 30, 40)).max(2) < 20).sum() > 1000)


def test_the_page_shows_a_small_picture(made: Made) -> None:
    from PIL import Image

    assert "](preview.webp)" in (made.out / "README.md").read_text("utf-8")
    assert 0 < (made.out / "preview.webp").stat().st_size <= 300_000
    with Image.open(made.out / "preview.webp") as picture:
        assert (picture.format, picture.width) == ("WEBP", 1600)


def test_a_picture_that_is_too_large_is_made_coarser_then_smaller() -> None:
    from io import BytesIO

    from PIL import Image

    from actiseg_noise.borders.images import webp_bytes

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    picture = Image.fromarray(noise)
    fine, coarse, small = (webp_bytes(picture, most) for most in (100_000, 2_000, 600))
    assert len(fine) > 2_000 >= len(coarse)
    assert len(small) <= 600
    assert [Image.open(BytesIO(data)).size for data in (fine, coarse, small)] == [(64, 64), (64, 64), (32, 32)]


@pytest.mark.parametrize(
    ("licence", "options", "shown"),
    [("CC0-1.0", {}, True), ("CC BY-NC 4.0", {}, False), ("CC BY-NC 4.0", {"images_allowed": True}, True)],
)
def test_the_picture_shows_frames_that_may_be_passed_on(
    tmp_path: Path, licence: str, options: dict[str, Any], shown: bool
) -> None:
    toy = toy_with_frames(tmp_path / "root", licence)
    manifest = actiseg_noise.build(toy, recipe=MIX, out=tmp_path / "m", gate=False)
    out = publish([manifest], tmp_path / "pub", root=toy.root, **options).path
    assert has_red(out / "preview.webp") is shown


def test_images_are_refused_where_the_licence_does_not_allow_them(tmp_path: Path) -> None:
    toy = toy_with_frames(tmp_path / "root", "CC BY-NC 4.0")
    manifest = actiseg_noise.build(toy, recipe=MIX, out=tmp_path / "m", gate=False)
    options: dict[str, Any] = {"images": 1, "root": toy.root}
    refused = r"--images: 'CC BY-NC 4.0' allows passing on images for some purposes alone, .*--images-allowed"
    with pytest.raises(ActisegError, match=refused):
        publish([manifest], tmp_path / "pub", **options)
    assert not (tmp_path / "pub").exists()
    made = publish([manifest], tmp_path / "pub", images_allowed=True, **options)
    assert made.manifests[0].images is not None
    assert made.manifests[0].images.rows == 2
    assert not [caution for caution in made.cautions if "left out" in caution]
    (toy.root / "clip000/f001.jpg").unlink()
    few = publish([manifest], tmp_path / "pub", images_allowed=True, force=True, images="all", root=toy.root)
    assert few.cautions[-1] == (
        f"1 of 6 frames of train/toy-mix-s0 is not in {toy.root}, or unreadable, and is left out of the pictures"
    )
    with pytest.raises(ActisegError, match=r"--images: .* is published without masks, so there is nothing to draw"):
        publish([manifest], tmp_path / "other", labels="recipe-only", images_allowed=True, **options)
    with pytest.raises(ActisegError, match=r"--images: where is toy\? Name its folder: --root DIR"):
        publish([manifest], tmp_path / "other", images=1, images_allowed=True)
    with pytest.raises(ActisegError, match=r"--images: no frame of .* is in .*empty; --root DIR"):
        (tmp_path / "empty").mkdir()
        publish([manifest], tmp_path / "other", images=1, images_allowed=True, root=tmp_path / "empty")
    for said in ("few", "٣", "9" * 5000):
        with pytest.raises(ActisegError, match=rf"--images {said:.40}: expected how many clips, at least 1, or all"):
            publish([manifest], tmp_path / "other", images=said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "m", "pub", "root"]


def test_hugging_face_datasets_see_the_images_as_pictures(tmp_path: Path) -> None:
    toy = toy_with_frames(tmp_path / "root", "CC0-1.0")
    manifest = actiseg_noise.build(toy, recipe=MIX, out=tmp_path / "m", gate=False)
    out = publish([manifest], tmp_path / "pub", images="all", root=toy.root).path
    code = """
import sys
from datasets import load_dataset
rows = load_dataset(sys.argv[1], "toy-mix-s0-images", split="train")
print(len(rows), *[type(rows.features[name]).__name__ for name in ("image", "clean_masks", "noisy_masks")])
print(rows[0]["image"].size, rows[0]["noisy_masks"].size, rows[0]["image"].getpixel((3, 3)))
"""
    printed = run(sys.executable, "-c", code, out, cwd=tmp_path, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    count, size = printed.splitlines()
    assert count == "6 Image Image Image"
    assert size.startswith("(64, 48) (64, 48) (2")
    assert verify(out / "train/toy-mix-s0") == []
    assert "`toy-mix-s0-images`" in (out / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("licence", "is_free"),
    [
        *(("Apache-2.0", True), ("CC BY 4.0", True), ("CC BY-SA 4.0", True), ("CC0 1.0", True)),
        *(("CC BY-NC-SA 4.0", False), ("CC BY-ND 4.0", False), ("not stated", False), ("my own", False)),
    ],
)
def test_images_are_free_under_licences_that_ask_for_no_purpose(licence: str, is_free: bool) -> None:
    assert (find_licence(licence).image_refusal is None) is is_free
