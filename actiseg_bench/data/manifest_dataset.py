"""A manifest as a plain ``torch`` dataset: frames from the image root, text and masks from the manifest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset
from torch.utils.data._utils.collate import default_collate_fn_map

from actiseg_bench.data.by_clip import ByClip
from actiseg_bench.data.coverage import action_weights, coverage, mask_rle
from actiseg_bench.data.image_root import check_usable, missing_advice, relative_path
from actiseg_bench.data.noise_rates import named, noise_rates
from actiseg_bench.data.sizes import Size, grid_size, shown_size, whole_cells
from actiseg_bench.records import Batch, ClipItem, NoiseRates, collate
from actiseg_noise.borders.images import check_shape, read_frame
from actiseg_noise.errors import DataError, ManifestError, raise_if
from actiseg_noise.key import Key
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame, ManifestSample
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.records import expression

FindFeatures = Callable[[str, Callable[[], torch.Tensor]], torch.Tensor]
LABELS = ("noisy", "clean")
TARGETS = ("positive", "all")


class View(NamedTuple):
    """Some samples of a clip on some of its frames: positions in what the clip's item shows; frames may come twice."""

    clip: int
    samples: tuple[int, ...]
    frames: tuple[int, ...]


class _Shown(NamedTuple):
    """What an item shows of a clip, and the size in which it shows it."""

    frames: list[ManifestFrame]
    samples: list[ManifestSample]
    size: Size


class _Outline(NamedTuple):
    """What is known of a clip without its masks."""

    sample_ids: tuple[str, ...]
    frame_idx: tuple[int, ...]
    size: Size
    frames_id: str


_FOUND_OUT = ("noise_rates", "frames_of_samples", "sizes", "sizes_of_clips", "extents", "groups", "_outlines")


class ManifestDataset(Dataset[ClipItem]):
    """One item per clip that has a sample and an annotated frame.

    ``DataLoader(data, batch_size=2)`` gives a :class:`Batch`: torch's own collate function knows the items, and does
    what :func:`actiseg_bench.collate` does. Clips of one batch must show equally many frames of one size, which
    ``frames`` and ``size`` see to.

    Args:
        manifest: a manifest folder, or one opened by :func:`actiseg_noise.read_manifest`.
        root: folder that image paths are relative to; by default the dataset's usual place.
        size: (rows, columns) that frames are resized to (area averaging), or the short side of a clip's masks, whose
            shape its frames get; None keeps their size.
        mask_stride: input pixels per mask pixel; masks are averaged over the area a mask pixel covers. The last ones
            stick out of a frame whose sides are no multiples.
        whole: sides are rounded to whole mask pixels, so that a mirrored mask fits its mirrored frame: for training.
        fine: masks are as large as frames, for augmentation that resizes both and makes the mask pixels.
        labels: ``noisy`` to train, ``clean`` to score: of texts, masks and flags.
        targets: ``positive``: the target of an object given as negative is empty. ``all``: every object's mask is its
            target and the narration is another clip's, so that nothing can be learned about the action.
        frames: show this many annotated frames, evenly spaced (repeated in shorter clips); None shows all.
        diagnose: items say where their labels are right (``ClipItem.agrees``).
        weigh_actions: items have ActionVOS's action-guided weights (``ClipItem.weights``).
        cache: keep decoded items in memory; by default when they take less than 1 GiB.
        clips: show these clips alone; None shows all. What depends on the whole manifest (``noise_rates``) still does.

    Raises:
        ManifestError: no manifest, or one without masks (content other than ``full``).
        ActisegError: an unknown word for ``labels`` or ``targets``; a clip that the manifest does not have.
    """

    def __init__(
        self,
        manifest: str | Path | Manifest,
        root: str | Path | None = None,
        *,
        size: Size | int | None = None,
        mask_stride: int = 1,
        whole: bool = False,
        fine: bool = False,
        labels: str = "noisy",
        targets: str = "positive",
        frames: int | None = None,
        diagnose: bool = False,
        weigh_actions: bool = False,
        cache: bool | None = None,
        clips: Collection[str] | None = None,
    ) -> None:
        raise_if(labels not in LABELS, f"labels must be one of {', '.join(LABELS)}, got {labels!r}")
        raise_if(targets not in TARGETS, f"targets must be one of {', '.join(TARGETS)}, got {targets!r}")
        self.manifest = manifest if isinstance(manifest, Manifest) else read_manifest(manifest)
        self.root = check_usable(self.manifest, root)
        self.size, self.mask_stride, self.labels, self.targets = size, mask_stride, labels, targets
        self.whole, self._cell = whole, 1 if fine else mask_stride
        self.frames, self.diagnose, self.weigh_actions = frames, diagnose, weigh_actions
        self._clips = clips_of(self.manifest)
        self.clip_ids = _chosen(self._clips.clip_ids, clips, self.manifest)
        self._pictures: dict[str, torch.Tensor] = {}
        self._features: FindFeatures | None = None
        self._cache: dict[int, ClipItem] | None = {} if (self._fits() if cache is None else cache) else None

    def like(self, other: ManifestDataset) -> ManifestDataset:
        """Show the features that another dataset of the same pictures shows, if it does; return this one."""
        if other._features is not None:
            self.show_features(other._features)
        return self

    def show_features(self, find: FindFeatures) -> None:
        """Show in items what ``find`` gives in the place of frames, from now on.

        Args:
            find: called with the name of a sequence (``ClipItem.frames_id``) and a function that reads its frames.
        """
        self._features = find
        self._pictures.clear()
        if self._cache is not None:
            self._cache.clear()

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clip_ids)

    def __getitem__(self, index: int | View) -> ClipItem:
        """Return the clip at ``index`` with all its samples and frames, or with those of a view.

        Raises:
            DataError: an image of the clip is missing or unreadable.
            ManifestError: action-guided weights are asked for, and the manifest has no flags to make them of.
        """
        if isinstance(index, View):
            if self._cache is None:
                return self._read(self.clip_ids[index.clip], index)
            return self[index.clip].take(list(index.samples)).show(list(index.frames))
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        item = self._read(self.clip_ids[index])
        if self._cache is not None:
            self._cache[index] = item
        return item

    @cached_property
    def noise_rates(self) -> NoiseRates:
        """Return which shares of the labels are wrong: an oracle that only the manifest knows."""
        return NoiseRates() if self.labels == "clean" else noise_rates(self.manifest, self._clips)

    @cached_property
    def frames_of_samples(self) -> dict[str, tuple[int, ...]]:
        """Return sample_id → the positions in its clip that an item shows."""
        return {name: one.frame_idx for one in self._outlines for name in one.sample_ids}

    @cached_property
    def sizes(self) -> list[Size]:
        """Return the different sizes in which clips are shown, ascending; by their masks where frames keep theirs."""
        return sorted(set(self.sizes_of_clips))

    @cached_property
    def sizes_of_clips(self) -> list[Size]:
        """Return the size in which every clip is shown; see :attr:`sizes`."""
        return [one.size for one in self._outlines]

    @cached_property
    def extents(self) -> list[tuple[int, int]]:
        """Return how many samples and how many frames the item of every clip has."""
        return [(len(one.sample_ids), len(one.frame_idx)) for one in self._outlines]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Return the positions of clips that show the same frames, group by group, in order."""
        groups: dict[str, list[int]] = {}
        for index, one in enumerate(self._outlines):
            groups.setdefault(one.frames_id, []).append(index)
        return list(groups.values())

    @cached_property
    def _outlines(self) -> list[_Outline]:
        """Return what is known of the clips without their masks, in one pass over the tables."""
        shown, found = set(self.clip_ids), []
        for clip in self._clips.iter_without_masks():
            if clip.clip_id in shown:
                frames = self.choose(clip.clip_id, clip.frames)
                names = tuple(sample.sample_id for sample in clip.samples)
                idx = tuple(frame.frame_idx for frame in frames)
                found.append(_Outline(names, idx, self.size_of(frames), frames_id_of(frames)))
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to read items; what was found out of all clips stays here."""
        return {name: value for name, value in self.__dict__.items() if name not in _FOUND_OUT}

    def without_masks(self, clip_id: str) -> ManifestClip:
        """Return what the manifest says of a clip, its masks unread."""
        return self._clips.without_masks(clip_id)

    def shown_frames(self, clip_id: str) -> list[ManifestFrame]:
        """Return the frames that an item of this clip shows, in order, without their masks."""
        return self.choose(clip_id, self._clips.without_masks(clip_id).frames)

    def read_clip(self, clip_id: str) -> ManifestClip:
        """Return what the manifest says of a clip, with its masks' run lengths."""
        return self._clips[clip_id]

    @property
    def is_at_hand(self) -> bool:
        """Say whether items are kept in memory, or features shown in the place of frames: reading is no work then."""
        return self._cache is not None or self.shows_features

    @property
    def shows_features(self) -> bool:
        """Say whether items show features in the place of frames (:meth:`show_features`)."""
        return self._features is not None

    def choose(self, clip_id: str, frames: Sequence[ManifestFrame]) -> list[ManifestFrame]:
        """Return a clip's annotated frames, or as many of them as are asked for.

        Raises:
            ManifestError: there is none.
        """
        annotated = [frame for frame in frames if frame.is_annotated]
        raise_if(
            not annotated,
            f"{self.manifest.path}: clip {clip_id!r} has no annotated frame; 'actiseg-noise verify' says what is wrong",
            ManifestError,
        )
        if self.frames is None:
            return annotated
        return [annotated[i] for i in np.linspace(0, len(annotated) - 1, self.frames).round().astype(int)]

    def other_clip(self, clip_id: str) -> str:
        """Return the clip whose narration this clip's expressions borrow when ``targets`` is ``all``."""
        return self.clip_ids[Key("narration", clip_id).below("clip", len(self))]

    def size_of(self, frames: Sequence[ManifestFrame]) -> Size:
        """Return the size (rows, columns) in which frames of a clip are shown, by their masks'."""
        size = shown_size(self.size, canvas_of(frames[0]))
        return whole_cells(size, self.mask_stride) if self.whole else size

    def _read(self, clip_id: str, view: View | None = None) -> ClipItem:
        whole = self._clips[clip_id]
        frames, samples = self.choose(clip_id, whole.frames), list(whole.samples)
        frames_id = frames_id_of(frames)
        if view is not None:
            frames, samples = [frames[i] for i in view.frames], [samples[i] for i in view.samples]
            frames_id = f"{frames_id}\n{list(view.frames)}"
        images = self._images(clip_id, frames)
        size = (images.shape[2], images.shape[3]) if self._features is None else self.size_of(frames)
        clip = _Shown(frames, samples, size)
        masks = self._masks(clip, self.labels)
        own = self._masks(clip, self.labels, negatives=True) if self.weigh_actions else None
        return ClipItem(
            clip_id=clip_id,
            frames_id=frames_id,
            frame_idx=tuple(frame.frame_idx for frame in frames),
            canvas=canvas_of(frames[0]),
            frames=images,
            sample_ids=tuple(sample.sample_id for sample in samples),
            object_ids=tuple(sample.object_id for sample in samples),
            expressions=tuple(self.expression(clip_id, sample) for sample in samples),
            masks=torch.from_numpy(masks),
            is_positive=torch.tensor([sample.flag(self.labels) for sample in samples]),
            agrees=self._agrees(masks, clip, whole.samples) if self.diagnose else None,
            weights=None if own is None else torch.from_numpy(action_weights(own, samples, self.labels)),
        )

    def _agrees(self, masks: npt.NDArray[np.uint8], clip: _Shown, samples: Sequence[ManifestSample]) -> torch.Tensor:
        """Return where the label is right, bool ``[K, T, h, w]``: text and flag are, and the mask is the clean one.

        Args:
            samples: all of the clip, shown or not.
        """
        clean = self._masks(clip, "clean")
        is_named = named(clip.samples, samples) if self.labels == "noisy" else np.ones(len(masks), bool)
        return torch.from_numpy(((masks > 127) == (clean > 127)) & is_named[:, None, None, None])

    def expression(self, clip_id: str, sample: ManifestSample) -> str:
        """Return the referring text of a sample of a clip, as an item shows it."""
        text = sample.text(self.labels)
        if self.targets == "positive":
            return text.expression
        return expression(text.noun, self._clips.without_masks(self.other_clip(clip_id)).narration)

    def _images(self, clip_id: str, frames: list[ManifestFrame]) -> torch.Tensor:
        """Return frames, or features where they are shown; clips on the same frames share them in the cache."""
        name = frames_id_of(frames)
        if name not in self._pictures:
            images = self._read_images(clip_id, frames)
            if self._cache is None:
                return images
            self._pictures[name] = images
        return self._pictures[name]

    def _read_images(self, clip_id: str, frames: list[ManifestFrame]) -> torch.Tensor:
        """Return frames as uint8 RGB ``[T, 3, H, W]``, or their features."""
        if self._features is not None:
            return self._features(frames_id_of(frames), lambda: self._read_frames(clip_id, frames))
        return self._read_frames(clip_id, frames)

    def _read_frames(self, clip_id: str, frames: list[ManifestFrame]) -> torch.Tensor:
        size = None if self.size is None and not self.whole else self.size_of(frames)
        once = {frame.frame_idx: frame for frame in frames}
        pictures: dict[int, npt.NDArray[np.uint8]] = {}
        seen: dict[Size, tuple[Size, ManifestFrame]] = {}  # by the size of its masks: that of a picture
        for frame_idx, frame in once.items():
            picture = self.read_picture(clip_id, frame)
            rows, columns = picture.shape[:2]
            (h, w), first = seen.setdefault(canvas_of(frame), ((rows, columns), frame))
            raise_if(
                (rows, columns) != (h, w),
                f"clip {clip_id}: its frames have several sizes: {w}×{h} ({first.image_path}) and {columns}×{rows} "
                f"({frame.image_path}; width×height). Fetch or resize them again.",
                DataError,
            )
            pictures[frame_idx] = resized(picture, size)
        shapes = sorted({picture.shape[:2] for picture in pictures.values()})
        raise_if(
            len(shapes) > 1,
            f"clip {clip_id}: its frames have several sizes, {shapes}: pass size=(rows, columns)",
            DataError,
        )
        stacked = np.stack([pictures[frame.frame_idx] for frame in frames])
        return torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))

    def read_picture(self, clip_id: str, frame: ManifestFrame) -> npt.NDArray[np.uint8]:
        """Return one frame as it is stored, uint8 RGB ``[H, W, 3]``, upright.

        Raises:
            DataError: the manifest names no image, or one outside the root; it is missing, unreadable, or of another
                shape than the frame's masks.
        """
        where = f"clip {clip_id}, frame {frame.frame_id}"
        path = self.root / relative_path(frame.image_path, f"{self.manifest.path}: {where}")
        try:
            image = read_frame(path)
        except DataError as error:
            advice = missing_advice(path, self.root, self.manifest, str(frame.image_path))
            raise DataError(f"{error} ({where}).{advice}") from None
        height, width = image.shape[:2]
        check_shape(canvas_of(frame), (height, width), f"{path} ({where})", may_scale=True)
        return image

    def _masks(self, clip: _Shown, labels: str, *, negatives: bool = False) -> npt.NDArray[np.uint8]:
        """Return the coverage of the ``noisy`` or ``clean`` targets, uint8 ``[K, T, h, w]``.

        Args:
            negatives: whether negative objects have their own masks, whatever ``targets`` says.
        """
        samples, frames = clip.samples, clip.frames
        out = np.zeros((len(samples), len(frames), *grid_size(clip.size, self._cell)), np.uint8)
        times: dict[int, list[int]] = {}
        for t, frame in enumerate(frames):
            times.setdefault(frame.frame_idx, []).append(t)
        everyone = negatives or self.targets == "all"
        for k, sample in enumerate(samples):
            for at in times.values() if everyone or sample.flag(labels) else ():
                mask = frames[at[0]].masks.get(sample.object_id)
                if mask is not None and mask.area(labels):
                    out[k, at] = coverage(mask_rle(mask, labels), clip.size, self._cell)
        return out

    def _fits(self) -> bool:
        """Say whether all decoded items take less than 1 GiB, judging from the row counts."""
        rows, columns = shown_size(self.size, (1080, 1920))
        counts = self.manifest.info.counts
        per_mask = (5 if self.weigh_actions else 1) / self._cell**2
        return (counts["frames"] * 3 + counts["masks"] * per_mask) * rows * columns < 2**30


def resized(picture: npt.NDArray[np.uint8], size: Size | None) -> npt.NDArray[np.uint8]:
    """Return uint8 RGB ``[H, W, 3]`` in (rows, columns), as it is for None."""
    if size is None:
        return picture
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


_CLIPS: WeakKeyDictionary[Manifest, ByClip] = WeakKeyDictionary()


def clips_of(manifest: Manifest) -> ByClip:
    """Return the clips of an open manifest; datasets of one manifest have them in common."""
    if manifest not in _CLIPS:
        _CLIPS[manifest] = ByClip(manifest)
    return _CLIPS[manifest]


def _chosen(there: list[str], wanted: Collection[str] | None, manifest: Manifest) -> list[str]:
    """Return the ids of ``wanted`` clips in the manifest's order, all of them for None.

    Raises:
        ActisegError: one that is not there.
    """
    if wanted is None:
        return there
    strangers = sorted(set(wanted).difference(there))
    raise_if(
        bool(strangers),
        f"{manifest.path}: no clip {', '.join(map(repr, strangers[:5]))} with a sample and a mask in this manifest",
    )
    return [clip_id for clip_id in there if clip_id in set(wanted)]


def canvas_of(frame: ManifestFrame) -> Size:
    """Return (rows, columns) of a frame's masks.

    Raises:
        ManifestError: an annotated frame without size.
    """
    if frame.size is None:
        raise ManifestError(f"frame {frame.frame_id}: annotated, but the manifest has no height and width of it")
    return frame.size


def frames_id_of(frames: Sequence[ManifestFrame]) -> str:
    """Name the pictures of a clip: its image paths."""
    return "\n".join(str(frame.image_path) for frame in frames)


def _collate(batch: list[ClipItem], *, collate_fn_map: object = None) -> Batch:
    """Return :func:`collate` of a batch, as ``torch.utils.data.default_collate`` calls it."""
    return collate(batch)


default_collate_fn_map[ClipItem] = _collate
