"""``docs/metrics.md``: up to date, its numbers counted pixel by pixel, and a meaning for every column of every file."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from actiseg_bench.metrics.actionvos import METRICS, TITLES
from actiseg_bench.metrics.failure_modes import MODES
from actiseg_bench.metrics.failure_modes import TITLES as MODE_TITLES
from actiseg_bench.report.analysis import CLIP_COLUMNS
from actiseg_bench.report.cells import BESIDE, COLUMNS, COST
from actiseg_bench.report.per_run import COLUMNS as FILE_COLUMNS
from tools.pages.metrics import CELL, FRAMES, OBJECTS, PICTURE, draw_example, metrics_page
from tools.pages.metrics_text import FILES

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "metrics.md").read_text("utf-8")

Pixels = set[tuple[int, int]]


def pixels(object_id: int, frame: int, side: str) -> Pixels:
    """The pixels of an object; no two of the example overlap."""
    box = getattr(OBJECTS[object_id], side)[frame]
    return set() if box is None else {(y, x) for y in range(box[0], box[2]) for x in range(box[1], box[3])}


def pairs(*, positive: bool) -> list[tuple[Pixels, Pixels]]:
    """Truth and prediction of every object-frame of a kind."""
    chosen = [k for k, one in OBJECTS.items() if one.is_positive == positive]
    return [(pixels(k, t, "truth"), pixels(k, t, "predicted")) for t in range(FRAMES) for k in chosen]


def stated(name: str) -> float:
    """The last number of a row of the page."""
    (row,) = re.findall(rf"^\| \*\*{re.escape(name)}\*\*.*\| ([\d.]+) \|$", PAGE, re.MULTILINE)
    return float(row)


def test_the_page_and_its_picture_are_up_to_date() -> None:
    made_by = "python -m tools.pages.metrics"
    assert metrics_page() == PAGE, made_by
    assert (DOCS / "images" / PICTURE).read_text("utf-8") == draw_example(), made_by


def test_the_six_numbers_of_the_example_are_those_of_its_pixels() -> None:
    plus, minus = pairs(positive=True), pairs(positive=False)
    found = {}
    for sign, some in (("p", plus), ("n", minus)):
        there = [(g, p) for g, p in some if g | p]
        found[f"{sign}_miou"] = sum(len(g & p) / len(g | p) for g, p in there) / len(there)
        found[f"{sign}_ciou"] = sum(len(g & p) for g, p in there) / sum(len(g | p) for g, p in there)
    giou = [len(g & p) / len(g | p) if g | p else 1 for g, p in plus] + [float(not p) for _, p in minus]
    right = [bool(g) == bool(p) for g, p in plus] + [not p for _, p in minus]
    found |= {"giou": sum(giou) / len(giou), "acc": sum(right) / len(right)}
    for name in METRICS:
        assert stated(TITLES[name]) == pytest.approx(100 * found[name], abs=0.051), name


def test_the_failure_modes_of_the_example_are_those_of_its_pixels() -> None:
    """The band is a pixel wide: what leaks or is lost lies beside the object's outline."""
    hits = [(g, p) for g, p in pairs(positive=True) if g and p]
    targets = [g for g, _ in pairs(positive=True) if g]

    def beside(some: Pixels, others: Pixels) -> int:
        return sum(any((y + a, x + b) in others for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))) for y, x in some)

    everything = {(y, x) for y in range(-1, 40) for x in range(-1, 50)}
    found = {
        "boundary_leakage": sum(beside(p - g, g) / len(g) for g, p in hits) / len(hits),
        "boundary_loss": sum(beside(g - p, everything - g) / len(g) for g, p in hits) / len(hits),
        "mislocalization": sum(len(g & p) / len(g | p) < 0.1 for g, p in hits) / len(hits),
        "identity_substitution": 1 / len(hits),  # the cup is predicted on the pan
        "missed": 1 - len(hits) / len(targets),
    }
    for mode in MODES:
        assert stated(MODE_TITLES[mode]) == pytest.approx(100 * found[mode], abs=0.051), mode


def test_the_example_has_every_case_of_the_presence_decision() -> None:
    for case in ("TP", "TN", "FP", "FN"):
        assert re.search(rf"^\| \d \|.*\| {case} \|$", PAGE, re.MULTILINE), case


def test_the_picture_shows_every_mask_in_its_size() -> None:
    """Filled rectangles in the colours of the objects: as many pixels as truth and prediction have."""
    tags = list(ElementTree.fromstring(draw_example()))  # noqa: S314 - our own picture
    for object_id, drawn in OBJECTS.items():
        boxes = [tag for tag in tags if tag.get("fill") == drawn.color]
        shown = sum(float(tag.get("width", 0)) * float(tag.get("height", 0)) for tag in boxes) / CELL**2
        masks = [pixels(object_id, t, side) for t in range(FRAMES) for side in ("truth", "predicted")]
        assert shown == sum(map(len, masks))


def test_every_column_of_every_file_has_a_meaning() -> None:
    columns = {**FILE_COLUMNS, "clips.csv": CLIP_COLUMNS}
    assert {name: tuple(meanings) for name, (_, meanings) in FILES.items()} == {k: tuple(v) for k, v in columns.items()}


def test_every_column_of_a_leaderboard_is_on_the_page() -> None:
    for title in [*COLUMNS.values(), *BESIDE.values(), *COST.values()]:
        name = title.rstrip("↑↓")
        assert f"**{name}**" in PAGE, name
