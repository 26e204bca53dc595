"""Runs of several folders and submissions in one folder: all of what fits together, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from actiseg_bench.grid.clashes import Candidate, find_clashes
from actiseg_bench.grid.plan import MANIFESTS
from actiseg_bench.grid.submission import read_submission, unpack
from actiseg_bench.grid.submittable import check_result_digest, check_tables
from actiseg_bench.results.memorised import TRAINING_PREDICTIONS_NAME
from actiseg_bench.results.networks import PREDICTIONS_NAME
from actiseg_bench.results.result import (
    CHECKPOINT_NAME,
    RESULT_NAME,
    ResultError,
    RunResult,
    find_results,
    read_statements,
)
from actiseg_bench.results.stored import SUBMITTED_NAME, StoredRun, row_folder, run_folder, why_incomplete
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_noise.borders.drafts import FolderDraft, remove_folder
from actiseg_noise.borders.folders import walk_files
from actiseg_noise.borders.locks import locked
from actiseg_noise.borders.writing import PARTIAL, copy_file, link
from actiseg_noise.errors import ActisegError, ManifestError, raise_if
from actiseg_noise.manifest.info import INFO_NAME
from actiseg_noise.manifest.read import read_manifest

LISTED = 10
_UNPACKED = f".unpacked{PARTIAL}"
_NO_LINKS = "; leave --link out to copy the files"


class CollectError(ActisegError):
    """Runs that cannot stand in one folder."""


@dataclass(frozen=True)
class Collected:
    """What was collected.

    Attributes:
        runs: in the folder now. added: of these, those that came in now. equal: runs that were there or came twice, and
            counted once. submitted: runs without predictions. manifests: that came in now. without_labels: digests of
            labels that runs name and that are in no folder.
    """

    runs: int
    added: int
    equal: int
    submitted: int
    manifests: int
    without_labels: tuple[str, ...]


def collect_runs(
    sources: Sequence[Path], out: Path, *, links: bool = False, on_run: Callable[[int, int], None] | None = None
) -> Collected:
    """Bring the finished runs of folders and submissions into one folder, with the manifests that they name.

    Runs that are in ``out`` stay and count as a source. Nothing is written unless all runs fit together; what a killed
    call left is gone on from.

    Args:
        links: link predictions, tables and checkpoints instead of copying them.
        on_run: called with (runs done, runs in all).

    Raises:
        ResultError: a folder is missing or holds no result. SubmissionError: see :func:`read_submission`.
        CollectError: runs that were edited, lack their predictions or contradict each other; the places are named.
        WriteError: the system refused.
    """
    _check_places(sources, out)
    with locked(out, what="collect"), _unpacked(out / _UNPACKED) as space:
        own = _candidates_in(out) if _holds_results(out) else []
        given = [one for number, source in enumerate(sources) for one in _candidates(source, space / str(number))]
        refuse_clashes([*own, *given])
        chosen = _choose([*own, *given])
        new = [one for one in chosen if one not in own]
        for number, one in enumerate(new, start=1):
            _copy_run(one, out / one.place, links=links)
            if on_run:
                on_run(number, len(new))
        manifests, missing = _bring_manifests(chosen, [one for one in sources if one.is_dir()], out, links=links)
        submitted = sum(one.run.is_submitted for one in chosen)
        equal = len(own) + len(given) - len(chosen)
    return Collected(len(chosen), len(new), equal, submitted, manifests, missing)


def _check_places(sources: Sequence[Path], out: Path) -> None:
    """Refuse an output that is one of the folders, or inside of one, or around it."""
    here = out.resolve()
    for source in (one for one in sources if one.is_dir()):
        there = source.resolve()
        is_apart = here not in (there, *there.parents) and there not in (here, *here.parents)
        raise_if(not is_apart, f"--out {out}: expected another folder than {source}, neither in it nor around it")


def _holds_results(folder: Path) -> bool:
    """Return whether a folder has a finished run."""
    try:
        return bool(find_results(folder))
    except ResultError:
        return False


@contextmanager
def _unpacked(space: Path) -> Iterator[Path]:
    """Give a folder for what submissions hold, which is gone afterwards."""
    remove_folder(space)
    try:
        yield space
    finally:
        remove_folder(space)


def _candidates(source: Path, space: Path) -> list[Candidate]:
    """Return the runs of a folder, or those of a submission, which is unpacked into ``space``."""
    if source.is_dir():
        return _candidates_in(source)
    raise_if(not source.exists(), f"{source}: no such folder of runs, and no such submission")
    runs = unpack(read_submission(source), str(source), space)
    return [_candidate(run, f"{source}: runs[{i}]") for i, run in enumerate(runs)]


def _candidates_in(folder: Path) -> list[Candidate]:
    """Return the finished runs below a folder, each held by its digest and with its predictions beside it.

    Raises:
        CollectError: some are not; the first ones are named.
    """
    found, wrong = [], []
    for path in find_results(folder):
        try:
            statements = read_statements(path)
            run = StoredRun(path.parent, RunResult.from_json(statements, str(path)))
            check_result_digest(statements, str(path))
            if run.is_submitted:
                check_tables(run)
            elif why := why_incomplete(run.folder, run.result):
                raise CollectError(why)
            found.append(_candidate(run, str(run.folder)))
        except ActisegError as error:
            wrong.append(str(error))
    _refuse(wrong, "runs cannot be collected; make them again, or remove their folders")
    return found


def _candidate(run: StoredRun, where: str) -> Candidate:
    """Return a run with the place that its statements give it.

    Raises:
        DataError: a name in it that cannot be a folder's.
    """
    result = run.result
    place = run_folder(result.track, result.model, row_folder(result), result.seed, Path())
    return Candidate(run, where, place.as_posix())


def refuse_clashes(candidates: Sequence[Candidate]) -> None:
    """Refuse runs that contradict each other.

    Raises:
        CollectError: the first contradictions, with both places.
    """
    _refuse(find_clashes(candidates), "contradictions, so nothing is collected; leave a folder or run out")


def _refuse(problems: Sequence[str], what: str) -> None:
    """Raise CollectError with the first of what is wrong, if anything is."""
    if problems:
        more = [f"… and {len(problems) - LISTED} more"] if len(problems) > LISTED else []
        raise CollectError("\n  ".join([f"{len(problems)} {what}:", *problems[:LISTED], *more]))


def _choose(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return one of all equal runs, in the order of their places: the first with its predictions, else the first."""
    chosen: dict[str, Candidate] = {}
    for one in candidates:
        before = chosen.get(one.place)
        if before is None or (before.run.is_submitted and not one.run.is_submitted):
            chosen[one.place] = one
    return [chosen[place] for place in sorted(chosen)]


def _copy_run(one: Candidate, place: Path, *, links: bool) -> None:
    """Copy a run to its place, whole or not at all; what is there is the same run without its predictions."""
    with FolderDraft(place, lambda _: None, what="collect") as draft:
        for path in one.run.files(PREDICTIONS_NAME) if not one.run.is_submitted else []:
            _bring(path, draft.path / path.name, links=links)
        beside = (one.run.folder / name for name in (CHECKPOINT_NAME, TRAINING_PREDICTIONS_NAME))
        for path in (*one.run.files(OBJECT_FRAMES_NAME), *beside):
            if path.is_file():
                _bring(path, draft.path / path.name, links=links and not one.run.is_submitted)
        for name in (SUBMITTED_NAME, RESULT_NAME):
            if (one.run.folder / name).is_file():
                _bring(one.run.folder / name, draft.path / name, links=False)
        draft.commit()


def _bring(source: Path, target: Path, *, links: bool) -> None:
    """Copy or link a file.

    Raises:
        CollectError: it cannot be read. WriteError: the system refused.
    """
    if links:
        link(source, target, _NO_LINKS)
        return
    try:
        copy_file(source, target)
    except OSError as error:
        raise CollectError(f"{source}: cannot be read ({error.strerror or error})") from None


def _bring_manifests(
    runs: Sequence[Candidate], folders: Sequence[Path], out: Path, *, links: bool
) -> tuple[int, tuple[str, ...]]:
    """Copy the manifests that runs name; return how many came in, and the digests of those that are nowhere."""
    digests = [(one.result.track.train_manifest, one.result.track.eval_manifest) for one in runs]
    wanted = dict.fromkeys(digest for pair in digests for digest in pair if digest is not None)
    there = {digest for _, digest in _iter_manifests(out)}
    added = 0
    for folder in folders:
        for path, digest in _iter_manifests(folder):
            if digest in wanted and digest not in there:
                _copy_manifest(path, digest, out / path.relative_to(folder), links=links)
                there.add(digest)
                added += 1
    return added, tuple(digest for digest in wanted if digest not in there)


def _iter_manifests(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield folder and digest of the manifests of a folder of runs; what cannot be read as one is passed over."""
    for path in walk_files(folder / MANIFESTS, ".json"):
        if path.name == INFO_NAME:
            try:
                yield path.parent, read_manifest(path.parent).digest
            except ManifestError:
                continue


def _copy_manifest(source: Path, digest: str, place: Path, *, links: bool) -> None:
    """Copy a manifest; where other labels have its place, its name gets the start of its digest."""
    if os.path.lexists(place):
        place = place.with_name(f"{place.name}-{digest[:6]}")
    with FolderDraft(place, _keep_all, what="collect") as draft:
        for name in (*read_manifest(source).info.files, INFO_NAME):
            _bring(source / name, draft.path / name, links=links and name != INFO_NAME)
        draft.commit()


def _keep_all(place: Path) -> None:
    """Refuse to replace a folder."""
    raise CollectError(f"{place}: exists and is no manifest of these runs, so it is not replaced; use another --out")
