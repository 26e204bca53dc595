"""The tables of the analysis: every number that the charts show, as records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from actiseg_bench.metrics.failure_modes import MODES, TITLES
from actiseg_bench.report.board import Value, run_of
from actiseg_bench.report.bootstrap import Run
from actiseg_bench.report.cells import format_value
from actiseg_bench.report.curves import sensitivity_records
from actiseg_bench.report.extras import ExtrasOf, no_extras
from actiseg_bench.report.pareto import pareto_front
from actiseg_bench.report.stability import stability_records
from actiseg_bench.report.study import Study, matched
from actiseg_bench.report.table import summarise
from actiseg_bench.results.result import RunResult
from actiseg_noise.borders.writing import csv_text

Record = dict[str, Any]


@dataclass(frozen=True)
class Sheet:
    """One table.

    Attributes:
        name: of its file. title: over it, with units.
        records: column → text, number, flag or :class:`Value`; values are fractions, printed × 100.
        note: how to read it.
    """

    name: str
    title: str
    records: list[Record] = field(default_factory=list)
    note: str = ""

    def header(self) -> list[str]:
        """Return the columns."""
        return list(self.records[0]) if self.records else []

    def rows(self) -> list[list[str]]:
        """Return the cells as text."""
        return [[_text(value) for value in record.values()] for record in self.records]

    def to_json(self) -> list[Record]:
        """Return records of plain JSON."""
        return [
            {k: {"mean": v.mean, "std": v.std} if isinstance(v, Value) else v for k, v in record.items()}
            for record in self.records
        ]

    def to_csv(self) -> str:
        """Return the records with means and deviations in columns of their own, as fractions."""
        flat = [dict(_flat(record)) for record in self.records]
        return csv_text(list(flat[0]) if flat else [], flat)


def _flat(record: Record) -> Iterator[tuple[str, object]]:
    """Yield the columns of a CSV record."""
    for name, value in record.items():
        if isinstance(value, Value):
            yield from ((name, value.mean), (f"{name} std", value.std))
        else:
            yield name, value


def _text(value: object) -> str:
    """Return one cell as text."""
    if isinstance(value, Value):
        return format_value(value)
    if isinstance(value, bool):
        return "yes" if value else ""
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def make_sheets(study: Study, extras_of: ExtrasOf = no_extras) -> list[Sheet]:
    """Return the tables of a study that have rows; ``extras_of`` gives the extras of a result."""
    sheets = [
        Sheet("failure_modes", "Failure modes, % of hits (missed: of visible positives)", _failures(study)),
        Sheet(
            "profiles",
            "What each kind of noise adds to each failure mode: points over clean labels",
            _profiles(study),
            "mean over the tracks of the kind; deviations over runs of that mean",
        ),
        Sheet(
            "sensitivity",
            "Noise sensitivity of p-mIoU and gIoU",
            sensitivity_records(study),
            "slope: points per unit of noise, least squares; area: mean of score / clean along the axis, in %",
        ),
        Sheet(
            "trade_off",
            "Trade-off: p-mIoU (higher is better) against n-mIoU (lower is better)",
            _trade_off(study),
            "front: no other row of the track is at least as good in both and better in one",
        ),
        Sheet(
            "selection", "Selection: of what was believed clean, the share that is; and the reverse", _selection(study)
        ),
        Sheet(
            "memorisation",
            "Fit of training samples with a wrong label (of all, on clean labels), mean IoU × 100",
            _memorisation(study),
            "given: to the wrong label; clean: to the right one; at the last probe",
        ),
        Sheet(
            "stability",
            "Would other seeds have ranked the methods in the same order?",
            list(stability_records(study, extras_of)),
            "each noise seed (mean over its trainings) against each other, each training seed likewise; how many of "
            "the first and of the last three methods are so on both sides",
        ),
    ]
    return [sheet for sheet in sheets if sheet.records]


def _cells(study: Study) -> Iterator[tuple[str, str]]:
    """Yield the (track, row) that ran, in order."""
    yield from ((track, row) for track in study.tracks for row in study.rows if (track, row) in study.cells)


def _failures(study: Study) -> list[Record]:
    """Return failure modes per track and row; runs without any are left out."""
    return [
        {"track": track, "strategy": row} | {TITLES[mode]: study.failure(track, row, mode) for mode in MODES}
        for track, row in _cells(study)
        if any(result.failures for result in study.results(track, row))
    ]


def _profiles(study: Study) -> list[Record]:
    """Return, per kind of noise and row, the change of every failure mode against clean labels."""
    return [
        {"noise": kind, "strategy": row} | {TITLES[mode]: profile(study, kind, row, mode) for mode in MODES}
        for kind in study.kinds()
        for row in study.rows
        if any(profile(study, kind, row, mode).mean is not None for mode in MODES)
    ]


def profile(study: Study, kind: str, row: str, mode: str) -> Value:
    """Return what a kind of noise adds to a failure mode of a row: run by run against the clean track."""
    clean = study.clean_track()
    if clean is None:
        return Value(None, None)

    def failure(result: RunResult) -> float | None:
        return result.failures.get(mode)

    base = study.by_run(clean, row, failure)
    changes: dict[Run, list[float]] = {}
    for track in study.kinds()[kind]:
        here = study.by_run(track, row, failure)
        for run, there in matched(base, here).items():
            changes.setdefault(run, []).append(here[run] - there)
    return summarise([sum(found) / len(found) for found in changes.values()])


def _trade_off(study: Study) -> list[Record]:
    """Return the rows of every track with their place on the front."""
    records = []
    for track in study.tracks:
        rows = [row for row in study.rows if (track, row) in study.cells]
        pairs = [(study.score(track, row, "p_miou"), study.score(track, row, "n_miou")) for row in rows]
        known = [
            (row, p, n) for row, (p, n) in zip(rows, pairs, strict=True) if p.mean is not None and n.mean is not None
        ]
        front = pareto_front([(p.mean or 0.0, n.mean or 0.0) for _, p, n in known])
        records += [
            {"track": track, "strategy": row, "p-mIoU": p, "n-mIoU": n, "front": is_on}
            for (row, p, n), is_on in zip(known, front, strict=True)
        ]
    return records


def _selection(study: Study) -> list[Record]:
    """Return precision and recall in the last epoch, where a strategy selects or relabels."""
    records = []
    for track, row in _cells(study):
        for unit in ("samples", "pixels"):
            ends = [result.selection[-1].get(unit) for result in study.results(track, row) if result.selection]
            if any(ends):
                values = {
                    name: summarise([end[name] if end else None for end in ends]) for name in ("precision", "recall")
                }
                records.append({"track": track, "strategy": row, "unit": unit} | values)
    return records


def _memorisation(study: Study) -> list[Record]:
    """Return the fits at the last probe."""
    records = []
    for track, row in _cells(study):
        ends = [result.fits[-1] for result in study.results(track, row) if result.fits]
        if ends:
            values = {name: summarise([end[f"fit_{name}"] for end in ends]) for name in ("given", "clean")}
            records.append({"track": track, "strategy": row} | values)
    return records


def _missing_runs(study: Study) -> Iterator[str]:
    """Say which rows lack a run that another row of the track has."""
    for track in study.tracks:
        runs = {row: set(map(run_of, study.results(track, row))) for row in study.rows if (track, row) in study.cells}
        expected = set().union(*runs.values())
        for row, there in runs.items():
            absent = ", ".join(f"noise seed {noise} training seed {seed}" for noise, seed in sorted(expected - there))
            if absent:
                yield f"{track} {row} lacks {len(expected - there)} of {len(expected)} runs: {absent}"


def find_gaps(study: Study, sheets: Sequence[Sheet]) -> list[str]:
    """Say what is missing for the full analysis, and what stands in its place."""
    from actiseg_bench.report.sensitivity import AXES

    gaps = []
    lacking = [f"{track} {row}" for track in study.tracks for row in study.rows if (track, row) not in study.cells]
    if lacking:
        gaps.append(f"not run: {', '.join(lacking)}")
    gaps += _missing_runs(study)
    if study.clean_track() is None:
        gaps.append("no track of clean labels: no profiles of noise, no sensitivity")
    absent = [axis.name for axis in AXES if not study.levels(axis.name)]
    if absent:
        gaps.append(f"no track of {', '.join(absent)}")
    if study.levels("text") and 0.0 not in study.levels("text").values():
        gaps.append("no text-0: clean labels stand at 0 % of the text axis")
    there = {sheet.name for sheet in sheets}
    if "selection" not in there:
        gaps.append("no strategy that selects or relabels: no selection quality")
    if "memorisation" not in there:
        gaps.append("no run with probes of its fit: no memorisation curves")
    if "failure_modes" not in there:
        gaps.append("no run with failure modes")
    return gaps
