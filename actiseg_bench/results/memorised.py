"""Which wrong labels a network gives back when it is asked as in training: what it memorised of the noise.

A run keeps what its first network predicts, after training, of the training clips that its diagnosis probes, from the
texts that it was given. Scores and keys have nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from actiseg_noise.manifest.clips import ManifestClip, ManifestSample
from actiseg_noise.masks import BinaryMask, Rle, decode_rle

TRAINING_PREDICTIONS_NAME = "training_predictions.parquet"

Predicted = Mapping[tuple[int, int], Rle]
"""(frame_idx, object_id) → mask, of one clip."""


def wrong_and_memorised(clip: ManifestClip, predicted: Predicted) -> tuple[int, int]:
    """Return how many labels of a clip are wrong, and how many of these its predictions give back.

    A label is a text with masks, of an object that is given as positive. It is wrong where its text does not name the
    object any more, or where its masks are not the clean ones. It is given back where the prediction has more IoU, over
    all frames, with the given masks than with those that would be right for the given text: the clean masks of what it
    names, which are nothing where no object of the clip is called so.
    """
    wrong = memorised = 0
    for sample in clip.samples:
        if not sample.noisy_is_positive:
            continue
        triples = list(_masks(clip, sample, predicted))
        if not any((given != right).any() for _, given, right in triples):
            continue
        wrong += 1
        memorised += _iou(triples, 1) > _iou(triples, 2)
    return wrong, memorised


def _masks(
    clip: ManifestClip, sample: ManifestSample, predicted: Predicted
) -> Iterator[tuple[BinaryMask, BinaryMask, BinaryMask]]:
    """Yield (predicted, given, right) of a sample, bool ``[H, W]`` each, per frame that has its masks."""
    named = [
        one.object_id
        for one in clip.samples
        if (one.category_id == sample.noisy_category_id if sample.is_harmful else one is sample)
    ]
    for frame in clip.frames:
        mask = frame.masks.get(sample.object_id)
        if mask is None or mask.noisy is None or frame.size is None:
            continue
        right = np.zeros(frame.size, bool)
        for object_id in named:
            other = frame.masks.get(object_id)
            right |= False if other is None or other.clean is None else decode_rle(other.clean)
        found = predicted.get((frame.frame_idx, sample.object_id))
        yield np.zeros(frame.size, bool) if found is None else decode_rle(found), decode_rle(mask.noisy), right


def _iou(triples: list[tuple[BinaryMask, BinaryMask, BinaryMask]], other: int) -> float:
    """Return the IoU over all frames of what is predicted with one of the other two; of two that are empty 1."""
    both = sum(int((one[0] & one[other]).sum()) for one in triples)
    either = sum(int((one[0] | one[other]).sum()) for one in triples)
    return both / either if either else 1.0
