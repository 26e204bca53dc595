"""Predictions: masks of a clip's objects at full resolution, merged into one index mask per frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import VosModel
from actiseg_bench.records import ClipItem, by_frames, collate, split_frames, split_samples
from actiseg_bench.results.predictions import PredictedMask, frame_predictions
from actiseg_noise.masks import IndexMask

CANVAS_VALUES = 2**27  # logits that are enlarged at once: half a gigabyte


class ClipPrediction(NamedTuple):
    """What a model predicts for one clip, or for one piece of a long one.

    Attributes:
        clip_id, frame_idx, object_ids: which clip, which T frames, which K objects.
        masks: T index masks, uint8 ``[H, W]`` of object ids.
        positive_scores: K scores in [0, 1]; None for a network without a positive head.
        ungated: bool ``[K, T, H, W]``, each object's own mask whatever the positive head and other objects say; None
            where it was not asked for.
    """

    clip_id: str
    frame_idx: tuple[int, ...]
    object_ids: tuple[int, ...]
    masks: list[IndexMask]
    positive_scores: list[float] | list[None]
    ungated: npt.NDArray[np.bool_] | None = None

    def rows(self) -> Iterator[PredictedMask]:
        """Yield what is stored of it, one row per frame and object."""
        scores = dict(zip(self.object_ids, self.positive_scores, strict=True))
        for place, (frame_idx, mask) in enumerate(zip(self.frame_idx, self.masks, strict=True)):
            own = None
            if self.ungated is not None:
                own = dict(zip(self.object_ids, self.ungated[:, place], strict=True))
            yield from frame_predictions(self.clip_id, frame_idx, mask, scores, own)


def merge_objects(logits: Tensor) -> Tensor:
    """Return which of K objects owns each pixel, int64 ``[T, H, W]``: 0 background, k + 1 object k.

    ActionVOS's inference sets probabilities below .5 to 0, background to a constant .1, and takes the arg-max. Logits
    above 17 are all probabilities of 1 in float32: a tie, as between equal ones, goes to the earlier object.

    Args:
        logits: float ``[K, T, H, W]`` at full resolution, K ≥ 1.
    """
    best, owner = logits.sigmoid().max(0)
    return torch.where(best >= 0.5, owner + 1, 0)


@torch.inference_mode()
def iter_predictions_of(
    model: VosModel,
    data: ManifestDataset | Sequence[ClipItem],
    device: torch.device,
    clips: int = 8,
    *,
    threshold: float | None = None,
    is_scored: bool = True,
    ungated: bool = False,
) -> Iterator[ClipPrediction]:
    """Yield the prediction of every clip of ``data``, in order; ``clips`` of equal size share a forward pass.

    A clip of more frames than the model's card allows at once comes as several pieces, one after the other.

    Args:
        threshold: a positive score below it empties the object's mask in the piece; None is the card's.
        is_scored: whether the positive scores mean anything; if not, no mask is emptied and no score is given.
        ungated: give the ungated masks, too.
    """
    model.eval()
    least = (model.card.positive_threshold if threshold is None else threshold) if is_scored else 0.0
    for items in _portions(data, clips, model):
        masks, positives = _answer(model, items, device)
        ordered = by_frames(items)
        sizes = [len(item.expressions) for item in ordered]
        parts = zip(ordered, masks.split(sizes), positives.sigmoid().split(sizes), strict=True)
        clips_here = [_predict_clip(item, logits, scores, least, ungated) for item, logits, scores in parts]
        for clip in sorted(clips_here, key=lambda clip: (clip.clip_id, clip.frame_idx)):
            yield clip if is_scored else clip._replace(positive_scores=[None] * len(clip.object_ids))


def _portions(data: ManifestDataset | Sequence[ClipItem], clips: int, model: VosModel) -> Iterator[list[ClipItem]]:
    """Yield what shares a forward pass: at most ``clips`` neighbours of equal size, within the card's bounds."""
    card = model.card
    group: list[ClipItem] = []
    for item in (piece for index in range(len(data)) for piece in split_frames(data[index], card.max_frames)):
        full = len(group) == clips
        if card.frame_samples is not None:
            full = full or _work([*group, item]) > card.frame_samples
        if group and (full or item.frames.shape != group[0].frames.shape):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _work(items: list[ClipItem]) -> int:
    """Return how many pairs of frame and sample a network has to process."""
    return sum(len(item.frame_idx) * len(item.expressions) for item in items)


def _answer(model: VosModel, items: list[ClipItem], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mask logits ``[N, T, h, w]`` and positive logits ``[N]`` of all samples, in the order of ``by_frames``.

    One clip with more samples than the card's bound takes several passes, which a model may share the frames of.
    """
    bound = model.card.frame_samples
    if bound is None or model.card.splits_samples or _work(items) <= bound:
        return _forward(model, items, device)
    (item,) = items
    answers = [_forward(model, [part], device) for part in split_samples(item, bound)]
    return torch.cat([masks for masks, _ in answers]), torch.cat([positives for _, positives in answers])


def _forward(model: VosModel, items: list[ClipItem], device: torch.device) -> tuple[Tensor, Tensor]:
    batch = collate(items).to(device)
    answer = model(batch.frames, batch.expressions, batch.frames_of)
    return answer.mask_logits, answer.positive_logits


def _predict_clip(
    item: ClipItem, mask_logits: Tensor, scores: Tensor, threshold: float, ungated: bool
) -> ClipPrediction:
    """Merge one clip's K objects; a positive score below ``threshold`` empties an object's mask in every frame."""
    acting = scores >= threshold
    ids = torch.tensor(item.object_ids, dtype=torch.uint8, device=mask_logits.device)[acting]
    names = torch.cat([ids.new_zeros(1), ids])
    masks = [names[_owners(logits, item.canvas)] for logits in _enlarged(mask_logits[acting], item.canvas)]
    own = None
    if ungated:
        parts = [has_object(logits) for logits in _enlarged(mask_logits, item.canvas)]
        own = torch.cat(parts, 1).cpu().numpy()
    merged = list(torch.cat(masks).cpu().numpy())
    return ClipPrediction(item.clip_id, item.frame_idx, item.object_ids, merged, scores.tolist(), own)


def has_object(logits: Tensor) -> Tensor:
    """Return where each object's probability is at least .5, what :func:`merge_objects` keeps of one alone."""
    return logits.sigmoid() >= 0.5


def _owners(logits: Tensor, canvas: tuple[int, int]) -> Tensor:
    """Return :func:`merge_objects`, background everywhere where there is no object."""
    if len(logits):
        return merge_objects(logits)
    return torch.zeros((logits.shape[1], *canvas), dtype=torch.int64, device=logits.device)


def _enlarged(logits: Tensor, canvas: tuple[int, int]) -> Iterator[Tensor]:
    """Yield logits ``[K, T, h, w]`` as float32 ``[K, t, *canvas]``, a few frames at a time."""
    frames = max(1, CANVAS_VALUES // (max(1, len(logits)) * canvas[0] * canvas[1]))
    for part in logits.float().split(frames, 1):
        yield F.interpolate(part, canvas, mode="bilinear", align_corners=False) if len(part) else part
