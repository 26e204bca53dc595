"""How much of every mask pixel an object covers, and what ActionVOS's action-guided weights make of it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from actiseg_bench.data.sizes import Size, grid_size
from actiseg_noise.errors import ManifestError, raise_if
from actiseg_noise.manifest.clips import ManifestMask, ManifestSample
from actiseg_noise.masks import Rle, decode_rle

ONE_REASON, BOTH_REASONS, NEGATIVE = 2.0, 5.0, 5.0
REASONS = ("handbox", "in_narration")


def mask_rle(mask: ManifestMask, labels: str) -> Rle:
    """Return the run lengths of the ``noisy`` or ``clean`` mask.

    Raises:
        ManifestError: they were withheld.
    """
    rle = mask.rle(labels)
    if rle is None:
        raise ManifestError(f"sample {mask.sample_id}, frame_idx {mask.frame_idx}: the {labels} mask is not there")
    return rle


def coverage(rle: Rle, size: Size, stride: int) -> npt.NDArray[np.uint8]:
    """Return the share of every mask pixel that a mask covers, 0–255, uint8 ``[h, w]``.

    Args:
        rle: the mask, of any size; it is seen as a frame of ``size`` is.
        stride: a mask pixel covers ``stride`` × ``stride`` pixels of the frame. What sticks out of it is not covered.
    """
    full = decode_rle(rle).view(np.uint8) * np.uint8(255)
    rows, columns = grid_size(size, stride)
    if (rows * stride, columns * stride) == tuple(size):
        return cv2.resize(full, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    seen = np.zeros((rows * stride, columns * stride), np.float32)
    seen[: size[0], : size[1]] = cv2.resize(full.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    return seen.reshape(rows, stride, columns, stride).mean((1, 3)).round().astype(np.uint8)


def action_weights(
    masks: npt.NDArray[np.uint8], samples: Sequence[ManifestSample], labels: str = "noisy"
) -> npt.NDArray[np.float32]:
    """Return what every mask pixel weighs, float32 of the shape of ``masks``: 1 + (w - 1) · covered share.

    ActionVOS (arXiv 2407.07402 and its loader): inside an object that a hand touches or the narration names w is 2,
    where both hold 5; inside a negative object, whose target is empty, 5; a positive one without either has 1. Its
    maps are per frame where a hand touches the object in some frames only; a manifest says it of the whole clip.

    Args:
        masks: uint8 ``[K, T, h, w]``, the objects' own coverage, of negative ones too.
        samples: the K objects. labels: whose flags say which are negative, ``noisy`` or ``clean``.

    Raises:
        ManifestError: the manifest does not say what hands touch and the narration names.
    """
    return weigh(masks.astype(np.float32) / np.float32(255), samples, labels)


def weigh(
    covered: npt.NDArray[np.float32], samples: Sequence[ManifestSample], labels: str = "noisy"
) -> npt.NDArray[np.float32]:
    """Return :func:`action_weights` of shares in [0, 1], float32 of any four dimensions, objects first."""
    inside = np.array([_weight(sample, labels) for sample in samples], np.float32)
    return np.float32(1) + (inside - np.float32(1))[:, None, None, None] * covered


def _weight(sample: ManifestSample, labels: str) -> float:
    silent = [name for name in REASONS if getattr(sample, name) is None]
    raise_if(
        bool(silent),
        f"sample {sample.sample_id}: the manifest does not say {' and '.join(silent)} of its objects, and "
        "action-guided weights are made of them. Set action_weights = false in [train] of the configuration.",
        ManifestError,
    )
    if not sample.flag(labels):
        return NEGATIVE
    return (1.0, ONE_REASON, BOTH_REASONS)[sum(bool(getattr(sample, name)) for name in REASONS)]
