"""A dataset of a few clips made in memory: objects and index masks that a reader can count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from deposits import save_mask

from actiseg_noise.datasets.base import Dataset
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

NOUNS = {
    1: ("cup", "mug"),
    2: ("knife", "cleaver", "blade"),
    3: ("onion",),
    4: ("crème fraîche", "cream"),
    5: ("pan", "frying pan"),
    300: ("left hand",),
}
NAMES = {1: "cup", 2: "knife", 3: "onion", 4: "cream", 5: "pan", 300: "hand"}
HEIGHT, WIDTH = 24, 32
VOID = 255


class Toy(Dataset):
    """Clips given by the test. Masks come from ``masks`` (mask_path → array), or from the disk where it has none."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="toy",
        source="toy-source",
        version="1",
        title="Toy",
        size="a few clips",
        licence="none",
        citation="none",
        homepage="none",
        how_to_get="Make it.",
        splits=("train", "val"),
        eval_splits=("val",),
        void_id=VOID,
    )

    def __init__(
        self,
        root: Path,
        clips: Sequence[Clip] = (),
        masks: dict[str, IndexMask] | None = None,
        *,
        skip_missing: bool = False,
    ) -> None:
        super().__init__(root, skip_missing=skip_missing)
        self.clips = tuple(clips)
        self.masks = masks or {}

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        yield from self.clips

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        for category_id, nouns in NOUNS.items():
            for noun in nouns:
                yield ObjectRecord(category_id, category_id, NAMES[category_id], noun, True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        if frame.mask_path in self.masks:
            return self.masks[frame.mask_path]
        return super().read_index_mask(clip, frame)


def thing(object_id: int, category_id: int, *, noun: int = 0, positive: bool = True) -> ObjectRecord:
    """Return an object of the ``noun``-th noun of a category."""
    return ObjectRecord(object_id, category_id, NAMES[category_id], NOUNS[category_id][noun], positive, None, positive)


def make_clip(name: str, objects: Sequence[ObjectRecord], frames: int = 2, **changes: object) -> Clip:
    """Return a clip whose frames are all annotated."""
    records = tuple(
        FrameRecord(f"f{i:03d}", f"{name}/f{i:03d}.jpg", f"{name}/f{i:03d}.png", True) for i in range(frames)
    )
    values = {"address": name, "video_id": name, "narration": f"use things in {name}", "verb": "use", "noun": "things"}
    return Clip(clip_id=name, objects=tuple(objects), frames=records, **values | changes)  # type: ignore[arg-type]


def draw_mask(ids: Sequence[int], rng: np.random.Generator, void: bool = True) -> IndexMask:
    """Return rectangles of the ids on a small canvas, some hidden, with a strip of void."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for object_id in ids:
        top, left = rng.integers(0, (HEIGHT - 6, WIDTH - 6))
        height, width = rng.integers(2, 10, 2)
        mask[top : top + height, left : left + width] = object_id
    if void:
        mask[:, -2:] = VOID
    return mask


def make_toy(clips: int = 12, seed: int = 0, frames: int = 2, root: Path = Path("toy")) -> Toy:
    """Return a toy of made-up clips of one to five objects, masks in memory."""
    rng = np.random.default_rng(seed)
    made = []
    masks: dict[str, npt.NDArray[np.uint8]] = {}
    for number in range(clips):
        objects = []
        for object_id in range(1, int(rng.integers(2, 7))):
            category_id = int(rng.choice(list(NOUNS)))
            noun = int(rng.integers(len(NOUNS[category_id])))
            objects.append(thing(object_id, category_id, noun=noun, positive=bool(rng.random() < 0.6)))
        clip = make_clip(f"clip{number:03d}", objects, frames, source_order=clips - number)
        made.append(clip)
        for frame in clip.frames:
            masks[str(frame.mask_path)] = draw_mask([item.object_id for item in objects], rng)
    return Toy(root, made, masks)


def write_toy(toy: Toy, root: Path) -> Toy:
    """Write a toy's masks as PNG files and return the toy that reads them."""
    for path, mask in toy.masks.items():
        save_mask(root / path, mask)
    return Toy(root, toy.clips)
