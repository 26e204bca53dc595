"""Verify the results of a folder: everything in them that can be computed again is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.results.networks import PREDICTIONS_NAME, over_networks
from actiseg_bench.results.predictions import PredictionError, iter_predictions, predictions_digest
from actiseg_bench.results.result import (
    ResultError,
    RunIdentity,
    RunResult,
    find_results,
    read_result,
)
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import read_object_frames
from actiseg_noise import read_manifest
from actiseg_noise.borders.folders import walk_files
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, ManifestError
from actiseg_noise.manifest.info import INFO_NAME
from actiseg_noise.manifest.read import Manifest

CLOSE = 1e-9
_DAMAGE = (PredictionError, ManifestError, OSError, ValueError)  # the last two: pyarrow's, of bytes inside a file


@dataclass(frozen=True)
class RunFinding:
    """One statement of a result that differs from what was computed.

    Attributes:
        where: the run's folder, relative to the verified one, or a manifest's. what: which statement.
        stated: what the result says. found: what was computed.
    """

    where: str
    what: str
    stated: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: stated {self.stated}, found {self.found}"

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Verification:
    """What was verified and what differs.

    ``runs`` is every run's folder, relative, in order; ``findings`` those of runs, and of the manifests that they name.
    """

    runs: tuple[str, ...]
    findings: tuple[RunFinding, ...]


def verify_runs(
    folder: Path, eval_manifest: Path | None = None, on_run: Callable[[int, int], None] | None = None
) -> Verification:
    """Verify every finished run under ``folder``: predictions, scores, counts, failure modes, tables, keys, manifests.

    Args:
        eval_manifest: where predictions are scored on; by default it is found below ``folder/manifests`` by its digest.
        on_run: called with (runs done, runs in all).

    Raises:
        ResultError: the folder is missing or holds no result.
        ManifestError: ``eval_manifest`` is no readable manifest.
    """
    paths = find_results(folder)
    manifests = ManifestIndex(folder, eval_manifest)
    found: list[RunFinding] = []
    for i, path in enumerate(paths):
        where = path.parent.relative_to(folder).as_posix()
        try:
            found += _verify_run(StoredRun(path.parent, read_result(path)), where, manifests)
        except ResultError as error:
            found.append(RunFinding(where, "result", "a readable result", str(error)))
        if on_run:
            on_run(i + 1, len(paths))
    names = tuple(path.parent.relative_to(folder).as_posix() for path in paths)
    return Verification(names, (*manifests.findings(), *found))


class ManifestIndex:
    """The manifests at hand, by digest; those that runs ask for are verified themselves, once."""

    def __init__(self, folder: Path, given: Path | None) -> None:
        self._folder = folder
        self._places = {read_manifest(given).digest: given} if given else {}
        for path in walk_files(folder / "manifests", ".json"):
            try:
                if path.name == INFO_NAME:
                    self._places.setdefault(read_manifest(path.parent).digest, path.parent)
            except ManifestError:
                continue  # a run that needs it has a finding that there is none
        self._opened: dict[str, Any] = {}

    def find(self, digest: str | None) -> Any:
        """Return the manifest with this digest, None when it is not at hand."""
        if digest is None or digest not in self._places:
            return None
        if digest not in self._opened:
            self._opened[digest] = read_manifest(self._places[digest])
        return self._opened[digest]

    def findings(self) -> Iterator[RunFinding]:
        """Yield what does not hold in the manifests that were asked for."""
        for manifest in self._opened.values():
            try:
                for one in verify(manifest):
                    yield RunFinding(str(manifest.path), f"manifest, {one.where}", one.expected, one.found)
            except ActisegError as error:
                yield RunFinding(str(manifest.path), "manifest", "readable tables", str(error))


def _verify_run(run: StoredRun, where: str, manifests: ManifestIndex) -> Iterator[RunFinding]:
    """Yield what does not hold in one run."""
    result = run.result
    key = _identity(result).key()
    if key != result.run_key:
        yield RunFinding(where, "run key", result.run_key, f"{key}, from what the result says made it")
    yield from _verify_digests(run, where)
    yield from _verify_track(result, where, manifests)
    manifest = manifests.find(result.track.eval_manifest)
    if manifest is None:
        stated = f"evaluation labels {result.track.eval_manifest}"
        yield RunFinding(where, "scores", stated, "no manifest with that digest below manifests/; give --eval-manifest")
        return
    try:
        yield from _verify_scores(run, where, manifest)
    except _DAMAGE as error:
        yield RunFinding(where, "scores", "predictions of every object-frame", str(error))


def _identity(result: RunResult) -> RunIdentity:
    """Return what made a result, from what the result says."""
    return RunIdentity(
        model=result.model,
        strategy=result.strategy,
        variant=result.variant,
        seed=result.seed,
        config=result.config,
        train_manifest=result.track.train_manifest,
        eval_manifest=result.track.eval_manifest,
        start_weights=result.provenance.start_weights_digest,
        score_code=result.provenance.score_code,
    )


def _verify_digests(run: StoredRun, where: str) -> Iterator[RunFinding]:
    """Hold every network's stored predictions against its digest."""
    stated = run.result.predictions.split("+")
    for path, digest in zip(run.files(PREDICTIONS_NAME), stated, strict=True):
        try:
            found = predictions_digest(iter_predictions(path))
        except _DAMAGE as error:
            found = str(error)
        if found != digest:
            yield RunFinding(where, path.name, digest, found)


def _verify_track(result: RunResult, where: str, manifests: ManifestIndex) -> Iterator[RunFinding]:
    """Hold what a result says of its training labels against their manifest, where that is at hand."""
    manifest, track = manifests.find(result.track.train_manifest), result.track
    if manifest is None:
        return
    recipe = manifest.info.recipe
    stated = {"recipe": track.recipe, "noise seed": track.noise_seed, **track.severity}
    found = {"recipe": recipe.recipe_id, "noise seed": recipe.seed, **manifest.info.severity}
    yield from _differences(where, "track, ", stated, found)


def _verify_scores(run: StoredRun, where: str, manifest: Manifest) -> Iterator[RunFinding]:
    """Measure every network's predictions again."""
    scores, modes, counts = [], [], []
    for path, table in zip(run.files(PREDICTIONS_NAME), run.files(OBJECT_FRAMES_NAME), strict=True):
        found = measure(manifest, iter_predictions(path))
        scores.append(found.evaluation.scores_dict())
        counts.append(found.evaluation.counts_dict())
        modes.append(found.evaluation.failures)
        yield from _verify_table(table, where, found.clips, found.frames)
    yield from _differences(where, "", run.result.scores, over_networks(scores))
    yield from _differences(where, "count of ", run.result.counts, counts[0])
    yield from _differences(where, "failure mode ", run.result.failures, over_networks(modes))


def _verify_table(path: Path, where: str, clips: list[str], frames: ObjectFrames) -> Iterator[RunFinding]:
    """Hold a stored table of object-frames, which comparisons of strategies read, against a new one."""
    try:
        stored_clips, stored = read_object_frames(path)
    except ActisegError as error:
        yield RunFinding(where, path.name, "the object-frames of the predictions", str(error))
        return
    columns = [f.name for f in fields(ObjectFrames)]
    wrong = [name for name in columns if not _equal(getattr(stored, name), getattr(frames, name))]
    if stored_clips != clips or wrong:
        found = f"other values in {', '.join(wrong)}" if wrong else "other clips"
        yield RunFinding(where, path.name, "the object-frames of the predictions", found)


def _equal(one: Any, other: Any) -> bool:
    """Return whether two columns hold the same numbers."""
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=CLOSE))


def _differences(where: str, prefix: str, stated: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[RunFinding]:
    """Yield a finding per name whose two values differ, or that only one side has."""
    for name in dict.fromkeys([*stated, *found]):
        pair = [side.get(name, "nothing") for side in (stated, found)]
        if not _close(*pair):
            yield RunFinding(where, f"{prefix}{name}", *(_shown(value) for value in pair))


def _close(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal, numbers up to rounding."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=0, abs_tol=CLOSE)
    return bool(one == other)


def _shown(value: Any) -> str:
    """Return a value as a finding shows it."""
    return f"{value:.6g}" if isinstance(value, float) else "undefined" if value is None else str(value)
