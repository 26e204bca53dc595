"""Flag flips: who takes part in the action is told wrong, in either direction."""

from __future__ import annotations

from actiseg_noise.key import Key
from actiseg_noise.noises.base import flag_noise


def has_a_flag(is_positive: bool) -> bool:
    """Every sample is eligible, positive or negative, hands too."""
    return True


@flag_noise(
    "flag_flip-v1",
    is_eligible=has_a_flag,
    summary="positive and negative exchanged",
    source="symmetric label noise of two classes (Angluin & Laird, 1988), on ActionVOS's flag; ours",
)
def flag_flip(key: Key, is_positive: bool) -> bool:
    """Return the other flag; the key is not used.

    A positive object is given as negative, so that its target is empty; a negative one as positive, so that its target
    is its own mask.
    """
    return not is_positive
