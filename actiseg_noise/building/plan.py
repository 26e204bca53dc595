"""A recipe made ready to draw: its slots bound to noises, thresholds and the first part of every address."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.manifest.schema import ACTION, PLAIN
from actiseg_noise.noises.base import ACTION_KINDS, NOISES, FlagNoise, Label, MaskNoise, NarrationNoise, TextNoise
from actiseg_noise.noises.labels import LabelTable
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.vocabulary import Vocabulary

NoiseT = TypeVar("NoiseT", TextNoise, MaskNoise, NarrationNoise, FlagNoise)

_NOMINAL_CANVAS = (1080, 1920)
MOST_LABELS = 100_000
"""Labels that are no vocabulary's, of which a plan knows the numbers; of more they are forgotten."""


@dataclass(frozen=True)
class Slot(Generic[NoiseT]):
    """One noise of a recipe, ready to draw.

    Attributes:
        index: position in the recipe.
        threshold: a draw fires when its uniform is below this: the rate, or what ``exact_rate`` found.
        options: a noise's parameters, a mask noise's options.
        base: the address up to the source; clip, object and, per frame, frame_id follow.
    """

    index: int
    noise: NoiseT
    threshold: float
    options: dict[str, Any]
    base: Key

    def fires(self, key: Key) -> bool:
        """Return whether the draw at ``key`` corrupts."""
        return self.threshold >= 1 or key.uniform("decide") < self.threshold


class Plan:
    """A recipe bound to a source and a vocabulary.

    The slot in a draw's address counts how often the same noise id came before in the recipe, so that adding another
    noise, anywhere, changes nobody's draws: mixed-40-15 has text-40's text and mask-15's masks.

    Args:
        source: the address part shared by all layouts of one source.
        thresholds: one per noise of the recipe; None: the rates.
        void_id: palette value without label, None where there is none.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: str,
        vocabulary: Vocabulary,
        *,
        thresholds: Sequence[float] | None = None,
        void_id: int | None = None,
    ) -> None:
        self.recipe = recipe
        self.vocabulary = vocabulary
        self.void_id = void_id
        self.text: list[Slot[TextNoise]] = []
        self.narrations: list[Slot[NarrationNoise]] = []
        self.flags: list[Slot[FlagNoise]] = []
        self.masks: list[Slot[MaskNoise]] = []
        seen: Counter[str] = Counter()
        for index, spec in enumerate(recipe.noises):
            threshold = spec.rate if thresholds is None else thresholds[index]
            base = Key("noise", recipe.seed, spec.noise_id, seen[spec.noise_id], source)
            try:
                self._add(index, spec, threshold, base)
            except ActisegError as error:
                if type(error) is not ActisegError or len(recipe.noises) == 1:
                    raise
                raise ActisegError(f"noise {index + 1} ({spec.noise_id}): {error}") from None
            seen[spec.noise_id] += 1
        self.draws_within_clips = any(slot.noise.within_clip(slot.options) for slot in self.text)
        self._labels: dict[tuple[int, str], tuple[Label, list[bool]]] = {}
        self._table: LabelTable | None = None
        self._parameters: dict[tuple[int, int, int], dict[str, Any]] = {}
        self._parameter_texts: dict[tuple[int, ...], str] = {}

    def _add(self, index: int, spec: NoiseSpec, threshold: float, base: Key) -> None:
        """Bind one spec to its noise, checking its options."""
        noise = NOISES[spec.noise_id]
        options = {**noise.defaults, **spec.options}
        if isinstance(noise, TextNoise):
            self.text.append(Slot(index, noise, threshold, noise.resolve(options, self.vocabulary), base))
        elif isinstance(noise, NarrationNoise):
            self.narrations.append(Slot(index, noise, threshold, noise.resolve(options, self.vocabulary), base))
        elif isinstance(noise, FlagNoise):
            self.flags.append(Slot(index, noise, threshold, noise.resolve(options), base))
        else:
            noise.resolve(options, *_NOMINAL_CANVAS)
            self.masks.append(Slot(index, noise, threshold, options, base))

    def label(self, category_id: int, noun: str, local: Vocabulary | None = None) -> tuple[Label, list[bool]]:
        """Return the label of a category and noun, and for each text slot whether it is eligible.

        Args:
            local: the clip's own vocabulary, for plans that draw within clips; without it the answer is remembered.
        """
        found = self._labels.get((category_id, noun)) if local is None else None
        if found is None:
            label = Label(category_id, noun)
            found = label, [self._is_eligible(slot, label, local) for slot in self.text]
            if local is None:
                self._labels[category_id, noun] = found
        return found

    @property
    def table(self) -> LabelTable:
        """Return the vocabulary's labels by number, and those that were met."""
        if self._table is None or len(self._table) > MOST_LABELS + int(self._table.sizes.sum()):
            self._table = LabelTable(self.vocabulary)
        return self._table

    def _is_eligible(self, slot: Slot[TextNoise], label: Label, local: Vocabulary | None) -> bool:
        """Return whether the slot's noise takes the label."""
        return slot.noise.is_eligible(label, self.vocabulary_of(slot, local), **slot.options)

    def vocabulary_of(self, slot: Slot[TextNoise], local: Vocabulary | None) -> Vocabulary:
        """Return what the slot's noise draws from: the clip's vocabulary or the dataset's."""
        return local if local is not None and slot.noise.within_clip(slot.options) else self.vocabulary

    @property
    def uses(self) -> dict[str, str]:
        """Return what besides the dataset the draws depend on, name → what it is."""
        return {name: what for slot in self.text for name, what in slot.noise.uses(slot.options).items()}

    @property
    def is_text_idle(self) -> bool:
        """Return whether the recipe asks for text noise and no label of the vocabulary can take any of it."""
        slots = [slot for slot in self.text if self.recipe.noises[slot.index].rate]
        labels = [Label(c, noun) for c, nouns in self.vocabulary.nouns.items() for noun in nouns]
        return bool(slots) and not any(self._is_eligible(slot, label, None) for label in labels for slot in slots)

    @property
    def is_narration_idle(self) -> bool:
        """Return whether the recipe asks for noise on narrations and none of the split's can take any of it."""
        slots = [slot for slot in self.narrations if self.recipe.noises[slot.index].rate]
        pool = self.vocabulary.narrations
        return bool(slots) and not any(
            slot.noise.is_eligible(text, self.vocabulary, **slot.options) for slot in slots for text in pool
        )

    def parameters(self, slot: Slot[MaskNoise], height: int, width: int) -> dict[str, Any]:
        """Return the noise's parameters in pixels of this canvas.

        Raises:
            ActisegError: options that make no noise on this canvas.
        """
        where = (slot.index, height, width)
        if where not in self._parameters:
            try:
                self._parameters[where] = slot.noise.resolve(slot.options, height, width)
            except ActisegError as error:
                raise ActisegError(f"noise {slot.index + 1} ({slot.noise.noise_id}): {error}") from None
        return self._parameters[where]

    def parameters_text(self, slots: Sequence[Slot[MaskNoise]], height: int, width: int) -> str:
        """Return the parameters of noises on this canvas as a row states them: a JSON object, a list of several.

        Raises:
            ActisegError: options that make no noise on this canvas.
        """
        where = (*(slot.index for slot in slots), height, width)
        if where not in self._parameter_texts:
            values = [self.parameters(slot, height, width) for slot in slots]
            self._parameter_texts[where] = json.dumps(values[0] if len(values) == 1 else values, sort_keys=True)
        return self._parameter_texts[where]


def kinds_of(recipe: Recipe) -> set[str]:
    """Return the kinds of a recipe's noises, whatever their rates.

    Raises:
        UnknownNameError: a noise that is not here.
    """
    return {NOISES[spec.noise_id].kind for spec in recipe.noises}


def needs_verbs(recipe: Recipe) -> bool:
    """Return whether a noise of the recipe asks which action a narration names."""
    noises = (NOISES[spec.noise_id] for spec in recipe.noises)
    return any(isinstance(noise, NarrationNoise) and noise.needs_verbs for noise in noises)


def needs_of(recipe: Recipe) -> frozenset[str]:
    """Return what a recipe's mask noises need to see beside the masks that they hit."""
    noises = [NOISES[spec.noise_id] for spec in recipe.noises if spec.rate]
    return frozenset(need for noise in noises if isinstance(noise, MaskNoise) for need in noise.needs)


def schema_of(recipe: Recipe) -> int:
    """Return the schema of a recipe's manifests: the oldest that can say their labels."""
    return ACTION if kinds_of(recipe).intersection(ACTION_KINDS) else PLAIN


class Tally:
    """Counts of draws per slot of a recipe: eligible, realised, realised on positive objects."""

    def __init__(self, slots: int) -> None:
        self.eligible = [0] * slots
        self.realised = [0] * slots
        self.on_positives = [0] * slots

    def count(self, index: int, fired: bool, is_positive: bool) -> None:
        """Count one eligible draw of the slot at ``index``."""
        self.eligible[index] += 1
        self.realised[index] += fired
        self.on_positives[index] += fired and is_positive

    def count_all(self, index: int, drawn: int, fired: int, on_positives: int) -> None:
        """Count eligible draws of the slot at ``index``, those that corrupt, and those of them on positive objects."""
        self.eligible[index] += drawn
        self.realised[index] += fired
        self.on_positives[index] += on_positives

    def add(self, rows: Sequence[Sequence[int]]) -> None:
        """Add the counts of another tally, given as its ``rows``."""
        for index, (eligible, realised, on_positives) in enumerate(rows):
            self.eligible[index] += eligible
            self.realised[index] += realised
            self.on_positives[index] += on_positives

    def first_hit(
        self, draws: Iterable[tuple[Slot[NoiseT], Key]], is_positive: bool
    ) -> tuple[Slot[NoiseT], Key] | None:
        """Return the first of the eligible draws that corrupts, None where none does; those up to it are counted."""
        for slot, key in draws:
            fired = slot.fires(key)
            self.count(slot.index, fired, is_positive)
            if fired:
                return slot, key
        return None

    @property
    def rows(self) -> list[list[int]]:
        """Return [eligible, realised, on positives] per slot."""
        return [list(row) for row in zip(self.eligible, self.realised, self.on_positives, strict=True)]
