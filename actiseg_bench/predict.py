"""Predictions: masks of a clip's objects at full resolution, merged into one index mask per frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import VosModel
from actiseg_bench.records import ClipItem, collate
from actiseg_noise.masks import IndexMask

BACKGROUND = 0.1
MASK_THRESHOLD = 0.5


class ClipPrediction(NamedTuple):
    """What a model says about one clip.

    Attributes:
        clip_id, frame_idx, object_ids: which clip, which T frames, which K objects.
        masks: T index masks, uint8 ``[H, W]`` of object ids.
        positive_scores: K scores in [0, 1].
    """

    clip_id: str
    frame_idx: tuple[int, ...]
    object_ids: tuple[int, ...]
    masks: list[IndexMask]
    positive_scores: list[float]


def merge_objects(probabilities: Tensor) -> Tensor:
    """Return which of K objects owns each pixel, int64 ``[T, H, W]``: 0 background, k + 1 object k.

    As ActionVOS's inference does it: probabilities below .5 become 0, background is a constant .1, arg-max; a tie goes
    to the earlier object.

    Args:
        probabilities: float ``[K, T, H, W]`` in [0, 1].
    """
    kept = probabilities * (probabilities >= MASK_THRESHOLD)
    best, owner = kept.max(0)
    return torch.where(best > BACKGROUND, owner + 1, 0)


def full_size_probabilities(mask_logits: Tensor, positive: Tensor, canvas: tuple[int, int], threshold: float) -> Tensor:
    """Return ``[K, T, H, W]`` probabilities: logits upsampled bilinearly, then the sigmoid; a positive score below
    ``threshold`` empties the object's mask in every frame.
    """
    logits = F.interpolate(mask_logits.float(), canvas, mode="bilinear", align_corners=False)
    return logits.sigmoid() * (positive >= threshold)[:, None, None, None]


@torch.no_grad()
def iter_predictions_of(
    model: VosModel, data: ManifestDataset, device: torch.device, clips: int = 8
) -> Iterator[ClipPrediction]:
    """Yield the prediction of every clip of ``data``, in order; ``clips`` of equal length share a forward pass."""
    model.eval()
    for items in _groups(data, clips):
        batch = collate(items).to(device)
        mask_logits, positive_logits = model(batch.frames, batch.expressions, batch.clip_of)
        sizes = [len(item.expressions) for item in items]
        scores = positive_logits.sigmoid().split(sizes)
        for item, logits, score in zip(items, mask_logits.split(sizes), scores, strict=True):
            yield _predict_clip(item, logits, score, model.card.positive_threshold)


def _groups(data: ManifestDataset, clips: int) -> Iterator[list[ClipItem]]:
    """Yield runs of at most ``clips`` neighbouring clips with equal frame shapes."""
    group: list[ClipItem] = []
    for index in range(len(data)):
        item = data[index]
        if group and (len(group) == clips or item.frames.shape != group[0].frames.shape):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _predict_clip(item: ClipItem, mask_logits: Tensor, scores: Tensor, threshold: float) -> ClipPrediction:
    """Merge one clip's K objects."""
    palette = torch.tensor([0, *item.object_ids], dtype=torch.uint8, device=mask_logits.device)
    owners = merge_objects(full_size_probabilities(mask_logits, scores, item.canvas, threshold))
    masks = list(palette[owners].cpu().numpy())
    return ClipPrediction(item.clip_id, item.frame_idx, item.object_ids, masks, scores.tolist())
