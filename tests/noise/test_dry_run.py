"""The dry run: counts, about the size and the time, and not a byte written."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.building.dry_run import describe_plan, dry_run
from actiseg_noise.building.estimate import BLOCKS, Spread
from actiseg_noise.building.request import make_request
from actiseg_noise.errors import ActisegError


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize(("recipe", "content"), [("clean", "full"), ("mixed-60-21", "full"), ("text-40", "text")])
def test_the_size_is_right_within_a_factor_of_two(
    clean_val: Path, kitchen_root: Path, tmp_path: Path, recipe: str, content: str
) -> None:
    """``clean_val`` stands for the drawn frames; the whole split is estimated from a part of it and then built."""
    what = {"root": kitchen_root, "split": "val", "recipe": recipe, "content": content, "allow_eval": True}
    plan = dry_run(make_request("kitchen", **what), tmp_path / "m")  # type: ignore[arg-type]
    built = actiseg_noise.build("kitchen", out=tmp_path / "m", **what)  # type: ignore[arg-type]
    assert size_of(built) / 2 < plan["bytes"] < size_of(built) * 2
    assert 0 < plan["seconds"] < 60
    info = actiseg_noise.read_manifest(built).info
    assert (plan["clips"], plan["samples"]) == (info.counts["clips"], info.counts["samples"])


def test_frames_that_are_not_drawn_are_not_drawn_for_an_estimate(tmp_path: Path) -> None:
    request = make_request("kitchen", root=tmp_path / "root", split="val")
    plan = dry_run(request, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    assert (plan["bytes"], plan["seconds"]) == (None, None)
    assert plan["masks to read"] == 3 * plan["clips"] > 0
    assert "the frames are not drawn yet" in dict(describe_plan(plan))["estimated from"]


def test_masks_that_the_recipe_cannot_noise_are_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="kernel"):
        dry_run(make_request(make_toy(), recipe="mask-15"), tmp_path / "m")


def test_a_split_without_clips_has_no_estimate(tmp_path: Path) -> None:
    plan = dry_run(make_request(Toy(Path("toy"), [])), tmp_path / "m")
    assert (plan["clips"], plan["bytes"]) == (0, None)


def test_the_estimate_says_what_it_was_made_from(tmp_path: Path) -> None:
    plan = dry_run(make_request(make_toy()), tmp_path / "m")
    lines = dict(describe_plan(plan))
    assert lines["size"].startswith("about ")
    assert lines["time"] == "about a second or two of one core"
    assert lines["estimated from"] == "68 of 68 masks, built in memory, and scaled"
    exact = dry_run(make_request(make_toy(), recipe="flip-40", exact_rate=True), tmp_path / "m")
    assert "finding exact rates comes on top" in exact["estimated from"]


@pytest.mark.parametrize(
    ("size", "seconds", "words"),
    [
        (999, 1.2, ("about 999 bytes", "about a second or two of one core")),
        (1_301_234, 7.4, ("about 1.3 MB", "about 7 seconds of one core")),
        (54_000_000_000, 300, ("about 54 GB", "about 5 minutes of one core")),
        (1_200_000, 7 * 3600, ("about 1.2 MB", "about 7 hours of one core")),
    ],
)
def test_size_and_time_are_said_in_words(size: int, seconds: float, words: tuple[str, str]) -> None:
    lines = dict(describe_plan({"bytes": size, "seconds": seconds, "estimated from": "x"}))
    assert (lines["size"], lines["time"]) == words


def test_a_sample_is_blocks_of_neighbours_all_over_the_stream() -> None:
    clips = [make_clip(f"{number:04d}", [thing(1, 1)], frames=0) for number in range(1000)]
    spread = Spread(4)
    for clip in clips:
        spread.add(clip)
    starts = [int(block[0].clip_id) for block in spread.blocks]
    assert BLOCKS / 2 <= len(starts) <= BLOCKS
    assert {b - a for a, b in pairwise(starts)} == {64}
    assert all([int(c.clip_id) - int(block[0].clip_id) for c in block] == [0, 1, 2, 3] for block in spread.blocks)
    assert [int(block[0].clip_id) for block in spread.clips()][:2] == [0, 8 * 64], "far apart first"


def test_a_short_stream_is_its_own_sample() -> None:
    clips = [make_clip(name, [thing(1, 1)], frames=0) for name in "abcde"]
    spread = Spread(4)
    for clip in clips:
        spread.add(clip)
    assert [clip.clip_id for block in spread.blocks for clip in block] == list("abcde")
