"""Export to the form of Ref-YouTube-VOS, or, where index masks cannot hold the labels, of MeViS.

    masks="png"   meta_expressions/<split>/meta_expressions.json   videos → expressions (exp, obj_id) and frames
                  <split>/meta.json                                videos → objects → category and frames
                  <split>/Annotations/<video>/<frame>.png          index masks, 255 void, DAVIS palette
    masks="rle"   <split>/meta_expressions.json                    videos → expressions (…, anno_id) and frames
                  <split>/mask_dict.json                           annotation → run lengths, one per frame
    both          <split>/JPEGImages/<video>/<frame>.jpg           with images

A clip is a video, but for clips ``<video>:<expression>``, which are expressions of one video again. The form cannot say
that an object takes no part in the action: negative objects are left out and counted. Run lengths have no void, and
cover the frames that have a mask; index masks leave the other frames without a file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np

from actiseg_noise.borders.folders import natural_order
from actiseg_noise.errors import ActisegError, DataError, raise_if
from actiseg_noise.exchange.export_clips import check_exportable, iter_export_clips, masks_of, paint
from actiseg_noise.exchange.export_folder import ExportFolder, find_image
from actiseg_noise.exchange.export_growing import GrowingObject
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import IndexMask, Rle
from actiseg_noise.progress import Progress

SPLITS = ("train", "valid", "valid_u", "test")
MASKS = ("png", "rle")
VOID_ID = 255

Values = dict[str, Any]

_UNFIT = re.compile(r"[/\\\0:]")


@dataclass(frozen=True, slots=True)
class _Expression:
    """One expression of a video: its text, which object it is about, and the object's masks by frame_id."""

    exp_id: str
    text: str
    noun: str
    object_id: int
    masks: dict[str, Rle]


@dataclass(frozen=True, slots=True)
class _Video:
    """One video of the export. ``frames``: in natural order, each once."""

    name: str
    frames: tuple[ManifestFrame, ...]
    expressions: tuple[_Expression, ...]


def export_refvos(
    manifest: Manifest,
    out: Path,
    *,
    labels: str = "noisy",
    masks: str = "png",
    root: Path | None = None,
    images: str = "none",
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a manifest's labels in the form of Ref-YouTube-VOS or MeViS and return what ``export.json`` says.

    Memory follows the largest video. A manifest of content ``text`` gives the JSON files alone.

    Args:
        labels: ``noisy`` or ``clean``. masks: ``png`` or ``rle``. root: the dataset's folder, for images.
        images: ``none``, ``copy`` or ``link``.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, index masks cannot hold the labels, run
            lengths are asked of text content, or ``out`` is no export.
    """
    check_exportable(manifest)
    is_text = manifest.info.content == "text"
    raise_if(
        is_text and masks == "rle", f"{manifest.path}: content 'text' has no masks, so --masks rle has none to write"
    )
    split = layout_split(manifest.info.split, manifest.info.dataset["eval_splits"], masks)
    with (
        ExportFolder(out, force=force) as folder,
        _VideoWriter(folder, split, masks, is_text=is_text, root=root, images=images) as writer,
    ):
        for video in writer.videos(iter_export_clips(manifest, progress), labels):
            writer.add(video)
        writer.close()
        what = {"format": "refvos", "labels": labels, "masks": masks, "split": split, "images": images}
        folder.commit(manifest.info, what | {"counts": dict(writer.counts), "renamed": writer.renamed})
    return folder.report


class _VideoWriter:
    """Writes video after video; the JSON files grow with them. A context manager."""

    def __init__(
        self, folder: ExportFolder, split: str, masks: str, *, is_text: bool, root: Path | None, images: str
    ) -> None:
        self.folder = folder
        self.split = split
        self.masks = masks
        self.is_text = is_text
        self.root = root
        self.images = images
        self.counts: Counter[str] = Counter(videos=0, expressions=0, masks=0)
        self.renamed: dict[str, str] = {}
        self._names: set[str] = set()
        place = ("meta_expressions", split) if masks == "png" else (split,)
        self._open = ExitStack()
        self._expressions = GrowingObject(
            self._open, folder.path(*place, "meta_expressions.json"), '{"videos": {', "}}"
        )
        if masks == "png":
            self._objects = GrowingObject(self._open, folder.path(split, "meta.json"), '{"videos": {', "}}")
        else:
            self._annotations = GrowingObject(self._open, folder.path(split, "mask_dict.json"), "{", "}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def close(self) -> None:
        """Make the JSON files whole."""
        self._expressions.end()
        (self._objects if self.masks == "png" else self._annotations).end()
        self._open.close()

    def videos(self, clips: Iterator[ManifestClip], labels: str) -> Iterator[_Video]:
        """Yield the videos that have an expression; negative objects and videos without another are counted."""
        for raw, group in groupby(clips, key=_video_of):
            members = list(group)
            name = _UNFIT.sub("-", raw)
            if name in self._names:
                raise DataError(f"clip {members[0].clip_id!r}: another video is called {name!r} too")
            self._names.add(name)
            if name != raw:
                self.renamed[name] = raw
            expressions = tuple(found for clip in members for found in _expressions(clip, labels))
            self.counts["negative_objects_left_out"] += sum(
                not sample.flag(labels) for clip in members for sample in clip.samples
            )
            if not expressions:
                self.counts["clips_without_positive_object"] += len(members)
                continue
            frames = {frame.frame_id: frame for clip in members for frame in clip.frames}
            yield _Video(name, tuple(frames[key] for key in sorted(frames, key=natural_order)), expressions)

    def add(self, video: _Video) -> None:
        """Write one video."""
        if self.masks == "png":
            self._add_png(video)
        else:
            self._add_rle(video)
        for frame in video.frames if self.root is not None and self.images != "none" else ():
            source = find_image(
                Path(str(self.root)), frame.image_path, f"video {video.name!r}, frame {frame.frame_id!r}"
            )
            name = f"{frame.frame_id}.jpg"
            self.folder.take_file(source, self.images, self.split, "JPEGImages", video.name, name)
            self.counts["images"] += 1
        self.counts["videos"] += 1
        self.counts["expressions"] += len(video.expressions)

    def _add_png(self, video: _Video) -> None:
        """Write a video with index masks."""
        expressions = {e.exp_id: {"exp": e.text, "obj_id": str(e.object_id)} for e in video.expressions}
        frame_ids = [frame.frame_id for frame in video.frames]
        self._expressions.add(video.name, {"expressions": expressions, "frames": frame_ids})
        self._objects.add(video.name, {"objects": _objects(video, frame_ids, self.is_text)})
        for frame in video.frames:
            if frame.size is not None:
                index_mask = _index_mask(video, frame, frame.size)
                name = f"{frame.frame_id}.png"
                self.folder.write_mask(index_mask, self.split, "Annotations", video.name, name)
                self.counts["masks"] += 1

    def _add_rle(self, video: _Video) -> None:
        """Write a video with run lengths; expressions of one mask share its annotation."""
        known: dict[tuple[int | str | None, ...], int] = {}
        expressions = {}
        frame_ids = [frame.frame_id for frame in video.frames if frame.size is not None]
        for expression in video.expressions:
            rles = [expression.masks.get(frame_id) for frame_id in frame_ids]
            key = (expression.object_id, *(None if rle is None else rle.counts for rle in rles))
            if key not in known:
                known[key] = self.counts["annotations"]
                self.counts["annotations"] += 1
                self._annotations.add(str(known[key]), [_coco(rle) for rle in rles])
            entry = {"exp": expression.text, "obj_id": [expression.object_id], "anno_id": [known[key]]}
            expressions[expression.exp_id] = entry
        self._expressions.add(video.name, {"expressions": expressions, "frames": frame_ids})
        self.counts["masks"] += len(known) * len(frame_ids)
        self.counts["frames_with_void_as_background"] += sum(f.void_rle is not None for f in video.frames)


def layout_split(split: str, eval_splits: list[str], masks: str) -> str:
    """Return the split's name in the layout; in MeViS ``valid`` has no masks, so it is ``valid_u`` for run lengths."""
    if split in SPLITS:
        return split
    return "train" if split not in eval_splits else "valid" if masks == "png" else "valid_u"


def _video_of(clip: ManifestClip) -> str:
    """Return the video that a clip becomes: its source's for ``<video>:<expression>``, else the clip itself."""
    return clip.video_id if clip.clip_id.startswith(f"{clip.video_id}:") else clip.clip_id


def _expressions(clip: ManifestClip, labels: str) -> Iterator[_Expression]:
    """Yield the expressions of the objects that are positive by the clip's ``noisy`` or ``clean`` flags."""
    video = _video_of(clip)
    by_frame = {frame.frame_id: masks_of(frame, labels) for frame in clip.frames}
    for number, sample in enumerate(sample for sample in clip.samples if sample.flag(labels)):
        exp_id = str(number) if video == clip.clip_id else clip.clip_id.removeprefix(f"{video}:")
        masks = {frame_id: rles[sample.object_id] for frame_id, rles in by_frame.items() if sample.object_id in rles}
        _, noun, text = sample.text(labels)
        yield _Expression(exp_id, text, noun, sample.object_id, masks)


def _index_mask(video: _Video, frame: ManifestFrame, size: tuple[int, int]) -> IndexMask:
    """Return a frame's object ids, 255 for void.

    Raises:
        ActisegError: two expressions say different masks of one object, or two objects overlap.
    """
    masks: dict[int, Rle] = {}
    where = f"video {video.name!r}, frame {frame.frame_id!r}"
    advice = "which index masks cannot hold; use --masks rle"
    for expression in video.expressions:
        rle = expression.masks.get(frame.frame_id)
        raise_if(expression.object_id == VOID_ID, f"{where}: object {VOID_ID} has the value of void, {advice}")
        if rle is not None and masks.setdefault(expression.object_id, rle).counts != rle.counts:
            raise ActisegError(f"{where}: object {expression.object_id} has other masks in two expressions, {advice}")
    index_mask, overlap = paint(masks, size, {i: i for i in masks})
    raise_if(overlap, f"{where}: two objects overlap, {advice}")
    void = frame.void_mask()
    if void is not None:
        index_mask[void & (index_mask == 0)] = np.uint8(VOID_ID)
    return index_mask


def _objects(video: _Video, frame_ids: list[str], is_text: bool) -> Values:
    """Return a video's objects with their category and the frames that show them; the first expression names it."""
    objects: Values = {}
    for expression in video.expressions:
        masks = expression.masks
        shown = [i for i in frame_ids if is_text or (i in masks and masks[i].area)]
        objects.setdefault(str(expression.object_id), {"category": expression.noun, "frames": shown})
    return objects


def _coco(rle: Rle | None) -> Values | None:
    """Return run lengths as COCO writes them."""
    return None if rle is None else {"size": [rle.height, rle.width], "counts": rle.counts}
