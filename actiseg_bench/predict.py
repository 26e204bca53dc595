"""Predictions: masks of a clip's objects at full resolution, merged into one index mask per frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import VosModel
from actiseg_bench.records import ClipItem, by_frames, collate
from actiseg_noise.masks import IndexMask


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


def merge_objects(logits: Tensor) -> Tensor:
    """Return which of K objects owns each pixel, int64 ``[T, H, W]``: 0 background, k + 1 object k.

    ActionVOS's inference sets probabilities below .5 to 0, background to a constant .1, and takes the arg-max. The
    sigmoid is monotonic, so this is the arg-max of the logits where it is at least 0; a tie goes to the earlier object.

    Args:
        logits: float ``[K, T, H, W]`` at full resolution, K ≥ 1.
    """
    best, owner = logits.max(0)
    return torch.where(best >= 0, owner + 1, 0)


@torch.no_grad()
def iter_predictions_of(
    model: VosModel, data: ManifestDataset, device: torch.device, clips: int = 8
) -> Iterator[ClipPrediction]:
    """Yield the prediction of every clip of ``data``, in order; ``clips`` of equal length share a forward pass."""
    model.eval()
    for items in _groups(data, clips):
        batch = collate(items).to(device)
        mask_logits, positive_logits, _ = model(batch.frames, batch.expressions, batch.frames_of)
        ordered = by_frames(items)
        sizes = [len(item.expressions) for item in ordered]
        parts = zip(ordered, mask_logits.split(sizes), positive_logits.sigmoid().split(sizes), strict=True)
        found = [_predict_clip(item, logits, scores, model.card.positive_threshold) for item, logits, scores in parts]
        yield from sorted(found, key=lambda clip: clip.clip_id)


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
    """Merge one clip's K objects; a positive score below ``threshold`` empties an object's mask in every frame."""
    acting = scores >= threshold
    owners = torch.zeros((len(item.frame_idx), *item.canvas), dtype=torch.int64, device=mask_logits.device)
    if acting.any():
        logits = F.interpolate(mask_logits[acting].float(), item.canvas, mode="bilinear", align_corners=False)
        owners = merge_objects(logits)
    ids = torch.tensor(item.object_ids, dtype=torch.uint8, device=mask_logits.device)[acting]
    masks = torch.cat([ids.new_zeros(1), ids])[owners]
    return ClipPrediction(item.clip_id, item.frame_idx, item.object_ids, list(masks.cpu().numpy()), scores.tolist())
