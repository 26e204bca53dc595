"""What a build counts: draws per noise, held against chance; how hard the labels became; which frames have what."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import and_
from typing import Any

from actiseg_noise.borders.median import Median
from actiseg_noise.building.plan import Tally
from actiseg_noise.errors import DataError, GateError
from actiseg_noise.manifest.info import ACTION_SEVERITY, SlotCounts
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.noises.base import NOISES
from actiseg_noise.recipe import Recipe

ALPHA = 1e-6


def slot_counts(recipe: Recipe, tally: Tally, thresholds: Sequence[float] | None) -> tuple[SlotCounts, ...]:
    """Return what each noise of the recipe did, with the interval that chance allows."""
    slots = []
    for index, (spec, (eligible, realised, on_positives)) in enumerate(zip(recipe.noises, tally.rows, strict=True)):
        units = {"narration": "clip", "mask": "mask" if recipe.temporal == "frame" else "track"}
        count = round(spec.rate * eligible)
        slots.append(
            SlotCounts(
                noise_id=spec.noise_id,
                unit=units.get(NOISES[spec.noise_id].kind, "sample"),
                requested=spec.rate,
                threshold=spec.rate if thresholds is None else thresholds[index],
                eligible=eligible,
                realised=realised,
                on_positives=on_positives,
                interval=(count, count) if recipe.exact_rate else binomial_interval(eligible, spec.rate),
            )
        )
    return tuple(slots)


def check_gate(slots: Sequence[SlotCounts]) -> None:
    """Raise GateError when a realised count is outside its interval."""
    for slot in slots:
        if not slot.is_allowed:
            low, high = slot.interval
            raise GateError(
                f"{slot.noise_id}: {slot.realised} of {slot.eligible} draws were corrupted, but a rate of "
                f"{slot.requested:g} allows {low} to {high} (chance beyond: one in a million). "
                "Something is wrong with the noise or the data; --no-gate builds it anyway."
            )


def binomial_interval(draws: int, rate: float, alpha: float = ALPHA) -> tuple[int, int]:
    """Return the smallest and the largest count that a two-sided exact test at ``alpha`` lets pass.

    The lower end is the largest ``k`` with P(X < k) ≤ alpha/2, the upper the smallest with P(X > k) ≤ alpha/2, for X
    binomial(``draws``, ``rate``).
    """
    if draws == 0 or rate == 0:
        return 0, 0
    if rate == 1:
        return draws, draws
    spread = 12 * math.sqrt(draws * rate * (1 - rate)) + 60  # what lies beyond weighs less than e^-70
    low = max(0, math.floor(draws * rate - spread))
    high = min(draws, math.ceil(draws * rate + spread))
    lower = _first_above(_terms(range(low, draws + 1), draws, rate), alpha / 2)
    upper = _first_above(_terms(range(high, -1, -1), draws, rate), alpha / 2)
    return lower, upper


def _terms(counts: Iterable[int], draws: int, rate: float) -> Iterator[tuple[int, float]]:
    """Yield (k, P(X = k))."""
    fixed = math.lgamma(draws + 1)
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    for k in counts:
        ways = fixed - math.lgamma(k + 1) - math.lgamma(draws - k + 1)
        yield k, math.exp(ways + k * log_rate + (draws - k) * log_rest)


def _first_above(terms: Iterator[tuple[int, float]], tail: float) -> int:
    """Return the first k at which the summed probability exceeds ``tail``."""
    total = 0.0
    for k, probability in terms:
        total += probability
        if total > tail:
            return k
    raise AssertionError("the probabilities of all counts sum to one")


class Severity:
    """Share of positives whose text is harmful, and median IoU of the noised masks, from rows.

    Of rows of schema 2 also the shares of positives with another clip's narration, and of those given as negative.
    """

    def __init__(self) -> None:
        self._positives = 0
        self._harmful = 0
        self._has_actions = False
        self._swapped = 0
        self._flipped = 0
        self._ious = Median()

    def add(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Take in rows of the table called ``name``, as a list per column."""
        if name == "samples":
            self._positives += sum(columns["is_positive"])
            self._harmful += sum(map(and_, columns["is_positive"], columns["is_harmful"]))
            if "flag_noise" in columns:
                self._add_actions(columns)
        elif name == "masks":
            pairs = zip(columns["mask_noise"], columns["iou"], strict=True)
            self._ious.extend(iou for noise, iou in pairs if noise != NO_NOISE)

    def _add_actions(self, columns: Mapping[str, list[Any]]) -> None:
        """Take in what rows of samples say in schema 2 alone."""
        self._has_actions = True
        for is_positive, noise, given in zip(
            columns["is_positive"], columns["narration_noise"], columns["noisy_is_positive"], strict=True
        ):
            self._swapped += is_positive and noise != NO_NOISE
            self._flipped += is_positive and not given

    def join(self, other: Severity) -> None:
        """Take in the rows that another has taken in."""
        self._positives += other._positives
        self._harmful += other._harmful
        self._has_actions = self._has_actions or other._has_actions
        self._swapped += other._swapped
        self._flipped += other._flipped
        self._ious.join(other._ious)

    def to_json(self) -> dict[str, float | None]:
        """Return ``harmful_positives`` and ``median_iou``, each in 0–1 and null where nothing was counted.

        Of schema 2 ``wrong_narration_positives`` and ``wrong_flag_positives``, too.
        """
        found = {"harmful_positives": self._share(self._harmful), "median_iou": self._ious.value()}
        shares = zip(ACTION_SEVERITY, map(self._share, (self._swapped, self._flipped)), strict=True)
        return found | (dict(shares) if self._has_actions else {})

    def _share(self, count: int) -> float | None:
        """Return a share of the positives, None of nothing."""
        return count / self._positives if self._positives else None


class FramePairs:
    """Which frames have an image and which a mask: both are needed to train."""

    def __init__(self) -> None:
        self._both = self._masks = self._images = 0

    def add(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Take in rows of the table called ``name``, as a list per column."""
        if name == "frames":
            for image, annotated in zip(columns["image_path"], columns["is_annotated"], strict=True):
                self._both += annotated and image is not None
                self._masks += annotated and image is None
                self._images += not annotated and image is not None

    def describe(self) -> str | None:
        """Return one line about what lacks its counterpart, None where nothing does.

        Raises:
            DataError: there are masks and images, and none of them have one name.
        """
        if self._masks and self._images and not self._both:
            raise DataError(
                f"none of {self._masks:,} masks has an image of its name, and none of {self._images:,} images a mask: "
                "expected frames of equal names, such as 00000.jpg and 00000.png. Rename one of the two."
            )
        if self._masks and not self._both:
            return f"no image is there: labels alone, for {self._masks:,} masks"
        parts = []
        if self._masks:
            parts.append(f"{self._masks:,} of {self._masks + self._both:,} masks have no image")
        if self._images:
            parts.append(f"{self._images:,} of {self._images + self._both:,} images have no mask")
        return "; ".join(parts) or None
