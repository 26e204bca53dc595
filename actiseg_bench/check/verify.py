"""Verify the results of a folder: everything in them that can be computed again or compared is.

``CHECKS`` lists what is done, each with the statements of a result that it covers. What is printed is made of the
checks that ran and of what none of them covered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_bench.check.case import Case, ManifestIndex
from actiseg_bench.check.files import has_networks, verify_networks, verify_predictions, verify_scores
from actiseg_bench.check.findings import NotChecked, Outcome, RunFinding
from actiseg_bench.check.labels import verify_labels, verify_pictures
from actiseg_bench.check.statements import verify_digest, verify_key, verify_place, verify_sums
from actiseg_bench.check.submitted import is_submitted, verify_tables, verify_truth
from actiseg_bench.results.result import ResultError, RunResult, find_results, read_statements
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.results.typed import plain


def always(_: Case) -> bool:
    """Return True: a check that is made of every run."""
    return True


@dataclass(frozen=True)
class Check:
    """One thing that is verified of every run.

    Attributes:
        name: of what is checked, as it is printed. verify: yields findings, or why it cannot be done.
        covers: the statements of a result that it holds against something, by their dotted names; ``scores`` stands
            for all below it, ``*`` for everything.
        applies: says of which runs it is made.
    """

    name: str
    verify: Callable[[Case], Outcome]
    covers: tuple[str, ...] = ()
    applies: Callable[[Case], bool] = always


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
    eval_root: Path | None = None,
) -> Verification:
    """Verify every finished run under ``folder``, as ``CHECKS`` lists.

    Args:
        eval_manifest: where predictions are scored on; by default it is found below ``folder/manifests`` by its digest.
        on_run: called with (runs done, runs in all).
        root, eval_root: folders of the pictures that the manifests name, the second for evaluation labels of another
            dataset than the training's; None leaves such pictures unchecked.

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
            record.add(Case(run, data, where, manifests, root, eval_root))
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
        for check in (one for one in CHECKS if one.applies(case)):
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


_KEYED = (
    *("schema_version", "run_key", "model", "strategy", "variant", "seed", "config"),
    *("track.train_manifest", "track.eval_manifest", "track.train_images", "track.eval_images"),
    *("provenance.start_weights_digest", "provenance.score_code"),
)


CHECKS: list[Check] = [
    Check("digest of the result", verify_digest, ("*",)),
    Check("run key", verify_key, _KEYED),
    Check("folder", verify_place, ("track.protocol", "track.name", "model", "strategy", "variant", "seed")),
    Check("agreement of its statements", verify_sums),
    Check("predictions", verify_predictions, ("predictions",)),
    Check("kept networks", verify_networks, (), has_networks),
    Check(
        "training labels",
        verify_labels,
        ("track.recipe", "track.noise_seed", "track.dataset", "track.severity", "track.train_manifest"),
    ),
    Check("pictures", verify_pictures, ("track.train_images", "track.eval_images")),
    Check(
        "scores, counts, failure modes, object-frames",
        verify_scores,
        ("scores", "counts", "failures", "track.eval_manifest"),
    ),
    Check(
        "scores, counts and failure modes from the submitted tables",
        verify_tables,
        ("scores", "counts", "failures"),
        is_submitted,
    ),
    Check("truth in the submitted tables", verify_truth, ("track.eval_manifest",), is_submitted),
]
