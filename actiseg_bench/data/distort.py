"""ActionVOS's photometric distortion: brightness, contrast, saturation, hue, order of colours, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from actiseg_bench.values import check_values, number

_ORDERS = tuple(permutations(range(3)))
_DRAWS = 11

Picture = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DistortConfig:
    """What happens to a frame, every part of it with probability ``chance``.

    Attributes:
        brightness: added, at most, either way; frames are in [0, 1].
        contrast, saturation: half-widths of the factors around 1, of all values and of HSV's S.
        hue_deg: turns the hue by at most this, either way.
        swap: whether the three colours may change places.
    """

    brightness: float = number(32 / 255)
    contrast: float = number(0.5)
    saturation: float = number(0.5)
    hue_deg: float = number(18.0)
    swap: bool = True
    chance: float = number(0.5, at_most=1)

    def __post_init__(self) -> None:
        check_values(self, "train.augment.distort")


def distort(frames: Tensor, config: DistortConfig, random: torch.Generator) -> Tensor:
    """Return frames ``[…, 3, H, W]`` in [0, 1], each distorted by draws of its own.

    As the published ``PhotometricDistort`` (ActionVOS, after SSD): brightness; contrast either before or after
    saturation and hue; colours. Values stay in [0, 1] on the way, where the published code lets those outside wrap
    around when it makes bytes of them.
    """
    flat = frames.flatten(0, -4)
    draws = torch.rand((len(flat), _DRAWS), generator=random).tolist()
    pictures = flat.movedim(1, -1).numpy()
    distorted = np.stack([_distort(picture, config, u) for picture, u in zip(pictures, draws, strict=True)])
    return torch.from_numpy(distorted).movedim(-1, 1).contiguous().view_as(frames)


def _distort(picture: Picture, config: DistortConfig, u: list[float]) -> Picture:
    """Return one picture ``[H, W, 3]`` distorted as eleven numbers in [0, 1) say."""
    happens = [value < config.chance for value in u[:5]]
    brightness, contrast, saturation, hue = (2 * value - 1 for value in u[5:9])
    factor = 1 + config.contrast * contrast
    contrast_first = u[9] < 0.5
    if happens[0]:
        picture = _clip(picture + np.float32(config.brightness * brightness))
    if happens[1] and contrast_first:
        picture = _clip(picture * np.float32(factor))
    if happens[2] or happens[3]:
        scale = 1 + config.saturation * saturation if happens[2] else 1.0
        picture = _recolour(picture, scale, config.hue_deg * hue if happens[3] else 0.0)
    if happens[1] and not contrast_first:
        picture = _clip(picture * np.float32(factor))
    if happens[4] and config.swap:
        picture = picture[..., _ORDERS[int(u[10] * len(_ORDERS))]]
    return picture


def _recolour(picture: Picture, scale: float, turn_deg: float) -> Picture:
    """Return the picture with its saturation scaled and its hue turned."""
    hsv = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + np.float32(turn_deg)) % 360
    hsv[..., 1] = _clip(hsv[..., 1] * np.float32(scale))
    return _clip(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _clip(values: npt.NDArray[np.generic]) -> Picture:
    return np.clip(values, 0, 1).astype(np.float32, copy=False)
