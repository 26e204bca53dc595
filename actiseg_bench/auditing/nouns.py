"""Does a mask belong to the noun that it was given? From how well every noun's predicted mask fits the given one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

TEMPERATURE = 0.1  # of the softmax over nouns, in units of IoU

Scores = npt.NDArray[np.float64]


class NounBelief(NamedTuple):
    """What the networks believe of N samples and C nouns.

    Attributes:
        probabilities: ``[N, C]``, rows sum to 1.
        self_confidence: of the given noun, ``[N]``.
        margin: normalised margin ``[N]``: (p_given - max_other p + 1) / 2, in [0, 1].
        best: the most likely noun, ``[N]``.
    """

    probabilities: Scores
    self_confidence: Scores
    margin: Scores
    best: npt.NDArray[np.int64]


def soft_iou(both: npt.NDArray[np.floating], one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> Scores:
    """Return Σ p y / (Σ p + Σ y - Σ p y) from the three sums; two empty masks are 1."""
    either = one + other - both
    return np.where(either > 0, both / np.maximum(either, 1e-9), 1.0).astype(np.float64)


def believe(overlap: Scores, given: npt.NDArray[np.int64], temperature: float = TEMPERATURE) -> NounBelief:
    """Return what follows from overlaps: p(noun | given mask) = softmax(IoU / temperature).

    Self-confidence and normalised margin are those of confident learning (Northcutt, Jiang, Chuang, JAIR 2021, arXiv
    1911.00068, §3).

    Args:
        overlap: ``[N, C]`` in [0, 1]: IoU of the given mask with the one that is predicted for each noun.
        given: ``[N]``, which of the nouns each sample was given.
    """
    likely = np.exp((overlap - overlap.max(1, keepdims=True)) / temperature)
    likely /= likely.sum(1, keepdims=True)
    rows = np.arange(len(likely))
    own = likely[rows, given]
    others = likely.copy()
    others[rows, given] = -1.0
    return NounBelief(likely, own, (own - others.max(1) + 1) / 2, likely.argmax(1))


def confidence_within(overlap: Scores, given: npt.NDArray[np.int64], categories: npt.NDArray[np.int64]) -> Scores:
    """Return p(given noun | given mask, given category), ``[N]``: the softmax over the nouns of its category alone.

    p(noun | mask) = p(category | mask) · p(noun | mask, category): where another category fits as well, a wrong noun of
    the right category shows in the second factor.

    Args:
        categories: ``[N, C]``, of every noun. overlap, given: see :func:`believe`.
    """
    rows = np.arange(len(given))
    is_other = categories != categories[rows, given][:, None]
    return believe(np.where(is_other, -np.inf, overlap), given).self_confidence
