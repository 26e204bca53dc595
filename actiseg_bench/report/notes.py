"""What is printed with a leaderboard, so that its numbers are read right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from actiseg_bench.report.bootstrap import RESAMPLES
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.score_code import shared_code


def make_notes(
    results: Sequence[RunResult], groups: Sequence[Sequence[RunResult]], marks: Mapping[str, bool | None]
) -> list[str]:
    """Return what a reader has to know to read the numbers right.

    Args:
        groups: the trained runs of each track.
        marks: track → whether its best were held against the other rows; None where nothing is marked.
    """
    notes = [
        "Scores × 100 on clean labels. ↑ higher is better, ↓ lower is better. gIoU is the GRES generalised IoU with "
        "its no-target rule, not box GIoU."
    ]
    if any(r.is_reference for r in results):
        notes.append(
            "silent predicts nothing, start is the start weights untrained on the track: gIoU and Acc reward silence "
            "on objects that take no part, so read them against these rows."
        )
    notes += _seed_notes(marks)
    if any(r.strategy == "baseline" for r in results):
        notes.append(_cost_note())
    notes += [f"{name} knew what a user would not: {oracle}." for name, oracle in _oracles(results)]
    notes += _footing(results, groups)
    notes.append("These are scores of the bundled set-up; they do not reproduce the numbers of the ActiSeg-NL paper.")
    return notes


def _seed_notes(marks: Mapping[str, bool | None]) -> Iterator[str]:
    """Say what the numbers of seeds allow to conclude."""
    if all(held is None for held in marks.values()):
        yield "A single seed: nothing is marked as best, and a difference of a few points can be chance."
        return
    yield "Mean ± sample standard deviation over seeds; the best mean of a track is marked (*)."
    if any(marks.values()):
        yield (
            "≈ is not separable from the best: the 95 % interval of the difference contains 0. Interval: paired "
            f"bootstrap over seeds × clips, {RESAMPLES:,} resamples, pair by pair, without correction for the number "
            "of pairs."
        )
    for kind, why in (
        (
            False,
            "the best is marked whatever the spread: not every row has the same seeds and whole tables of "
            "object-frames, so nothing was tested.",
        ),
        (None, "nothing is marked, a row has a single seed or stands alone."),
    ):
        names = [name for name, held in marks.items() if held is kind]
        if names:
            yield f"{', '.join(names)}: {why}"


def _cost_note() -> str:
    return (
        "Cost: time of training and peak memory of the whole process, relative to the baseline's row of the same "
        "track, as measured on the machine that made the runs."
    )


def _oracles(results: Sequence[RunResult]) -> list[tuple[str, str]]:
    """Return strategy and oracle knowledge, without the values it had on a track."""
    found = {r.strategy: re.sub(r"[\s\d.,]+$", "", r.oracle) for r in results if r.oracle}
    return sorted(found.items())


def _footing(results: Sequence[RunResult], groups: Sequence[Sequence[RunResult]]) -> list[str]:
    """Warn where rows of one block are not on equal footing."""
    notes = []
    for runs in groups:
        training = {str(run.config.get("train")) for run in runs}
        if len(training) > 1:
            notes.append(f"Warning: the rows of {runs[0].track.name} differ in their training configuration.")
    made_by: dict[str, set[str | None]] = {
        "versions of the code": _code_versions(results),
        "start weights": {r.provenance.start_weights_digest for r in results if r.strategy != "silent"},
        "versions of torch": {r.provenance.torch for r in results if r.strategy != "silent"},
        "kinds of machine": {_machine(r) for r in results if not r.is_reference},
    }
    notes += _mixed_pictures(results)
    for what, values in made_by.items():
        if len(values) > 1:
            notes.append(f"Warning: these runs were made with {len(values)} {what}.")
    return notes


def _mixed_pictures(results: Sequence[RunResult]) -> Iterator[str]:
    """Warn where equal labels were shown with different pictures: copies of a dataset, drawings of 'kitchen'."""
    drawn: dict[tuple[str, str], set[str]] = {}
    for track in (result.track for result in results):
        for what, labels, images in (
            ("training", track.train_manifest, track.train_images),
            ("evaluation", track.eval_manifest, track.eval_images),
        ):
            if labels is not None and images is not None:
                drawn.setdefault((what, labels), set()).add(images)
    for (what, labels), copies in drawn.items():
        if len(copies) > 1:
            yield (
                f"Warning: the pictures of the {what} labels {labels[:12]} are not the same in all runs: "
                f"{len(copies)} copies or drawings of the dataset, {', '.join(sorted(one[:6] for one in copies))}."
            )


def _code_versions(results: Sequence[RunResult]) -> set[str | None]:
    """Return the versions of what all runs share, or of one model and strategy: whichever are more."""
    digests = [((r.model, r.strategy), r.provenance.score_code) for r in results]
    versions: list[set[str | None]] = [{shared_code(digest) for _, digest in digests}]
    versions += [{digest for row, digest in digests if row == one} for one in dict.fromkeys(row for row, _ in digests)]
    return max(versions, key=len)


def _machine(result: RunResult) -> str:
    """Name what training ran on: cost is not comparable between two of these."""
    made = result.provenance
    return f"{made.device}, {made.threads} threads, {made.platform}"
