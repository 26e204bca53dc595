"""Tiny VSCOS deposits: YAML lists and masks in every mode that a binary PNG can have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from deposits import save_frame
from PIL import Image

MODES = ("P", "L", "1", "RGB", "RGBA")


def vscos_entry(**changes: object) -> dict[str, object]:
    """Return the value of one narration_id."""
    return {
        "participant_id": "P01",
        "video_id": "P01_11",
        "start_frame": 1262,
        "stop_frame": 1500,
        "narration": "pour cereals and",
        "verb": "pour-out",
        "verb_class": 9,
        "noun": "bag:cereal",
        "noun_class": 19,
    } | changes


def save_binary_mask(path: Path, mode: str, foreground: np.ndarray) -> None:
    """Write ``bool [H, W]`` as a PNG of this mode: index 7, grey 255, a bit, or a colour with and without alpha."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = foreground.shape
    image = Image.new(mode, (width, height))
    if mode == "P":
        image.putpalette([0, 0, 0] * 7 + [0, 12, 13])
    if mode == "RGBA":
        image.putalpha(255)  # an opaque background is background
    colour = {"P": 7, "L": 255, "1": 1, "RGB": (0, 12, 13), "RGBA": (0, 0, 200, 255)}[mode]
    image.paste(colour, mask=Image.fromarray(foreground))
    image.save(path)


def vscos_mask(step: int = 0) -> np.ndarray:
    """Return ``bool`` 12×16 with one block, moving with ``step``."""
    mask = np.zeros((12, 16), bool)
    mask[2:6, 1 + step : 5 + step] = True
    return mask


def write_vscos(
    root: Path,
    splits: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    without_masks: Collection[str] = (),
) -> Path:
    """Write a VSCOS tree and return its root.

    Each action has images at its start frame and every second frame after it, five of them, and masks of the first and
    the third: few masks, first frame not 0, a step above 1. The mask's mode changes from action to action.
    """
    number = 0
    for split, entries in (_splits() if splits is None else splits).items():
        side = root / f"EPIC_{split}_split"
        side.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(dict(entries), sort_keys=False, allow_unicode=True)
        (side / f"EPIC100_state_positive_{split}.yaml").write_text(text, encoding="utf-8")
        for narration_id, entry in entries.items():
            number += 1
            for step in range(5):
                name = f"{entry['video_id']}/{narration_id}/frame_{entry['start_frame'] + 2 * step:010d}"
                save_frame(side / f"{entry['participant_id']}/rgb_frames/{name}.jpg")
                if step in (0, 2) and narration_id not in without_masks:
                    path = side / f"{entry['participant_id']}/anno_masks/{name}.png"
                    save_binary_mask(path, MODES[number % len(MODES)], vscos_mask(step))
    return root


def _splits() -> dict[str, dict[str, dict[str, object]]]:
    """Return splits with nouns of one class, of several words, and not in the order of their names."""
    train = {
        "P02_101_9": vscos_entry(
            participant_id="P02",
            video_id="P02_101",
            noun="glass:orange:juice",
            noun_class=25,
            narration="sip jus d'été",
        ),
        "P01_11_24": vscos_entry(),
        "P01_11_3": vscos_entry(noun="bag", verb="open", start_frame=98),
        "P01_11_30": vscos_entry(noun="onion", noun_class=16, verb="cut"),
    }
    val = {"P08_10_1": vscos_entry(participant_id="P08", video_id="P08_10", noun="egg", noun_class=33)}
    return {"train": train, "val": val}
