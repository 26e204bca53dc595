"""What happens to the mask when the noun in the prompt is exchanged for another active object's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actiseg_bench.metrics.actionvos import is_hand
from fairness.inputs import Judge, read_words


class Swap(NamedTuple):
    """The noun of one positive object replaced by that of another one in the same clip: IoU with both objects."""

    with_hand: bool
    own: float
    other: float

    @property
    def moved(self) -> bool:
        """Return whether the mask lies on the object whose noun was given."""
        return self.other > self.own


def iou(a: Tensor, b: Tensor) -> float:
    """Return the intersection over union of two ``bool [T, h, w]``, 0 where both are empty."""
    union = (a | b).sum().item()
    return (a & b).sum().item() / union if union else 0.0


def swaps_of(nouns: Sequence[str], predicted: Tensor, truth: Tensor) -> Iterator[Swap]:
    """Yield every ordered pair of a clip's K positive objects.

    Args:
        predicted: ``bool [K, T, h, w]``, the masks for the K nouns with the clip's narration. An object's expression
            with another's noun *is* the other's expression, so K masks answer all K·(K - 1) exchanges.
        truth: ``bool [K, T, h, w]``.
    """
    hands = is_hand(nouns).tolist()
    for a, b in permutations(range(len(nouns)), 2):
        if truth[a].any() and truth[b].any():
            yield Swap(hands[a] or hands[b], iou(predicted[b], truth[a]), iou(predicted[b], truth[b]))


@torch.no_grad()
def iter_swaps(judge: Judge) -> Iterator[Swap]:
    """Yield the exchanges of all clips; masks are the logits' signs, before merging and the positive threshold."""
    words = read_words(judge.data.manifest)
    for item in (judge.data[i] for i in range(len(judge.data))):
        acting = item.take(item.is_positive.nonzero().flatten().tolist())
        frames_of = torch.zeros(len(acting.expressions), dtype=torch.int64)
        logits, _ = judge.model(acting.frames[None].float() / 255, list(acting.expressions), frames_of)
        nouns = [words.nouns[name] for name in acting.sample_ids]
        yield from swaps_of(nouns, logits >= 0, acting.masks >= 128)


def swap_shares(swaps: Sequence[Swap]) -> dict[str, Any]:
    """Return the share of exchanges that move the mask: all of them, and without and with hands."""
    parts = {
        "all": swaps,
        "without hands": [swap for swap in swaps if not swap.with_hand],
        "with a hand": [swap for swap in swaps if swap.with_hand],
    }
    return {
        name: {"pairs": len(some), "moved": sum(swap.moved for swap in some) / max(1, len(some))}
        for name, some in parts.items()
    }
