"""Other people's noisy labels, small: the published pair of JSON files, noisy trees, folders of masks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROMPT = " used in the action of "

# folder → (narration, objects: obj_id, class_id_org, class_id, positive, category_org, category)
Level = Mapping[str, tuple[str, Sequence[tuple[int, int, int, int, str, str]]]]

LEVEL: Level = {
    "00000002_P01_01_take_celery": (
        "take celery",
        [
            (1, 223, 89, 1, "celery", "food processor cover"),
            (2, 21, 21, 0, "container", "food container"),
            (3, 300, 300, 1, "left hand", "left hand"),
        ],
    ),
    "00000009_P01_01_take_board:cutting": (
        "take cutting board and",
        [(1, 3, 3, 1, "cupboard", "closet"), (2, 300, 186, 1, "left hand", "toaster")],
    ),
}


def published_expressions(level: Level) -> dict[str, Any]:
    """Return the file of expressions of a noise level, keys in the published order."""
    videos = {}
    for folder, (narration, rows) in level.items():
        expressions = {
            str(obj_id - 1): {
                "exp": f"{category}{PROMPT}{narration}",
                "obj_id": str(obj_id),
                "positive": positive,
                "class_id": class_id,
                "class_id_org": class_id_org,
                "exp_org": f"{category_org}{PROMPT}{narration}",
            }
            for obj_id, class_id_org, class_id, positive, category_org, category in rows
        }
        videos[folder] = {"expressions": expressions, "frames": ["frame_0000000954", "frame_0000000992"]}
    return {"videos": videos}


def published_categories(level: Level) -> dict[str, Any]:
    """Return the file of categories of a noise level, keys in the published order."""
    videos = {}
    for folder, (_, rows) in level.items():
        objects = {
            str(obj_id): {
                "category": category,
                "positive": positive,
                "class_id": class_id,
                "class_id_org": class_id_org,
                "category_org": category_org,
            }
            for obj_id, class_id_org, class_id, positive, category_org, category in rows
        }
        videos[folder] = {"objects": objects}
    return {"videos": videos}


def write_level(folder: Path, level: Level = LEVEL, split: str = "train") -> tuple[Path, Path]:
    """Write the two files and return their paths; the second has its folders in another order."""
    folder.mkdir(parents=True, exist_ok=True)
    expressions, categories = published_expressions(level), published_categories(level)
    categories["videos"] = dict(reversed(categories["videos"].items()))
    paths = folder / f"{split}_meta_expressions_promptaction.json", folder / f"{split}_objects_category.json"
    for path, data in zip(paths, (expressions, categories), strict=True):
        path.write_text(json.dumps(data), "utf-8")
    return paths
