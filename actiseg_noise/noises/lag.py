"""A mask that lags behind: what a tool carried over from an earlier frame and nobody corrected."""

from __future__ import annotations

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box
from actiseg_noise.noises.base import Options, Parameters, mask_noise, no_reach
from actiseg_noise.noises.units import whole_number
from actiseg_noise.noises.view import View

DEFAULTS: Options = {"delay": 2}


def resolve_delay(options: Options, height: int, width: int) -> Parameters:
    """Return ``delay``, a number of annotated frames.

    Raises:
        ActisegError: it is no whole number from 1.
    """
    return {"delay": whole_number(options, "delay", 1)}


def area_of_earlier(view: View, *, delay: int) -> Box:
    """Return where the object was."""
    return view.frames.box(earlier(view, delay))


def earlier(view: View, delay: int) -> int:
    """Return the position of the frame whose mask is taken: never before the object came into view."""
    first, _ = view.frames.stretch
    return max(view.frames.position - delay, first)


@mask_noise(
    "lag-v1",
    resolve=resolve_delay,
    reach=no_reach,
    area=area_of_earlier,
    needs=frozenset({"frames"}),
    defaults=DEFAULTS,
    strength="delay",
    summary="the mask of a few annotated frames earlier",
    source="masks carried over from frame to frame by annotation tools and left as they were; ours",
)
def lag(key: Key, mask: BinaryMask, view: View, *, delay: int) -> BinaryMask:
    """Return the object's mask of ``delay`` annotated frames earlier; the key is not used, every draw is the same.

    Frames are counted from where the object came into view, so that its first ``delay`` frames have its first mask.
    """
    return view.frames.mask(earlier(view, delay), view.box)
