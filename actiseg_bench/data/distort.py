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
    draws = draw_distortions(tuple(frames.shape[:-3]), random)
    return distort_(frames.clone(memory_format=torch.contiguous_format), config, draws)


def draw_distortions(lead: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Return what :func:`distort` draws for frames of these leading dimensions, float ``[…, 11]`` in [0, 1)."""
    return torch.rand((*lead, _DRAWS), generator=random)


def distort_(frames: Tensor, config: DistortConfig, draws: Tensor) -> Tensor:
    """Do :func:`distort` to contiguous frames in their place, by draws of :func:`draw_distortions`; return them."""
    pictures = frames.flatten(0, -4)
    for picture, u in zip(pictures.numpy(), draws.reshape(len(pictures), _DRAWS).tolist(), strict=True):
        _distort(picture, config, u)
    return frames


def _distort(picture: Picture, config: DistortConfig, u: list[float]) -> None:
    """Distort one picture ``[3, H, W]`` in its place, as eleven numbers in [0, 1) say."""
    happens = [value < config.chance for value in u[:5]]
    brightness, contrast, saturation, hue = (2 * value - 1 for value in u[5:9])
    factor = 1 + config.contrast * contrast
    contrast_first = u[9] < 0.5
    if happens[0]:
        picture += np.float32(config.brightness * brightness)
        _clip(picture)
    if happens[1] and contrast_first:
        picture *= np.float32(factor)
        _clip(picture)
    if happens[2] or happens[3]:
        scale = 1 + config.saturation * saturation if happens[2] else 1.0
        _recolour(picture, scale, config.hue_deg * hue if happens[3] else 0.0)
    if happens[1] and not contrast_first:
        picture *= np.float32(factor)
        _clip(picture)
    if happens[4] and config.swap:
        picture[:] = picture[list(_ORDERS[int(u[10] * len(_ORDERS))])]


def _recolour(picture: Picture, scale: float, turn_deg: float) -> None:
    """Scale the saturation of a picture and turn its hue, by at most a full circle."""
    hue, saturation, value = cv2.split(cv2.cvtColor(cv2.merge(list(picture)), cv2.COLOR_RGB2HSV))
    if turn_deg:
        hue += np.float32(turn_deg)
        np.add(hue, np.float32(360), out=hue, where=hue < 0)
        np.subtract(hue, np.float32(360), out=hue, where=hue >= 360)
    saturation *= np.float32(scale)
    _clip(saturation)
    picture[:] = cv2.split(cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB))
    _clip(picture)


def _clip(values: Picture) -> None:
    np.clip(values, 0, 1, out=values)
