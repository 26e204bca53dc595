"""What the build shows to noises that see more than a mask, and that nothing but the clip decides what they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import VOID, Toy, make_clip, make_pictured_toy, make_toy, thing

import actiseg_noise
from actiseg_noise.building import chunk
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.errors import DataError
from actiseg_noise.key import Key
from actiseg_noise.manifest.schema import MASKS
from actiseg_noise.masks import BinaryMask, Box
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.noises.view import View
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import Clip, FrameRecord

SEEING = [name for name in NOISES if isinstance(noise := NOISES[name], MaskNoise) and noise.needs]


@pytest.fixture
def views():
    """Register a noise that leaves masks as they are and keeps what it sees."""
    seen: list[View] = []

    def look(key: Key, mask: BinaryMask, view: View) -> BinaryMask:
        seen.append(view)
        return mask.copy()

    needs = frozenset({"frames", "objects", "image"})
    NOISES.add("look-v1", MaskNoise("look-v1", look, lambda *_: {}, lambda _: 0, "", "", needs=needs))
    yield seen
    NOISES._things.pop("look-v1")


def look_at(masks: list[list[list[int]]], positives: tuple[int, ...], views: list[View], **more: object) -> list[View]:
    """Build one clip of small masks with the noise that looks, and return what it saw."""
    ids = sorted({value for mask in masks for row in mask for value in row} - {0, VOID})
    clip = make_clip("c", [thing(i, 1, positive=i in positives) for i in ids], frames=len(masks))
    arrays = {f"c/f{number:03d}.png": np.array(mask, np.uint8) for number, mask in enumerate(masks)}
    recipe = Recipe("toy", (NoiseSpec("look-v1", 1.0),), **more)  # type: ignore[arg-type]
    Worker(make_request(Toy(Path("toy"), [clip], arrays), BuildOptions(recipe=recipe)).job()).rows([clip])
    return views


# --- what is shown


def test_the_object_is_shown_in_every_annotated_frame(views: list[View]) -> None:
    first, second = look_at([[[1, 0, 0, 0]], [[0, 0, 2, 2]], [[0, 1, 1, 0]]], (1,), views)
    assert first.frames.boxes == [Box(0, 0, 1, 1), None, Box(0, 1, 1, 3)]
    assert (first.frames.position, second.frames.position) == (0, 2)
    assert first.frames.mask(2, Box(0, 0, 1, 4)).tolist() == [[False, True, True, False]]
    assert first.frames.mask(2, Box(0, 2, 1, 4)).tolist() == [[True, False]]
    assert not first.frames.mask(1, Box(0, 0, 1, 4)).any()
    assert (first.frames.stretch, second.frames.stretch) == ((0, 0), (2, 2))
    with pytest.raises(LookupError, match="hidden in frame 1"):
        first.frames.box(1)


def test_a_stretch_ends_where_the_object_is_hidden(views: list[View]) -> None:
    here, gone = [[1, 0]], [[0, 0]]
    seen = look_at([here, here, gone, here, here, here], (1,), views)
    assert [view.frames.stretch for view in seen] == [(0, 1), (0, 1), (3, 5), (3, 5), (3, 5)]


def test_frames_without_a_mask_do_not_count() -> None:
    clip = make_clip("c", [thing(1, 1)], frames=4)
    frames = [replace(f, is_annotated=number != 1, mask_path=f.mask_path) for number, f in enumerate(clip.frames)]
    masks = {f"c/f{number:03d}.png": np.eye(4, dtype=np.uint8)[[number]] for number in (0, 2, 3)}
    toy = Toy(Path("toy"), [replace(clip, frames=tuple(frames))], masks)
    recipe = Recipe("toy", (NoiseSpec("lag-v1", 1.0, {"delay": 1}),))
    rows, _ = Worker(make_request(toy, BuildOptions(recipe=recipe)).job()).rows(toy.clips)
    names = [column.name for column in MASKS.columns]
    first, third, last = [dict(zip(names, row, strict=True)) for row in rows["masks"]]
    assert first["noisy_rle"] is None
    assert [third["noisy_rle"], last["noisy_rle"]] == [first["clean_rle"], third["clean_rle"]]


def test_the_other_objects_are_shown_in_the_order_in_which_they_keep_pixels(views: list[View]) -> None:
    view, other = look_at([[[3, 2, 1, 4, VOID]]], (2, 4), views)
    assert view.objects.order == [2, 4, 1, 3]
    assert view.objects.hit == {2, 4}
    assert set(view.objects.boxes) == {1, 2, 3, 4}
    assert view.objects.mask(3, Box(0, 0, 1, 2)).tolist() == [[True, False]]
    assert (view.object_id, other.object_id) == (2, 4)
    with pytest.raises(ValueError, match="read-only"):
        view.objects.index_mask[0, 0] = 9


def test_the_picture_is_shown_at_the_size_of_the_mask(views: list[View], tmp_path: Path) -> None:
    small = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)

    class Pictured(Toy):
        def read_image(self, clip: Clip, frame: FrameRecord) -> np.ndarray:
            return small

    clip = make_clip("c", [thing(1, 1)], frames=1)
    toy = Pictured(tmp_path, [clip], {"c/f000.png": np.ones((8, 12), np.uint8)})
    Worker(make_request(toy, BuildOptions(recipe=Recipe("toy", (NoiseSpec("look-v1", 1.0),)))).job()).rows([clip])
    seen = views[0].image(Box(2, 4, 6, 12))
    assert np.array_equal(seen, small[[[1], [1], [2], [2]], [[2, 2, 3, 3, 4, 4, 5, 5]]])


def test_the_object_has_one_key_in_all_frames_and_another_object_another(views: list[View]) -> None:
    mask = [[1, 2]]
    for temporal in ("frame", "clip"):
        views.clear()
        look_at([mask, mask], (1, 2), views, temporal=temporal)
        draws = [(view.object_id, view.object_key.uniform("x")) for view in views]
        assert draws[0] == draws[2] != draws[1] == draws[3]


# --- what it does not depend on


@pytest.mark.parametrize("name", SEEING)
def test_other_clips_chunks_and_a_second_build_change_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = make_pictured_toy(tmp_path / "toy", clips=3, frames=4, scale=4)
    recipe = Recipe("toy", (NoiseSpec(name, 0.7), NoiseSpec("dilate-v1", 0.5)), sequential=True)
    whole = actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "whole", gate=False)
    rows = [row for row in actiseg_noise.read_manifest(whole).table("masks").to_pylist() if row["clip_id"] > "clip000"]
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 1)
    some = actiseg_noise.build(toy, recipe=recipe, clips=["clip001", "clip002"], out=tmp_path / "some", gate=False)
    assert actiseg_noise.read_manifest(some).table("masks").to_pylist() == rows
    assert actiseg_noise.verify(whole, dataset=toy) == []


def test_worker_processes_make_the_same_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 1)
    noises = tuple(NoiseSpec(name, 0.5) for name in SEEING)
    recipe = Recipe("toy", noises, sequential=True)
    digests = set()
    for workers in (1, 2):
        out = actiseg_noise.build("kitchen", recipe=recipe, limit=4, workers=workers, out=tmp_path / f"{workers}")
        digests.add(actiseg_noise.read_manifest(out).digest)
    assert len(digests) == 1


# --- images


def test_missing_images_are_refused_before_any_work(tmp_path: Path) -> None:
    toy = make_pictured_toy(tmp_path / "toy", clips=3, frames=2, scale=4)
    (tmp_path / "toy/clip002/f001.jpg").unlink()
    recipe = Recipe("edges", (NoiseSpec("superpixel-v1", 0.5),))
    with pytest.raises(
        DataError,
        match=r"clip 'clip002', frame f001: expected the image .*clip002/f001.jpg, and superpixel-v1 of recipe 'edges' "
        r"looks at the images\. Put the frames there, or use a recipe without it",
    ):
        actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()
    actiseg_noise.build(toy, recipe=Recipe("none", (NoiseSpec("superpixel-v1", 0.0),)), out=tmp_path / "m")


def test_frames_that_name_no_image_are_refused(tmp_path: Path) -> None:
    toy = make_toy(clips=1)
    clip = replace(toy.clips[0], frames=tuple(replace(frame, image_path=None) for frame in toy.clips[0].frames))
    with pytest.raises(DataError, match="clip 'clip000', frame f000: no image is named, and superpixel-v1"):
        actiseg_noise.build(
            Toy(Path("toy"), [clip], toy.masks),
            recipe=Recipe("e", (NoiseSpec("superpixel-v1", 1.0),)),
            out=tmp_path / "m",
        )


def test_another_image_is_another_label_and_verify_says_so(tmp_path: Path) -> None:
    toy = make_pictured_toy(tmp_path / "toy", clips=2, frames=1, scale=10)
    recipe = Recipe("edges", (NoiseSpec("superpixel-v1", 1.0),))
    out = actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m")
    assert actiseg_noise.verify(out, dataset=toy) == []
    one, other = (tmp_path / f"toy/clip00{number}/f000.jpg" for number in (0, 1))
    one.write_bytes(other.read_bytes())
    assert any("clip000" in finding.where for finding in actiseg_noise.verify(out, dataset=toy))


# --- what a noise says that it needs


@pytest.mark.parametrize(("needs", "area"), [({"film"}, None), (set(), lambda view: view.box)])
def test_an_unknown_need_and_an_area_without_needs_are_refused(needs: set[str], area: object) -> None:
    with pytest.raises(ValueError, match=r"odd-v1: a mask noise needs some of \['frames', 'image', 'objects'\]"):
        MaskNoise("odd-v1", lambda *_: None, lambda *_: {}, lambda _: 0, "", "", needs=frozenset(needs), area=area)  # type: ignore[arg-type]
