"""What a noise is, and the registry of noises.

A noise is a pure function: the key first, then what it corrupts, options keyword-only. It never decides *whether* a
sample is corrupted (the build compares the address's uniform with the rate) and it never sees its rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.registry import Registry
from actiseg_noise.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Label:
    """The text label of one sample: its category and the noun in its prompt."""

    category_id: int
    noun: str


class TextFunction(Protocol):
    """``(key, label, vocabulary) → label``: called only for eligible labels; must return a different label."""

    def __call__(self, key: Key, label: Label, vocabulary: Vocabulary) -> Label:
        """Return the corrupted label."""
        ...


@dataclass(frozen=True)
class TextNoise:
    """A noise on prompts.

    Attributes:
        noise_id: name and version, ``category_flip-v1``.
        apply: the function.
        is_eligible: ``(label, vocabulary) → bool``; what it refuses counts as not eligible.
        summary: one line for tables. source: where the behaviour comes from.
    """

    noise_id: str
    apply: TextFunction
    is_eligible: Callable[[Label, Vocabulary], bool]
    summary: str
    source: str
    kind: str = "text"


@dataclass(frozen=True)
class MaskNoise:
    """A noise on binary masks.

    Attributes:
        apply: ``(key, mask, **parameters) → mask``; ``mask`` is ``bool [h, w]``, a crop around the object with at least
            ``reach`` free pixels on every side that the canvas allows; the result has the same shape.
        resolve: ``(options, height, width) → parameters``: options as written in the recipe become the pixel values
            of this canvas; they are stored in the manifest. Raises ActisegError for options that make no noise.
        reach: ``parameters → px``: how far outside the object's box the noise may paint.
        defaults: option → default value; an option not named here is refused.
    """

    noise_id: str
    apply: Callable[..., BinaryMask]
    resolve: Callable[[dict[str, object], int, int], dict[str, object]]
    reach: Callable[[dict[str, object]], int]
    summary: str
    source: str
    defaults: dict[str, object] = field(default_factory=dict)
    kind: str = "mask"


Noise = TextNoise | MaskNoise
NOISES: Registry[Noise] = Registry("noise", "actiseg_noise.noises", "actiseg.noises")

F = TypeVar("F", bound=Callable[..., object])


def text_noise(
    noise_id: str, *, is_eligible: Callable[[Label, Vocabulary], bool], summary: str, source: str
) -> Callable[[F], F]:
    """Register the decorated function as a text noise; the function itself stays usable."""

    def decorate(function: F) -> F:
        NOISES.add(noise_id, TextNoise(noise_id, function, is_eligible, summary, source))  # type: ignore[arg-type]
        return function

    return decorate


def mask_noise(
    noise_id: str,
    *,
    resolve: Callable[[dict[str, object], int, int], dict[str, object]],
    reach: Callable[[dict[str, object]], int],
    defaults: dict[str, object],
    summary: str,
    source: str,
) -> Callable[[F], F]:
    """Register the decorated function as a mask noise; the function itself stays usable."""

    def decorate(function: F) -> F:
        noise = MaskNoise(noise_id, function, resolve, reach, summary, source, defaults)  # type: ignore[arg-type]
        NOISES.add(noise_id, noise)
        return function

    return decorate
