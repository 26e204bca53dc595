"""The adapter of ``kitchen``: draws a split once into the data folder, then reads it like any dataset on disk."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.kitchen.catalogue import CATEGORIES, SPLITS, VERSION
from actiseg_noise.datasets.kitchen.render import render_video
from actiseg_noise.datasets.kitchen.scene import plan_video
from actiseg_noise.datasets.kitchen.video import Video
from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask, read_index_mask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

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
        size=f"{sum(SPLITS.values())} videos of {FRAMES} frames at 400×240, two clips each; about 40 MB drawn",
        licence="Apache-2.0",
        citation="this project (see CITATION.cff)",
        homepage="docs/kitchen.md",
        how_to_get="nothing to get: the package draws it on first use.",
        splits=tuple(SPLITS),
        eval_splits=("val",),
        is_embedded=True,
    )

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """See :class:`Dataset`. With frames, the split is drawn first if it is not there yet."""
        self.check_split(split)
        if with_frames:
            draw_split(self.root, split)
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
        path = self.root / str(frame.mask_path)
        check_digest(self.root, path)
        return read_index_mask(path)


def _clip(video: Video, which: int) -> Clip:
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


def _path(video: Video, kind: str, frame: int) -> str:
    suffix = "jpg" if kind == "images" else "png"
    return f"{video.split}/{kind}/{video.video_id}/{frame:05d}.{suffix}"


def draw_split(root: Path, split: str) -> None:
    """Draw a split into ``root/split`` unless it is there; another process may do the same at the same time.

    The split appears whole or not at all. ``index.json`` holds the version and the BLAKE2b digest of every file.

    Raises:
        DataError: the folder holds another version of ``kitchen``.
    """
    if (root / split / _INDEX).is_file():
        _read_index(root / split)
        return
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{split}-", dir=root))
    try:
        digests: dict[str, str] = {}
        for index in range(SPLITS[split]):
            digests |= _draw_video(draft, plan_video(split, index))
        (draft / split / _INDEX).write_text(json.dumps({"version": VERSION, "files": digests}, indent=0))
        try:
            (draft / split).replace(root / split)
        except OSError:
            _read_index(root / split)  # another process was faster; its drawing is as good
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draw_video(draft: Path, video: Video) -> dict[str, str]:
    """Write one video's frames and masks; return path relative to the split → digest."""
    digests = {}
    for t, frame in enumerate(render_video(video)):
        for kind, data in (("images", _jpeg(frame.image)), ("masks", _png(frame.mask))):
            path = draft / _path(video, kind, t)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            digests[path.relative_to(draft / video.split).as_posix()] = _digest(data)
    return digests


def _jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    import cv2

    ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not ok:
        raise DataError("OpenCV could not encode a drawn frame as JPEG")
    return bytes(data)


def _png(mask: IndexMask) -> bytes:
    """Encode object ids as a palette PNG with the DAVIS colours, so that viewers show something."""
    import io

    from PIL import Image

    image = Image.frombytes("P", mask.shape[::-1], mask.tobytes())
    image.putpalette(davis_palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def davis_palette() -> list[int]:
    """Return the 256 RGB colours that VOS tools use, flat: index bits 0–2 become the top bit of R, G, B, and so on."""
    colours = []
    for index in range(256):
        channels = [0, 0, 0]
        for level in range(3):
            for channel in range(3):
                channels[channel] |= (index >> (3 * level + channel) & 1) << (7 - level)
        colours += channels
    return colours


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


_INDEXES: dict[Path, dict[str, str]] = {}


def _read_index(folder: Path) -> dict[str, str]:
    """Return path → digest of a drawn split."""
    if folder not in _INDEXES:
        try:
            index = json.loads((folder / _INDEX).read_text())
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / _INDEX}: cannot be read ({error}). Delete {folder} to draw it again.") from None
        if index.get("version") != VERSION:
            raise DataError(
                f"{folder} holds kitchen version {index.get('version')}, this package draws version {VERSION}. "
                "Delete the folder, or point --root to another one."
            )
        _INDEXES[folder] = index["files"]
    return _INDEXES[folder]


def check_digest(root: Path, path: Path) -> None:
    """Raise DataError when a drawn file is missing or differs from what was drawn."""
    split = path.relative_to(root).parts[0]
    expected = _read_index(root / split)[path.relative_to(root / split).as_posix()]
    try:
        found = _digest(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: the drawn file is gone. Delete {root / split} to draw it again.") from None
    if found != expected:
        raise DataError(
            f"{path}: the file has digest {found}, {expected} was drawn: it was changed or damaged. "
            f"Delete {root / split} to draw it again."
        )
