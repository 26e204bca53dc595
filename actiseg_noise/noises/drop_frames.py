"""Skipped frames: the annotator left an object out for a while, and took it up again."""

from __future__ import annotations

import numpy as np

from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise, no_reach
from actiseg_noise.noises.units import MOST, inner_share, number
from actiseg_noise.noises.view import View

DEFAULTS: Options = {"share": 0.3, "run": 5.0}


def resolve_runs(options: Options, height: int, width: int) -> Parameters:
    """Return ``share``, of an object's frames, and ``run``, a mean number of annotated frames.

    Raises:
        ActisegError: a share that is not above 0 and below 1, a run below 1, or gaps between runs that would be shorter
            than a frame on average.
    """
    skipped, run = inner_share(options, "share"), number(options, "run", 1, MOST)
    gap = run * (1 - skipped) / skipped
    raise_if(gap < 1, f"runs of {run:g} frames that make {skipped:g} of all leave gaps of {gap:.2g} frames. Use longer")
    return {"share": skipped, "run": run}


@mask_noise(
    "drop_frames-v1",
    resolve=resolve_runs,
    reach=no_reach,
    needs=frozenset({"frames"}),
    defaults=DEFAULTS,
    strength="share",
    erases=True,
    summary="the object is missing in runs of frames",
    source="missing annotations in a row, as of an annotator who skips frames; ours",
)
def drop_frames(key: Key, mask: BinaryMask, view: View, *, share: float, run: float) -> BinaryMask:
    """Return an empty mask where this frame lies in a run of skipped ones, the mask as it is elsewhere.

    Runs are drawn once per clip and object, whatever ``temporal`` says: their lengths are geometric with a mean of
    ``run`` annotated frames, the gaps between them as long as makes ``share`` of all frames skipped on average. With
    ``temporal = "clip"`` and rate 0.5 half of the objects have such runs; with ``"frame"`` half of the frames of a run.
    """
    skipped = draw_runs(view.object_key, view.frames.position + 1, share, run)[-1]
    return np.zeros_like(mask) if skipped else mask.copy()


def draw_runs(key: Key, count: int, share: float, run: float) -> list[bool]:
    """Return whether each of the first ``count`` frames is skipped: a chain of two states that starts in balance."""
    uniforms = key.generator("runs").random(count)
    begins = share / (1 - share) / run  # the chance that a run begins after a frame that is not skipped
    skipped = []
    chance = share
    for uniform in uniforms.tolist():
        skipped.append(uniform < chance)
        chance = 1 - 1 / run if skipped[-1] else begins
    return skipped
