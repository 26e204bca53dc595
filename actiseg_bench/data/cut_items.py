"""A view of a clip read in a cut: what an item of whole pictures would show after it was rescaled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from actiseg_bench.data.coverage import mask_rle, weigh
from actiseg_bench.data.cuts import Floats, Patch, Span, average, read_patches, show_picture
from actiseg_bench.data.manifest_dataset import ManifestDataset, View, canvas_of, frames_id_of
from actiseg_bench.data.noise_rates import named
from actiseg_bench.data.scales import Cut
from actiseg_bench.data.sizes import Size, grid_size
from actiseg_bench.records import ClipItem
from actiseg_noise.manifest.clips import ManifestFrame, ManifestSample
from actiseg_noise.masks import Rle


def read_cut(data: ManifestDataset, view: View, cut: Cut, *, is_mirrored: bool = False) -> ClipItem:
    """Return a view of a clip in a cut, frames and masks as float32 in [0, 1].

    Pictures are decoded once each and resized where the cut is; masks are decoded for the samples and frames shown,
    once for what they are the target of, what they weigh and where they are right.

    Args:
        cut: of the picture in training (``ManifestDataset.size_of``).
        is_mirrored: the frames are shown so; masks and words are not.

    Raises:
        DataError: an image is missing, unreadable or of another shape than its masks; run lengths that are none.
        ManifestError: a clip without annotated frames; masks that were withheld; no flags to make weights of.
    """
    clip_id = data.clip_ids[view.clip]
    clip = data.read_clip(clip_id)
    every = data.choose(clip_id, clip.frames)
    frames, samples = [every[i] for i in view.frames], [clip.samples[i] for i in view.samples]
    size = data.size_of(frames)
    masks = _Masks(data, frames, samples, size, cut)
    targets = masks.shown(masks.given, masks.acting(data.labels))
    agrees = None
    if data.diagnose:
        is_named = named(samples, clip.samples) if data.labels == "noisy" else np.ones(len(samples), bool)
        agrees = torch.from_numpy(masks.agree() & is_named[:, None, None, None])
    weights = None
    if data.weigh_actions:
        weights = torch.from_numpy(weigh(masks.shown(masks.given, [True] * len(samples)), samples, data.labels))
    return ClipItem(
        clip_id=clip_id,
        frames_id=f"{frames_id_of(every)}\n{list(view.frames)}",
        frame_idx=tuple(frame.frame_idx for frame in frames),
        canvas=canvas_of(frames[0]),
        frames=_show_frames(data, clip_id, frames, size, cut, is_mirrored),
        sample_ids=tuple(sample.sample_id for sample in samples),
        object_ids=tuple(sample.object_id for sample in samples),
        expressions=tuple(data.expression(clip_id, sample) for sample in samples),
        masks=torch.from_numpy(targets),
        is_positive=torch.tensor([sample.flag(data.labels) for sample in samples]),
        agrees=agrees,
        weights=weights,
    )


def _show_frames(
    data: ManifestDataset, clip_id: str, frames: Sequence[ManifestFrame], size: Size, cut: Cut, is_mirrored: bool
) -> Tensor:
    """Return the pictures in the cut, float ``[T, 3, rows, columns]``; one that comes twice is read once."""
    out = torch.empty(len(frames), 3, *cut.size)
    first: dict[int, int] = {}
    for t, frame in enumerate(frames):
        if frame.frame_idx in first:
            out[t] = out[first[frame.frame_idx]]
        else:
            first[frame.frame_idx] = t
            out[t] = show_picture(data.read_picture(clip_id, frame), size, cut, is_mirrored=is_mirrored)
    return out


class _Key(NamedTuple):
    """A mask: of which sample, on which frame, of which labels."""

    k: int
    frame_idx: int
    labels: str


class _Masks:
    """The masks of some samples on some frames, each decoded when it is first asked for, in a cut.

    Attributes:
        given: the labels that the dataset shows.
    """

    def __init__(
        self,
        data: ManifestDataset,
        frames: Sequence[ManifestFrame],
        samples: Sequence[ManifestSample],
        size: Size,
        cut: Cut,
    ) -> None:
        self._samples, self._size, self._cut = samples, size, cut
        self._grid = grid_size(cut.size, data.mask_stride)
        self.given, self._targets_all = data.labels, data.targets == "all"
        self._places: dict[int, list[int]] = {}
        for t, frame in enumerate(frames):
            self._places.setdefault(frame.frame_idx, []).append(t)
        self._frames = {frame.frame_idx: frame for frame in frames}
        self._rles: dict[_Key, Rle] = {}
        self._patches: dict[_Key, Patch | None] = {}
        self._averages: dict[_Key, Floats] = {}
        labels = (self.given, "clean") if data.diagnose else (self.given,)
        for word in dict.fromkeys(labels):
            everyone = data.weigh_actions and word == self.given
            self._find(word, [everyone or acts for acts in self.acting(word)])
        self._decode()

    def acting(self, labels: str) -> list[bool]:
        """Return which samples have their mask as target, by some labels."""
        return [self._targets_all or sample.flag(labels) for sample in self._samples]

    def shown(self, labels: str, who: Sequence[bool]) -> Floats:
        """Return the share of every mask pixel that the masks of some samples cover, float32 ``[K, T, h, w]``."""
        out = np.zeros((len(self._samples), sum(map(len, self._places.values())), *self._grid), np.float32)
        for key in self._rles:
            if key.labels == labels and who[key.k] and self._patches[key] is not None:
                out[key.k, self._places[key.frame_idx]] = self._average(key)
        return out

    def agree(self) -> npt.NDArray[np.bool_]:
        """Return where the given targets are the clean ones, bool ``[K, T, h, w]``."""
        out = np.ones((len(self._samples), sum(map(len, self._places.values())), *self._grid), bool)
        given, clean = self.acting(self.given), self.acting("clean")
        for k, frame_idx in ((k, idx) for k in range(len(self._samples)) for idx in self._places):
            keys = [_Key(k, frame_idx, word) for word in (self.given, "clean")]
            sides = [key if acts[k] else None for key, acts in zip(keys, (given, clean), strict=True)]
            rles = [None if key is None else self._rles.get(key) for key in sides]
            if rles[0] is not rles[1]:
                patches = [None if key is None else self._patches.get(key) for key in sides]
                out[k, self._places[frame_idx]] = 1 - self._difference(*patches) > 0.5
        return out

    def _find(self, labels: str, who: Sequence[bool]) -> None:
        """Note which masks there are."""
        for k, sample in enumerate(self._samples):
            for frame_idx, frame in self._frames.items() if who[k] else ():
                mask = frame.masks.get(sample.object_id)
                if mask is not None and mask.area(labels):
                    self._rles[_Key(k, frame_idx, labels)] = mask_rle(mask, labels)

    def _decode(self) -> None:
        """Decode all masks, those of one canvas together, one that is both given and clean once."""
        by_canvas: dict[Size, dict[int, Rle]] = {}
        for rle in self._rles.values():
            by_canvas.setdefault((rle.height, rle.width), {})[id(rle)] = rle
        found: dict[int, Patch | None] = {}
        for rles in by_canvas.values():
            found |= zip(rles, read_patches(list(rles.values()), self._size, self._cut), strict=True)
        self._patches = {key: found[id(rle)] for key, rle in self._rles.items()}

    def _average(self, key: _Key) -> Floats:
        """Return the share of every mask pixel that one mask covers."""
        patch = self._patches[key]
        if key not in self._averages and patch is not None:
            self._averages[key] = average(patch.values, patch.rows, patch.columns, self._cut, self._grid)
        return self._averages[key]

    def _difference(self, one: Patch | None, other: Patch | None) -> Floats:
        """Return the share of every mask pixel where one of two masks is and the other is not."""
        there = [patch for patch in (one, other) if patch is not None]
        if not there:
            return np.zeros(self._grid, np.float32)
        rows = Span(min(p.rows.start for p in there), max(p.rows.stop for p in there))
        columns = Span(min(p.columns.start for p in there), max(p.columns.stop for p in there))
        apart = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        for patch in there:
            apart[
                patch.rows.start - rows.start : patch.rows.stop - rows.start,
                patch.columns.start - columns.start : patch.columns.stop - columns.start,
            ] ^= patch.values > 127
        return average(apart.view(np.uint8), rows, columns, self._cut, self._grid, full=1)
