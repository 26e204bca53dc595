"""What the tests of builds share: a recipe of three noises, what a build says, a build that stops half way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toys import Toy

import actiseg_noise
from actiseg_noise.building.build import Progress
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import Clip

KERNEL = {"kernel": 3, "unit": "px"}
RECIPE = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("noun_substitution-v1", 1.0), NoiseSpec("dilate-v1", 0.5, KERNEL)),
    seed=3,
)


class Notes(Progress):
    """Remembers what a build said."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.clips = 0
        self.total: int | None = None

    def note(self, text: str) -> None:
        self.notes.append(text)

    def advance(self, clips: int, total: int | None) -> None:
        self.clips += clips
        self.total = total


class Stopping(Toy):
    """A toy whose masks cannot be read after the first few: what a kill looks like from inside."""

    error: BaseException = KeyboardInterrupt()

    def read_index_mask(self, clip: Clip, frame: Any) -> Any:
        if clip.clip_id >= "clip008":
            raise self.error
        return super().read_index_mask(clip, frame)


def listing(folder: Path) -> list[str]:
    """Return the names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def digest(path: Path) -> str:
    return actiseg_noise.read_manifest(path).digest
