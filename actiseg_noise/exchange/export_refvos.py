"""Export to the form of Ref-YouTube-VOS, or, where index masks cannot hold the labels, of MeViS.

    masks="png"   meta_expressions/<split>/meta_expressions.json   videos → expressions (exp, obj_id) and frames
                  <split>/meta.json                                videos → objects → category and frames
                  <split>/Annotations/<video>/<frame>.png          index masks, 255 void, DAVIS palette
    masks="rle"   <split>/meta_expressions.json                    videos → expressions (…, anno_id) and frames
                  <split>/mask_dict.json                           annotation → run lengths, one per frame
    both          <split>/JPEGImages/<video>/<frame>.jpg           with images

A clip is a video, but for clips ``<video>:<expression>``, which are expressions of one video again. A clip of that kind
whose object is negative is an expression without target, ``anno_id: []``, which only run lengths can say. The form
cannot say that an object of an action takes no part in it: such objects are left out and counted. Run lengths have no
void. Only frames that have a mask are listed: readers open the mask of every frame that is.

``category`` is one of the 65 words of Ref-YouTube-VOS, ``others`` for what is none of them, because ReferFormer looks
it up in a table and knows no other; of Ref-DAVIS's 78 where a dataset is of these. ``noun`` beside ``others`` is what
the object is called.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self

from actiseg_noise.borders.folders import natural_order
from actiseg_noise.errors import ActisegError, DataError, raise_if
from actiseg_noise.exchange.coco_json import run_lengths
from actiseg_noise.exchange.export_base import Export
from actiseg_noise.exchange.export_clips import VOID_ID, count_void, masks_of, paint, paint_void
from actiseg_noise.exchange.export_growing import GrowingObject
from actiseg_noise.exchange.export_names import FolderNames, sorted_names
from actiseg_noise.exchange.referring_categories import OTHERS, categories_for, describe
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import IndexMask, Rle

SPLITS = ("train", "valid", "valid_u", "test")

Values = dict[str, Any]

_UNFIT = re.compile(r"[/\\\0:]")


@dataclass(frozen=True, slots=True)
class _Expression:
    """One expression of a video: its text, which object it is about (None: no target), and its masks by frame_id."""

    exp_id: str
    text: str
    noun: str
    object_id: int | None
    masks: dict[str, Rle]


@dataclass(frozen=True, slots=True)
class _Video:
    """One video of the export.

    Attributes:
        frames: those that are listed, in natural order, each once. stems: frame_id → the frame's name in the export.
    """

    name: str
    frames: tuple[ManifestFrame, ...]
    stems: dict[str, str]
    expressions: tuple[_Expression, ...]


def export_refvos(manifest: Manifest, out: Path, *, masks: str = "png", **options: Any) -> dict[str, Any]:
    """Write a manifest's labels in the form of Ref-YouTube-VOS or MeViS and return what ``export.json`` says.

    Memory follows the largest video. A manifest of content ``text`` gives the JSON files alone.

    Args:
        masks: ``png`` or ``rle``.
        options: labels, root, images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, index masks cannot hold the labels, run
            lengths are asked of text content, an image does not fit its labels, or ``out`` is no export.
    """
    raise_if(
        manifest.info.content == "text" and masks == "rle",
        f"{manifest.path}: content 'text' has no masks, so --masks rle has none to write",
    )
    split = layout_split(manifest.info.split, manifest.info.dataset["eval_splits"], masks)
    with Export(manifest, out, "refvos", split, **options) as export, _VideoWriter(export, masks) as writer:
        for video in writer.videos(export.manifest_clips()):
            writer.add(video)
        writer.close()
        return export.commit(masks=masks, renamed=writer.names.renamed)


class _VideoWriter:
    """Writes video after video; the JSON files grow with them. A context manager."""

    def __init__(self, export: Export, masks: str) -> None:
        self.export, self.folder, self.split, self.counts = export, export.folder, export.split, export.counts
        self.masks, self.is_text = masks, export.manifest.info.content == "text"
        self.counts.update(videos=0, expressions=0, masks=0)
        self.names = FolderNames()
        self._known = categories_for(export.manifest.vocabulary)
        place = ("meta_expressions", self.split) if masks == "png" else (self.split,)
        self._open = ExitStack()
        self._given: set[str] = set()
        self._expressions_file = GrowingObject(
            self._open, self.folder.path(*place, "meta_expressions.json"), '{"videos": {', "}}"
        )
        if masks == "png":
            self._objects = GrowingObject(self._open, self.folder.path(self.split, "meta.json"), '{"videos": {', "}}")
        else:
            self._annotations = GrowingObject(self._open, self.folder.path(self.split, "mask_dict.json"), "{", "}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def close(self) -> None:
        """Make the JSON files whole."""
        self._expressions_file.end()
        (self._objects if self.masks == "png" else self._annotations).end()
        self._open.close()

    def videos(self, clips: Iterator[ManifestClip]) -> Iterator[_Video]:
        """Yield the videos that have an expression; negative objects and videos without another are counted."""
        for raw, group in groupby(clips, key=_video_of):
            members = list(group)
            name = self._name(raw, members[0].clip_id)
            expressions = tuple(found for clip in members for found in self._expressions(clip))
            if not expressions:
                self.counts["clips_without_positive_object"] += len(members)
                continue
            frames = {frame.frame_id: frame for clip in members for frame in clip.frames}
            ordered = sorted(frames, key=natural_order)
            stems = self.export.name_frames(name, ordered, sorted_names)
            listed = tuple(frames[i] for i in ordered if self.is_text or frames[i].size is not None)
            self.counts["frames_without_mask_left_out"] += len(ordered) - len(listed)
            yield _Video(name, listed, stems, expressions)

    def _name(self, raw: str, clip_id: str) -> str:
        """Return the folder's name of a video."""
        name = _UNFIT.sub("-", raw)
        if name in self._given:
            raise DataError(f"clip {clip_id!r}: another video is called {name!r} too")
        self._given.add(name)
        return self.names.give(name, raw)

    def _expressions(self, clip: ManifestClip) -> Iterator[_Expression]:
        """Yield a clip's expressions; objects that the form has no place for are counted."""
        labels = self.export.labels
        for expression in _expressions(clip, labels):
            if expression.object_id is None and self.masks == "png":
                self.counts["expressions_without_target_left_out"] += 1
            else:
                self.counts["expressions_without_target"] += expression.object_id is None
                yield expression
        if _video_of(clip) == clip.clip_id:
            self.counts["negative_objects_left_out"] += sum(not sample.flag(labels) for sample in clip.samples)

    def add(self, video: _Video) -> None:
        """Write one video."""
        if self.masks == "png":
            self._add_png(video)
        else:
            self._add_rle(video)
        for frame in video.frames:
            where, stem = f"video {video.name!r}, frame {frame.frame_id!r}", video.stems[frame.frame_id]
            self.export.images.take(frame, frame.size, where, self.split, "JPEGImages", video.name, f"{stem}.jpg")
        self.counts["videos"] += 1
        self.counts["expressions"] += len(video.expressions)

    def _add_png(self, video: _Video) -> None:
        """Write a video with index masks."""
        expressions = {e.exp_id: {"exp": e.text, "obj_id": str(e.object_id)} for e in video.expressions}
        frames = [video.stems[frame.frame_id] for frame in video.frames]
        self._expressions_file.add(video.name, {"expressions": expressions, "frames": frames})
        objects = _objects(video, self._known, self.is_text)
        self.counts["objects_of_other_categories"] += sum(item["category"] == OTHERS for item in objects.values())
        self._objects.add(video.name, {"objects": objects})
        for frame in video.frames:
            if frame.size is not None:
                index_mask = _index_mask(video, frame, frame.size)
                name = f"{video.stems[frame.frame_id]}.png"
                self.folder.write_mask(index_mask, self.split, "Annotations", video.name, name)
                self.counts["masks"] += 1

    def _add_rle(self, video: _Video) -> None:
        """Write a video with run lengths; expressions of one mask share its annotation."""
        known: dict[tuple[int | str | None, ...], int] = {}
        expressions = {}
        for expression in video.expressions:
            rles = [expression.masks.get(frame.frame_id) for frame in video.frames]
            key = (expression.object_id, *(None if rle is None else rle.counts for rle in rles))
            if expression.object_id is not None and key not in known:
                known[key] = self.counts["annotations"]
                self.counts["annotations"] += 1
                self._annotations.add(str(known[key]), [None if rle is None else run_lengths(rle) for rle in rles])
            targets = ([], []) if expression.object_id is None else ([expression.object_id], [known[key]])
            expressions[expression.exp_id] = {"exp": expression.text, "obj_id": targets[0], "anno_id": targets[1]}
        frames = [video.stems[frame.frame_id] for frame in video.frames]
        self._expressions_file.add(video.name, {"expressions": expressions, "frames": frames})
        self.counts["masks"] += len(known) * len(frames)
        self.counts["frames_with_void_as_background"] += count_void(video.frames)


def layout_split(split: str, eval_splits: list[str], masks: str) -> str:
    """Return the split's name in the layout; in MeViS ``valid`` has no masks, so it is ``valid_u`` for run lengths."""
    if split in SPLITS:
        return split
    return "train" if split not in eval_splits else "valid" if masks == "png" else "valid_u"


def _video_of(clip: ManifestClip) -> str:
    """Return the video that a clip becomes: its source's for ``<video>:<expression>``, else the clip itself."""
    return clip.video_id if clip.clip_id.startswith(f"{clip.video_id}:") else clip.clip_id


def _expressions(clip: ManifestClip, labels: str) -> Iterator[_Expression]:
    """Yield a clip's expressions: of its objects that are positive by the ``noisy`` or ``clean`` flags.

    A clip that is one expression of a video has one, and no target where its object is negative.
    """
    video = _video_of(clip)
    is_expression = video != clip.clip_id
    by_frame = {frame.frame_id: masks_of(frame, labels) for frame in clip.frames}
    for number, sample in enumerate(s for s in clip.samples if s.flag(labels) or is_expression):
        exp_id = clip.clip_id.removeprefix(f"{video}:") if is_expression else str(number)
        masks = {frame_id: rles[sample.object_id] for frame_id, rles in by_frame.items() if sample.object_id in rles}
        _, noun, text = sample.text(labels)
        has_target = sample.flag(labels)
        yield _Expression(exp_id, text, noun, sample.object_id if has_target else None, masks if has_target else {})


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
        if rle is None or expression.object_id is None:
            continue
        raise_if(expression.object_id == VOID_ID, f"{where}: object {VOID_ID} has the value of void, {advice}")
        if masks.setdefault(expression.object_id, rle).counts != rle.counts:
            raise ActisegError(f"{where}: object {expression.object_id} has other masks in two expressions, {advice}")
    index_mask, overlap = paint(masks, size, {i: i for i in masks})
    raise_if(overlap, f"{where}: two objects overlap, {advice}")
    return paint_void(index_mask, frame)


def _objects(video: _Video, known: Collection[str], is_text: bool) -> Values:
    """Return a video's objects with their category and the frames that show them; the first expression names it."""
    objects: Values = {}
    for expression in video.expressions:
        masks = expression.masks
        shown = [f.frame_id for f in video.frames if is_text or (f.frame_id in masks and masks[f.frame_id].area)]
        frames = [video.stems[frame_id] for frame_id in shown]
        objects.setdefault(str(expression.object_id), describe(expression.noun, known) | {"frames": frames})
    return objects
