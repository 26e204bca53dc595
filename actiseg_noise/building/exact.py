"""``exact_rate``: which threshold corrupts exactly the round(rate·n) smallest uniforms of a slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from actiseg_noise.building.action import flag_uniforms, narration_uniforms
from actiseg_noise.building.plan import Plan
from actiseg_noise.building.text import text_uniforms
from actiseg_noise.masks import find_values

if TYPE_CHECKING:
    import numpy.typing as npt

    from actiseg_noise.building.views import ReadMask
    from actiseg_noise.records import Clip


def exact_thresholds(clips: Iterable[Clip], plan: Plan, read_mask: ReadMask | None) -> list[float]:
    """Return one threshold per noise of the recipe, from a pass over every draw.

    Slots are settled in order: a draw that an earlier slot takes is not eligible for a later one of its kind.
    """
    text: list[list[float]] = []
    narrations: list[list[float]] = []
    flags: list[list[float]] = []
    masks: list[list[float]] = []
    for clip in clips:
        text.extend(text_uniforms(clip, plan))
        narrations.append(narration_uniforms(clip, plan))
        flags.extend(flag_uniforms(clip, plan))
        if read_mask is not None and plan.masks:
            masks.extend(_mask_uniforms(clip, plan, read_mask))
    thresholds = [spec.rate for spec in plan.recipe.noises]
    _settle(text, [slot.index for slot in plan.text], thresholds, exclusive=True)
    _settle(narrations, [slot.index for slot in plan.narrations], thresholds, exclusive=True)
    _settle(flags, [slot.index for slot in plan.flags], thresholds, exclusive=True)
    _settle(masks, [slot.index for slot in plan.masks], thresholds, exclusive=not plan.recipe.sequential)
    return thresholds


def _settle(rows: list[list[float]], slots: list[int], thresholds: list[float], *, exclusive: bool) -> None:
    """Replace the rates in ``thresholds`` by exact thresholds, for the slots of one kind."""
    uniforms = np.array(rows, dtype=np.float64).reshape(len(rows), len(slots))
    for column, slot in enumerate(slots):
        threshold = smallest(uniforms[:, column], thresholds[slot])
        thresholds[slot] = threshold
        if exclusive:
            uniforms[uniforms[:, column] < threshold] = np.nan


def smallest(uniforms: npt.NDArray[np.float64], rate: float) -> float:
    """Return the threshold below which the ``round(rate * n)`` smallest of ``n`` uniforms lie; NaN is no draw."""
    draws = np.sort(uniforms[~np.isnan(uniforms)])
    count = round(rate * len(draws))
    return 1.0 if count == len(draws) else float(draws[count])


def _mask_uniforms(clip: Clip, plan: Plan, read_mask: ReadMask) -> Iterator[list[float]]:
    """Yield the uniforms of every mask slot, per draw of the clip."""
    keys = [slot.base.child(clip.mask_address or clip.address) for slot in plan.masks]
    positives = {item.object_id for item in clip.objects if item.is_positive}
    drawn: set[int] = set()
    for frame in clip.frames:
        if not frame.is_annotated:
            continue
        visible = positives.intersection(find_values(read_mask(clip, frame)))
        if plan.recipe.temporal == "frame":
            yield from ([k.child(i, frame.frame_id).uniform("decide") for k in keys] for i in visible)
        else:
            yield from ([k.child(i).uniform("decide") for k in keys] for i in visible - drawn)
            drawn |= visible
