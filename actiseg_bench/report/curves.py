"""Scores along an axis of noise, run by run, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actiseg_bench.metrics.actionvos import TITLES
from actiseg_bench.report.board import Value
from actiseg_bench.report.sensitivity import AXES, Axis, relative_area, slope, with_origin
from actiseg_bench.report.study import Study, matched
from actiseg_bench.report.table import summarise
from actiseg_bench.results.result import RunResult

SENSITIVE = ("p_miou", "giou")


def axis_tracks(study: Study, axis: Axis) -> dict[str, float]:
    """Return track → level of a study's tracks along an axis, see :func:`with_origin`."""
    return with_origin(study.levels(axis.name), study.clean_track(), axis)


def sensitivity_records(study: Study) -> list[dict[str, Any]]:
    """Return slope and area per axis and row, over the runs that every level has."""
    records = []
    for axis in AXES:
        for row in study.rows:
            record: dict[str, Any] = {"axis": axis.name, "strategy": row, "levels": "", "per": axis.unit}
            for metric in SENSITIVE:
                levels, values = measure(study, axis, row, metric)
                record["levels"] = " ".join(f"{level:g}" for level in levels)
                record |= {f"{TITLES[metric]} {name}": value for name, value in values.items()}
            if record["levels"]:
                records.append(record)
    return records


def measure(study: Study, axis: Axis, row: str, metric: str) -> tuple[list[float], dict[str, Value]]:
    """Return the levels that ran, two at least or none, and clean score, slope per unit, relative area."""
    places = {t: level for t, level in axis_tracks(study, axis).items() if (t, row) in study.cells}
    clean_track = study.clean_track()
    if len(places) < 2 or clean_track is None:
        return [], {}

    def score(result: RunResult) -> float | None:
        return result.scores[metric]

    found = {track: study.by_run(track, row, score) for track in places}
    wanted = {run for scores in found.values() for run in scores}
    if len({noise for noise, _ in wanted}) > 1:  # clean labels have one draw, which is none of the noise's
        drawn = [scores for scores in found.values() if len({noise for noise, _ in scores}) > 1]
        wanted = {run for scores in drawn for run in scores}
    clean = matched(study.by_run(clean_track, row, score), wanted)
    curves = {track: matched(scores, wanted) for track, scores in found.items()}
    runs = sorted(set(clean).intersection(*curves.values()))
    levels = list(places.values())
    scores = [[curves[track][run] for track in places] for run in runs]
    slopes = [slope(levels, one) * axis.step for one in scores]
    areas = [relative_area(levels, one, clean[run]) for run, one in zip(runs, scores, strict=True) if clean[run]]
    return levels, {
        "clean": summarise([clean[run] for run in runs]),
        "slope": summarise(slopes),
        "area": summarise(areas),
    }


def iter_points(study: Study, axis: Axis, row: str, metric: str) -> Iterator[tuple[float, Value]]:
    """Yield (level, score over the runs) along an axis."""
    for track, level in axis_tracks(study, axis).items():
        value = study.score(track, row, metric)
        if value.mean is not None:
            yield level, value
