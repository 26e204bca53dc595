"""What stands beside the six metrics: the ungated masks, volumetric J&F, and a column that no threshold moves.

Both are computed from what lies beside a result: its table of object-frames and its stored predictions. They are not
part of a result and are ``–`` where a table of before lacks what they need. Of them, ungated masks alone are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from actiseg_bench.metrics.ungated import UNGATED_SCORES, ungated_scores
from actiseg_bench.metrics.volume import VOLUME_SCORES, volume_scores
from actiseg_bench.results.networks import PREDICTIONS_NAME, over_networks
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.object_frames import FILE_NAME, read_object_frames
from actiseg_bench.scoring.positive_scores import positive_ap
from actiseg_noise.errors import ActisegError

EXTRAS = (*UNGATED_SCORES, *VOLUME_SCORES, "positive_ap")

Extras = dict[str, float | None]
ExtrasOf = Callable[[RunResult], Extras]


def no_extras(_: RunResult) -> Extras:
    """Return every extra as undefined: nothing is known but the results."""
    return dict.fromkeys(EXTRAS)


def extras_reader(runs: Iterable[StoredRun]) -> ExtrasOf:
    """Return what gives a result's extras, reading its files once, when asked; undefined where they cannot be read."""
    places = {run.result.run_key: run for run in runs}

    @cache
    def read(run_key: str) -> Extras:
        run = places.get(run_key)
        try:
            return read_extras(run) if run is not None else dict.fromkeys(EXTRAS)
        except ActisegError:
            return dict.fromkeys(EXTRAS)

    return lambda result: read(result.run_key)


def read_extras(run: StoredRun) -> Extras:
    """Return the extras of a run, the mean over its networks; None where a network has none.

    Raises:
        ActisegError: a table of object-frames or predictions that cannot be read.
    """
    found = []
    for table, predictions in zip(run.files(FILE_NAME), run.files(PREDICTIONS_NAME), strict=True):
        clips, frames = read_object_frames(table)
        known = None if run.is_submitted else positive_ap(predictions, clips, frames)
        found.append(ungated_scores(frames) | volume_scores(frames) | {"positive_ap": known})
    return over_networks(found)
