"""One object drawn as two, and one part lost: cut through by something thin, or at its own waist."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import UnknownNameError, raise_if
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise, no_reach
from actiseg_noise.noises.polygons import box_of
from actiseg_noise.noises.units import number

DEFAULTS: Options = {"cut": "narrowest", "lost": 0.25}
CUTS = ("narrowest", "line")
DIRECTIONS = ((0, 1), (1, 2), (1, 1), (2, 1), (1, 0), (2, -1), (1, -1), (1, -2))  # (down, right) across the cut

Whole = npt.NDArray[np.int64]


def resolve_cut(options: Options, height: int, width: int) -> Parameters:
    """Return ``cut`` and ``lost``, the largest share of the object that may be lost.

    Raises:
        ActisegError: an unknown cut, or a share that is not above 0 and at most a half.
    """
    if options["cut"] not in CUTS:
        raise UnknownNameError("cut", options["cut"], CUTS)
    lost = number(options, "lost", 0, 0.5)
    raise_if(lost == 0, "the option lost must be above 0: at 0 nothing is lost")
    return {"cut": options["cut"], "lost": lost}


@mask_noise(
    "split_instance-v1",
    resolve=resolve_cut,
    reach=no_reach,
    defaults=DEFAULTS,
    strength="lost",
    summary="one object drawn as two, one part lost",
    source="split instances, a common error in instance labels; ours",
)
def split_instance(key: Key, mask: BinaryMask, *, cut: str, lost: float) -> BinaryMask:
    """Return ``mask`` without what lies on one side of a straight cut, at most ``lost`` of its pixels.

    What is lost is between half of ``lost`` and all of it. Of all such cuts in eight directions, ``narrowest`` is the
    one with the fewest pixels of the object on it; the key is not used. ``line`` has a direction, a side and a share to
    lose that are drawn; with 0.5 it goes through about the middle of the object.
    """
    if np.count_nonzero(mask) < 2:
        return mask.copy()
    box = box_of(mask)
    tight = mask[box.slices]
    rows, columns = (part.astype(np.int64) for part in np.nonzero(tight))
    if cut == "line":
        down, right = DIRECTIONS[key.below("direction", len(DIRECTIONS))]
        sign = 1 - 2 * key.below("side", 2)
        gone = lost * (1 + key.uniform("place")) / 2
        across = sign * (down * rows + right * columns)
        limit = _first_lost(across, gone)
    else:
        across, limit = _narrowest(rows, columns, lost)
    kept = np.zeros_like(tight)
    is_kept = across < limit
    kept[rows[is_kept], columns[is_kept]] = True
    out = np.zeros_like(mask)
    out[box.slices] = kept
    return out


def _first_lost(across: Whole, gone: float) -> int:
    """Return the first place along a direction that is lost, with at most ``gone`` of all pixels from there on."""
    keep = ceil(len(across) * (1 - gone))
    return int(np.partition(across, keep - 1)[keep - 1]) + 1


def _narrowest(rows: Whole, columns: Whole, lost: float) -> tuple[Whole, int]:
    """Return places along a direction and the first of them that is lost, for the cut with the fewest pixels on it.

    Of equal cuts the first direction's, there the first; nothing is lost where no cut loses what it should.
    """
    best: tuple[float, Whole, int] = (np.inf, rows, int(rows.max()) + 1)
    for down, right in DIRECTIONS:
        across = down * rows + right * columns
        across -= across.min()
        counts = np.bincount(across)
        lengths = _lengths(counts, sqrt(down * down + right * right))
        from_here = np.cumsum(counts[::-1])[::-1]
        for places, gone in ((across, from_here), (-across, len(rows) - from_here + counts)):
            allowed = np.flatnonzero((gone > 0) & (gone <= lost * len(rows)) & (gone >= lost * len(rows) / 2))
            if len(allowed) and lengths[allowed].min() < best[0]:
                first = int(allowed[np.argmin(lengths[allowed])])
                best = (float(lengths[first]), places, first if places is across else -first)
    return best[1:]


def _lengths(counts: npt.NDArray[np.int64], spacing: float) -> npt.NDArray[np.float64]:
    """Return how long a cut at each place is inside the object, in pixels.

    Args:
        counts: pixels per place. spacing: places to a pixel; a slanting line has its pixels on several.
    """
    half = ceil(spacing) - 1
    around = np.convolve(counts, np.ones(2 * half + 1, np.int64), mode="same")
    return around * spacing / (2 * half + 1)
