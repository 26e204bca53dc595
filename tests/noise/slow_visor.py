"""ActionVOS's preparation of a VISOR deposit once more, slowly and by itself: it shares no code with the adapter.

Two steps, as published: VISOR-HOS writes in-contact boxes to a COCO-like table; ``data_prepare_visor.py`` reads it and
writes masks, weights and one list of actions per split. Full frames throughout, one array per question.
"""

from __future__ import annotations

import ast
import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from deposits import save_mask
from PIL import Image

GLOVES = ["oven glove", "gloves", "rubber glove", "left glove", "right glove", "glove"]
Json = dict[str, Any]
Canvas = npt.NDArray[np.uint8]


def write_actionvos_layout(deposit: Path, out: Path, tables: Path) -> Path:
    """Write what ActionVOS writes from the deposit, but for the images."""
    rows = [row for name in ("train", "validation") for row in read_table(tables / f"EPIC_100_{name}.csv")]
    mapping = json.loads((deposit / "frame_mapping.json").read_text("utf-8"))
    (out / "ImageSets").mkdir(parents=True)
    for split in ("train", "val"):
        entries: list[Json] = []
        for video, names in mapping.items():
            path = deposit / f"GroundTruth-SparseAnnotations/annotations/{split}/{video}.json"
            mine = sorted(
                (r for r in rows if r["video_id"] == video), key=lambda r: int(r["narration_id"].split("_")[2])
            )
            if mine and path.exists():
                frames = {
                    e["image"]["name"]: e["annotations"]
                    for e in json.loads(path.read_text("utf-8"))["video_annotations"]
                }
                write_video(out, split, entries, mine, {ek: frames[name] for name, ek in names.items()})
        (out / f"ImageSets/{split}.json").write_text(json.dumps(entries), "utf-8")
    return out


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_video(
    out: Path, split: str, entries: list[Json], rows: list[dict[str, str]], frames: dict[str, list[Json]]
) -> None:
    """Add the video's kept actions to ``entries``, write masks and weights. ``frames`` are by EPIC-KITCHENS name."""
    for row in rows:
        start, stop = int(row["start_frame"]), int(row["stop_frame"])
        shown = sorted(name for name in frames if start <= int(name[6:16]) <= stop)
        names = sorted({e["name"] for f in shown for e in frames[f] if e["segments"]})
        if len(shown) < 2 or not names:
            continue
        objects = label(names, [frames[f] for f in shown], ast.literal_eval(row["all_noun_classes"]), split)
        entry = {
            "seq_id": len(entries) + 1,
            "video": row["video_id"],
            "start": start,
            "narration": row["narration"],
            "verb": row["verb"],
            "verb_class": int(row["verb_class"]),
            "noun": row["noun"],
            "noun_class": int(row["noun_class"]),
            "end": stop,
            "sparse_frames": shown,
            "object_classes": {str(k): item for k, item in enumerate(objects, 1)},
        }
        entries.append(entry)
        folder = "{seq_id:08d}_{video}_{verb}_{noun}".format(**entry)
        for name in shown:
            place = f"{split}/{folder}/{name.replace('.jpg', '.png')}"
            save_mask(out / "Annotations_Sparse" / place, shrink(paint(frames[name], names)))
            save_mask(out / "Weights_Sparse" / place, shrink(weigh(frames[name], objects, split)))


def label(names: list[str], frames: list[list[Json]], classes: list[int], split: str) -> list[Json]:
    """Return the values of ``object_classes``."""
    last = {e["name"]: e["class_id"] for entities in frames for e in entities if e["segments"]}
    touched = {name for entities in frames for name in hand_names(entities, split)}
    found = []
    for name in names:
        handbox, narration = int(name in touched), int(last[name] in classes)
        flags = {"handbox": handbox, "narration": narration, "positive": int(handbox or narration)}
        found.append({"name": name, "class_id": last[name], **flags})
    return found


def hand_names(entities: list[Json], split: str) -> set[str]:
    """Return the names that a hand touches in a frame, and the hands."""
    found = {e["name"] for e in entities if e["name"] in ("left hand", "right hand")}
    for entity in entities:  # each by itself: what of it is not covered by later ones, and lies in a box
        seen = mask_of(entity)
        for later in entities[entities.index(entity) + 1 :]:
            seen &= 1 - mask_of(later)
        if any((seen * box_mask(contact)).any() for contact in in_contact(entities, split)):
            found.add(entity["name"])
    return found


def paint(entities: list[Json], names: list[str]) -> Canvas:
    canvas = np.zeros((1080, 1920), np.uint8)
    for entity in entities:
        if entity["name"] in names:
            canvas = np.where(mask_of(entity) == 1, names.index(entity["name"]) + 1, canvas).astype(np.uint8)
    return canvas


def weigh(entities: list[Json], objects: list[Json], split: str) -> Canvas:
    """Return the action-guided weights of a frame."""
    contacts = in_contact(entities, split)
    boxes, held = np.zeros((2, 1080, 1920), np.uint8)
    for contact in contacts:
        boxes |= box_mask(contact)
        held |= fill([[[round(x, 2), round(y, 2)] for x, y in polygon] for polygon in contact])
    weights = np.zeros((1080, 1920), np.uint8)
    by_name = {item["name"]: item for item in objects}
    for entity in entities:
        mask = mask_of(entity) == 1
        if not mask.any():
            continue
        item = by_name[entity["name"]]
        if item["narration"]:
            weights[mask] = 2
        elif not boxes[mask].any() if contacts else not item["positive"]:
            weights[mask] = 3
    weights[boxes == 1] *= 2
    weights[(weights == 0) & (held == 1)] = 2
    weights[weights == 0] = 1
    return weights


def in_contact(entities: list[Json], split: str) -> list[list[Any]]:
    """Return, per hand in contact, the polygons of what it touches that are near it."""
    worn = {e["id"]: hands_of(e) for e in entities if e["name"] in GLOVES and e.get("on_which_hand") is not None}
    if split == "val":
        for e in entities:
            unsure = e.get("in_contact_object") in ("none-of-the-above", "inconclusive")
            if (unsure and (e["name"] in ("left hand", "right hand") or e["id"] in worn)) or len(
                worn.get(e["id"], [])
            ) == 2:
                return []
    found = []
    for e in entities:
        hand, target = list(e["segments"]), e.get("in_contact_object")
        if e["name"] in ("left hand", "right hand"):
            if e["name"] in worn.get(target, []):
                glove = next(other for other in entities if other["id"] == target)
                hand, target = hand + glove["segments"], glove["in_contact_object"]
        elif e["id"] not in worn or {other["name"] for other in entities} & set(worn[e["id"]]):
            continue
        touched = [other for other in entities if other["id"] == target]
        if touched:
            grown = grow(fill([p for p in hand if len(p) > 2]))
            parts = [p for p in touched[0]["segments"] if len(p) > 2 and (grow(fill([p])) & grown).any()]
            if parts:
                found.append(parts)
    return found


def hands_of(glove: Json) -> list[str]:
    words = glove["on_which_hand"]
    if words == "inconclusive":
        return []
    return ["left hand", "right hand"] if len(words) == 2 else words


def box_mask(polygons: list[Any]) -> Canvas:
    """Return 1 inside the box of the polygons, as COCO's x, y, w, h has it."""
    points = np.array([point for polygon in polygons for point in polygon])
    x, y, right, bottom = (int(v) for v in (*points.min(0), *points.max(0)))
    canvas = np.zeros((1080, 1920), np.uint8)
    canvas[y : y + (bottom - y), x : x + (right - x)] = 1
    return canvas


def mask_of(entity: Json) -> Canvas:
    return fill([polygon or [[0.0, 0.0]] for polygon in entity["segments"]])


def fill(polygons: list[Any]) -> Canvas:
    canvas = np.zeros((1080, 1920), np.uint8)
    cv2.fillPoly(canvas, [np.array(polygon, np.float64).astype(np.int32) for polygon in polygons], 1)
    return canvas


def grow(mask: Canvas) -> Canvas:
    """Return the mask dilated five times by a cross."""
    for _ in range(5):
        more = mask.copy()
        more[1:] |= mask[:-1]
        more[:-1] |= mask[1:]
        more[:, 1:] |= mask[:, :-1]
        more[:, :-1] |= mask[:, 1:]
        mask = more
    return mask


def shrink(mask: Canvas) -> Canvas:
    """Return 854×480 of 1920×1080, with the library and the filter that ActionVOS uses."""
    return np.asarray(Image.fromarray(mask).resize((854, 480), Image.Resampling.NEAREST))
