"""Verify the results of a folder: everything in them that can be computed again or compared is.

``CHECKS`` lists what is done, each with the statements of a result that it covers. What is printed is made of the
checks that ran and of what none of them covered.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.data.pictures import pictures_digest
from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.results.networks import PREDICTIONS_NAME, over_networks
from actiseg_bench.results.predictions import iter_predictions, predictions_digest
from actiseg_bench.results.result import (
    DIGEST,
    NO_VARIANT,
    OWN_PROTOCOL,
    RESULT_NAME,
    SCHEMA_VERSION,
    ResultError,
    RunIdentity,
    RunResult,
    find_results,
    read_statements,
    result_digest,
)
from actiseg_bench.results.stored import StoredRun, row_folder, run_folder
from actiseg_bench.results.typed import plain, shown
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import read_object_frames
from actiseg_noise import read_manifest
from actiseg_noise.borders.folders import walk_files
from actiseg_noise.borders.text import read_bytes
from actiseg_noise.borders.writing import json_bytes
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, DataError, ManifestError
from actiseg_noise.manifest.info import INFO_NAME
from actiseg_noise.manifest.read import Manifest

CLOSE = 1e-9
_DAMAGE = (ActisegError, OSError, ValueError)  # the last two: pyarrow's, of bytes inside a manifest's tables


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


Outcome = Iterable["RunFinding | NotChecked"]


@dataclass(frozen=True)
class NotChecked:
    """Why a check could not be made of a run."""

    why: str


@dataclass(frozen=True)
class Case:
    """One run to verify.

    Attributes:
        data: the JSON of its result, as it is. where: its folder, relative to the verified one.
        manifests: those at hand. root: folder of the pictures, None where it was not given.
    """

    run: StoredRun
    data: Mapping[str, Any]
    where: str
    manifests: ManifestIndex
    root: Path | None = None

    @property
    def result(self) -> RunResult:
        """Return what the run states."""
        return self.run.result


@dataclass(frozen=True)
class Check:
    """One thing that is verified of every run.

    Attributes:
        name: of what is checked, as it is printed. verify: yields findings, or why it cannot be done.
        covers: the statements of a result that it holds against something, by their dotted names; ``scores`` stands
            for all below it, ``*`` for everything.
    """

    name: str
    verify: Callable[[Case], Outcome]
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """What was verified and what differs.

    Attributes:
        runs: every run's folder, relative, in order.
        findings: those of runs, and of the manifests that they name.
        checked: the names of the checks that were made of a run, in order.
        unchecked: (what was not checked, why) → the runs that it was not checked of.
    """

    runs: tuple[str, ...]
    findings: tuple[RunFinding, ...]
    checked: tuple[str, ...]
    unchecked: Mapping[tuple[str, str], tuple[str, ...]]

    def summary(self) -> list[str]:
        """Return what was done in sentences: made of the checks that ran, and of what could not be checked."""
        count = "1 run" if len(self.runs) == 1 else f"{len(self.runs)} runs"
        bad = {finding.where for finding in self.findings} & set(self.runs)
        verdict = f"{len(bad)} of {count} failed a check. Checked" if self.findings else f"{count}: all checks passed"
        lines = [f"{verdict}: {', '.join(self.checked)}" if self.checked else f"{count}: nothing was checked"]
        for (what, why), runs in self.unchecked.items():
            lines.append(f"not checked of {len(runs)} of {count}: {what} ({why})")
        return lines


def verify_runs(
    folder: Path,
    eval_manifest: Path | None = None,
    on_run: Callable[[int, int], None] | None = None,
    *,
    root: Path | None = None,
) -> Verification:
    """Verify every finished run under ``folder``, as ``CHECKS`` lists.

    Args:
        eval_manifest: where predictions are scored on; by default it is found below ``folder/manifests`` by its digest.
        on_run: called with (runs done, runs in all).
        root: folder of the pictures that the manifests name; None leaves the pictures unchecked.

    Raises:
        ResultError: the folder is missing or holds no result.
        ManifestError: ``eval_manifest`` is no readable manifest.
    """
    paths = find_results(folder)
    manifests = ManifestIndex(folder, eval_manifest)
    record = _Record()
    names = []
    for i, path in enumerate(paths):
        where = path.parent.relative_to(folder).as_posix()
        names.append(where)
        try:
            data = read_statements(path)
            run = StoredRun(path.parent, RunResult.from_json(data, str(path)))
        except ResultError as error:
            record.findings.append(RunFinding(where, "result", "a readable result", str(error)))
        else:
            record.add(Case(run, data, where, manifests, root))
        if on_run:
            on_run(i + 1, len(paths))
    found = tuple(manifests.findings())
    opened = (f"the {manifests.count} manifests they name that are at hand",) if manifests.count else ()
    unchecked = {key: tuple(runs) for key, runs in record.unchecked.items()}
    return Verification(tuple(names), (*found, *record.findings), (*record.checked, *opened), unchecked)


class _Record:
    """What the checks gave so far."""

    def __init__(self) -> None:
        self.findings: list[RunFinding] = []
        self.unchecked: dict[tuple[str, str], list[str]] = {}
        self._names: dict[str, None] = {}

    @property
    def checked(self) -> list[str]:
        """Return the names of the checks that were made of a run, in the order of ``CHECKS``."""
        return [check.name for check in CHECKS if check.name in self._names]

    def add(self, case: Case) -> None:
        """Make every check of a run."""
        covered: list[str] = []
        for check in CHECKS:
            outcome = list(check.verify(case))
            why = [one.why for one in outcome if isinstance(one, NotChecked)]
            self.findings += [one for one in outcome if isinstance(one, RunFinding)]
            if why:
                self.unchecked.setdefault((check.name, why[0]), []).append(case.where)
            else:
                self._names[check.name] = None
                covered += check.covers
        left = uncovered(case.data, covered)
        if left:
            key = (", ".join(left), "stated by the result alone")
            self.unchecked.setdefault(key, []).append(case.where)


def uncovered(data: Mapping[str, Any], covered: Sequence[str]) -> list[str]:
    """Return the dotted names of a result's statements that no name in ``covered`` stands for.

    An object that is covered as a whole, or not at all, is named as a whole.
    """
    if "*" in covered:
        return []
    return list(_uncovered(data, tuple(covered), ""))


def _uncovered(data: Mapping[str, Any], covered: tuple[str, ...], prefix: str) -> Iterator[str]:
    for name, value in data.items():
        place = f"{prefix}{name}"
        if place in covered:
            continue
        if isinstance(value, dict) and any(one.startswith(f"{place}.") for one in covered):
            yield from _uncovered(value, covered, f"{place}.")
        else:
            yield plain(place)


class ManifestIndex:
    """The manifests at hand, by digest; those that runs ask for are verified themselves, once."""

    def __init__(self, folder: Path, given: Path | None) -> None:
        self._folder = folder
        self.is_given = given is not None
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

    @property
    def count(self) -> int:
        """Return how many manifests were asked for and are at hand."""
        return len(self._opened)

    def findings(self) -> Iterator[RunFinding]:
        """Yield what does not hold in the manifests that were asked for."""
        for manifest in self._opened.values():
            try:
                for one in verify(manifest):
                    yield RunFinding(str(manifest.path), f"manifest, {one.where}", one.expected, one.found)
            except ActisegError as error:
                yield RunFinding(str(manifest.path), "manifest", "readable tables", str(error))


def _check_digest(case: Case) -> Outcome:
    """Hold the result against its own digest; one of schema 2 has none, and is held against the form of such a file."""
    if case.result.schema_version < SCHEMA_VERSION:
        yield NotChecked(f"a result of schema {case.result.schema_version} has none")
        yield from _check_form(case)
        return
    found = result_digest(case.data)
    if found != case.data[DIGEST]:
        yield RunFinding(case.where, "digest of the result", str(case.data[DIGEST]), f"{found}, of what it states")


def _check_form(case: Case) -> Outcome:
    """Find a file that another program wrote again, as an edit by a script does."""
    written = json_bytes(case.data)
    if read_bytes(case.run.folder / RESULT_NAME) != written:
        stated = f"a {RESULT_NAME} as it was written: indented by one, in this order"
        yield RunFinding(case.where, "form of the result", stated, "another form: it was edited or written again")


def _check_key(case: Case) -> Outcome:
    """Make the run's key again from what the result says made it."""
    key = _identity(case.result).key()
    if key != case.result.run_key:
        yield RunFinding(case.where, "run key", case.result.run_key, f"{key}, from what the result says made it")


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
        train_images=result.track.train_images,
        eval_images=result.track.eval_images,
    )


def _check_place(case: Case) -> Outcome:
    """Hold protocol, track, model, strategy, variant and seed against the folder that the run lies in."""
    result = case.result
    try:
        stated = run_folder(result.track, result.model, row_folder(result), result.seed, Path()).parts
    except DataError as error:
        yield RunFinding(case.where, "folder", "names of folders", str(error))
        return
    found = Path(os.path.abspath(case.run.folder)).parts[-len(stated) :]  # noqa: PTH100 - a link's own name counts
    if found != stated:
        yield RunFinding(case.where, "folder", "/".join(stated), "/".join(found))


def _check_sums(case: Case) -> Outcome:
    """Hold the statements of a result against each other: steps and threads against the configuration."""
    result = case.result
    train = result.config.get("train")
    pairs: dict[str, tuple[Any, Any]] = {}
    if result.is_reference:
        pairs = {
            "variant": (result.variant, NO_VARIANT),
            "steps": (result.cost.steps, 0),
            "seconds of training": (result.cost.train_s, 0),
            "losses": (len(result.losses), 0),
            "oracle": (result.oracle, None),
        }
    elif isinstance(train, dict) and "steps" in train:
        pairs = {"steps": (result.cost.steps, train["steps"])}
    for name in ("model", "strategy", "variant", "seed", "threads"):
        if name in result.config:
            stated = result.provenance.threads if name == "threads" else getattr(result, name)
            pairs[f"config, {name}"] = (stated, result.config[name])
    for name, (one, other) in pairs.items():
        if one != other:
            yield RunFinding(case.where, name, shown(one), f"{shown(other)}, from the rest of the result")


def _check_predictions(case: Case) -> Outcome:
    """Hold every network's stored predictions against its digest."""
    stated = case.result.predictions.split("+")
    for path, digest in zip(case.run.files(PREDICTIONS_NAME), stated, strict=True):
        try:
            found = predictions_digest(iter_predictions(path))
        except _DAMAGE as error:
            found = str(error)
        if found != digest:
            yield RunFinding(case.where, path.name, digest, found)


def _check_labels(case: Case) -> Outcome:
    """Hold what a result says of its training labels against their manifest."""
    track = case.result.track
    if track.train_manifest is None:
        return
    manifest = case.manifests.find(track.train_manifest)
    if manifest is None:
        yield NotChecked("no manifest with their digest below manifests/")
        return
    recipe = manifest.info.recipe
    stated = {"recipe": track.recipe, "noise seed": track.noise_seed, "dataset": track.dataset, **track.severity}
    dataset = manifest.info.dataset["name"]
    found = {"recipe": recipe.recipe_id, "noise seed": recipe.seed, "dataset": dataset, **manifest.info.severity}
    yield from _differences(case.where, "track, ", stated, found)


def _check_pictures(case: Case) -> Outcome:
    """Make the digests of the pictures again."""
    track = case.result.track
    if track.eval_images is None:
        yield NotChecked("a result of schema 2 has no digest of them")
        return
    if case.root is None:
        yield NotChecked("give their folder: --root")
        return
    labels = {"train": (track.train_manifest, track.train_images), "eval": (track.eval_manifest, track.eval_images)}
    for what, (digest, stated) in labels.items():
        manifest = case.manifests.find(digest)
        if digest is None:
            continue
        if manifest is None:
            yield NotChecked("a manifest that names them is not at hand")
            return
        try:
            found = pictures_digest(manifest, case.root)
        except ActisegError as error:
            found = str(error)
        if found != stated:
            yield RunFinding(case.where, f"{what} pictures", str(stated), found)


def _check_scores(case: Case) -> Outcome:
    """Measure the predictions again, where the evaluation labels are at hand.

    A protocol's labels lie beside its runs, so that runs without them are found; somebody's own manifest is anywhere.
    """
    digest = case.result.track.eval_manifest
    manifest = case.manifests.find(digest)
    if manifest is None:
        if case.result.track.protocol == OWN_PROTOCOL and not case.manifests.is_given:
            yield NotChecked("their evaluation labels are not at hand: give --eval-manifest DIR")
            return
        why = "no manifest with that digest below manifests/; give --eval-manifest"
        yield RunFinding(case.where, "scores", f"evaluation labels {digest}", why)
        yield NotChecked("no evaluation labels")
        return
    try:
        yield from _verify_scores(case.run, case.where, manifest)
    except _DAMAGE as error:
        yield RunFinding(case.where, "scores", "predictions of every object-frame", str(error))


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


_KEYED = (
    *("schema_version", "run_key", "model", "strategy", "variant", "seed", "config"),
    *("track.train_manifest", "track.eval_manifest", "track.train_images", "track.eval_images"),
    *("provenance.start_weights_digest", "provenance.score_code"),
)


CHECKS: list[Check] = [
    Check("digest of the result", _check_digest, ("*",)),
    Check("run key", _check_key, _KEYED),
    Check("folder", _check_place, ("track.protocol", "track.name", "model", "strategy", "variant", "seed")),
    Check("agreement of its statements", _check_sums),
    Check("predictions", _check_predictions, ("predictions",)),
    Check(
        "training labels",
        _check_labels,
        ("track.recipe", "track.noise_seed", "track.dataset", "track.severity", "track.train_manifest"),
    ),
    Check("pictures", _check_pictures, ("track.train_images", "track.eval_images")),
    Check(
        "scores, counts, failure modes, object-frames",
        _check_scores,
        ("scores", "counts", "failures", "track.eval_manifest"),
    ),
]
