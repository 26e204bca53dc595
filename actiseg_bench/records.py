"""The exchange types of the bench: a clip as a dataset item, clips as a batch, and what a network answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True)
class NoiseRates:
    """Which shares of a run's training labels are wrong, each in [0, 1]. Only the manifest knows: an oracle.

    Attributes:
        positives, negatives: of the samples that are given as such. samples: of both together.
        foreground, background: of the mask pixels given as the object and as background, in samples given as positive.
            Mask noise alone: a wrong text makes a sample wrong, not some of its pixels.
        first: what the first protocols told: 1 - (1 - t)(1 - m), t the share of samples with a harmful noun, negatives
            among them, whose target is empty whatever their noun, and m the mean of 1 - IoU over all rows of masks.
    """

    positives: float = 0.0
    negatives: float = 0.0
    samples: float = 0.0
    foreground: float = 0.0
    background: float = 0.0
    first: float = 0.0


@dataclass(frozen=True)
class ClipItem:
    """One clip with K of its samples.

    Attributes:
        clip_id, frame_idx: which clip, and the T positions shown.
        frames_id: names the T pictures; two clips that own the same frames have one frames_id.
        canvas: (rows, columns) of the masks on disk in pixels; (0, 0) when the manifest carries no masks.
        frames: uint8 ``[T, 3, H, W]`` RGB, resized to the model's input; float32 in [0, 1] of an item that was read in
            a cut; or float16 ``[T, C, h, w]``, what the frozen encoder of a model that keeps features made of them.
        sample_ids, object_ids, expressions: K each.
        masks: uint8 ``[K, T, h, w]``: the target's coverage of each mask pixel, 0–255; float32 in [0, 1] of an item
            that was read in a cut. A negative object's target is empty.
        is_positive: bool ``[K]``: the flags of the labels that were asked for.
        agrees: bool ``[K, T, h, w]``: where the label is right, text, flag and mask; None when it was not asked for.
        weights: float ``[K, T, h, w]``: ActionVOS's action-guided weight of every pixel of the mask term; None when
            it was not asked for.
    """

    clip_id: str
    frames_id: str
    frame_idx: tuple[int, ...]
    canvas: tuple[int, int]
    frames: Tensor
    sample_ids: tuple[str, ...]
    object_ids: tuple[int, ...]
    expressions: tuple[str, ...]
    masks: Tensor
    is_positive: Tensor
    agrees: Tensor | None = None
    weights: Tensor | None = None

    def take(self, samples: list[int]) -> ClipItem:
        """Return the item with the samples at these positions only."""
        return replace(
            self,
            sample_ids=tuple(self.sample_ids[i] for i in samples),
            object_ids=tuple(self.object_ids[i] for i in samples),
            expressions=tuple(self.expressions[i] for i in samples),
            masks=self.masks[samples],
            is_positive=self.is_positive[samples],
            agrees=None if self.agrees is None else self.agrees[samples],
            weights=None if self.weights is None else self.weights[samples],
        )

    def show(self, places: list[int]) -> ClipItem:
        """Return the item with the frames at these positions only, in this order; one may come twice."""
        return replace(
            self,
            frames_id=f"{self.frames_id}\n{places}",
            frame_idx=tuple(self.frame_idx[i] for i in places),
            frames=self.frames[places],
            masks=self.masks[:, places],
            agrees=None if self.agrees is None else self.agrees[:, places],
            weights=None if self.weights is None else self.weights[:, places],
        )


def split_frames(item: ClipItem, most: int | None) -> Iterator[ClipItem]:
    """Yield a clip in pieces of ``most`` frames, the last one of those that are left; None leaves it whole."""
    frames = len(item.frame_idx)
    if most is None or frames <= most:
        yield item
        return
    for start in range(0, frames, most):
        yield item.show(list(range(start, min(start + most, frames))))


def split_samples(item: ClipItem, bound: int | None) -> list[ClipItem]:
    """Return a clip in parts of at most ``bound`` pairs of frame and sample, one sample at the least; None is whole."""
    samples = range(len(item.expressions))
    if bound is None or len(samples) * len(item.frame_idx) <= bound:
        return [item]
    count = max(1, bound // len(item.frame_idx))
    return [item.take([*samples[i : i + count]]) for i in samples[::count]]


class Targets(NamedTuple):
    """The labels of N samples, for a network that chooses in training which of its queries answers for a sample.

    Attributes:
        masks: float ``[N, T, h, w]`` in [0, 1]. is_positive: float ``[N]``, 0 or 1.
        queries: int64 ``[L, N]``: the choice of another view (``Prediction.queries``), to be made again; None when the
            network is to choose by these labels.
    """

    masks: Tensor
    is_positive: Tensor
    queries: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """B sequences of frames with N samples in all; samples on one sequence are neighbours.

    Clips that own the same frames share a sequence, so that a network encodes it once.

    Attributes:
        frames: float ``[B, T, 3, H, W]`` RGB in [0, 1], or kept features ``[B, T, C, h, w]``.
        expressions: N texts.
        frames_of: int64 ``[N]``, ascending: the sequence of each sample.
        masks: float ``[N, T, h, w]`` in [0, 1].
        is_positive: float ``[N]``, 0 or 1.
        sample_ids: N ids. frame_idx: N tuples of T positions in the sample's clip.
        affine: float ``[B, 2, 3]``: maps normalised (x, y) of the augmented frames to the frames as stored, so that
            a strategy with memory per pixel finds its pixels.
        strong: float ``[B, T, 3, H, W]``: the same frames under a strong change of light, for strategies that compare
            two views; None for all others.
        agrees: bool ``[N, T, h, w]``: where the label is right, for diagnosis; a strategy must not read
            it, unless its card says that it ``needs_truth``.
        weights: float ``[N, T, h, w]``: what every pixel of the mask term weighs; None when all weigh the same.
    """

    frames: Tensor
    expressions: list[str]
    frames_of: Tensor
    masks: Tensor
    is_positive: Tensor
    sample_ids: tuple[str, ...]
    frame_idx: tuple[tuple[int, ...], ...]
    affine: Tensor
    strong: Tensor | None = None
    agrees: Tensor | None = None
    weights: Tensor | None = None

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.expressions)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch with its tensors on ``device``; from pinned memory the copies are not waited for."""
        return self._each(lambda value: value.to(device, non_blocking=value.is_pinned()))

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU copies from by itself."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with every tensor changed."""
        names = ("frames", "frames_of", "masks", "is_positive", "affine", "strong", "agrees", "weights")
        tensors = {name: value for name in names if (value := getattr(self, name)) is not None}
        changed: dict[str, Any] = {name: change(value) for name, value in tensors.items()}
        return replace(self, **changed)

    def take(self, samples: list[int]) -> Batch:
        """Return the batch with the samples at these positions only, ascending, and the sequences that they are on."""
        sequences, frames_of = self.frames_of[samples].unique(return_inverse=True)
        moved = {
            name: value[sequences]
            for name in ("frames", "affine", "strong")
            if (value := getattr(self, name)) is not None
        }
        optional = ("masks", "is_positive", "agrees", "weights")
        moved |= {name: value[samples] for name in optional if (value := getattr(self, name)) is not None}
        return replace(
            self,
            **moved,
            frames_of=frames_of,
            expressions=[self.expressions[i] for i in samples],
            sample_ids=tuple(self.sample_ids[i] for i in samples),
            frame_idx=tuple(self.frame_idx[i] for i in samples),
        )

    @property
    def targets(self) -> Targets:
        """Return what a network may see of the labels, to choose which of its queries answers for a sample."""
        return Targets(self.masks, self.is_positive)


def by_frames(items: list[ClipItem]) -> list[ClipItem]:
    """Return the clips with those that own the same frames side by side, in the order of a batch's samples."""
    first = {item.frames_id: i for i, item in reversed(list(enumerate(items)))}
    return sorted(items, key=lambda item: first[item.frames_id])


def collate(items: list[ClipItem]) -> Batch:
    """Return the batch of ``items``, unaugmented; clips with one ``frames_id`` become neighbours on one sequence.

    Raises:
        ValueError: clips of different frame counts or sizes.
    """
    shapes = sorted({tuple(item.frames.shape) for item in items})
    if len(shapes) > 1:
        raise ValueError(
            f"clips of one batch must have equal frames [T, 3, H, W], got {shapes}: give ManifestDataset "
            "frames=N and size=(rows, columns), or load clips one by one with batch_size=1"
        )
    items = by_frames(items)
    sequences = {item.frames_id: item.frames for item in items}
    row = {name: i for i, name in enumerate(sequences)}
    return Batch(
        frames=_as_floats(_stacked(list(sequences.values()))),
        expressions=[text for item in items for text in item.expressions],
        frames_of=torch.tensor([row[item.frames_id] for item in items for _ in item.expressions]),
        masks=_as_floats(torch.cat([item.masks for item in items])),
        is_positive=torch.cat([item.is_positive for item in items]).float(),
        sample_ids=tuple(name for item in items for name in item.sample_ids),
        frame_idx=tuple(item.frame_idx for item in items for _ in item.expressions),
        affine=torch.eye(2, 3).repeat(len(sequences), 1, 1),
        agrees=_joined([item.agrees for item in items]),
        weights=_joined([item.weights for item in items]),
    )


def _as_floats(frames: Tensor) -> Tensor:
    """Return bytes as numbers in [0, 1]; what is numbers already stays as it is."""
    return frames.float().div_(255) if frames.dtype == torch.uint8 else frames.float()


def _stacked(sequences: list[Tensor]) -> Tensor:
    """Return sequences of one shape along a new first dimension; of a single one nothing is copied."""
    return sequences[0][None] if len(sequences) == 1 else torch.stack(sequences)


def resize_frames(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Return pictures ``[B, T, 3, H, W]`` in another size (rows, columns), bilinear."""
    flat = F.interpolate(frames.flatten(0, 1), size, mode="bilinear", align_corners=False)
    return flat.unflatten(0, tuple(frames.shape[:2]))


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    """Return the parts of all clips as one, None when one has none."""
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there and len(there) == len(parts) else None


class Prediction(NamedTuple):
    """A network's answer for N samples.

    Attributes:
        mask_logits: float ``[N, T, h, w]`` at the model's mask resolution.
        positive_logits: float ``[N]``; the sigmoid is the score that the object takes part in the action.
        auxiliary: float ``[A, N, T, h, w]``: mask logits of heads that exist in training alone; None without any.
        earlier: the answers of a network's earlier decoder layers, first layer first, learned from like the last one.
        own_loss: float ``[N]``: what the network learns beside masks and positive score, weighted as it says (query
            class and boxes, summed over its layers); None for networks that learn nothing else.
        queries: int64 ``[L, N]``: which query answered in every layer; None for networks without queries.
        all_layers: mask logits ``[L, N, T, h, w]`` and positive logits ``[L, N]`` of ``layers`` as one tensor each, in
            any order, where a network has them so: what is the same for every layer is then computed once. None: they
            are put together where they are needed.
    """

    mask_logits: Tensor
    positive_logits: Tensor
    auxiliary: Tensor | None = None
    earlier: tuple[Prediction, ...] = ()
    own_loss: Tensor | None = None
    queries: Tensor | None = None
    all_layers: tuple[Tensor, Tensor] | None = None

    @property
    def layers(self) -> tuple[Prediction, ...]:
        """Return the answers of all decoder layers, the last one first."""
        return (self, *reversed(self.earlier))


@dataclass(frozen=True)
class AuxiliaryHeads:
    """Mask heads beside a model's own, in training alone: copies of it that read perturbed mask features.

    Attributes:
        count: how many.
        init_std: standard deviation of the noise added to the copied parameters; None starts them at random.
        dropout: probability that a unit of the features (``channel`` or ``frame``) is 0; the others are scaled up.
        noise: Gaussian noise on the features, in their standard deviations.
    """

    count: int
    init_std: float | None = 1e-3
    dropout: float = 0.2
    unit: str = "channel"
    noise: float = 0.2

    def perturb(self, features: Tensor) -> Tensor:
        """Return perturbed features, ``[B, C, T, pixels]`` as given; draws come from torch's own generator."""
        clips, channels, frames, _ = features.shape
        shape = (clips, channels if self.unit == "channel" else 1, frames, 1)
        kept = (torch.rand(shape, device=features.device) >= self.dropout).to(features)
        scale = self.noise * features.detach().std()
        noise = torch.randn(features.shape, device=features.device, dtype=features.dtype)  # contiguous: drawn in bulk
        return torch.addcmul(noise.mul_(scale), features, kept / (1 - self.dropout))


class Network(Protocol):
    """What a strategy sees of a model: ``(frames, expressions, frames_of, targets) → Prediction``."""

    def __call__(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        """Segment every sample."""
        ...


def predict_view(network: Network, batch: Batch, *, like: Prediction | None = None) -> Prediction:
    """Return what a network predicts of a batch in training.

    Args:
        like: the answer to the plain view: predicts the strong one, with the same queries. None predicts the plain one.

    Raises:
        ValueError: the batch has no strong view.
    """
    if like is None:
        return network(batch.frames, batch.expressions, batch.frames_of, batch.targets)
    if batch.strong is None:
        raise ValueError("the batch has no strong view: the strategy's card must say views=2")
    return predict_again(network, batch.strong, batch, like)


def predict_again(network: Network, frames: Tensor, batch: Batch, first: Prediction) -> Prediction:
    """Return what a network predicts of a batch's samples on other frames, or another network on the same ones.

    Args:
        frames: as ``batch.frames``, of any size. first: whose queries answer again.
    """
    return network(frames, batch.expressions, batch.frames_of, batch.targets._replace(queries=first.queries))
