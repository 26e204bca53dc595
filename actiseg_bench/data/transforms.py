"""Augmentation of a batch: sizes, zoom, a flip that also exchanges left and right in the text, light and colours.

Where pixels move, ``Batch.affine`` says from where, so that what is remembered per pixel is found again.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.data.distort import DistortConfig, distort_, draw_distortions
from actiseg_bench.data.scales import Cut, ScaleConfig, compose, draw_cut, rescale
from actiseg_bench.data.sizes import Size
from actiseg_bench.records import Batch
from actiseg_bench.values import Bounds, check_values, number, within

_SIDES = {"left": "right", "right": "left"}
_SIDE_WORD = re.compile(r"\b(left|right)\b", re.IGNORECASE)


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of training batches.

    Attributes:
        flip: probability of a horizontal flip, per sequence.
        zoom: each sequence is cropped at a random place and resized back, by a factor between 1 and this.
        brightness, contrast, colour: half-widths of the uniform factors around 1, per sequence (colour per channel).
        strong: how many times as wide those are in the second view of strategies that compare two.
        scales: shows a batch in a size that is drawn; None in the size of its frames.
        distort: ActionVOS's photometric distortion, after brightness, contrast and colour, and once more in the second
            view; None leaves it out.
    """

    flip: float = number(0.5, at_most=1)
    zoom: float = field(default=1.0, metadata=within(Bounds(above=0)))
    brightness: float = number(0.25)
    contrast: float = number(0.25)
    colour: float = number(0.08)
    strong: float = number(2.0)
    scales: ScaleConfig | None = None
    distort: DistortConfig | None = None

    def __post_init__(self) -> None:
        check_values(self, "train.augment")


def swap_sides(text: str) -> str:
    """Exchange "left" and "right" as whole words: "left hand" → "right hand", "leftover" stays."""

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        other = _SIDES[word.lower()]
        return other.capitalize() if word[0].isupper() else other

    return _SIDE_WORD.sub(swap, text)


class Part(NamedTuple):
    """Which sequences of an update a batch has: draws are made for all of them, and those of these are used.

    Attributes:
        total: sequences of the update. own: positions of the batch's, ascending.
    """

    total: int
    own: tuple[int, ...]

    def of(self, drawn: Tensor) -> Tensor:
        """Return what was drawn for the batch's sequences, ``[B, …]`` of ``[total, …]``."""
        return drawn if len(self.own) == self.total else drawn[list(self.own)]


def all_of(batch: Batch) -> Part:
    """Return the part of an update that a batch is where it is all of it."""
    return Part(len(batch.frames), tuple(range(len(batch.frames))))


def augment(
    batch: Batch, config: AugmentConfig, generator: torch.Generator, stride: int = 1, part: Part | None = None
) -> Batch:
    """Return an augmented batch; every draw comes from ``generator``, one set per sequence of frames.

    Args:
        stride: frame pixels per mask pixel, where ``config.scales`` resizes masks of the frames' resolution.
        part: of the update that the batch is; None: all of it.
    """
    rows, columns = batch.frames.shape[-2:]
    part = part or all_of(batch)
    moves = draw_moves(part.total, (rows, columns), config, generator, stride)
    if moves.cut is not None:
        batch = rescale(batch, moves.cut, stride)
    lit = adjust_light(batch, config, generator, part)
    if config.zoom != 1:
        lit = crop(lit, part.of(draw_crops(part.total, config.zoom, generator)))
    if config.distort is not None:
        lit = replace(
            lit,
            frames=_distorted(lit.frames.clone(memory_format=torch.contiguous_format), config.distort, generator, part),
        )
    return flip(lit, part.of(moves.flipped))


def _distorted(frames: Tensor, config: DistortConfig, generator: torch.Generator, part: Part) -> Tensor:
    """Return frames ``[B, T, 3, H, W]`` distorted in their place, by what is drawn for all frames of the update."""
    return distort_(frames, config, part.of(draw_distortions((part.total, frames.shape[1]), generator)))


class Moves(NamedTuple):
    """Where the pixels of a batch go: bool ``[B]``, which sequences are mirrored; the cut of all, None for none."""

    flipped: Tensor
    cut: Cut | None


def draw_moves(
    sequences: int, picture: Size, config: AugmentConfig, generator: torch.Generator, stride: int = 1
) -> Moves:
    """Draw what can be drawn before the pictures are read; the first draws of :func:`augment`.

    Args:
        sequences: of frames, in the batch. picture: (rows, columns) of the frames.
    """
    flipped = torch.rand(sequences, generator=generator) < config.flip
    return Moves(flipped, None if config.scales is None else draw_cut(picture, config.scales, stride, generator))


def augment_cut(
    batch: Batch, drawn: Tensor, config: AugmentConfig, generator: torch.Generator, part: Part | None = None
) -> Batch:
    """Do the rest of :func:`augment` to a batch that was read in a cut, its frames mirrored already and nobody else's.

    Light does not know where a pixel lies, so that it is the same before and after; a crop does.

    Args:
        drawn: which sequences of the update are mirrored, of :func:`draw_moves`. part: see :func:`augment`.
    """
    part = part or all_of(batch)
    flipped = part.of(drawn)
    lit = adjust_light(batch, config, generator, part)
    if config.zoom != 1:
        crops = part.of(draw_crops(part.total, config.zoom, generator))
        lit = crop(replace(lit, frames=_mirrored(lit.frames, flipped)), crops)
        lit = replace(lit, frames=_mirrored(lit.frames, flipped))
    if config.distort is not None:
        lit = replace(lit, frames=_distorted(lit.frames, config.distort, generator, part))
    return flip_labels(lit, flipped)


def add_strong_view(batch: Batch, config: AugmentConfig, generator: torch.Generator, part: Part | None = None) -> Batch:
    """Return the batch with ``strong``: its frames under a further, stronger change of light; nothing else moves.

    Args:
        part: see :func:`augment`.
    """
    part = part or all_of(batch)
    wide = {name: getattr(config, name) * config.strong for name in ("brightness", "contrast", "colour")}
    frames = adjust_light(batch, replace(config, **wide), generator, part).frames
    if config.distort is not None:
        frames = _distorted(frames.clone(memory_format=torch.contiguous_format), config.distort, generator, part)
    return replace(batch, strong=frames)


def perturb_features(batch: Batch, strong: float, generator: torch.Generator) -> Batch:
    """Return a batch of kept features with ``strong``: a tenth of the channels dropped, and noise of a tenth of theirs.

    Both shares are times ``strong``; the noise is Gaussian, in the standard deviations of the channels of a sequence.
    The picture that would change is not there any more; what a change of light does to features is not known.
    """
    share = 0.1 * strong
    channels = batch.frames.shape[:3]
    kept = torch.rand((*channels, 1, 1), generator=generator) >= share
    spread = batch.frames.std((1, 3, 4), keepdim=True)
    noise = torch.randn(batch.frames.shape, generator=generator) * share * spread
    return replace(batch, strong=batch.frames * kept / (1 - min(share, 0.9)) + noise)


def draw_crops(count: int, zoom: float, generator: torch.Generator) -> Tensor:
    """Return float ``[count, 2, 3]``: (x, y) of a crop → (x, y) of the picture it is cut from, both in [-1, 1].

    The factor is log-uniform in [1, zoom], or in [zoom, 1]; a crop of a factor above 1 lies inside the picture.
    """
    factor = torch.exp(torch.rand(count, generator=generator) * math.log(zoom))
    play = (1 - 1 / factor)[:, None]
    offset = (2 * torch.rand((count, 2), generator=generator) - 1) * play
    return torch.cat([torch.eye(2) / factor[:, None, None], offset[:, :, None]], 2)


def crop(batch: Batch, affine: Tensor) -> Batch:
    """Cut every sequence by its affine ``[B, 2, 3]`` and resize it back, bilinearly; outside the picture is black."""
    frames = _sample(batch.frames.flatten(1, 2), affine).view_as(batch.frames)
    of_samples = affine[batch.frames_of]
    masks = _sample(batch.masks, of_samples)
    agrees = None if batch.agrees is None else _sample(batch.agrees.float(), of_samples) > 0.5
    weights = None if batch.weights is None else 1 + _sample(batch.weights - 1, of_samples)
    affine = compose(batch.affine, affine)
    return replace(batch, frames=frames, masks=masks, affine=affine, agrees=agrees, weights=weights)


def _sample(pictures: Tensor, affine: Tensor) -> Tensor:
    """Return ``[K, C, H, W]`` pictures as seen through ``[K, 2, 3]``, same shape."""
    grid = F.affine_grid(affine.to(pictures), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def flip(batch: Batch, flipped: Tensor) -> Batch:
    """Mirror the sequences where bool ``[B]`` ``flipped`` is set: frames, masks, words, and the affine."""
    return replace(flip_labels(batch, flipped), frames=_mirrored(batch.frames, flipped))


def flip_labels(batch: Batch, flipped: Tensor) -> Batch:
    """Mirror what :func:`flip` does but for the frames."""
    mirrored = flipped[batch.frames_of]

    def mirror(values: Tensor) -> Tensor:
        return _mirrored(values, mirrored)

    sign = torch.where(flipped, -1.0, 1.0)
    affine = batch.affine.clone()
    affine[:, :, 0] = affine[:, :, 0] * sign[:, None]
    return replace(
        batch,
        masks=mirror(batch.masks),
        expressions=[swap_sides(t) if m else t for t, m in zip(batch.expressions, mirrored.tolist(), strict=True)],
        affine=affine,
        agrees=None if batch.agrees is None else mirror(batch.agrees),
        weights=None if batch.weights is None else mirror(batch.weights),
    )


def _mirrored(values: Tensor, where: Tensor) -> Tensor:
    """Return ``[K, …, W]`` with the rows mirrored where bool ``[K]`` is set."""
    if where.all() or not where.any():
        return values.flip(-1) if where.any() else values
    return torch.where(where[(..., *[None] * (values.ndim - 1))], values.flip(-1), values)


def adjust_light(batch: Batch, config: AugmentConfig, generator: torch.Generator, part: Part | None = None) -> Batch:
    """Scale brightness, contrast about the sequence's mean, and each colour channel; frames stay in [0, 1].

    The draws are made where the factors are all 1, too, so that what is drawn after them stays what it is.
    """
    part = part or all_of(batch)

    def factor(width: float, *shape: int) -> Tensor:
        return part.of(1 + width * (2 * torch.rand(shape, generator=generator) - 1))

    clips = part.total
    gain = factor(config.brightness, clips, 1, 1, 1, 1) * factor(config.colour, clips, 1, 3, 1, 1)
    contrast = factor(config.contrast, clips, 1, 1, 1, 1)
    if config.brightness == config.colour == config.contrast == 0:
        return batch
    mean = batch.frames.mean((1, 2, 3, 4), keepdim=True)
    frames = ((batch.frames - mean) * contrast + mean) * gain
    return replace(batch, frames=frames.clamp(0, 1))
