"""Tiny deposits of referring video object segmentation: the forms of Ref-YouTube-VOS, MeViS and ReVOS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from deposits import Mask, save_frame, save_mask

from actiseg_noise.datasets.refvos import RefVos
from actiseg_noise.masks import BinaryMask, Box, encode_rle

TWO = {"exp": "both", "obj_id": [3, 4], "anno_id": [17, 18]}
ONE = {"exp": "the upper one", "obj_id": [3], "anno_id": [17]}
FRAMES = ("00010", "00015", "00020")


def refvos_mask(step: int = 0, ids: Sequence[int] = (1, 2)) -> Mask:
    """Return a 12×16 mask with one block per id, moving with ``step``, and a patch of void."""
    mask = np.zeros((12, 16), np.uint8)
    for place, object_id in enumerate(ids):
        mask[1 + 5 * place : 5 + 5 * place, 1 + step : 5 + step] = object_id
    mask[0, 14:] = 255
    return mask


def rle(mask: BinaryMask) -> dict[str, object]:
    """Return a mask as MeViS writes it."""
    height, width = mask.shape
    return {"size": [height, width], "counts": encode_rle(mask, Box(0, 0, height, width), height, width).counts}


def write_json(path: Path, data: object) -> None:
    """Write JSON as these datasets do, in one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def video(expressions: Mapping[str, Mapping[str, Any]], frames: Sequence[str] = FRAMES) -> dict[str, Any]:
    """Return one video of ``meta_expressions.json``."""
    return {"expressions": dict(expressions), "frames": list(frames)}


def write_palette_split(
    root: Path,
    split: str,
    videos: Mapping[str, Mapping[str, Any]],
    categories: Mapping[str, str] | None = None,
    *,
    first_appearances: bool = False,
) -> Path:
    """Write a split in Ref-YouTube-VOS's form and return the root.

    Every video has the objects 1 and 2; 2 is not in the first frame. ``first_appearances``: the last frame has no mask.
    """
    write_json(root / f"meta_expressions/{split}/meta_expressions.json", {"videos": videos})
    objects = {i: {"category": name, "frames": list(FRAMES)} for i, name in (categories or {}).items()}
    if objects:
        write_json(root / split / "meta.json", {"videos": {name: {"objects": objects} for name in videos}})
    for name in videos:
        for step, frame in enumerate(FRAMES):
            save_frame(root / f"{split}/JPEGImages/{name}/{frame}.jpg")
            if step < 2 or not first_appearances:
                save_mask(root / f"{split}/Annotations/{name}/{frame}.png", refvos_mask(step, (1, 2) if step else (1,)))
    return root


def write_mevis_split(
    root: Path,
    split: str,
    videos: Mapping[str, Mapping[str, Any]],
    masks: Mapping[str, object] | None = None,
    *,
    names: tuple[str, str] = ("meta_expressions.json", "mask_dict.json"),
) -> Path:
    """Write a split in MeViS's form and return the root.

    Annotation 17 is block 1, annotation 18 is block 2 from the second frame on (null in the first), 20 is never seen.

    Args:
        split: the folder, "." for files at the root. names: of expressions and masks.
    """
    write_json(root / split / names[0], {"videos": videos})
    blocks = [refvos_mask(step) for step in range(3)]
    default = {
        "17": [rle(block == 1) for block in blocks],
        "18": [None, *(rle(block == 2) for block in blocks[1:])],
        "20": [None, None, None],
    }
    write_json(root / split / names[1], default if masks is None else masks)
    for name in videos:
        for frame in FRAMES:
            save_frame(root / f"{split}/JPEGImages/{name}/{frame}.jpg")
    return root


def write_refvos(root: Path) -> Path:
    """Write a tree with splits of both forms and return its root."""
    train = {
        "b 1": video({str(n): {"exp": f"the person number {n}", "obj_id": "1"} for n in range(11)}, FRAMES),
        "b": video(
            {"0": {"exp": "a Giant panda, and a giant panda beside it", "obj_id": "2"}}, [f"{f}.jpg" for f in FRAMES]
        ),
    }
    categories = {"1": "person", "2": "giant_panda"}
    write_palette_split(root, "train", train, categories)
    valid = {"c": video({"0": {"exp": "someone in the café", "obj_id": 1}, "1": {"exp": "it", "obj_id": "2"}})}
    write_palette_split(root, "valid", valid, categories, first_appearances=True)
    write_palette_split(root, "test", {"d": video({"0": {"exp": "a person", "obj_id": "1"}})}, categories)
    mevis = {
        "0ab4": video(
            {
                "0": {"exp": "The two objects that move right", "obj_id": [3, 4], "anno_id": [18, 17]},
                "1": {"exp": "the upper one", "obj_id": [3], "anno_id": [17]},
            }
        )
        | {"vid_id": 0, "height": 12, "width": 16}
    }
    write_mevis_split(root, "valid_u", mevis)
    revos = {
        "UVO/val/v1": video({"0": {"exp": "what can be sat on?", "obj_id": [0], "anno_id": [17], "type_id": 1}}),
        "UVO/v2": video({"0": {"exp": "the dragon", "obj_id": [], "anno_id": [], "type_id": 2}}),
    }
    return write_mevis_split(root, ".", revos, names=("meta_expressions_val_.json", "mask_dict.json"))


def mevis(root: Path, expressions: dict[str, Any], masks: dict[str, Any] | None = None) -> RefVos:
    """Write one video with these expressions in MeViS's form."""
    return RefVos(write_mevis_split(root, "train", {"v": video(expressions)}, masks))
