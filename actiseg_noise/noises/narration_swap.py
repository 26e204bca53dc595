"""Narration swaps: the texts of a clip name the action of another clip."""

from __future__ import annotations

from actiseg_noise.key import Key
from actiseg_noise.noises.base import narration_noise
from actiseg_noise.vocabulary import Vocabulary


def has_another_narration(narration: str, vocabulary: Vocabulary) -> bool:
    """A clip is eligible when a text of it holds its narration and another clip of the split has a different one."""
    return vocabulary.other_clips(narration) > 0


@narration_noise(
    "narration_swap-v1",
    is_eligible=has_another_narration,
    summary="the narration of another clip of the split, uniformly among the clips whose narration differs",
    source="ours, after the noisy correspondence of shuffled captions (NCR, Huang et al., NeurIPS 2021)",
)
def narration_swap(key: Key, narration: str, vocabulary: Vocabulary) -> str:
    """Return the narration of a clip drawn uniformly from all those of the split whose narration is another.

    Narrations are drawn as often as clips have them, so that the noisy texts name actions about as often as clean ones.
    """
    return vocabulary.narration_of_other(narration, key.below("clip", vocabulary.other_clips(narration)))
