"""Tiny folders of masks in any shape, and what ``davis`` makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from deposits import Mask, save_frame, save_mask

from actiseg_noise.datasets.davis import Davis
from actiseg_noise.records import Clip


def mask(*ids: int) -> Mask:
    """Return a 4×8 mask, two columns per id."""
    return np.repeat(np.array([[*ids, *[0] * (4 - len(ids))]], np.uint8), 4, 0).repeat(2, 1)


def write(folder: Path, *masks: Mask) -> None:
    """Write index masks 00000, 00005, …"""
    for number, one in enumerate(masks):
        save_mask(folder / f"{5 * number:05d}.png", one)


def write_images(folder: Path, count: int = 2, suffix: str = ".jpg") -> None:
    """Write the frames that ``write`` writes masks of."""
    for number in range(count):
        save_frame(folder / f"{5 * number:05d}{suffix}", 4, 8)


def read(dataset: Davis, split: str = "train") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=True))


def ids_of(clip: Clip) -> list[int]:
    return [item.object_id for item in clip.objects]


def masks_of(dataset: Davis, clip: Clip) -> list[Mask]:
    return [dataset.read_checked_mask(clip, frame) for frame in clip.frames if frame.is_annotated]


def paths_of(clip: Clip) -> list[tuple[str | None, str | None]]:
    return [(frame.image_path, frame.mask_path) for frame in clip.frames]
