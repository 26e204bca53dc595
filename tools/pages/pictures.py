"""A picture of a mask noise: one object of kitchen, its clean outline over its noisy mask, for strengths or draws.

Drawn with NumPy and OpenCV from masks alone, so that every machine draws the same pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from actiseg_noise.datasets.kitchen import plan_video, render_video
from actiseg_noise.datasets.kitchen.render import RenderedFrame
from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box, IndexMask
from actiseg_noise.noises.base import MaskNoise
from tools.pages.scenes import view_of

Picture = npt.NDArray[np.uint8]

VIDEO, FRAME, OBJECT = 1, 0, 2  # the frying pan with a spatula in it
WINDOW = np.s_[4:192, 46:206]  # rows, columns of the frame that are shown
SCALE, GAP = 2, 12
PAPER, OTHERS, FILL, OUTLINE = (255, 255, 255), (226, 228, 231), (247, 190, 106), (0, 78, 135)
FACTORS = (0.5, 1, 2)
DRAWS = 3


@dataclass(frozen=True)
class Panel:
    """One panel: the noise's options, and the number of the draw."""

    options: Mapping[str, Any]
    draw: int


def plan_panels(noise: MaskNoise) -> list[list[Panel]]:
    """Return the rows of panels: half, once and twice the default strength, a second row where draws differ.

    A noise without a strength shows three draws, or one where all are the same.
    """
    options = dict(noise.defaults)
    draws = range(DRAWS) if is_random(noise) else range(1)
    if noise.strength is None:
        return [[Panel(options, draw) for draw in draws]]
    strengths = [_nearest(noise, factor * options[noise.strength]) for factor in FACTORS]
    return [[Panel({**options, noise.strength: value}, draw) for value in strengths] for draw in draws[:2]]


def is_random(noise: MaskNoise) -> bool:
    """Return whether draws of the noise differ."""
    first, *others = (apply(noise, Panel(noise.defaults, draw)) for draw in range(8))
    return any(not np.array_equal(first, other) for other in others)


def draw_noise(noise: MaskNoise) -> Picture:
    """Return the noise's picture, ``uint8 RGB [H, W, 3]``."""
    rows = [np.concatenate([_pad(_draw(apply(noise, panel))) for panel in row], 1) for row in plan_panels(noise)]
    return np.concatenate(rows, 0)[:-GAP, :-GAP]


def apply(noise: MaskNoise, panel: Panel) -> BinaryMask:
    """Return the object's noisy mask on the whole canvas."""
    mask = _frame() == OBJECT
    parameters = noise.resolve(panel.options, *mask.shape)
    key = Key("page", noise.noise_id, panel.draw)
    if not noise.needs:
        return noise.apply(key, mask, **parameters)
    box, frame = Box(0, 0, *mask.shape), _drawn()
    view = view_of(noise, key, mask, box, index_mask=frame.mask, object_id=OBJECT, picture=frame.image)
    return noise.apply(key, mask, view, **parameters)


def _nearest(noise: MaskNoise, value: float) -> float:
    """Return ``value``, or the next whole number that the noise takes where the default is one."""
    assert noise.strength is not None  # noqa: S101 — for the type checker; the caller has looked
    if not isinstance(noise.defaults[noise.strength], int):
        return value
    for candidate in (int(value), int(value) + 1):
        try:
            noise.resolve({**noise.defaults, noise.strength: candidate}, *_frame().shape)
        except ActisegError:
            continue
        return candidate
    raise ActisegError(f"{noise.noise_id}: no {noise.strength} near {value:g} makes a noise on the page's canvas")


@cache
def _drawn() -> RenderedFrame:
    """Return the frame that is shown."""
    return render_video(plan_video("train", VIDEO))[FRAME]


def _frame() -> IndexMask:
    """Return its index mask."""
    return _drawn().mask


def _draw(noisy: BinaryMask) -> Picture:
    """Return one panel: other objects grey, the noisy mask filled, the clean one outlined."""
    import cv2

    index_mask = _frame()[WINDOW]
    canvas = np.full((*index_mask.shape, 3), PAPER, np.uint8)
    canvas[(index_mask > 0) & (index_mask != OBJECT)] = OTHERS
    canvas[noisy[WINDOW]] = FILL
    large = canvas.repeat(SCALE, 0).repeat(SCALE, 1)
    clean = (index_mask == OBJECT).astype(np.uint8).repeat(SCALE, 0).repeat(SCALE, 1)
    outline = cv2.dilate(clean, np.ones((3, 3), np.uint8)) - cv2.erode(clean, np.ones((3, 3), np.uint8))
    large[outline > 0] = OUTLINE
    return large


def _pad(panel: Picture) -> Picture:
    """Return a panel in a thin frame, with a gap to the right and below."""
    import cv2

    framed = cv2.copyMakeBorder(panel, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=OTHERS)
    return np.asarray(cv2.copyMakeBorder(framed, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=PAPER), np.uint8)
