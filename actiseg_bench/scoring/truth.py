"""What predictions are scored on: the clean masks of an evaluation manifest, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from actiseg_noise.errors import DataError, ManifestError
from actiseg_noise.masks import IndexMask, Rle, decode_rle, paint_rles

if TYPE_CHECKING:
    import pyarrow as pa


class Tables(Protocol):
    """What the evaluation needs of a manifest: Arrow tables by name."""

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one table, or some of its columns."""
        ...


class ScoredFrame(NamedTuple):
    """A frame of K objects with its two index masks, ``uint8 [H, W]``; pixels without label are 0 in both."""

    clip_id: str
    frame_idx: int
    object_ids: Sequence[int]
    is_positive: Sequence[bool]
    nouns: Sequence[str]
    truth: IndexMask
    prediction: IndexMask


@dataclass(frozen=True, slots=True)
class TruthFrame:
    """One annotated frame of a clip.

    Attributes:
        size: (height, width) of its masks in pixels.
        object_ids, is_positive, nouns: its K objects, those without a pixel here too.
        masks: K clean masks. void: the pixels without label, None for none.
        is_flagged: the clip has a review flag, and is not scored unless that is asked for.
    """

    clip_id: str
    frame_idx: int
    frame_id: str
    size: tuple[int, int]
    object_ids: tuple[int, ...]
    is_positive: tuple[bool, ...]
    nouns: tuple[str, ...]
    masks: tuple[Rle, ...]
    void: Rle | None
    is_flagged: bool

    @property
    def where(self) -> str:
        """Name the frame for a message."""
        return f"{self.clip_id} frame {self.frame_idx}"

    def paint(self) -> IndexMask:
        """Return the clean masks as ``uint8 [H, W]`` of object ids; void is background.

        Raises:
            ManifestError: masks that share a pixel or do not fill the frame.
        """
        try:
            return paint_rles(zip(self.object_ids, self.masks, strict=True), *self.size)
        except DataError as error:
            raise ManifestError(f"the manifest's {self.where}: {error}") from None

    def scored(self, prediction: IndexMask, void: str) -> ScoredFrame:
        """Return the frame with a prediction of its size; ``void``: ``ignore`` or ``background``."""
        if self.void is not None and void == "ignore":
            prediction = np.where(decode_rle(self.void), np.uint8(0), prediction)
        objects = (self.object_ids, self.is_positive, self.nouns)
        return ScoredFrame(self.clip_id, self.frame_idx, *objects, self.paint(), prediction)


def iter_truth(manifest: Tables) -> Iterator[TruthFrame]:
    """Yield the annotated frames of a manifest in the order of its mask table.

    Raises:
        ManifestError: the manifest carries no masks.
    """
    flagged, objects, frames = flagged_clips(manifest), _objects(manifest), _frames(manifest)
    for (clip, frame_idx), group in groupby(_mask_rows(manifest), lambda row: (row["clip_id"], row["frame_idx"])):
        rows, frame = list(group), frames[clip, frame_idx]
        size = frame["height"], frame["width"]
        ids = tuple(row["object_id"] for row in rows)
        void = frame["void_rle"]
        yield TruthFrame(
            clip_id=clip,
            frame_idx=frame_idx,
            frame_id=str(frame["frame_id"]),
            size=size,
            object_ids=ids,
            is_positive=tuple(objects[clip, object_id][0] for object_id in ids),
            nouns=tuple(objects[clip, object_id][1] for object_id in ids),
            masks=tuple(Rle(*size, row["clean_rle"], row["clean_area"]) for row in rows),
            void=None if void is None else Rle(*size, void, 1),
            is_flagged=clip in flagged,
        )


def flagged_clips(manifest: Tables) -> set[str]:
    """Return the clips with a review flag set."""
    rows = manifest.table("clips", ["clip_id", "redundant", "missing", "other"]).to_pylist()
    return {row["clip_id"] for row in rows if row["redundant"] or row["missing"] or row["other"]}


def _objects(manifest: Tables) -> dict[tuple[str, int], tuple[bool, str]]:
    """Map (clip_id, object_id) to is_positive and the clean noun."""
    rows = manifest.table("samples", ["clip_id", "object_id", "is_positive", "noun"]).to_pylist()
    return {(row["clip_id"], row["object_id"]): (row["is_positive"], row["noun"]) for row in rows}


def _frames(manifest: Tables) -> dict[tuple[str, int], dict[str, Any]]:
    """Map (clip_id, frame_idx) to the frame's name, the size of its mask in pixels, and its pixels without label."""
    rows = manifest.table("frames", ["clip_id", "frame_idx", "frame_id", "height", "width", "void_rle"]).to_pylist()
    return {(row["clip_id"], row["frame_idx"]): row for row in rows}


def _mask_rows(manifest: Tables) -> Iterator[dict[str, Any]]:
    """Yield the clean masks in the manifest's order."""
    table = manifest.table("masks", ["clip_id", "frame_idx", "object_id", "clean_area", "clean_rle"])
    if not table.num_rows or table["clean_rle"].null_count:
        raise ManifestError("the manifest carries no masks; predictions are scored on one of content 'full'")
    for batch in table.to_batches():
        yield from batch.to_pylist()
