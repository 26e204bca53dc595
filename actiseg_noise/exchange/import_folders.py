"""Any pair of clean and noisy mask folders: ``<sequence>/<frame>.png`` on both sides.

Sequences may lie one level deeper, ``<group>/<sequence>/<frame>.png`` with several groups, and are called
``<group>_<sequence>``; two folders ``<frame>.png`` without any are one sequence, called after the clean folder.
Ids are those on disk. A folder of 0/255 masks has one object, 1. Where one side has ids 1 … N and the other only a
foreground, their unions are the common object: ``objects="union"``. Siblings ``<frame>_org.png`` are backups and are
never read. Every object is positive: what takes part in an action is not in masks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_noise.borders.folders import IMAGE_SUFFIXES, list_folders, list_masks, natural_order
from actiseg_noise.borders.images import check_shape, frame_size, read_index_mask
from actiseg_noise.datasets.base import check_threshold
from actiseg_noise.datasets.files import find_name
from actiseg_noise.errors import ActisegError, MissingTextError, raise_if
from actiseg_noise.exchange.import_pairs import (
    FolderDigest,
    PairedClip,
    Pairs,
    Problems,
    mask_problem,
    telling_name,
)
from actiseg_noise.exchange.import_texts import Texts
from actiseg_noise.masks import IndexMask, find_values
from actiseg_noise.records import Clip, DatasetCard, FrameRecord

OBJECTS = ("ids", "union")
FOREGROUND = 255


@dataclass(frozen=True)
class Folders:
    """Where the masks are, and the frames when there are any.

    Attributes:
        images: ``<sequence>/<frame>.jpg`` (or .jpeg, .png).
        root: what paths in the manifest are relative to; None: the clean folder, for masks without frames.

    Raises:
        ActisegError: images without a root that holds them and the clean masks.
    """

    clean: Path
    noisy: Path
    images: Path | None = None
    root: Path | None = None

    def __post_init__(self) -> None:
        inside = [path for path in (self.clean, self.images) if path is not None]
        if self.root is None and self.images is None:
            return
        if self.root is None or not all(_relative(path, self.root) is not None for path in inside):
            common = os.path.commonpath([path.resolve() for path in inside])
            raise ActisegError(
                f"--root{f' {self.root}' if self.root else ''}: expected the folder that --clean and --images both lie "
                f"in, from which the manifest's paths begin; pass --root {common}"
            )

    def inside_root(self, folder: Path) -> str:
        """Return a folder as paths in the manifest begin, '' for the root itself."""
        prefix = _relative(folder, self.root or self.clean)
        return "" if prefix in (None, ".") else f"{prefix}/"


def _relative(path: Path, root: Path) -> str | None:
    """Return ``path`` relative to ``root``, by their names or by where links lead; None for one outside."""
    for one, base in ((path.absolute(), root.absolute()), (path.resolve(), root.resolve())):
        if one.is_relative_to(base):
            return one.relative_to(base).as_posix()
    return None


class FolderPairs(Pairs):
    """Sequences that have masks on both sides.

    Args:
        name: what the manifest calls the dataset. texts: what the objects are called.
        objects: ``ids`` or ``union``. threshold: a grey level, 1 … 255: the masks of both sides show one object, where
            they are at least so bright. void_id: the value of pixels without label, on either side.
        skip_missing: leave out sequences and frames that one side lacks, sequences with an empty text and masks of two
            sizes, and count them.
    """

    form = "mask folders"
    has_masks = True

    def __init__(
        self,
        folders: Folders,
        name: str,
        *,
        texts: Texts | None = None,
        split: str = "train",
        objects: str = "ids",
        void_id: int | None = None,
        threshold: int | None = None,
        skip_missing: bool = False,
    ) -> None:
        super().__init__(skip_missing=skip_missing)
        raise_if(objects not in OBJECTS, f"--objects {objects!r}: expected one of {', '.join(OBJECTS)}")
        raise_if(void_id is not None and not 1 <= void_id <= 255, f"--void {void_id}: expected an id from 1 to 255")
        self.folders = folders
        self.card = folder_card(name, split, void_id)
        self.split = split
        self.objects = objects
        self.threshold = check_threshold(threshold)
        self.options = {"objects": objects} | ({} if threshold is None else {"threshold": threshold})
        self.texts = texts or Texts({})
        self._sequences: dict[str, tuple[int, ...]] = {}
        self._places: dict[str, str] = {}
        self._left_out: set[tuple[str, str]] = set()
        self._digests = {side: FolderDigest(path) for side, path in self._sides()}

    def check(self) -> None:
        """See :class:`Pairs`; finds each sequence's object ids, so every mask is read once here."""
        found = _find_sequences(self.folders)
        self._places = found["clean"] | found["noisy"]
        missing, frames = Problems(), Problems()
        for sequence in sorted(set(found["clean"]) ^ set(found["noisy"])):
            missing.add(f"{sequence}: only in --{'clean' if sequence in found['clean'] else 'noisy'}")
            self.skipped.append(sequence)
        common = sorted(set(found["clean"]) & set(found["noisy"]))
        for sequence in common:
            for stem in self._stems(sequence):
                problem = mask_problem(*(mask_file(folder, stem) for folder in self._folders(sequence)))
                if problem is not None:
                    frames.add(f"{sequence}/{stem}: {problem}")
                    self._left_out.add((sequence, stem))
        self.leave_out(missing, "sequences are on one side only")
        self.leave_out(frames, "frames have no pair of masks")
        self._find_objects(common)
        self.texts.check(self._sequences, self._stems)
        self._leave_out_blank()

    def _leave_out_blank(self) -> None:
        """Leave out sequences with an empty text, or refuse them."""
        blank = [sequence for sequence in self.texts.blank() if sequence in self._sequences]
        if blank and not self.skip_missing:
            raise MissingTextError(
                f"{self.texts.path}: {blank[0]!r}: expected a text, found an empty one ({len(blank)} sequences have "
                "one). Write it, or pass --skip-missing to leave such sequences out."
            )
        for sequence in blank:
            del self._sequences[sequence]
        self.skipped = sorted({*self.skipped, *blank})

    def iter_clips(self) -> Iterator[PairedClip]:
        """See :class:`Pairs`."""
        for number, (sequence, ids) in enumerate(self._sequences.items()):
            objects, labels = self.texts.objects(sequence, ids)
            frames = tuple(self._frame(sequence, stem) for stem in self._pairs(sequence))
            narration = sequence.replace("_", " ").replace("-", " ")
            clip = Clip(sequence, sequence, sequence, narration, "", "", objects, frames, number)
            yield PairedClip(clip, labels, tuple(item.is_positive for item in clip.objects))

    def read_masks(self, clip: Clip, frame: FrameRecord) -> tuple[IndexMask, IndexMask]:
        """See :class:`Pairs`."""
        masks = []
        for (side, _), folder in zip(self._sides(), self._folders(clip.clip_id), strict=True):
            file = mask_file(folder, frame.frame_id)
            self._digests[side].add(file)
            masks.append(self._as_objects(read_index_mask(file, self.threshold)))
        self._check_shape(clip, frame, masks[0])
        return masks[0], masks[1]

    def _check_shape(self, clip: Clip, frame: FrameRecord, clean: IndexMask) -> None:
        """Hold the size of a clean mask against the frame's image, where there is one."""
        if frame.image_path is not None:
            where = f"sequence {clip.clip_id!r}, mask {frame.mask_path}, image {frame.image_path}"
            check_shape(
                (clean.shape[0], clean.shape[1]), frame_size(Path(self.folders.root or "") / frame.image_path), where
            )

    def made_from(self) -> dict[str, Any]:
        """See :class:`Pairs`."""
        made: dict[str, Any] = {f"{side}_masks": digest.to_json() for side, digest in self._digests.items()}
        made |= self.options | self.texts.made_from()
        return made | ({"skipped_frames": len(self._left_out)} if self._left_out else {})

    def _sides(self) -> tuple[tuple[str, Path], tuple[str, Path]]:
        """Return the two folders with their names."""
        return ("clean", self.folders.clean), ("noisy", self.folders.noisy)

    def _folders(self, sequence: str) -> tuple[Path, Path]:
        """Return where the clean and the noisy masks of a sequence are."""
        place = self._places[sequence]
        return self.folders.clean / place, self.folders.noisy / place

    def _stems(self, sequence: str) -> list[str]:
        """Return the frames that either side has, by number."""
        return sorted({s for folder in self._folders(sequence) for s in mask_stems(folder)}, key=natural_order)

    def _pairs(self, sequence: str) -> list[str]:
        """Return the frames that have a pair of masks, by number."""
        return [stem for stem in self._stems(sequence) if (sequence, stem) not in self._left_out]

    def _find_objects(self, sequences: list[str]) -> None:
        """Remember each sequence's object ids; one without any pair of masks is left out."""
        unlike = Problems()
        for sequence in sequences:
            stems = self._pairs(sequence)
            if not stems:
                self.skipped.append(sequence)
                continue
            clean, noisy = (self._values(folder, stems) for folder in self._folders(sequence))
            if self.objects == "ids" and _are_unlike(clean, noisy):
                unlike.add(f"{sequence}: clean {sorted(clean)}, noisy {sorted(noisy)}")
            self._sequences[sequence] = tuple(sorted(map(self._object_id, clean))) or (1,)
            if self.objects == "union":
                self._sequences[sequence] = (1,)
        self.skipped.sort()
        unlike.refuse(
            "sequences have other ids on the noisy side than on the clean one",
            "Pass --objects union to compare the foregrounds (all ids become object 1), or --void ID where a value "
            "means pixels without label.",
        )

    def _values(self, folder: Path, stems: list[str]) -> set[int]:
        """Return the values that a sequence's masks hold, but for background and void."""
        values: set[int] = set()
        for stem in stems:
            values.update(find_values(read_index_mask(mask_file(folder, stem), self.threshold)))
        return values - {0, self.card.void_id}

    def _object_id(self, value: int) -> int:
        """Return the object that a value on disk means."""
        return 1 if value == FOREGROUND else value

    def _as_objects(self, index_mask: IndexMask) -> IndexMask:
        """Return a mask with the ids of the manifest's objects; void keeps its value."""
        import cv2

        table = np.arange(256, dtype=np.uint8)
        if self.objects == "union":
            table[1:] = 1
        table[FOREGROUND] = 1
        if self.card.void_id is not None:
            table[self.card.void_id] = self.card.void_id
        return np.asarray(cv2.LUT(index_mask, table), np.uint8)

    def _frame(self, sequence: str, stem: str) -> FrameRecord:
        """Return one frame, its paths relative to the root."""
        file = mask_file(self._folders(sequence)[0], stem)
        mask = f"{self.folders.inside_root(self.folders.clean)}{file.relative_to(self.folders.clean).as_posix()}"
        return FrameRecord(stem, self._image(sequence, stem), mask, is_annotated=True)

    def _image(self, sequence: str, stem: str) -> str | None:
        """Return the picture of a frame relative to the root, None where there is none."""
        folder = self.folders.images
        if folder is None:
            return None
        name = find_name(folder / self._places[sequence], stem, IMAGE_SUFFIXES)
        place = Path(self._places[sequence]) / (name or "")
        return None if name is None else f"{self.folders.inside_root(folder)}{place.as_posix()}"


def mask_file(folder: Path, stem: str) -> Path:
    """Return the file of a mask, whatever the case of its suffix; where there is none, the one that is expected."""
    return folder / (find_name(folder, stem) or f"{stem}.png")


def mask_stems(folder: Path) -> list[str]:
    """Return the stems of a sequence's masks, without the backups ``<frame>_org.png`` of masks that are there."""
    stems = set(list_masks(folder))
    return sorted(stem for stem in stems if not (stem.endswith("_org") and stem.removesuffix("_org") in stems))


def folder_card(name: str, split: str, void_id: int | None) -> DatasetCard:
    """Return the card of labels that no registered dataset describes."""
    said = "not stated: that of the files which were imported"
    return DatasetCard(
        name=name,
        source=name,
        version="imported",
        title=f"{name}: imported masks",
        size="see the counts",
        licence=said,
        citation=said,
        homepage=said,
        how_to_get="the labels were imported from somebody's own folders; the root is the one they were imported with.",
        splits=(split,),
        eval_splits=(),
        void_id=void_id,
    )


def _find_sequences(folders: Folders) -> dict[str, dict[str, str]]:
    """Return side → sequence → its folder below that of the side.

    Raises:
        ActisegError: a side has none; a folder one level below that has some is proposed.
    """
    sides = {"clean": folders.clean, "noisy": folders.noisy}
    if all(list_masks(path) and not _inner(path) for path in sides.values()):
        name = telling_name(folders.clean)
        return {side: {name: "."} for side in sides}
    return {side: _sequences(path, side) for side, path in sides.items()}


def _sequences(folder: Path, side: str) -> dict[str, str]:
    """Return sequence → its folder, of the folders that hold masks, or of those within several groups."""
    found = _inner(folder)
    if found:
        return {name: name for name in found}
    groups = {name: inner for name in list_folders(folder) if (inner := _inner(folder / name))}
    if len(groups) < 2:
        deeper = [folder / name for name in groups]
        if list_masks(folder):
            deeper.append(folder.resolve().parent)
        hint = f" Did you mean {deeper[0]}?" if deeper else ""
        raise ActisegError(f"--{side} {folder}: expected folders <sequence>/<frame>.png, found none.{hint}")
    places = [(f"{group}_{name}", f"{group}/{name}") for group, inner in groups.items() for name in inner]
    named = dict(places)
    if len(named) < len(places):
        twice = next(name for name, place in places if named[name] != place)
        raise ActisegError(f"--{side} {folder}: two sequences would be called {twice!r}; rename a folder")
    return dict(sorted(places))


def _inner(folder: Path) -> list[str]:
    """Return the folders in a folder that hold masks."""
    return [name for name in list_folders(folder) if list_masks(folder / name)]


def _are_unlike(clean: set[int], noisy: set[int]) -> bool:
    """Return whether ids do not match: a foreground beside ids, 255 among ids, or noisy ids the clean masks lack."""
    for one, other in ((clean, noisy), (noisy, clean)):
        if FOREGROUND in one and (len(one) > 1 or not other <= {1, FOREGROUND}):
            return True
    return not {1 if v == FOREGROUND else v for v in noisy} <= {1 if v == FOREGROUND else v for v in clean}
