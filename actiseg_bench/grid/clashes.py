"""What keeps runs of several places from standing in one folder: statements of two that contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actiseg_bench.grid.submittable import row_of
from actiseg_bench.results.result import LONGER, OWN_PROTOCOL, TUNED, TUNING, RunResult
from actiseg_bench.results.stored import StoredRun

_OF_A_RUN = ("model", "strategy", "variant", "seed", TUNING)
_OF_A_MACHINE = ("device", "threads", "devices", "deformable", "checkpoint_activations", "compile", "start_weights")
"""Keys of a configuration in which the runs of one protocol may differ; a leaderboard warns where it matters."""
_MAY_DIFFER = ("cost", "provenance", "schema_version", "result_digest")


@dataclass(frozen=True)
class Candidate:
    """A finished run that is to be collected.

    Attributes:
        where: its folder, or file and place in it, for people. place: where it goes, relative to the output.
    """

    run: StoredRun
    where: str
    place: str

    @property
    def result(self) -> RunResult:
        """Return what the run states."""
        return self.run.result


def find_clashes(candidates: Sequence[Candidate]) -> list[str]:
    """Return a line per contradiction, with both places; nothing where the runs can stand in one folder."""
    return [
        *_differing(candidates, _protocol_of, _training_of, "trainings of one protocol differ"),
        *_differing(candidates, _row_of, _settings_of, "runs of one row are configured differently"),
        *_differing(
            candidates, _evaluation_of, lambda r: {"labels": r.track.eval_manifest}, "evaluation labels differ"
        ),
        *_differing(candidates, _draw_of, _labels_of, "training labels of one track and noise seed differ"),
        *_differing(candidates, _run_of, outcome_of, "two different results of one run"),
        *_two_runs_of_one_place(candidates),
    ]


def outcome_of(result: RunResult) -> dict[str, Any]:
    """Return what a run came to: all that it states but cost, machine and time, in which equal runs may differ."""
    return {name: value for name, value in result.to_json().items() if name not in _MAY_DIFFER}


def _differing(
    candidates: Iterable[Candidate],
    key_of: Callable[[RunResult], Hashable],
    value_of: Callable[[RunResult], Mapping[str, Any] | None],
    what: str,
) -> Iterator[str]:
    """Yield a line per group of runs of one key that do not share a value; a key or value of None says nothing."""
    first: dict[Hashable, tuple[Candidate, Mapping[str, Any]]] = {}
    told: set[Hashable] = set()
    for one in candidates:
        key, value = key_of(one.result), value_of(one.result)
        if key is None or value is None or key in told:
            continue
        other, before = first.setdefault(key, (one, value))
        if value != before:
            told.add(key)
            name = f"protocol {one.result.track.protocol}, track {one.result.track.name}"
            yield f"{what} ({name}: {_changed(before, value)}): {other.where} and {one.where}"


def _changed(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> str:
    """Name what differs of two JSON objects, dotted, and both values of the first: ``train.steps 90 and 180``."""
    for name in sorted({*one, *other}):
        pair = one.get(name), other.get(name)
        if pair[0] != pair[1]:
            if isinstance(pair[0], Mapping) and isinstance(pair[1], Mapping):
                return _changed(pair[0], pair[1], f"{prefix}{name}.")
            return f"{prefix}{name} {pair[0]!r:.60} and {pair[1]!r:.60}"
    return "nothing"


def _protocol_of(result: RunResult) -> Hashable:
    """Return what the trainings of one protocol share; None for runs that no protocol rules."""
    if result.track.protocol == OWN_PROTOCOL or result.is_reference or result.strategy == LONGER:
        return None
    return result.track.protocol, result.track.dataset, result.model


def _training_of(result: RunResult) -> Mapping[str, Any] | None:
    """Return how a run was trained; the learning rate of a tuned one is its own."""
    train = result.config.get("train")
    if not isinstance(train, Mapping) or result.variant == TUNED:
        return None
    return train


def _row_of(result: RunResult) -> Hashable:
    """Return what the runs of one row share; None where each is configured by itself."""
    if result.track.protocol == OWN_PROTOCOL or result.variant == TUNED:
        return None
    return result.track.protocol, result.track.dataset, result.model, result.strategy, result.variant


def _settings_of(result: RunResult) -> Mapping[str, Any]:
    """Return the configuration of a run without what is its own or its machine's."""
    return {name: value for name, value in result.config.items() if name not in (*_OF_A_RUN, *_OF_A_MACHINE)}


def _evaluation_of(result: RunResult) -> Hashable:
    """Return what is scored on one set of labels; None where no protocol says it."""
    track = result.track
    return None if track.protocol == OWN_PROTOCOL else (track.protocol, track.dataset)


def _draw_of(result: RunResult) -> Hashable:
    """Return which labels a run was trained on, by name; None for one that was not trained."""
    track = result.track
    labels = track.eval_manifest if track.protocol == OWN_PROTOCOL else ""
    return None if result.is_reference else (track.protocol, labels, track.dataset, track.name, track.noise_seed)


def _labels_of(result: RunResult) -> Mapping[str, Any]:
    return {"labels": result.track.train_manifest, "recipe": result.track.recipe}


def _run_of(result: RunResult) -> Hashable:
    """Return which run it is: runs of two protocols may share a key."""
    return result.run_key, row_of(result), result.track.noise_seed


def _two_runs_of_one_place(candidates: Iterable[Candidate]) -> Iterator[str]:
    """Yield a line per place that two runs of other keys would have."""
    first: dict[str, Candidate] = {}
    told: set[str] = set()
    for one in candidates:
        other = first.setdefault(one.place, one)
        if other.result.run_key != one.result.run_key and one.place not in told:
            told.add(one.place)
            changed = _changed(outcome_of(other.result), outcome_of(one.result))
            yield f"two different runs would be {one.place} ({changed}): {other.where} and {one.where}"
