"""What holds for every registered mask noise, whatever it does: in time, and in a build with neighbours and void."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import VOID, Toy, make_clip, make_pictured_toy, thing

import actiseg_noise
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.key import Key
from actiseg_noise.manifest.schema import MASKS
from actiseg_noise.masks import Rle, decode_rle
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.recipe import NoiseSpec, Recipe
from tools.pages.scenes import noised

MASK_NOISES = [name for name in NOISES if NOISES[name].kind == "mask"]
SIDE = 40
IDS = (1, 2, 3, 4)
SAME_EVERY_DRAW = (  # nothing in them is random
    *("dilate-v1", "erode-v1", "drop_object-v1", "simplify-v1", "keyframes-v1", "lag-v1"),
    *("merge_instances-v1", "split_instance-v1", "superpixel-v1"),
)
IN_TIME = [name for name in MASK_NOISES if "frames" in NOISES[name].needs]  # what they do depends on the frame
WEAK = {"kernel": 5, "length": 3, "alpha": 30, "sigma": 2, "tolerance": 3, "spacing": 4}  # for objects of ten pixels

rectangles = st.tuples(
    st.sampled_from([*IDS, 0, VOID]), *[st.integers(0, SIDE - 2)] * 2, st.integers(1, 16), st.integers(1, 16)
)


def noise_of(name: str) -> MaskNoise:
    """Return a mask noise."""
    noise = NOISES[name]
    assert isinstance(noise, MaskNoise)
    return noise


def weak_spec(name: str, rate: float) -> NoiseSpec:
    """Return the noise with lengths of a few pixels, literally."""
    defaults = noise_of(name).defaults
    options = {"unit": "px", **WEAK}
    return NoiseSpec(name, rate, {key: options[key] for key in defaults if key in options and "unit" in defaults})


def paint(parts: list[tuple[int, int, int, int, int]]) -> np.ndarray:
    """Return an index mask of rectangles, later ones over earlier ones."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for value, top, left, height, width in parts:
        mask[top : top + height, left : left + width] = value
    return mask


def rows_of_masks(toy: Toy, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the rows of ``masks``, in memory."""
    rows, _ = Worker(make_request(toy, BuildOptions(recipe=recipe)).job()).rows(toy.clips)
    names = [column.name for column in MASKS.columns]
    return [dict(zip(names, row, strict=True)) for row in rows["masks"]]


def check_frame(index_mask: np.ndarray, rows: list[dict[str, Any]], positives: set[int]) -> None:
    """Hold one frame's rows against what no noise may do."""
    height, width = index_mask.shape
    painted = np.zeros_like(index_mask, np.int64)
    for row in rows:
        noisy = decode_rle(Rle(height, width, row["noisy_rle"] or row["clean_rle"], 0))
        clean = index_mask == row["object_id"]
        painted += noisy
        assert not noisy[index_mask == VOID].any(), "void is painted over"
        if row["object_id"] not in positives or row["mask_noise"] == "none":
            assert not (noisy & ~clean).any(), "an object without noise gained pixels"
        if row["object_id"] not in positives:
            assert row["mask_noise"] == "none"
        erases = noise_of(row["mask_noise"]).erases if row["mask_noise"] != "none" else False
        assert not (row["would_erase"] and erases)
        assert row["noisy_area"] == noisy.sum()
    assert painted.max() <= 1, "two objects share a pixel"


@pytest.mark.parametrize("name", MASK_NOISES)
@settings(max_examples=30, deadline=None)
@given(
    frames=st.lists(st.lists(rectangles, min_size=1, max_size=8), min_size=1, max_size=2),
    positives=st.sets(st.sampled_from(IDS), min_size=1),
    seed=st.integers(0, 99),
    temporal=st.sampled_from(["frame", "clip"]),
    allow_erase=st.booleans(),
)
def test_void_stays_negatives_gain_nothing_and_objects_stay_apart(
    name: str, frames: list[list[Any]], positives: set[int], seed: int, temporal: str, allow_erase: bool
) -> None:
    clip = make_clip("c", [thing(i, i, positive=i in positives) for i in IDS], frames=len(frames))
    masks = [paint(parts) for parts in frames]
    toy = Toy(Path("toy"), [clip], {f"c/f{i:03d}.png": mask for i, mask in enumerate(masks)})
    recipe = Recipe("toy", (weak_spec(name, 0.7),), seed, temporal=temporal, allow_erase=allow_erase)
    rows = rows_of_masks(toy, recipe)
    assert len(rows) == len(IDS) * len(masks)
    for frame_idx, mask in enumerate(masks):
        check_frame(mask, [row for row in rows if row["frame_idx"] == frame_idx], positives)


@pytest.mark.parametrize("name", MASK_NOISES)
def test_a_build_on_disk_keeps_to_it_too(name: str, tmp_path: Path) -> None:
    """With the noise's defaults, on masks of 240 rows."""
    toy = make_pictured_toy(tmp_path, clips=4, scale=10, frames=6 if name in IN_TIME else 2)
    recipe = Recipe("toy", (NoiseSpec(name, 0.8),))
    manifest = actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m", gate=False))
    rows = manifest.table("masks").to_pylist()
    hit = [row for row in rows if row["mask_noise"] == name]
    assert any(row["noisy_rle"] is not None for row in hit)
    assert all(isinstance(json.loads(row["parameters"]), dict) for row in hit)
    for clip in toy.clips:
        for frame in clip.frames:
            mask = toy.masks[str(frame.mask_path)]
            mine = [row for row in rows if (row["clip_id"], row["frame_id"]) == (clip.clip_id, frame.frame_id)]
            check_frame(mask, mine, {item.object_id for item in clip.objects if item.is_positive})


def blob() -> np.ndarray:
    """Return an object of two parts, one with a hole."""
    rows, columns = np.ogrid[:120, :150]
    mask = (rows - 60) ** 2 + 0.5 * (columns - 60) ** 2 <= 42**2
    mask &= (rows - 50) ** 2 + (columns - 55) ** 2 > 14**2
    mask[70:100, 125:145] = True
    return mask


@pytest.mark.parametrize("name", MASK_NOISES)
def test_an_object_that_moved_gets_the_same_noise_there(name: str) -> None:
    """One draw for a whole clip is one annotator's habit: it goes with the object."""
    noise = noise_of(name)
    parameters = noise.resolve(noise.defaults, 480, 854)
    here, there = np.zeros((480, 854), bool), np.zeros((480, 854), bool)
    here[150:270, 200:350] = blob()
    there[201:321, 423:573] = blob()
    drawn = set()
    for number in range(12):
        key = Key("moved", number)
        noisy = noised(noise, key, here, parameters)
        assert np.array_equal(np.roll(noisy, (51, 223), (0, 1)), noised(noise, key, there, parameters))
        drawn.add(noisy.tobytes())
    assert len(drawn) > 1 or name in SAME_EVERY_DRAW


@pytest.mark.parametrize("name", MASK_NOISES)
def test_the_argument_may_be_read_only_and_a_view(name: str) -> None:
    noise = noise_of(name)
    parameters = noise.resolve(noise.defaults, 480, 854)
    canvas = np.zeros((480, 2000), bool)
    canvas[150:270, 400:700:2] = blob()
    view = canvas[:, ::2][:, 20:874]
    view.flags.writeable = False
    for number in range(3):
        key = Key("view", number)
        assert np.array_equal(noised(noise, key, view, parameters), noised(noise, key, view.copy(), parameters))


@pytest.mark.parametrize("name", [name for name in MASK_NOISES if name not in IN_TIME])
def test_one_draw_for_a_clip_is_the_same_in_every_frame(name: str) -> None:
    clip = make_clip("c", [thing(1, 1)], frames=4)
    masks = {}
    for number, frame in enumerate(clip.frames):
        mask = np.zeros((480, 854), np.uint8)
        mask[100 + 9 * number : 220 + 9 * number, 300:450][blob()] = 1
        masks[str(frame.mask_path)] = mask
    drawn = {}
    for temporal in ("clip", "frame"):
        changed = 0
        for seed in range(6):
            recipe = Recipe("toy", (NoiseSpec(name, 1.0),), seed, temporal=temporal)
            rows = rows_of_masks(Toy(Path("toy"), [clip], masks), recipe)
            noisy = [decode_rle(Rle(480, 854, row["noisy_rle"] or row["clean_rle"], 0)) for row in rows]
            back = {np.roll(mask, -9 * number, 0).tobytes() for number, mask in enumerate(noisy)}
            changed += len(back) - 1
        drawn[temporal] = changed
    assert drawn["clip"] == 0
    assert drawn["frame"] > 0 or name in SAME_EVERY_DRAW
