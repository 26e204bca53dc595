"""The adapter of ``kitchen``: draws a split once into the data folder, then reads it like any dataset on disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actiseg_noise.borders.drafts import FolderDraft
from actiseg_noise.borders.images import palette_png, read_index_mask
from actiseg_noise.borders.text import read_bytes, read_json_object
from actiseg_noise.borders.writing import WriteError, write_bytes, write_json
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.kitchen.catalogue import CATEGORIES, SPLITS, VERSION
from actiseg_noise.datasets.kitchen.scene import plan_video
from actiseg_noise.datasets.kitchen.video import PlannedVideo
from actiseg_noise.errors import ActisegError, DataError, raise_if
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

_LOG = logging.getLogger(__name__)

FRAMES = 3
_JPEG_QUALITY = 92
_INDEX = "index.json"


@DATASETS.register("kitchen")
class Kitchen(Dataset):
    """Two clips per video, on the same frames: one narrates the left hand's action, the other the right hand's."""

    card = DatasetCard(
        name="kitchen",
        source="kitchen",
        version=str(VERSION),
        title="kitchen: a counter, two hands, two concurrent actions; drawn by this package",
        size=f"{sum(SPLITS.values())} videos of {FRAMES} frames at 400×240, two clips each; about 95 MB drawn",
        licence="Apache-2.0",
        citation="this project (see CITATION.cff)",
        homepage="docs/kitchen.md",
        how_to_get="nothing to get: the package draws it on first use.",
        splits=tuple(SPLITS),
        eval_splits=("val", "test"),
        is_embedded=True,
    )

    def __init__(self, root: Path, *, skip_missing: bool = False) -> None:
        super().__init__(root, skip_missing=skip_missing)
        self._digests: dict[str, dict[str, str]] = {}

    def __getstate__(self) -> dict[str, object]:
        """Travel light to worker processes: each reads the digests it needs."""
        return self.__dict__ | {"_digests": {}}

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """See :class:`Dataset`. With frames, the split is drawn first if it is not there yet."""
        self.check_split(split)
        if with_frames:
            self._digests[split] = draw_split(self.root, split)
        for index in range(SPLITS[split]):
            video = plan_video(split, index)
            for which in (0, 1):
                yield _clip(video, which)

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield every noun of the catalogue: the splits share it."""
        for category in CATEGORIES:
            for noun in category.nouns:
                yield ObjectRecord(1, category.category_id, category.name, noun, True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the drawn mask after comparing the file with its recorded digest.

        Raises:
            DataError: the file is missing or is not the one that was drawn.
        """
        split, _, name = str(frame.mask_path).partition("/")
        folder = self.root / split
        if split not in self._digests:
            self._digests[split] = read_digests(folder)
        check_digest(folder, name, self._digests[split])
        return read_index_mask(folder / name)


def _clip(video: PlannedVideo, which: int) -> Clip:
    """Return the clip that narrates ``video.actions[which]``."""
    action = video.actions[which]
    objects = tuple(
        ObjectRecord(
            object_id=item.object_id,
            category_id=item.category_id,
            category=item.category,
            noun=item.noun,
            is_positive=item.object_id in action.positive_ids,
            handbox=item.object_id == action.hand_id or item.object_id in action.held_ids,
            in_narration=item.object_id in action.named_ids,
        )
        for item in video.objects
    )
    frames = tuple(
        FrameRecord(f"{t:05d}", _path(video, "images", t), _path(video, "masks", t), is_annotated=True)
        for t in range(FRAMES)
    )
    return Clip(
        clip_id=video.clip_id(which),
        address=video.clip_id(which),
        video_id=video.video_id,
        narration=action.narration,
        verb=action.verb,
        noun=action.patient,
        objects=objects,
        frames=frames,
        source_order=2 * video.index + which,
        verb_class=action.verb_id,
    )


def _path(video: PlannedVideo, kind: str, frame: int) -> str:
    suffix = "jpg" if kind == "images" else "png"
    return f"{video.split}/{kind}/{video.video_id}/{frame:05d}.{suffix}"


def draw_split(root: Path, split: str) -> dict[str, str]:
    """Draw a split into ``root/split`` unless it is there; return the digests of its files, as ``read_digests``.

    The split appears whole or not at all. A second process that wants the same split waits for the first, and what a
    killed one left is removed. ``index.json`` holds the version and the BLAKE2b digest of every file.

    Raises:
        DataError: the folder holds another version of ``kitchen`` or is not whole; or nothing can be written there.
    """
    folder = root / split
    try:
        if folder.exists():
            _LOG.info("split %s is drawn in %s", split, root)
        else:
            _LOG.info("drawing split %s into %s", split, root)
            with FolderDraft(folder, _never_replace, what="drawing", wait=True) as draft:
                _draw(draft.path, split)
                draft.commit()
    except _DrawnMeanwhileError:
        pass
    except WriteError as error:
        if not folder.exists():
            raise DataError(
                f"{root}: the frames of 'kitchen' cannot be drawn there ({error.reason}). Pass --root DIR, or set "
                "ACTISEG_DATA or ACTISEG_KITCHEN_ROOT to a folder that can be written to."
            ) from None
    return read_digests(folder)


class _DrawnMeanwhileError(ActisegError):
    """Another process was faster; its drawing is as good."""


def _never_replace(folder: Path) -> None:
    raise _DrawnMeanwhileError(str(folder))


def _draw(folder: Path, split: str) -> None:
    """Draw a split into ``folder``."""
    digests: dict[str, str] = {}
    for index in range(SPLITS[split]):
        digests |= _draw_video(folder, plan_video(split, index))
    write_json(folder / _INDEX, {"version": VERSION, "files": digests}, indent=0)


def _draw_video(folder: Path, video: PlannedVideo) -> dict[str, str]:
    """Write one video's frames and masks; return path relative to the split → digest."""
    from actiseg_noise.datasets.kitchen.render import render_video  # OpenCV, which reading does not need

    digests = {}
    for t, frame in enumerate(render_video(video)):
        for kind, data in (("images", _jpeg(frame.image)), ("masks", palette_png(frame.mask))):
            name = _path(video, kind, t).removeprefix(f"{video.split}/")
            write_bytes(folder / name, data)
            digests[name] = _digest(data)
    return digests


def _jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    import cv2

    ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not ok:
        raise DataError("OpenCV could not encode a drawn frame as JPEG")
    return bytes(data)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def read_digests(folder: Path) -> dict[str, str]:
    """Return path relative to a drawn split's folder → digest.

    Raises:
        DataError: no index, a damaged one, or one of another version of ``kitchen``.
    """
    path, advice = folder / _INDEX, f"Delete {folder} to draw it again."
    try:
        index = read_json_object(path)
        version, files = index["version"], index["files"]
    except DataError as error:
        raise DataError(f"{str(error).rstrip('.')}: not the index of a drawn split. {advice}") from None
    except KeyError as error:
        raise DataError(f"{path}: not the index of a drawn split ({error!r}). {advice}") from None
    if version != VERSION:
        raise DataError(
            f"{folder} holds kitchen version {version}, this package draws version {VERSION}. "
            "Delete the folder, or point --root or ACTISEG_KITCHEN_ROOT to another one."
        )
    raise_if(not isinstance(files, dict), f"{path}: not the index of a drawn split. {advice}", DataError)
    return dict(files)


def check_digest(folder: Path, name: str, digests: dict[str, str]) -> None:
    """Raise DataError when a file of a drawn split is not listed, is gone, or differs from what was drawn."""
    path, advice = folder / name, f"Delete {folder} to draw it again."
    if name not in digests:
        raise DataError(f"{path}: {folder / _INDEX} does not list this file: it was not drawn. {advice}")
    try:
        found = _digest(read_bytes(path, "drawn file"))
    except DataError as error:
        raise DataError(f"{error}. {advice}") from None
    if found != digests[name]:
        raise DataError(
            f"{path}: the file has digest {found}, {digests[name]} was drawn: it was changed or damaged. {advice}"
        )
