"""Shares observed in the rows alone: what is corrupted, whoever did it. Works for imported labels without a recipe.

The rows of the table are those with which the released ActiSeg-NL split files were measured: flips of all, of hands, of
positives; nouns changed where a category has another noun and where it has none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from actiseg_noise.borders.median import Median
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import iter_rows
from actiseg_noise.manifest.schema import ACTION, NO_NOISE
from actiseg_noise.view.describe import Section
from actiseg_noise.vocabulary import Vocabulary

HANDS = frozenset(("left hand", "right hand", "hand", "hands"))
CONFIDENCE = 1.96  # standard errors on either side: 95 %


class Prompt(NamedTuple):
    """The text label of one sample, clean and noisy."""

    category_id: int
    noun: str
    noisy_category_id: int
    noisy_noun: str
    is_positive: bool

    @property
    def is_flipped(self) -> bool:
        """Return whether the noisy noun is of another category."""
        return self.noisy_category_id != self.category_id

    @property
    def is_renamed(self) -> bool:
        """Return whether the noun is another."""
        return self.noisy_noun != self.noun


@dataclass
class Share:
    """``count`` of ``total``."""

    name: str
    count: int = 0
    total: int = 0

    @property
    def share(self) -> float | None:
        """Return the share, 0–1, None of nothing."""
        return self.count / self.total if self.total else None

    @property
    def margin(self) -> float | None:
        """Return half the width of the share's 95 % interval (normal approximation), 0–1."""
        if self.share is None:
            return None
        return CONFIDENCE * math.sqrt(self.share * (1 - self.share) / self.total)

    def add(self, hit: bool) -> None:
        """Count one."""
        self.total += 1
        self.count += hit

    def row(self) -> tuple[str, ...]:
        """Return a line of a table."""
        if self.share is None or self.margin is None:
            return self.name, "–", "–", ""
        margin = f"±{self.margin:.1%}" if 0 < self.count < self.total else ""
        return self.name, f"{self.count:,} of {self.total:,}", f"{self.share:.1%}", margin


@dataclass(frozen=True)
class Observed:
    """The shares of prompts and of masks, and noise → (masks, median IoU with the clean mask).

    ``actions``: the shares of narrations and flags, of a manifest that has a noisy side of them.
    """

    prompts: list[Share]
    masks: list[Share]
    ious: dict[str, tuple[int, float]]
    actions: tuple[Share, ...] = ()

    def sections(self) -> list[Section]:
        """Return the tables."""
        header = ("", "", "share", "95 %")
        found = [Section("Observed in the rows: prompts", header, [share.row() for share in self.prompts])]
        if self.actions:
            rows = [share.row() for share in self.actions]
            found.append(Section("Observed in the rows: narrations and flags", header, rows))
        if self.masks and self.masks[0].total:
            rows = [share.row() for share in self.masks]
            rows += [(f"median IoU, {name}", f"{n:,} masks", f"{iou:.3f}", "") for name, (n, iou) in self.ious.items()]
            found.append(Section("Observed in the rows: masks of visible objects", header, rows))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        shares = {"prompts": self.prompts, "masks": self.masks}
        shares |= {"actions": list(self.actions)} if self.actions else {}
        return {
            **{name: {s.name: {**vars(s), "share": s.share} for s in found} for name, found in shares.items()},
            "median_iou": {name: {"masks": count, "iou": iou} for name, (count, iou) in self.ious.items()},
        }


def observe(manifest: Manifest) -> Observed:
    """Read the shares from the rows."""
    names = ["category_id", "noun", "noisy_category_id", "noisy_noun", "is_positive"]
    prompts = count_prompts(map(Prompt._make, iter_rows(manifest, "samples", names)), manifest.vocabulary)
    actions = _count_actions(manifest) if manifest.info.schema_version >= ACTION else ()
    return Observed(prompts, *_count_masks(manifest), actions)


def _count_actions(manifest: Manifest) -> tuple[Share, ...]:
    """Return the shares of samples with another clip's narration and with another flag than the clean one."""
    names = ("another clip's narration", "  of positives", "another flag", "  positives given as negative")
    swapped, of_positives, flipped, silenced, raised = map(Share, (*names, "  negatives given as positive"))
    columns = ["narration_noise", "is_positive", "noisy_is_positive"]
    for noise, is_positive, given in iter_rows(manifest, "samples", columns):
        swapped.add(noise != NO_NOISE)
        flipped.add(given != is_positive)
        if is_positive:
            of_positives.add(noise != NO_NOISE)
        (silenced if is_positive else raised).add(given != is_positive)
    return swapped, of_positives, flipped, silenced, raised


def count_prompts(prompts: Iterable[Prompt], vocabulary: Vocabulary) -> list[Share]:
    """Return the shares of flipped and of renamed prompts.

    Args:
        vocabulary: says whether a category has another noun.
    """

    def has_another_noun(prompt: Prompt) -> bool:
        nouns = vocabulary.nouns.get(prompt.category_id, ())
        return any(noun != prompt.noun for noun in nouns)

    rules: list[tuple[str, Callable[[Prompt], bool], Callable[[Prompt], bool]]] = [
        ("flipped to another category", lambda p: True, lambda p: p.is_flipped),
        ("  of hands", lambda p: p.noun in HANDS, lambda p: p.is_flipped),
        ("  of other objects", lambda p: p.noun not in HANDS, lambda p: p.is_flipped),
        ("  of positives", lambda p: p.is_positive, lambda p: p.is_flipped),
        ("  of negatives", lambda p: not p.is_positive, lambda p: p.is_flipped),
        ("unflipped, noun changed", lambda p: not p.is_flipped, lambda p: p.is_renamed),
        (
            "  category with several nouns",
            lambda p: not p.is_flipped and has_another_noun(p),
            lambda p: p.is_renamed,
        ),
        (
            "  category with one noun",
            lambda p: not p.is_flipped and not has_another_noun(p),
            lambda p: p.is_renamed,
        ),
        ("changed in any way", lambda p: True, lambda p: p.is_flipped or p.is_renamed),
    ]
    shares = [Share(name) for name, _, _ in rules]
    for prompt in prompts:
        for share, (_, is_counted, is_hit) in zip(shares, rules, strict=True):
            if is_counted(prompt):
                share.add(is_hit(prompt))
    return shares


def _count_masks(manifest: Manifest) -> tuple[list[Share], dict[str, tuple[int, float]]]:
    """Return the shares of masks that are not empty on both sides, and the median IoU per noise."""
    names = ["clean_area", "noisy_area", "clean_digest", "noisy_digest", "mask_noise", "iou"]
    changed, erased, kept, neighbours = map(
        Share, ("changed", "erased", "kept as it was, the noise would erase it", "changed by a neighbour alone")
    )
    ious: dict[str, Median] = {}
    flags = ["would_erase", "changed_by_neighbour"]
    for clean_area, noisy_area, clean, noisy, noise, iou, would_erase, by_neighbour in iter_rows(
        manifest, "masks", [*names, *flags]
    ):
        if not (clean_area or noisy_area):
            continue
        for share, hit in (
            (changed, clean != noisy),
            (erased, clean_area > 0 and noisy_area == 0),
            (kept, would_erase),
            (neighbours, by_neighbour),
        ):
            share.add(hit)
        if noise != NO_NOISE:
            ious.setdefault(noise, Median()).extend((iou,))
    medians = {noise: (len(values), values.value() or 0.0) for noise, values in sorted(ious.items())}
    return [changed, erased, kept, neighbours], medians
