"""What can be checked of a run that came in a submission, without its predictions: its tables of object-frames."""

from __future__ import annotations

from collections.abc import Iterator

from actiseg_bench.check.case import Case
from actiseg_bench.check.findings import NotChecked, Outcome, RunFinding, differences
from actiseg_bench.grid.submittable import edited_tables, scores_of_tables
from actiseg_bench.metrics.actionvos import is_hand
from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import read_object_frames, read_videos
from actiseg_bench.scoring.truth import iter_truth, videos_of
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.read import Manifest

_Row = tuple[str, int, int, bool, bool, int]


def is_submitted(case: Case) -> bool:
    """Return whether a run came in a submission."""
    return case.run.is_submitted


def verify_tables(case: Case) -> Outcome:
    """Hold the tables of a submitted run against the digests that they came with, and its scores against the tables."""
    try:
        for name, stated, found in edited_tables(case.run):
            yield RunFinding(case.where, name, stated, found)
        given = scores_of_tables(case.run)
    except (ActisegError, OSError, ValueError) as error:
        yield RunFinding(case.where, OBJECT_FRAMES_NAME, "readable tables of object-frames", str(error))
        return
    yield from differences(case.where, "", case.result.scores, given.scores)
    yield from differences(case.where, "count of ", case.result.counts, given.counts)
    yield from differences(case.where, "failure mode ", case.result.failures, given.failures)


def verify_truth(case: Case) -> Outcome:
    """Hold what a submitted run's tables say of the truth against the evaluation labels, where they are at hand."""
    manifest = case.manifests.find(case.result.track.eval_manifest)
    if manifest is None:
        yield NotChecked("their evaluation labels are not at hand: give --eval-manifest DIR")
        return
    try:
        expected, videos = sorted(_rows_of_truth(manifest)), videos_of(manifest)
        for path in case.run.files(OBJECT_FRAMES_NAME):
            clips, frames = read_object_frames(path)
            if sorted(_rows_of_table(clips, frames)) != expected:
                yield RunFinding(case.where, path.name, "the objects of the evaluation labels", "others")
            stated = read_videos(path)
            if stated is not None and any(stated[clip] != videos.get(clip) for clip in clips):
                yield RunFinding(case.where, path.name, "the videos of the clips", "other videos")
    except (ActisegError, OSError, ValueError) as error:
        yield RunFinding(case.where, OBJECT_FRAMES_NAME, "readable tables and labels", str(error))


def _rows_of_truth(manifest: Manifest) -> Iterator[_Row]:
    """Yield clip, frame, object, whether it takes part, whether it is a hand, and area of every scored object-frame."""
    for frame in iter_truth(manifest):
        if not frame.is_flagged:
            areas = [mask.area for mask in frame.masks]
            columns = (frame.object_ids, frame.is_positive, is_hand(frame.nouns).tolist(), areas)
            yield from ((frame.clip_id, frame.frame_idx, *one) for one in zip(*columns, strict=True))


def _rows_of_table(clips: list[str], frames: ObjectFrames) -> Iterator[_Row]:
    """Yield the same of a table."""
    names = [clips[i] for i in frames.clip_idx.tolist()]
    columns = (frames.frame_idx, frames.object_id, frames.is_positive, frames.is_hand, frames.gt_area)
    yield from zip(names, *(column.tolist() for column in columns), strict=True)
