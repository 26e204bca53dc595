"""A tiny deposit of exports of Label Studio: brush and polygon regions, cancelled annotations, tasks of no mask."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from deposit_refvos import write_json
from deposit_ytvis import HEIGHT, WIDTH, block, save_frames

from actiseg_noise.masks import BinaryMask

WIDTHS = (3, 4, 8, 16)


def brush(mask: BinaryMask) -> list[int]:
    """Return a mask as the bytes of a brush region: one block a run, those of single values as values one by one."""
    line = np.repeat(mask.ravel().astype(np.uint8) * 255, 4)
    starts = [0, *(np.flatnonzero(np.diff(line)) + 1).tolist(), line.size]
    text = f"{line.size:032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in WIDTHS)
    for start, stop in pairwise(starts):
        for first in range(start, stop, 1 << WIDTHS[-1]):
            length = min(stop - first, 1 << WIDTHS[-1])
            place = next(i for i, width in enumerate(WIDTHS) if length <= 1 << width)
            text += f"{int(length > 1)}{place:02b}{length - 1:0{WIDTHS[place]}b}{line[start]:08b}"
    text += "0" * (-len(text) % 8)
    return [int(text[place : place + 8], 2) for place in range(0, len(text), 8)]


def region(kind: str, label: str, value: dict[str, Any], number: int = 1, **more: object) -> dict[str, Any]:
    """Return one result of an annotation."""
    return {
        "id": f"r{number}",
        "type": kind,
        "from_name": "label",
        "to_name": "img",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": value | {kind: [label]},
    } | more


def brushed(label: str, mask: BinaryMask, number: int = 1, **more: object) -> dict[str, Any]:
    """Return a brush region."""
    return region("brushlabels", label, {"format": "rle", "rle": brush(mask)}, number, **more)


def outlined(label: str, points: Sequence[tuple[float, float]], number: int = 1, **more: object) -> dict[str, Any]:
    """Return a polygon region of points in pixels."""
    percent = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in points]
    return region("polygonlabels", label, {"points": percent, "closed": True}, number, **more)


def annotation(*results: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return an annotation of a task."""
    said = {"id": 1, "completed_by": 1, "was_cancelled": False, "ground_truth": False}
    return said | {"updated_at": "2024-05-01T10:00:00.000000Z", "result": list(results)} | more


def task(number: int, address: str, *annotations: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return a task of one image."""
    return {"id": number, "data": {"photo": address}, "annotations": list(annotations), "predictions": []} | more


SQUARE = ((9, 1), (14, 1), (14, 5), (9, 5))


def tasks_of(split: str) -> list[dict[str, Any]]:
    """Return the tasks of a split."""
    new = annotation(brushed("person", block(1, 1)), outlined("giant_panda", SQUARE, 2), id=2)
    cancelled = annotation(id=3, was_cancelled=True, updated_at="2025-01-01T00:00:00.000000Z")
    overlapping = annotation(brushed("person", block(2, 2)), brushed("a red hat", block(3, 3), 2))
    return [
        task(31, "/data/upload/3/0a1b2c3d-kitchen_1.jpg", new, cancelled),
        task(30, f"/data/local-files/?d=days/{split}/2024%2005.jpg", overlapping),
        task(32, "s3://bucket/days/skipped.jpg", annotation(was_cancelled=True)),
        task(33, "https://host/a/unlabelled.jpg?x=1"),
    ]


def write_label_studio(root: Path) -> Path:
    """Write a tree and return its root."""
    for split in ("train", "val", "valid", "test"):
        write_json(root / f"{split}.json", tasks_of(split))
        save_frames(root / f"images/{split}", ["0a1b2c3d-kitchen_1.jpg", "2024 05.jpg"])
    return root
