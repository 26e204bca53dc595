"""Tiny DAVIS deposits: the layouts of 2016, of 2017, and of folders that only look like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from deposits import Mask, save_frame, save_mask
from PIL import Image

LISTS = {"train": ("motocross-jump", "bear", "dogs-scale"), "val": ("bmx-trees", "loading")}


def davis_mask(step: int = 0, objects: int = 2, *, void: bool = False) -> Mask:
    """Return a 12×16 mask of blocks 1 … ``objects`` in the first frame, the last one gone from the third on."""
    mask = np.zeros((12, 16), np.uint8)
    for object_id in range(1, objects + (step < 2)):
        mask[1 + 5 * (object_id % 2) : 5 + 5 * (object_id % 2), 3 * object_id - 2 + step : 3 * object_id + step] = (
            object_id
        )
    if void:
        mask[0:1, 12:15] = 255
    return mask


def save_grey(path: Path, mask: Mask) -> None:
    """Write a mask as the 8-bit grey PNG of 2016, values as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def write_davis(root: Path, lists: Mapping[str, Sequence[str]] = LISTS, level: str = "480p") -> Path:
    """Write a tree of 2017 and return its root: objects 1 and 2 in three frames, 00002 to 00008 in steps of 3."""
    for split, sequences in lists.items():
        path = root / "ImageSets/2017" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(sequences))  # the last line does not end
        for sequence in sequences:
            write_sequence(root, sequence, level)
    return root


def write_sequence(root: Path, sequence: str, level: str = "480p", masks: str = "Annotations") -> None:
    """Write the images and index masks of one sequence."""
    for step in range(3):
        save_frame(root / "JPEGImages" / level / sequence / f"{2 + 3 * step:05d}.jpg")
        mask = davis_mask(step, void=masks == "Annotations_unsupervised")
        save_mask(root / masks / level / sequence / f"{2 + 3 * step:05d}.png", mask)


def write_davis_2016(root: Path) -> Path:
    """Write a tree as 2016 released it: lists of pairs, one grey foreground per sequence."""
    for split, sequences in {"train": ["bear"], "val": ["bmx-trees", "cows"]}.items():
        lines = []
        for sequence in sequences:
            for step in range(3):
                name = f"480p/{sequence}/{step:05d}"
                save_frame(root / f"JPEGImages/{name}.jpg")
                save_grey(root / f"Annotations/{name}.png", np.where(davis_mask(step, 1) != 0, 255, 0).astype(np.uint8))
                lines.append(f"/JPEGImages/{name}.jpg /Annotations/{name}.png 1\n")
        path = root / "ImageSets/480p" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines))
    return root
