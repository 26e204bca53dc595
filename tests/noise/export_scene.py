"""A scene for exports: images twice as large as their masks, frames called 8, 9, 10, one of them without a mask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from deposits import save_frame
from toys import VOID, Toy, make_clip, thing

import actiseg_noise
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord

HEIGHT, WIDTH = 24, 32
DILATED = actiseg_noise.Recipe("dilated", (actiseg_noise.NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"}),))
NAMES = ("8", "9", "10", "11")


def scene_mask(step: int) -> npt.NDArray[np.uint8]:
    """Return the masks of one frame: object 1 moves to the right, 2 has a hole, 3 stands below, void at the right."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[2:6, 3 + 3 * step : 7 + 3 * step] = 1
    mask[10:17, 4:11] = 2
    mask[12:15, 6:9] = 0
    mask[20:23, 20:24] = 3
    mask[:, -2:] = VOID
    return mask


def panda(object_id: int) -> ObjectRecord:
    """Return an object of a category that Ref-YouTube-VOS writes with an underscore."""
    return ObjectRecord(object_id, 23, "giant panda", "giant panda", True, None, True)


def scene_clip(name: str, names: tuple[str, ...] = NAMES, bare: tuple[str, ...] = ("11",)) -> Clip:
    """Return a clip with frames of these names; those of ``bare`` have no mask."""
    objects = [thing(1, 1), panda(2), thing(3, 2, positive=False)]
    frames = tuple(
        FrameRecord(frame, f"{name}/{frame}.jpg", None if frame in bare else f"{name}/{frame}.png", frame not in bare)
        for frame in names
    )
    return replace(make_clip(name, objects, frames=0), frames=frames)


def make_scene(
    folder: Path, clips: tuple[str, ...] = ("a",), scale: int = 2, names: tuple[str, ...] = NAMES
) -> tuple[Path, Manifest]:
    """Write a scene's images below ``folder``; return their root and a manifest of dilated masks.

    Args:
        scale: of the images, to the masks.
    """
    root = folder / "scene"
    made = [scene_clip(name, names) for name in clips]
    masks = {}
    for clip in made:
        for step, frame in enumerate(clip.frames):
            save_frame(root / str(frame.image_path), HEIGHT * scale, WIDTH * scale)
            if frame.mask_path is not None:
                masks[frame.mask_path] = scene_mask(step)
    toy = Toy(root, made, masks)
    return root, read_manifest(actiseg_noise.build(toy, recipe=DILATED, out=folder / "manifest", gate=False))
