"""The runs of one leaderboard, by track and row: what every table and chart of the analysis starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from actiseg_bench.report.board import Value, board_key, run_of
from actiseg_bench.report.bootstrap import Run
from actiseg_bench.report.cells import short_name
from actiseg_bench.report.sensitivity import CLEAN, find_place
from actiseg_bench.report.table import group_tracks, summarise, track_order
from actiseg_bench.results.result import RunResult, TrackInfo
from actiseg_bench.results.stored import StoredRun
from actiseg_noise.borders.folders import portable_name

BASELINE = "baseline"


@dataclass(frozen=True)
class Study:
    """Trained runs of one model under one protocol on one dataset.

    Attributes:
        cells: (track, row) → runs, one per noise and training seed. tracks, rows: their names, in the order of a
            leaderboard. infos: track → what results say about it, of its first noise seed.
    """

    model: str
    dataset: str
    protocol: str
    cells: dict[tuple[str, str], tuple[StoredRun, ...]]
    tracks: tuple[str, ...]
    rows: tuple[str, ...]
    infos: dict[str, TrackInfo]

    @property
    def name(self) -> str:
        """Return ``tiny-kitchen-quick-v1``, a folder's name."""
        return portable_name(f"{self.model}-{self.dataset}-{self.protocol}")

    @property
    def title(self) -> str:
        """Return what is written over tables and charts."""
        seeds = sorted({run.result.seed for runs in self.cells.values() for run in runs})
        labels = ", ".join(sorted({info.eval_manifest[:12] for info in self.infos.values()}))
        named = ", ".join(map(str, seeds))
        noise = sorted({run_of(run.result)[0] for runs in self.cells.values() for run in runs})
        draws = f"noise seeds {', '.join(map(str, noise))}, " if len(noise) > 1 else ""
        what = f"{self.model} on {self.dataset}, {self.protocol}"
        return f"{what}, {draws}training seed{'s' * (len(seeds) > 1)} {named}, evaluation labels {labels}"

    def results(self, track: str, row: str) -> list[RunResult]:
        """Return the results of one cell, empty when it did not run."""
        return [run.result for run in self.cells.get((track, row), ())]

    def score(self, track: str, row: str, metric: str) -> Value:
        """Return a score over the runs."""
        return summarise([result.scores[metric] for result in self.results(track, row)])

    def failure(self, track: str, row: str, mode: str) -> Value:
        """Return a failure mode over the runs."""
        return summarise([result.failures.get(mode) for result in self.results(track, row)])

    def by_run(self, track: str, row: str, value_of: Callable[[RunResult], float | None]) -> dict[Run, float]:
        """Return (noise seed, training seed) → a value of the run, where it is defined."""
        pairs = {run_of(result): value_of(result) for result in self.results(track, row)}
        return {run: value for run, value in pairs.items() if value is not None}

    def clean_track(self) -> str | None:
        """Return the track of clean labels."""
        return next((name for name in self.tracks if self.infos[name].recipe == CLEAN), None)

    def levels(self, axis: str) -> dict[str, float]:
        """Return track → level of the tracks on an axis, clean labels not among them."""
        places = {name: find_place(self.infos[name].recipe) for name in self.tracks}
        return {name: place[1] for name, place in places.items() if place and place[0] == axis}

    def kinds(self) -> dict[str, list[str]]:
        """Return kind of noise → its tracks; a recipe of another name is a kind of its own."""
        found: dict[str, list[str]] = {}
        for name in self.tracks:
            place = find_place(self.infos[name].recipe)
            kind = place[0] if place else name
            if kind != CLEAN:
                found.setdefault(kind, []).append(name)
        return found


def make_studies(runs: Iterable[StoredRun]) -> list[Study]:
    """Group trained runs by model, dataset and protocol; the reference rows, which learn nothing, are left out."""

    def key(run: StoredRun) -> tuple[str, str, str]:
        return board_key(run.result)

    trained = sorted((run for run in runs if not run.result.is_reference), key=key)
    return [_study(*names, list(group)) for names, group in groupby(trained, key)]


def _study(model: str, dataset: str, protocol: str, runs: list[StoredRun]) -> Study:
    """Sort the runs of one study into cells; equal runs count once."""
    groups = group_tracks([run.result for run in runs])
    tracks = dict(zip(_track_names([group[0].track for group in groups]), groups, strict=True))
    track_of = {id(result): name for name, group in tracks.items() for result in group}
    cells: dict[tuple[str, str], dict[str, StoredRun]] = {}
    for run in sorted(runs, key=lambda run: run_of(run.result)):
        row = short_name(run.result.strategy, run.result.variant)
        cells.setdefault((track_of[id(run.result)], row), {}).setdefault(run.result.run_key, run)
    rows = sorted({row for _, row in cells}, key=lambda row: (row.split("@")[0] != BASELINE, row))
    names = sorted(tracks, key=track_order)
    infos = {name: min(tracks[name], key=run_of).track for name in names}
    found = {key: tuple(by_key.values()) for key, by_key in cells.items()}
    return Study(model, dataset, protocol, found, tuple(names), tuple(rows), infos)


def _track_names(tracks: Sequence[TrackInfo]) -> list[str]:
    """Return the names of tracks, with the start of their digests where two share one."""
    shared = [track.name for track in tracks]
    return [
        track.name
        if shared.count(track.name) == 1
        else f"{track.name}-{str(track.train_manifest)[:6]}-{track.eval_manifest[:6]}"
        for track in tracks
    ]


def matched(values: Mapping[Run, float], runs: Iterable[Run]) -> dict[Run, float]:
    """Return run → the value that belongs to it, for those that have one.

    A track with a single noise seed, as clean labels are, stands beside every noise seed of another track.
    """
    noise = {noise_seed for noise_seed, _ in values}
    only = next(iter(noise)) if len(noise) == 1 else None
    places = {run: run if run in values or only is None else (only, run[1]) for run in runs}
    return {run: values[place] for run, place in places.items() if place in values}
