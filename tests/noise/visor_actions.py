"""One action of VISOR over a few frames, on a grid of cells: what the tests of its rules share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from deposit_visor import Deposit, Json, Polygon, action_row, annotated, rectangle

from actiseg_noise.datasets.visor import Visor
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip

VIDEO = "P01_107"


def clips_of(dataset: Any, split: str = "train") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=True))


def cell(row: int, column: int, rows: int = 1, columns: int = 1) -> Polygon:
    """Return a polygon over cells of a 5×8 grid, 10 pixels inside them."""
    return rectangle(240 * column + 10, 216 * row + 10, 240 * (column + columns) - 10, 216 * (row + rows) - 10)


def cells(mask: np.ndarray) -> list[list[int]]:
    """Return the values in the middle of the cells of a 5×8 grid."""
    height, width = mask.shape
    rows = [int(height * (row + 0.5) / 5) for row in range(5)]
    return [[int(mask[y, int(width * (column + 0.5) / 8)]) for column in range(8)] for y in rows]


def one_action(
    root: Path, *frames: list[Json], split: str = "train", classes: tuple[int, ...] = (), **options: str
) -> Visor:
    """Write one action over these frames; a frame without anything is added to a lone one. Return the dataset."""
    shown = frames if len(frames) > 1 else (*frames, [])
    entries = [annotated(VIDEO, 10 * number, *entities) for number, entities in enumerate(shown, 1)]
    row = action_row(VIDEO, 0, 1, 1000, all_noun_classes=list(classes))
    return Visor(Deposit(train_rows=[row], **{split: {VIDEO: entries}}).write(root), **options)


def only_clip(dataset: Visor, split: str = "train") -> Clip:
    (clip,) = dataset.iter_clips(split, with_frames=True)
    return clip


def first_mask(dataset: Visor) -> IndexMask:
    """Return the mask of the first frame of the only clip."""
    clip = only_clip(dataset)
    return dataset.read_index_mask(clip, clip.frames[0])


def first_weights(dataset: Visor) -> IndexMask:
    """Return the weights of the first frame of the only clip."""
    clip = only_clip(dataset)
    return dataset.weight_map(clip, clip.frames[0])


def handboxes(dataset: Visor, split: str = "train") -> dict[str, bool | None]:
    return {item.noun: item.handbox for item in only_clip(dataset, split).objects}
