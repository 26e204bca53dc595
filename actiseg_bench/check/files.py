"""What a result says of its predictions, against the files beside it and the evaluation labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.check.case import Case
from actiseg_bench.check.findings import WITHOUT, NotChecked, Outcome, RunFinding, differences
from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.results.memorised import TRAINING_PREDICTIONS_NAME
from actiseg_bench.results.networks import PREDICTIONS_NAME, over_networks
from actiseg_bench.results.predictions import iter_predictions, predictions_digest
from actiseg_bench.results.result import CHECKPOINT_NAME, OWN_PROTOCOL
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.results.typed import CLOSE
from actiseg_bench.scoring.measure import Measurement, measure
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import read_object_frames, read_videos
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.read import Manifest

_DAMAGE = (ActisegError, OSError, ValueError)  # the last two: pyarrow's, of bytes inside a manifest's tables


def verify_predictions(case: Case) -> Outcome:
    """Hold every network's stored predictions, and those of training clips, against their digests."""
    if case.run.is_submitted:
        yield NotChecked(WITHOUT)
        return
    stated = list(zip(case.run.files(PREDICTIONS_NAME), case.result.predictions.split("+"), strict=True))
    if case.result.training_predictions is not None:
        stated.append((case.run.folder / TRAINING_PREDICTIONS_NAME, case.result.training_predictions))
    for path, digest in stated:
        try:
            found = predictions_digest(iter_predictions(path))
        except _DAMAGE as error:
            found = str(error)
        if found != digest:
            yield RunFinding(case.where, path.name, digest, found)


def has_networks(case: Case) -> bool:
    """Return whether the trained networks of a run lie beside its result."""
    return (case.run.folder / CHECKPOINT_NAME).is_file()


def verify_networks(case: Case) -> Outcome:
    """Hold the kept networks against the digest that was written with them; files of an older tree have none."""
    from actiseg_bench.training.checkpoint import CheckpointError, read_tensors

    path = case.run.folder / CHECKPOINT_NAME
    try:
        read_tensors(path)
    except CheckpointError as error:
        yield RunFinding(case.where, path.name, "the networks as they were written", str(error))


def verify_scores(case: Case) -> Outcome:
    """Measure the predictions again, where the evaluation labels are at hand.

    A protocol's labels lie beside its runs, so that runs without them are found; somebody's own manifest is anywhere.
    """
    if case.run.is_submitted:
        yield NotChecked(WITHOUT)
        return
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
        yield from _measure_again(case.run, case.where, manifest)
    except _DAMAGE as error:
        yield RunFinding(case.where, "scores", "predictions of every object-frame", str(error))


def _measure_again(run: StoredRun, where: str, manifest: Manifest) -> Iterator[RunFinding]:
    """Measure every network's predictions again."""
    scores, modes, counts = [], [], []
    for path, table in zip(run.files(PREDICTIONS_NAME), run.files(OBJECT_FRAMES_NAME), strict=True):
        found = measure(manifest, iter_predictions(path))
        scores.append(found.evaluation.scores_dict())
        counts.append(found.evaluation.counts_dict())
        modes.append(found.evaluation.failures)
        yield from verify_object_frames(table, where, found)
    yield from differences(where, "", run.result.scores, over_networks(scores))
    yield from differences(where, "count of ", run.result.counts, counts[0])
    yield from differences(where, "failure mode ", run.result.failures, over_networks(modes))


def verify_object_frames(path: Path, where: str, found: Measurement) -> Iterator[RunFinding]:
    """Hold a stored table of object-frames, which comparisons of strategies read, against a new one."""
    try:
        stored_clips, stored = read_object_frames(path)
        videos = read_videos(path)
    except ActisegError as error:
        yield RunFinding(where, path.name, "the object-frames of the predictions", str(error))
        return
    known = {f.name for f in fields(ObjectFrames) if getattr(stored, f.name) is not None}
    if found.frames.ungated_area is not None:  # whoever stored such masks counted them
        known |= {"ungated_intersection", "ungated_area"}
    columns = [f.name for f in fields(ObjectFrames) if f.name in known]
    wrong = [name for name in columns if not _equal(getattr(stored, name), getattr(found.frames, name))]
    if stored_clips != found.clips or wrong:
        differs = f"other values in {', '.join(wrong)}" if wrong else "other clips"
        yield RunFinding(where, path.name, "the object-frames of the predictions", differs)
    elif videos is not None and any(videos[clip] != (found.videos or {}).get(clip) for clip in stored_clips):
        yield RunFinding(where, path.name, "the videos of the clips", "other videos")


def _equal(one: Any, other: Any) -> bool:
    """Return whether two columns hold the same numbers."""
    return (
        one is not None
        and other is not None
        and one.shape == other.shape
        and bool(np.allclose(one, other, rtol=0, atol=CLOSE))
    )
