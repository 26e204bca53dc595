"""A dataset of a few clips made in memory: objects and index masks that a reader can count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from deposits import save_mask
from PIL import Image

from actiseg_noise.datasets.base import Dataset
from actiseg_noise.key import Key
from actiseg_noise.masks import IndexMask, Picture
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

    masks_may_be_scaled: ClassVar[bool] = True

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

    def read_image(self, clip: Clip, frame: FrameRecord) -> Picture:
        if frame.mask_path in self.masks and not (self.root / str(frame.image_path)).exists():
            return draw_picture(self.masks[frame.mask_path])
        return super().read_image(clip, frame)


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


class Dice:
    """Throws that are the same for ever, on any version of anything."""

    def __init__(self, seed: int) -> None:
        self._key = Key("toy", seed)
        self._throws = 0

    def below(self, count: int) -> int:
        """Return 0 … count - 1."""
        self._throws += 1
        return self._key.below(str(self._throws), count)


def draw_mask(ids: Sequence[int], dice: Dice) -> IndexMask:
    """Return rectangles of the ids on a small canvas, some hidden, with a strip of void."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for object_id in ids:
        top, left = dice.below(HEIGHT - 6), dice.below(WIDTH - 6)
        mask[top : top + 2 + dice.below(8), left : left + 2 + dice.below(8)] = object_id
    mask[:, -2:] = VOID
    return mask


def make_toy(clips: int = 12, seed: int = 0, frames: int = 2, root: Path = Path("toy"), scale: int = 1) -> Toy:
    """Return a toy of made-up clips of one to five objects, masks in memory, every pixel ``scale`` times as large."""
    dice = Dice(seed)
    made = []
    masks: dict[str, npt.NDArray[np.uint8]] = {}
    for number in range(clips):
        objects = []
        for object_id in range(1, 2 + dice.below(5)):
            category_id = list(NOUNS)[dice.below(len(NOUNS))]
            noun = dice.below(len(NOUNS[category_id]))
            objects.append(thing(object_id, category_id, noun=noun, positive=dice.below(5) < 3))
        clip = make_clip(f"clip{number:03d}", objects, frames, source_order=clips - number)
        made.append(clip)
        for frame in clip.frames:
            mask = draw_mask([item.object_id for item in objects], dice)
            masks[str(frame.mask_path)] = mask.repeat(scale, axis=0).repeat(scale, axis=1)
    return Toy(root, made, masks)


def write_toy(toy: Toy, root: Path) -> Toy:
    """Write a toy's masks as PNG files and return the toy that reads them."""
    for path, mask in toy.masks.items():
        save_mask(root / path, mask)
    return Toy(root, toy.clips)


def make_pictured_toy(root: Path, clips: int = 3, frames: int = 6, scale: int = 10) -> Toy:
    """Return a toy with images on disk."""
    toy = make_toy(clips=clips, frames=frames, root=root, scale=scale)
    for path, mask in toy.masks.items():
        image = (root / path).with_suffix(".jpg")  # by name; the content is PNG, which keeps every pixel
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_picture(mask)).save(image, format="PNG")
    return toy


def draw_picture(mask: IndexMask) -> Picture:
    """Return each object as a colour, lighter to the right, half a toy's pixel off."""
    shifted = np.roll(mask, (mask.shape[0] // HEIGHT // 2,) * 2, (0, 1)).astype(np.uint32)
    shade = np.arange(mask.shape[1]) * WIDTH // mask.shape[1]
    return (np.stack([shifted * 73, shifted * 151 + shade, shifted * 29 + 2 * shade], 2) % 256).astype(np.uint8)
