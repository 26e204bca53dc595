"""What every dataset adapter provides, where its files are, and the registry of adapters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord
from actiseg_noise.registry import Registry


class Dataset(ABC):
    """A dataset on disk.

    An adapter is cheap to construct and to pickle (worker processes make their own): it keeps the root, its options
    and, at most, an index. It reads masks one at a time.

    Attributes:
        card: what this dataset is.
        root: the folder that ``image_path`` and ``mask_path`` are relative to.
        skip_missing: listed clips whose files are absent are left out and counted instead of refused.
        skipped: clip ids left out so far, filled while clips are iterated.
    """

    card: ClassVar[DatasetCard]

    def __init__(self, root: Path, *, skip_missing: bool = False) -> None:
        self.root = root
        self.skip_missing = skip_missing
        self.skipped: list[str] = []

    @abstractmethod
    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the clips of ``split`` in ascending ``clip_id``.

        Args:
            split: one of ``card.splits``.
            with_frames: False for text content: the disk is not searched for frames; a clip then carries the frames
                its annotation lists, or none.

        Raises:
            DataError: the split's files are missing or malformed; the message names the file and the entry.
        """

    @abstractmethod
    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield the objects whose nouns make the vocabulary: those of every split in ``splits`` that is on disk."""

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the frame's object ids, ``uint8 [H, W]``: this clip's object ids, 0, and ``card.void_id``.

        Raises:
            DataError: a missing, truncated or malformed mask, or an id that is none of the clip's objects.
        """
        if frame.mask_path is None:
            raise DataError(f"{clip.clip_id} frame {frame.frame_id}: the frame has no mask")
        from actiseg_noise.masks import read_index_mask

        return read_index_mask(self.root / frame.mask_path)

    def weight_map(self, clip: Clip, frame: FrameRecord) -> IndexMask | None:
        """Return ActionVOS's action-guided weights, ``uint8 [H, W]`` of 1–4, for a dataset that has no files of them.

        None (the default): the adapter draws none.
        """
        return None

    def check_split(self, split: str) -> None:
        """Raise ActisegError with the known splits when ``split`` is not one of them."""
        if split not in self.card.splits:
            known = ", ".join(self.card.splits)
            raise ActisegError(f"dataset {self.card.name!r} has no split {split!r}. Known: {known}")


DATASETS: Registry[type[Dataset]] = Registry("dataset", "actiseg_noise.datasets", "actiseg.datasets", ("card",))
