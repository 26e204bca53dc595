"""``docs/kitchen.md`` says what the code does: counts, shares, names and the example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actiseg_noise.datasets.kitchen import CATEGORIES, SPLITS, VERBS, Kitchen
from actiseg_noise.datasets.kitchen.catalogue import (
    FULL_NARRATION_SHARE,
    HEIGHT,
    LOOK_ALIKE_SHARE,
    SHARED_PATIENTS_SHARE,
    TOOLS,
    VERB_BY_NAME,
    WIDTH,
)
from actiseg_noise.records import Clip

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "kitchen.md").read_text("utf-8")


@pytest.fixture(scope="module")
def clips() -> dict[str, list[Clip]]:
    return {split: list(Kitchen(Path()).iter_clips(split, with_frames=False)) for split in SPLITS}


def percent(flags: list[bool], digits: int) -> str:
    return f"{100 * sum(flags) / len(flags):.{digits}f} %"


def test_sizes_of_the_splits(clips: dict[str, list[Clip]]) -> None:
    for split, videos in SPLITS.items():
        flags = [item.is_positive for clip in clips[split] for item in clip.objects]
        row = f"| `{split}` | {videos:,} | {len(clips[split]):,} | {len(flags):,} | {percent(flags, 1)} |"
        assert row in PAGE
    counts = {len(clip.objects) for some in clips.values() for clip in some}
    assert f"A clip has {min(counts)} to {max(counts)} objects" in PAGE
    assert f"all {sum(SPLITS.values())} videos" in PAGE
    assert f"Frames are {WIDTH}×{HEIGHT} pixels" in PAGE


def test_shares(clips: dict[str, list[Clip]]) -> None:
    assert f"| narrations that name what is acted on | {100 * FULL_NARRATION_SHARE:.0f} % |" in PAGE
    assert f"two nouns of one category | {100 * LOOK_ALIKE_SHARE:.0f} % |" in PAGE
    fitting = [both_fit(pair) for some in clips.values() for pair in zip(some[::2], some[1::2], strict=True)]
    row = f"both verbs | {100 * SHARED_PATIENTS_SHARE:.0f} % (with those that chance makes so, {percent(fitting, 0)})"
    assert row in PAGE


def both_fit(pair: tuple[Clip, Clip]) -> bool:
    """Say whether the patients of a video's two actions suit both verbs."""
    categories = [next(item.category for item in clip.objects if item.noun == clip.noun) for clip in pair]
    return all(name in VERB_BY_NAME[clip.verb].patients for name in categories for clip in pair)


def test_how_much_tools_leak(clips: dict[str, list[Clip]]) -> None:
    samples = [(clip, item) for some in clips.values() for clip in some for item in clip.objects]
    fitting = [item.is_positive for clip, item in samples if item.category in VERB_BY_NAME[clip.verb].tools]
    others = [
        item.is_positive
        for clip, item in samples
        if item.category in TOOLS and item.category not in VERB_BY_NAME[clip.verb].tools
    ]
    assert f"is positive in {percent(fitting, 0)} of its\n  samples" in PAGE
    assert f"other tools in {percent(others, 0)}." in PAGE


def test_every_category_is_there_with_its_id_and_nouns() -> None:
    for category in CATEGORIES:
        assert f"{category.category_id} **{category.name}**: {', '.join(category.nouns)} " in PAGE
    nouns = sum(len(category.nouns) for category in CATEGORIES)
    assert f"{len(CATEGORIES)} categories, the two hands included, and {nouns} nouns." in PAGE


def test_every_verb_is_there_with_its_tools_and_words() -> None:
    for verb in VERBS:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {verb.name} | "))
        full = ", ".join(verb.full).replace("{p}", "…").replace("{t}", "⋯")
        tools = ", ".join(verb.tools) or "–"
        assert row.endswith(f" | {tools} | {', '.join(verb.short)} | {full} |")
    templates = sum(len(verb.short) + len(verb.full) for verb in VERBS)
    assert f"Narrations come from {templates} templates." in PAGE


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, {})  # noqa: S102
    assert capsys.readouterr().out == "['cut the banana', 'turn it'] (240, 400, 3) (240, 400)\n"


def test_the_picture_is_there_and_small() -> None:
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE):
        assert (DOCS / name).stat().st_size < 600_000


def test_the_fairness_figures_have_their_place() -> None:
    places = [PAGE.index(f"<!-- fairness figures: {word} -->") for word in ("begin", "end")]
    assert places == sorted(places)
