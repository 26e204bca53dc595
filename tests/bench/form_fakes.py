"""Manifests in memory of any clips, and predictions of every form, small enough to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_fakes import FakeManifest, arrow, rle
from PIL import Image

from actiseg_noise.manifest.schema import ACTION_TABLES, NO_NOISE

Mask = Sequence[Sequence[int]]
Clips = Mapping[tuple[str, str], Sequence[Mask]]
"""(clip_id, video_id) → its index masks."""

ONE = [[1, 1, 0, 0], [0, 0, 0, 0]]
TWO = [[1, 1, 0, 2], [0, 0, 0, 2]]


def manifest_of(clips: Clips, categories: Mapping[int, int] | None = None) -> FakeManifest:
    """Return a manifest whose clips have the objects of their masks, all positive; 255 is void.

    Args:
        categories: object → category, 1 where it is not named.
    """
    rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in ACTION_TABLES}
    for (clip, video), masks in clips.items():
        rows["clips"].append({"clip_id": clip, "video_id": video, "address": clip})
        ids = sorted(set(np.unique(np.array(masks)).tolist()) - {0, 255})
        for one in ids:
            row = {"clip_id": clip, "object_id": one, "is_positive": True, "noun": "box", "noisy_noun": "box"}
            row |= {"noisy_is_positive": True, "narration_noise": NO_NOISE, "flag_noise": NO_NOISE}
            row |= {"sample_id": f"{clip}/{one}", "category_id": (categories or {}).get(one, 1)}
            rows["samples"].append(row)
        for place, mask in enumerate(np.array(masks, np.uint8)):
            frame = {"clip_id": clip, "frame_idx": place, "frame_id": f"{place:05d}", "is_annotated": True}
            void = rle(mask == 255).counts if (mask == 255).any() else None
            rows["frames"].append(frame | {"height": mask.shape[0], "width": mask.shape[1], "void_rle": void})
            for one in ids:
                code = rle(mask == one)
                row = {"clip_id": clip, "frame_idx": place, "object_id": one, "iou": 1.0, "sample_id": f"{clip}/{one}"}
                areas = {"clean_area": code.area, "noisy_area": code.area, "clean_rle": code.counts}
                rows["masks"].append(row | areas)
    return FakeManifest({table.name: arrow(table, rows[table.name]) for table in ACTION_TABLES})


def save_binary(folder: Path, *masks: Mask, level: int = 255) -> Path:
    """Write masks of one object, 0 and ``level``, as ``00000.png`` …"""
    folder.mkdir(parents=True, exist_ok=True)
    for place, mask in enumerate(masks):
        Image.fromarray((np.array(mask) > 0).astype(np.uint8) * np.uint8(level)).save(folder / f"{place:05d}.png")
    return folder


def only(object_id: int, *masks: Mask) -> list[list[list[int]]]:
    """Return the masks of one object."""
    return [[[int(value == object_id) for value in row] for row in mask] for mask in masks]


def code(mask: Mask) -> dict[str, Any]:
    """Return a mask as COCO's compressed run lengths."""
    found = rle(np.array(mask) > 0)
    return {"size": [found.height, found.width], "counts": found.counts}


def entry(video: int | str, masks: Sequence[Mask | None], **more: Any) -> dict[str, Any]:
    """Return a track of ``results.json``, of category 1 and score .5 if nothing else is said."""
    track = [None if mask is None else code(mask) for mask in masks]
    return {"video_id": video, "category_id": 1, "score": 0.5, "segmentations": track} | more


def write_json(path: Path, value: Any) -> Path:
    """Write a value as JSON."""
    path.write_text(json.dumps(value))
    return path


def truth_json(path: Path, videos: Mapping[str, Sequence[Sequence[Mask | None]]], category: int = 1) -> Path:
    """Write YouTube-VIS's JSON of videos, numbered from 1, each a list of objects with a mask or None per frame."""
    listed, annotations = [], []
    for number, (name, objects) in enumerate(videos.items(), start=1):
        files = [f"{name}/{place:05d}.jpg" for place in range(len(objects[0]))]
        listed.append({"id": number, "height": 2, "width": 4, "length": len(files), "file_names": files})
        for masks in objects:
            track = [None if mask is None else code(mask) for mask in masks]
            one = {"id": len(annotations) + 1, "video_id": number, "category_id": category, "iscrowd": 0}
            annotations.append(one | {"segmentations": track})
    categories = [{"id": 1, "name": "box"}]
    return write_json(path, {"videos": listed, "annotations": annotations, "categories": categories})
