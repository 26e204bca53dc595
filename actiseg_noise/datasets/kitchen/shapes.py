"""Every shape by name: an object is a short list of polygons in its own frame (px, +x along its axis, y down).

Nothing here knows positions, colours or pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import cos, sin

from actiseg_noise.datasets.kitchen import produce, utensils
from actiseg_noise.datasets.kitchen.catalogue import Appearance
from actiseg_noise.datasets.kitchen.outlines import Part, box, capsule, ellipse

Shape = Callable[[float, float, int], list[Part]]  # half length, half width, variant

SHAPES: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        *(produce.bulb, produce.pointed, produce.taper, produce.stemmed, produce.lump, produce.pear),
        *(produce.baton, produce.lobed, produce.crescent, produce.loaf),
        *(utensils.board, utensils.plate, utensils.bowl, utensils.pan, utensils.pot, utensils.mug),
        *(utensils.knife, utensils.cleaver, utensils.scissors, utensils.spoon, utensils.ladle),
        *(utensils.peeler, utensils.spatula, utensils.sponge, utensils.cloth, utensils.bottle, utensils.jar),
    )
}

GRIP = {"pan": 0.86, "knife": 0.36, "cleaver": 0.36, "scissors": 0.30, "spoon": 0.36, "ladle": 0.36}
GRIP |= {"peeler": 0.30, "spatula": 0.36}  # where a handle is held, behind the centre, x length

_FINGERS = ((-14, 0.72), (-5, 1.0), (5, 1.08), (14, 0.95))  # offset across the palm (px), relative length


def build(look: Appearance, variant: int) -> tuple[Part, ...]:
    """Return the polygons of one look, back to front; ``variant`` bends natural outlines."""
    return tuple(SHAPES[look.shape](look.length / 2, look.width / 2, variant))


@lru_cache(maxsize=64)
def build_hand(side: int, curl: float) -> tuple[Part, ...]:
    """Return palm, fingers and thumb pointing to +x, the wrist at x = -18; the forearm is drawn apart.

    ``side`` +1 has its thumb at +y (a left hand pointing up); ``curl`` is 0 for an open hand, 1 for a fist.
    """
    reach, spread = 20 * (1 - 0.65 * curl), side * (1.25 - 0.4 * curl)
    fingers = [Part(capsule(12, side * y, 14 + reach * k, spread * y, 6, 5), "body") for y, k in _FINGERS]
    thumb = Part(capsule(-6, side * 14, 12 + 4 * curl, side * (25 - 10 * curl), 7, 5.5), "body")
    nails = [Part(ellipse(15 + reach * k, spread * y, 2.4, 2.6, 8), "light", False) for y, k in _FINGERS]
    return (*fingers, thumb, Part(box(0, 0, 38, 38, 14), "body"), *nails)


def grip_distance(look: Appearance, angle: float) -> float:
    """Return how far behind the centre (px) a hand takes hold when the axis makes ``angle`` with the arm."""
    if look.shape in GRIP:
        return GRIP[look.shape] * look.length
    a, b = look.length / 2, look.width / 2
    return float(a * b / ((b * cos(angle)) ** 2 + (a * sin(angle)) ** 2) ** 0.5)
