"""What every dataset adapter provides, where its files are, and the registry of adapters."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Self, TypeVar

from actiseg_noise.borders.folders import suggest_root
from actiseg_noise.borders.roots import find_root
from actiseg_noise.datasets.selection import ALL, Selection
from actiseg_noise.errors import ActisegError, DataError, MissingTextError
from actiseg_noise.masks import IndexMask, Picture
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord
from actiseg_noise.registry import Registry


class Dataset(ABC):
    """A dataset on disk.

    An adapter is cheap to construct and to pickle (worker processes make their own): it keeps the root, its options
    and, at most, an index. It reads masks one at a time.

    Attributes:
        card: what this dataset is.
        layout: names that a right root holds, at least one of them; for the advice about a wrong root.
        masks_may_be_scaled: masks may have another size than their images, of the same aspect.
        root: the folder that ``image_path`` and ``mask_path`` are relative to.
        skip_missing: listed clips whose files or texts are missing are left out and counted instead of refused.
        skipped: clip ids left out so far, filled while clips are iterated.
        selection: which clips are wanted.
        chooses: ``iter_clips`` yields the wanted clips alone: it asks ``choose`` before it looks for a clip's files. Of
            an adapter that yields all of them whoever builds picks those that are wanted.
    """

    card: ClassVar[DatasetCard]
    layout: ClassVar[tuple[str, ...]] = ()
    masks_may_be_scaled: ClassVar[bool] = False
    chooses: ClassVar[bool] = False
    selection: Selection = ALL

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
        from actiseg_noise.borders.images import read_index_mask

        return read_index_mask(self.root / frame.mask_path)

    def read_checked_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return ``read_index_mask`` after holding its size against the frame's image, where that is there.

        Raises:
            DataError: what ``read_index_mask`` raises; or the image cannot be read, or is of another shape.
        """
        from actiseg_noise.borders.images import check_shape, frame_size

        index_mask = self.read_index_mask(clip, frame)
        if frame.image_path is not None:
            shape = (index_mask.shape[0], index_mask.shape[1])
            where = f"clip {clip.clip_id!r}, mask {frame.mask_path}, image {frame.image_path}"
            check_shape(shape, frame_size(self.root / frame.image_path), where, may_scale=self.masks_may_be_scaled)
        return index_mask

    def read_image(self, clip: Clip, frame: FrameRecord) -> Picture:
        """Return the frame's picture, ``uint8 RGB [H, W, 3]``: for noises that look at it.

        Raises:
            DataError: the frame names none, or it cannot be read.
        """
        from actiseg_noise.borders.images import read_frame

        if frame.image_path is None:
            raise DataError(f"clip {clip.clip_id!r}, frame {frame.frame_id}: the dataset names no image for it")
        return read_frame(self.root / frame.image_path)

    def check_root(self, flag: str = "--root") -> None:
        """Raise DataError where the root is one folder too high or too low: what is there instead is proposed.

        Args:
            flag: what the root is called where it is asked for.
        """
        hint = suggest_root(self.root, self.layout)
        if hint:
            expected = " or ".join(self.layout)
            raise DataError(f"{flag} {self.root}: expected a folder that holds {expected}.{hint}")

    def weight_map(self, clip: Clip, frame: FrameRecord) -> IndexMask | None:
        """Return ActionVOS's action-guided weights, ``uint8 [H, W]`` of 1–4, for a dataset that has no files of them.

        None (the default): the adapter draws none.
        """
        return None

    def select(self, selection: Selection) -> Self:
        """Return this dataset with only the clips of ``selection``: a copy that counts what it leaves out anew."""
        if selection == self.selection:
            return self
        chosen = copy.copy(self)
        chosen.selection, chosen.skipped = selection, []
        return chosen

    def choose(self, clip_ids: Iterable[str], split: str) -> list[str]:
        """Return which of a split's clip ids, all of them given in any order, are wanted, in ascending order.

        Raises:
            ActisegError: a clip that was asked for by name is not among them; the nearest name is given.
        """
        return list(self.selection.choose(sorted(clip_ids), str, split))

    def allow(self, why: MissingTextError) -> None:
        """Raise MissingTextError with ``why`` and what to do, unless what is missing may be left out."""
        if not self.skip_missing:
            raise MissingTextError(f"{why}. Write the text, or pass --skip-missing to leave out and count such clips.")

    def leave_out(self, clip_id: str, why: MissingTextError) -> None:
        """Count a clip that lacks a text among ``skipped``, or raise MissingTextError as ``allow`` does."""
        self.allow(why)
        if clip_id not in self.skipped:
            self.skipped.append(clip_id)

    def check_split(self, split: str) -> None:
        """Raise ActisegError with the known splits when ``split`` is not one of them."""
        if split not in self.card.splits:
            known = ", ".join(self.card.splits)
            raise ActisegError(f"dataset {self.card.name!r} has no split {split!r}. Known: {known}")


def check_threshold(value: int | str | None) -> int | None:
    """Return an adapter's option ``threshold``, which the command line has as text.

    Raises:
        ActisegError: it is no grey level from 1 to 255.
    """
    value = int(value) if isinstance(value, str) and value.isdecimal() else value
    if value is not None and not (isinstance(value, int) and 1 <= value <= 255):
        raise ActisegError(f"--option threshold={value}: expected a grey level from 1 to 255, for example 128")
    return value


DATASETS: Registry[type[Dataset]] = Registry(
    "dataset",
    "actiseg_noise.datasets",
    "actiseg.datasets",
    ("card",),
    advice="'ytvis' reads files of COCO, CVAT and Label Studio, 'davis' folders of masks",
)

D = TypeVar("D", bound=type[Dataset])


def register_dataset(name: str) -> Callable[[D], D]:
    """Register the decorated adapter, a subclass of ``Dataset``, under a name; the class itself stays usable.

    Raises:
        ValueError: another adapter has the name.
    """

    def decorate(adapter: D) -> D:
        DATASETS.add(name, adapter)
        return adapter

    return decorate


def dataset_root(name: str, root: str | Path | None = None, *, flag: str = "--root") -> Path:
    """Return the folder that a dataset is read from: ``root``, else its usual place (docs/datasets.md).

    That of an embedded dataset need not exist yet.

    Args:
        flag: what ``root`` is called where it is asked for; for messages.

    Raises:
        UnknownNameError: no such dataset.
        DataError: no such folder, or one too high or too low; the message says where to get the data.
    """
    kind = DATASETS[name]
    folder = find_root(kind.card, root, flag=flag)
    if not kind.card.is_embedded:
        kind(folder).check_root(flag)
    return folder
