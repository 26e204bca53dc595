"""The object-frames that are scored: clean masks of an evaluation manifest beside the predictions for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from actiseg_bench.results.predictions import Prediction, PredictionError
from actiseg_noise.errors import ManifestError
from actiseg_noise.masks import Rle

if TYPE_CHECKING:
    import pyarrow as pa


class Tables(Protocol):
    """What the evaluation needs of a manifest: Arrow tables by name."""

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one table, or some of its columns."""
        ...


class Scored(NamedTuple):
    """One object-frame that is scored: its clean mask, its prediction, and the frame's pixels without label."""

    place: tuple[str, int]
    object_id: int
    is_positive: bool
    noun: str
    truth: Rle
    prediction: Rle
    void: Rle | None


def iter_scored(manifest: Tables, predictions: Iterable[Prediction], *, keep_flagged: bool = False) -> Iterator[Scored]:
    """Yield the object-frames of predictions, in row order; clips with a review flag are left out.

    Raises:
        ManifestError: the manifest carries no masks.
        PredictionError: predictions that are not the manifest's rows, or have another size.
    """
    flagged = set() if keep_flagged else flagged_clips(manifest)
    objects, sizes, voids = _objects(manifest), _frame_sizes(manifest), _void_masks(manifest)
    for truth, item in _paired(_mask_rows(manifest), predictions):
        clip, frame = place = truth["clip_id"], truth["frame_idx"]
        if clip in flagged:
            continue
        mask = Rle(*sizes[place], truth["clean_rle"], truth["clean_area"])
        if (item.mask.height, item.mask.width) != sizes[place]:
            found, expected = f"{item.mask.height}×{item.mask.width}", f"{mask.height}×{mask.width}"
            where = f"{clip} frame {frame} object {item.object_id}"
            raise PredictionError(f"{where}: prediction {found} and ground truth {expected} differ in size")
        yield Scored(place, item.object_id, *objects[clip, item.object_id], mask, item.mask, voids.get(place))


def flagged_clips(manifest: Tables) -> set[str]:
    """Return the clips with a review flag set."""
    rows = manifest.table("clips", ["clip_id", "redundant", "missing", "other"]).to_pylist()
    return {row["clip_id"] for row in rows if row["redundant"] or row["missing"] or row["other"]}


def _objects(manifest: Tables) -> dict[tuple[str, int], tuple[bool, str]]:
    """Map (clip_id, object_id) to is_positive and the clean noun."""
    rows = manifest.table("samples", ["clip_id", "object_id", "is_positive", "noun"]).to_pylist()
    return {(row["clip_id"], row["object_id"]): (row["is_positive"], row["noun"]) for row in rows}


def _frame_sizes(manifest: Tables) -> dict[tuple[str, int], tuple[int, int]]:
    """Map (clip_id, frame_idx) to height and width of the mask in pixels."""
    rows = manifest.table("frames", ["clip_id", "frame_idx", "height", "width"]).to_pylist()
    return {(row["clip_id"], row["frame_idx"]): (row["height"], row["width"]) for row in rows}


def _void_masks(manifest: Tables) -> dict[tuple[str, int], Rle]:
    """Map (clip_id, frame_idx) to the pixels without label, where there are any."""
    rows = manifest.table("frames", ["clip_id", "frame_idx", "height", "width", "void_rle"]).to_pylist()
    return {
        (row["clip_id"], row["frame_idx"]): Rle(row["height"], row["width"], row["void_rle"], 1)
        for row in rows
        if row["void_rle"] is not None
    }


def _mask_rows(manifest: Tables) -> Iterator[dict[str, Any]]:
    """Yield the clean masks in the manifest's order."""
    table = manifest.table("masks", ["clip_id", "frame_idx", "object_id", "clean_area", "clean_rle"])
    if not table.num_rows or table["clean_rle"].null_count:
        raise ManifestError("the manifest carries no masks; predictions are scored on one of content 'full'")
    for batch in table.to_batches():
        yield from batch.to_pylist()


def _paired(
    truths: Iterator[dict[str, Any]], predictions: Iterable[Prediction]
) -> Iterator[tuple[dict[str, Any], Prediction]]:
    """Yield mask rows with their predictions; both come in the same order and neither may have a row more."""
    for truth, item in zip_longest(truths, predictions):
        wanted = (truth["clip_id"], truth["frame_idx"], truth["object_id"]) if truth else None
        if item is None or item.key != wanted:
            found, expected = _place(item.key if item else None), _place(wanted)
            raise PredictionError(f"the predictions are not of this manifest: expected {expected}, came {found}")
        yield truth, item


def _place(key: tuple[str, int, int] | None) -> str:
    """Name a row for a message."""
    return f"{key[0]} frame {key[1]} object {key[2]}" if key else "the end"
