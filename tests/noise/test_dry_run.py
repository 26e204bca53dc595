"""The dry run: counts, about the size, and not a byte written."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.building.dry_run import CLIPS_BUILT, _Some, describe_plan, dry_run
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.errors import ActisegError


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize(("recipe", "content"), [("clean", "full"), ("mixed-60-21", "full"), ("text-40", "text")])
def test_the_size_is_right_within_a_factor_of_two(
    clean_val: Path, kitchen_root: Path, tmp_path: Path, recipe: str, content: str
) -> None:
    """``clean_val`` stands for the drawn frames; the whole split is estimated from a part of it and then built."""
    options = BuildOptions(
        root=kitchen_root, split="val", recipe=recipe, content=content, allow_eval=True, out=tmp_path / "m"
    )
    plan = dry_run(make_request("kitchen", options))
    built = actiseg_noise.build(
        "kitchen", root=kitchen_root, split="val", recipe=recipe, content=content, allow_eval=True, out=tmp_path / "m"
    )
    assert size_of(built) / 2 < plan["bytes"] < size_of(built) * 2
    info = actiseg_noise.read_manifest(built).info
    assert (plan["clips"], plan["samples"]) == (info.counts["clips"], info.counts["samples"])


def test_the_text_noise_is_the_one_that_is_built(tmp_path: Path) -> None:
    plan = dry_run(make_request(make_toy(), BuildOptions(recipe="flip-40", out=tmp_path / "m")))
    (slot,) = actiseg_noise.read_manifest(
        actiseg_noise.build(make_toy(), recipe="flip-40", out=tmp_path / "m")
    ).info.noises
    assert plan["1 category_flip-v1"] == f"{slot.realised} of {slot.eligible} samples"


def test_frames_that_are_not_drawn_are_not_drawn_for_an_estimate(tmp_path: Path) -> None:
    plan = dry_run(make_request("kitchen", BuildOptions(root=tmp_path, split="val", out=tmp_path / "m")))
    assert list(tmp_path.iterdir()) == []
    assert plan["bytes"] is None
    assert plan["masks to read"] == 3 * plan["clips"] > 0
    assert "the frames are not drawn yet" in dict(describe_plan(plan))["size"]


def test_masks_that_the_recipe_cannot_noise_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="kernel"):
        dry_run(make_request(make_toy(), BuildOptions(recipe="mask-15", out=tmp_path / "m")))


def test_a_split_without_clips_has_no_estimate(tmp_path: Path) -> None:
    plan = dry_run(make_request(Toy(Path("toy"), []), BuildOptions(out=tmp_path / "m")))
    assert (plan["clips"], plan["bytes"]) == (0, None)


def test_the_size_says_from_how_many_clips_it_is(tmp_path: Path) -> None:
    lines = dict(describe_plan(dry_run(make_request(make_toy(), BuildOptions(out=tmp_path / "m")))))
    assert lines["size"].startswith("about ")
    assert lines["size"].endswith("kB, by 12 of 12 clips built in memory")


@pytest.mark.parametrize(
    ("size", "words"), [(999, "about 999 bytes"), (1_301_234, "about 1.3 MB"), (54_000_000_000, "about 54 GB")]
)
def test_sizes_are_in_words(size: int, words: str) -> None:
    lines = dict(describe_plan({"bytes": size, "clips": 9, "clips built for the size": 3}))
    assert lines["size"] == f"{words}, by 3 of 9 clips built in memory"


def test_the_clips_of_an_estimate_are_spread_over_the_stream() -> None:
    some = _Some()
    for number in range(1000):
        some.add(make_clip(f"{number:04d}", [thing(1, 1)], frames=0))
    places = [int(clip.clip_id) for clip in some.clips]
    assert CLIPS_BUILT <= len(places) <= 2 * CLIPS_BUILT
    assert {b - a for a, b in pairwise(places)} == {16}
