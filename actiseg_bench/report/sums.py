"""The clip sums of finished runs, from the tables of object-frames beside their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.metrics.ungated import ungated_parts
from actiseg_bench.report.bootstrap import ClipSums, clip_sums
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.object_frames import FILE_NAME, read_object_frames, read_videos
from actiseg_noise.errors import ActisegError

SumsOf = Callable[[RunResult], ClipSums | None]


def no_sums(_: RunResult) -> None:
    """Return None: nothing is known but the results."""


def sums_reader(runs: Iterable[StoredRun]) -> SumsOf:
    """Return what gives a result's clip sums, reading its tables once, when asked.

    A run without tables, or whose tables do not give its scores, has none: nothing is concluded from it.
    """
    places = {run.result.run_key: run for run in runs}

    @cache
    def read(run_key: str) -> ClipSums | None:
        run = places.get(run_key)
        try:
            return read_sums(run) if run is not None else None
        except ActisegError:
            return None

    return lambda result: read(result.run_key)


def read_sums(run: StoredRun) -> ClipSums | None:
    """Return the clip sums of a run, None when they do not give its scores.

    Raises:
        ActisegError: a table of object-frames is missing or unreadable, or the networks' tables are of other clips.
    """
    tops, bottoms, clips = [], [], set()
    for path in run.files(FILE_NAME):
        names, frames = read_object_frames(path)
        videos = read_videos(path) or {}
        top, bottom = clip_sums(frames.counts, len(names))
        of_masks = [np.bincount(frames.clip_idx, part, len(names)) for part in ungated_parts(frames)]
        tops.append(np.column_stack([top, of_masks[0]]))
        bottoms.append(np.column_stack([bottom, of_masks[1]]))
        clips.add((tuple(names), tuple(videos[name] for name in names if videos)))
    if len(clips) > 1:
        raise ActisegError(f"{run.folder}: the tables of object-frames of its networks are of different clips")
    ((names_of_all, videos_of_all),) = clips
    sums = ClipSums(names_of_all, np.stack(tops), np.stack(bottoms), videos_of_all)
    stated = [np.nan if (score := run.result.scores[name]) is None else score for name in METRICS]
    return sums if np.allclose(sums.scores()[: len(METRICS)], stated, rtol=0, atol=1e-9, equal_nan=True) else None
