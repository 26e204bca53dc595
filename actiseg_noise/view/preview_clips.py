"""Which frames a contact sheet shows: one per clip, clips whose labels changed first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame, ManifestMask
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import iter_clip_rows


@dataclass(frozen=True)
class SheetRow:
    """One row of the sheet: a clip, and which of its frames is shown; None where it has none."""

    clip: ManifestClip
    frame: ManifestFrame | None

    @property
    def masks(self) -> Mapping[int, ManifestMask]:
        """Return object_id → mask of the frame that is shown."""
        return {} if self.frame is None else self.frame.masks


def choose_rows(
    manifest: Manifest, *, clips: Sequence[str] | None = None, limit: int = 12, noise_only: bool = False
) -> list[SheetRow]:
    """Return the rows of a sheet, in the order of the clips' ids.

    Of a clip the frame whose masks changed most is shown, the earliest of several, or else the first.

    Args:
        clips: only these. limit: at most so many. noise_only: leave out clips whose labels are all clean.

    Raises:
        ActisegError: a clip that is not in the manifest, or nothing to show.
    """
    raise_if(limit < 1, f"--limit must be at least 1, got {limit}")
    frames, noisy = _rank_clips(manifest, clips)
    if clips is not None and (unknown := sorted(set(clips) - set(frames))):
        raise ActisegError(f"{manifest.path}: no clip {', '.join(map(repr, unknown[:5]))} in this manifest")
    chosen = [clip_id for clip_id in frames if clip_id in noisy][:limit]
    if not noise_only:
        chosen += [clip_id for clip_id in frames if clip_id not in noisy][: limit - len(chosen)]
    if not chosen:
        raise ActisegError(f"{manifest.path}: nothing to show: no clip's labels changed; leave out --noise-only")
    return [SheetRow(clip, _shown(clip, frames[clip.clip_id])) for clip in manifest.iter_clips(chosen)]


def _shown(clip: ManifestClip, frame_idx: int | None) -> ManifestFrame | None:
    """Return the frame at ``frame_idx``, for None the first; None where the clip has no such frame."""
    return next((frame for frame in clip.frames if frame_idx in (None, frame.frame_idx)), None)


def _rank_clips(manifest: Manifest, clips: Collection[str] | None) -> tuple[dict[str, int | None], set[str]]:
    """Return clip_id → the frame_idx to show, in order, and the clips of which a label changed."""
    frames: dict[str, int | None] = {}
    noisy = set()
    columns = ("clip_id", "expression", "is_positive", "noisy_expression", "noisy_is_positive")
    for clip_id, samples in iter_clip_rows(manifest, "samples", columns):
        if clips is None or clip_id in clips:
            frames[clip_id] = None
            if any(sample[1:3] != sample[3:] for sample in samples):
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
