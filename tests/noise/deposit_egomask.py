"""Tiny deposits of EgoMask and EgoMask-Train, in the layout of their README and of what their own scripts read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deposit_refvos import refvos_mask, rle, video, write_json
from deposits import save_frame

LONG, PART, SHORT = "0bfda958-2a25", "0bfda958-2a25--1-2", "09ff369a-a147--1329-10"
LONG_FRAMES = ("00000", "00005", "00010", "00015")
SHORT_FRAMES = ("img0000002659", "img0000002660")
OBJECTS = {"1": "green_bowl", "12": "knife"}


def said(*texts: str, object_id: str = "1") -> dict[str, Any]:
    """Return expressions of one object."""
    return {str(n): {"exp": text, "obj_id": object_id} for n, text in enumerate(texts)}


def write_egomask(root: Path) -> Path:
    """Write the benchmark and return its root: object 1 leaves after three frames, object 12 is in the last two.

    The part of the subset ``medium`` has the files of the long video; its object 12 is in one of its frames.
    """
    both = said("the green bowl on the table", "a bowl") | {"2": {"exp": "the knife.", "obj_id": "12"}}
    videos = {
        LONG: video(both, LONG_FRAMES) | {"subset": "long"},
        PART: video(said("the knife", object_id="12"), LONG_FRAMES[1:3]) | {"subset": "medium"},
        SHORT: video(said("a green bowl"), SHORT_FRAMES) | {"subset": "short"},
    }
    write_json(root / "meta_expressions.json", {"videos": videos})
    for name, entry in videos.items():
        write_json(root / f"subset/{entry['subset']}/meta_expressions.json", {"videos": {name: entry}})
    objects = {number: {"category": noun} for number, noun in OBJECTS.items()}
    entries = {LONG: {"subset": "long", "objects": objects}, PART: {"subset": "medium"}}
    write_json(root / "meta.json", {"videos": entries})
    masks = [refvos_mask(step) for step in range(4)]
    bowl = {frame: rle(mask == 1) for frame, mask in zip(LONG_FRAMES[:3], masks[:3], strict=True)}
    knife = {frame: rle(mask == 2) for frame, mask in zip(LONG_FRAMES[2:], masks[2:], strict=True)}
    write_json(root / f"annotations/{LONG}/1.json", bowl)
    write_json(root / f"annotations/{LONG}/12.json", knife | {LONG_FRAMES[0]: None})
    write_json(root / f"annotations/{SHORT}/1.json", {SHORT_FRAMES[1]: rle(masks[0] == 1)})
    for frame in LONG_FRAMES:
        save_frame(root / f"JPEGImages/egotracks/{LONG}/{frame}.jpg")
    for frame in SHORT_FRAMES[:1]:
        save_frame(root / f"JPEGImages/refego/{SHORT}/{frame}.jpg")
    return root


def write_egomask_train(root: Path) -> Path:
    """Write EgoMask-Train and return its root; an id is larger than what index masks hold."""
    expressions = said("the green bowl") | {"1": {"exp": "a knife", "obj_id": "312"}}
    name = "5c1c8a7f's"
    write_json(
        root / "meta_expressions/train/meta_expressions.json", {"videos": {name: video(expressions, LONG_FRAMES)}}
    )
    objects = {number: {"category": noun, "frames": []} for number, noun in (("1", "green_bowl"), ("312", "knife"))}
    write_json(root / "train/meta.json", {"videos": {name: {"objects": objects}}})
    masks = [refvos_mask(step) for step in range(4)]
    rows = {
        str((name, "1")): [*(rle(mask == 1) for mask in masks[:3]), None],
        str((name, "312")): [None, *(rle(mask == 2) for mask in masks[1:])],
    }
    write_json(root / "train/mask_dict.json", rows)
    for frame in LONG_FRAMES[1:]:
        save_frame(root / f"train/JPEGImages/{name}/{frame}.jpg")
    return root
