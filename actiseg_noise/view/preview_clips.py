"""Which frames a contact sheet shows: one per clip, clips whose labels changed first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import iter_clip_rows

_SAMPLE = (
    *("clip_id", "object_id", "is_positive", "noun", "noisy_noun", "expression", "noisy_expression"),
    *("text_noise", "is_harmful"),
)
_FRAME = ("clip_id", "frame_idx", "frame_id", "image_path", "height", "width", "void_rle")
_MASK = ("clip_id", "frame_idx", "object_id", "clean_rle", "noisy_rle", "mask_noise", "iou", "would_erase")

Values = dict[str, Any]


@dataclass
class Scene:
    """One row of the sheet: a frame of a clip with its objects.

    Attributes:
        frame: the frame's columns; None where the clip has none. samples: one per object. masks: object_id → columns.
    """

    clip_id: str
    narration: str = ""
    frame: Values | None = None
    samples: list[Values] = field(default_factory=list)
    masks: dict[int, Values] = field(default_factory=dict)


def choose_scenes(
    manifest: Manifest, *, clips: Sequence[str] | None = None, limit: int = 12, noise_only: bool = False
) -> list[Scene]:
    """Return the scenes of a sheet, in the order of the clips' ids.

    Of a clip the frame whose masks changed most is shown, the earliest of several, or else the first that has masks.

    Args:
        clips: only these. limit: at most so many. noise_only: leave out clips whose labels are all clean.

    Raises:
        ActisegError: a clip that is not in the manifest, or nothing to show.
    """
    frames, noisy = _rank_clips(manifest, clips)
    if clips is not None and (unknown := sorted(set(clips) - set(frames))):
        raise ActisegError(f"{manifest.path}: no clip {', '.join(map(repr, unknown[:5]))} in this manifest")
    chosen = [clip_id for clip_id in frames if clip_id in noisy][:limit]
    if not noise_only:
        chosen += [clip_id for clip_id in frames if clip_id not in noisy][: limit - len(chosen)]
    if not chosen:
        raise ActisegError(f"{manifest.path}: nothing to show: no clip's labels changed; leave out --noise-only")
    return _read_scenes(manifest, {clip_id: frames[clip_id] for clip_id in sorted(chosen)})


def _rank_clips(manifest: Manifest, clips: Collection[str] | None) -> tuple[dict[str, int | None], set[str]]:
    """Return clip_id → the frame_idx to show, in order, and the clips of which a label changed."""
    frames: dict[str, int | None] = {}
    noisy = set()
    for clip_id, samples in iter_clip_rows(manifest, "samples", ("clip_id", "expression", "noisy_expression")):
        if clips is None or clip_id in clips:
            frames[clip_id] = None
            if any(clean != changed for _, clean, changed in samples):
                noisy.add(clip_id)
    for clip_id, masks in iter_clip_rows(manifest, "masks", ("clip_id", "frame_idx", "clean_area", "iou")):
        if clip_id not in frames:
            continue
        changes: dict[int, float] = {}
        for _, frame_idx, area, iou in masks:
            changes[frame_idx] = changes.get(frame_idx, 0.0) + (1 - iou) + (1e-9 if area else 0)
        best = max(changes, key=lambda index: (changes[index], -index))
        frames[clip_id] = best
        if any(iou < 1 for *_, iou in masks):
            noisy.add(clip_id)
    return frames, noisy


def _read_scenes(manifest: Manifest, chosen: dict[str, int | None]) -> list[Scene]:
    """Read what the chosen frames show."""
    scenes = {clip_id: Scene(clip_id) for clip_id in chosen}
    for values in _rows(manifest, "clips", ("clip_id", "narration"), scenes):
        scenes[values["clip_id"]].narration = values["narration"]
    for values in _rows(manifest, "samples", _SAMPLE, scenes):
        scenes[values["clip_id"]].samples.append(values)
    for values in _rows(manifest, "frames", _FRAME, scenes):
        scene = scenes[values["clip_id"]]
        wanted = chosen[scene.clip_id]
        if values["frame_idx"] == wanted or (wanted is None and scene.frame is None):
            scene.frame = values
    for values in _rows(manifest, "masks", _MASK, scenes):
        if values["frame_idx"] == chosen[values["clip_id"]]:
            scenes[values["clip_id"]].masks[values["object_id"]] = values
    return list(scenes.values())


def _rows(manifest: Manifest, table: str, names: Sequence[str], clips: Collection[str]) -> Iterator[Values]:
    """Yield a table's rows of some clips."""
    for batch in manifest.iter_batches(table, list(names)):
        columns = batch.to_pydict()
        for index, clip_id in enumerate(columns["clip_id"]):
            if clip_id in clips:
                yield {name: columns[name][index] for name in names}
