"""Predicted index masks, ``<video>/<frame>.png``, held against objects that have masks of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from actiseg_bench.scoring.evaluation import VOID_ID
from actiseg_bench.scoring.mask_folders import MaskFinder, MaskReport, note_missing, read_prediction
from actiseg_bench.scoring.wanted import ObjectId, ObjectMasks, WantedClip
from actiseg_noise.errors import DataError
from actiseg_noise.masks import BinaryMask, IndexMask, Size

MOST_ID = VOID_ID - 1


class IndexMasks(ObjectMasks):
    """Masks in ``<video>/<frame>.png`` below a root; an object's id is its number, or that of its folder's name."""

    def __init__(self, root: Path) -> None:
        self._finder = MaskFinder(root)
        self._files: dict[str, dict[str, Path]] = {}
        self._ids: dict[str, dict[ObjectId, int]] = {}
        self._last: tuple[Path, IndexMask | None] | None = None

    def find(self, clips: Sequence[WantedClip], known: Mapping[str, str], report: MaskReport) -> None:
        """Find the file of every frame; see :class:`ObjectMasks`."""
        by_id = {clip.clip_id: clip for clip in clips}
        for clip, folder in self._finder.find_clips(list(by_id)).items():
            wanted = by_id[clip]
            self._ids[clip] = _index_ids(wanted)
            self._files[clip] = files = MaskFinder.find_frames(folder, list(wanted.frames.values()))
            for path in files.values():
                if not path.is_file():
                    note_missing(path, report)

    def read(
        self, clip: WantedClip, place: int, object_id: ObjectId, size: Size, report: MaskReport
    ) -> BinaryMask | None:
        """Return an object's pixels; see :class:`ObjectMasks`. The last file stays in memory for the next object."""
        path, ids = self._files[clip.clip_id][clip.frames[place]], self._ids[clip.clip_id]
        if self._last is None or self._last[0] != path:
            self._last = path, read_prediction(path, list(ids.values()), size, report)
        mask = self._last[1]
        return None if mask is None else mask == ids[object_id]


def _index_ids(clip: WantedClip) -> dict[ObjectId, int]:
    """Return object → its value in an index mask.

    Raises:
        DataError: an object that no value stands for.
    """
    ids = {one: int(one) if str(one).isdecimal() else 0 for one in clip.objects}
    bad = [one for one, value in ids.items() if not 1 <= value <= MOST_ID]
    if bad or len(set(ids.values())) < len(ids):
        raise DataError(
            f"clip {clip.clip_id}: an index mask cannot hold object {(bad or list(ids))[0]!r}: ids are 1 … {MOST_ID}. "
            "Give a folder of masks per object: <video>/<object>/<frame>.png."
        )
    return ids
