"""What a noise is, and the registry of noises.

A noise is a pure function: the key first, then what it corrupts, options keyword-only. It never decides *whether* a
sample is corrupted (the build compares the address's uniform with the rate) and it never sees its rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from actiseg_noise.masks import BinaryMask, Box
from actiseg_noise.registry import Registry
from actiseg_noise.vocabulary import Vocabulary

NEEDS = frozenset({"frames", "objects", "image"})
"""What a mask noise may need to see beside the mask: see ``noises/view.py``."""

Options = Mapping[str, Any]
Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Label:
    """The text label of one sample: its category and the noun in its prompt."""

    category_id: int
    noun: str


def _as_written(options: Options, vocabulary: Vocabulary) -> Parameters:
    """Return the options: a text noise that needs nothing made ready."""
    return dict(options)


def _never(parameters: Parameters) -> bool:
    """Return False."""
    return False


def _nothing(parameters: Parameters) -> dict[str, str]:
    """Return an empty dictionary."""
    return {}


@dataclass(frozen=True)
class TextNoise:
    """A noise on prompts.

    Attributes:
        noise_id: name and version, ``category_flip-v1``.
        apply: ``(key, label, vocabulary, **parameters) → label``: called only for eligible labels; must return a
            different label.
        is_eligible: ``(label, vocabulary, **parameters) → bool``; what it refuses counts as not eligible.
        summary: one line for tables. source: where the behaviour comes from.
        defaults: option → default value; an option not named here is refused.
        resolve: ``(options, vocabulary) → parameters``, once per build, with the dataset's vocabulary. Raises
            ActisegError for options that make no noise.
        within_clip: ``parameters → bool``: the vocabulary that ``is_eligible`` and ``apply`` get is the clip's own
            (its objects' categories and nouns) instead of the dataset's.
        uses: ``parameters → name → what it is``: what besides the dataset the draws depend on (a dictionary's
            version), for ``manifest.json``.
        misnames: what it writes never names the object any more, even where it is a noun of the same category.
        apply_all: ``(keys, numbers, labels, vocabulary, **parameters) → numbers``, ``int64 [samples]``: what ``apply``
            gives for each of many samples, whose labels are numbers in a ``LabelTable``; for noises of large datasets.
            None: ``apply`` is called for each.
    """

    noise_id: str
    apply: Callable[..., Label]
    is_eligible: Callable[..., bool]
    summary: str
    source: str
    defaults: Options = field(default_factory=dict)
    resolve: Callable[[Options, Vocabulary], Parameters] = _as_written
    within_clip: Callable[[Parameters], bool] = _never
    uses: Callable[[Parameters], dict[str, str]] = _nothing
    misnames: bool = False
    apply_all: Callable[..., Any] | None = None
    kind: str = "text"


@dataclass(frozen=True)
class MaskNoise:
    """A noise on binary masks.

    Attributes:
        apply: ``(key, mask, **parameters) → mask``; ``mask`` is ``bool [h, w]``, a crop around the object with at least
            ``reach`` free pixels on every side that the canvas allows; the result has the same shape. More free
            pixels change nothing: what is drawn is anchored to the object, not to the crop. Of a noise with ``needs``:
            ``(key, mask, view, **parameters) → mask``.
        resolve: ``(options, height, width) → parameters``: options as written in the recipe become the pixel values
            of this canvas; they are stored in the manifest. Raises ActisegError for options that make no noise.
        reach: ``parameters → px``: how far outside the object's box the noise may paint.
        defaults: option → default value; an option not named here is refused.
        strength: the option that says how hard the noise is: what ``--boundary K`` sets.
        erases: making the object disappear is what it is for; any other noise that does leaves the object as it was.
        needs: what it sees beside the mask: ``frames``, the object in other frames of the clip; ``objects``, the
            others of the frame; ``image``, the frame's picture. The build gives a :class:`View` with these and no more.
        area: ``(view, **parameters) → Box``: what it may paint beside what ``reach`` says, for a noise with ``needs``;
            ``view.box`` is the object's box then.
    """

    noise_id: str
    apply: Callable[..., BinaryMask]
    resolve: Callable[[Options, int, int], Parameters]
    reach: Callable[[Parameters], int]
    summary: str
    source: str
    defaults: Options = field(default_factory=dict)
    strength: str | None = None
    erases: bool = False
    needs: frozenset[str] = frozenset()
    area: Callable[..., Box] | None = None
    kind: str = "mask"

    def __post_init__(self) -> None:
        if not self.needs <= NEEDS or (self.area is not None and not self.needs):
            raise ValueError(
                f"{self.noise_id}: a mask noise needs some of {sorted(NEEDS)}, and has an area only if it needs any; "
                f"got needs {sorted(self.needs)}"
            )


@dataclass(frozen=True)
class NarrationNoise:
    """A noise on what a clip's texts say of the action; drawn once per clip.

    Attributes:
        apply: ``(key, narration, vocabulary, **parameters) → narration``: called only for eligible narrations; must
            return a different one. ``vocabulary.narrations`` has those of the split.
        is_eligible: ``(narration, vocabulary, **parameters) → bool``; a clip is eligible, too, only when the narration
            stands in one of its texts.
        resolve: ``(options, vocabulary) → parameters``, once per build; raises ActisegError for options that make no
            noise.
        needs_verbs: ``vocabulary.verbs`` has the verb of each narration of the split.
    """

    noise_id: str
    apply: Callable[..., str]
    is_eligible: Callable[..., bool]
    summary: str
    source: str
    defaults: Options = field(default_factory=dict)
    resolve: Callable[[Options, Vocabulary], Parameters] = _as_written
    needs_verbs: bool = False
    kind: str = "narration"


@dataclass(frozen=True)
class FlagNoise:
    """A noise on the flag that says whether an object takes part in the action; drawn once per sample.

    Attributes:
        apply: ``(key, is_positive, **parameters) → is_positive``: only for eligible flags; must return the other.
        is_eligible: ``(is_positive, **parameters) → bool``; what it refuses counts as not eligible.
        resolve: ``(options) → parameters``, once per build; raises ActisegError for options that make no noise.
    """

    noise_id: str
    apply: Callable[..., bool]
    is_eligible: Callable[..., bool]
    summary: str
    source: str
    defaults: Options = field(default_factory=dict)
    resolve: Callable[[Options], Parameters] = dict
    kind: str = "flag"


Noise = TextNoise | MaskNoise | NarrationNoise | FlagNoise
ACTION_KINDS = ("narration", "flag")
"""The kinds of noise on what makes the task action-based; a manifest with one of them has schema 2."""
NOISES: Registry[Noise] = Registry(
    "noise", "actiseg_noise.noises", "actiseg.noises", ("noise_id", "kind", "summary", "source")
)

F = TypeVar("F", bound=Callable[..., object])


def text_noise(
    noise_id: str, *, is_eligible: Callable[..., bool], summary: str, source: str, **more: Any
) -> Callable[[F], F]:
    """Register the decorated function as a text noise; the function itself stays usable.

    Args:
        more: other attributes of ``TextNoise``.
    """
    return _registered(TextNoise, noise_id, is_eligible=is_eligible, summary=summary, source=source, **more)


def narration_noise(
    noise_id: str, *, is_eligible: Callable[..., bool], summary: str, source: str, **more: Any
) -> Callable[[F], F]:
    """Register the decorated function as a noise on narrations; see :func:`text_noise`."""
    return _registered(NarrationNoise, noise_id, is_eligible=is_eligible, summary=summary, source=source, **more)


def flag_noise(
    noise_id: str, *, is_eligible: Callable[..., bool], summary: str, source: str, **more: Any
) -> Callable[[F], F]:
    """Register the decorated function as a noise on flags; see :func:`text_noise`."""
    return _registered(FlagNoise, noise_id, is_eligible=is_eligible, summary=summary, source=source, **more)


def no_parameters(options: Options, height: int, width: int) -> Parameters:
    """Return an empty dictionary: a mask noise without options."""
    return {}


def no_reach(parameters: Parameters) -> int:
    """Return 0: a mask noise that paints nothing outside the object's box, or whose ``area`` says where."""
    return 0


def mask_noise(
    noise_id: str,
    *,
    resolve: Callable[[Options, int, int], Parameters],
    reach: Callable[[Parameters], int],
    defaults: Options,
    summary: str,
    source: str,
    **more: Any,
) -> Callable[[F], F]:
    """Register the decorated function as a mask noise; see :func:`text_noise`."""
    required = {"resolve": resolve, "reach": reach, "defaults": defaults}
    return _registered(MaskNoise, noise_id, summary=summary, source=source, **required, **more)


def _registered(kind: Callable[..., Noise], noise_id: str, **attributes: Any) -> Callable[[F], F]:
    """Return a decorator that registers a function as a noise of this kind."""

    def decorate(function: F) -> F:
        NOISES.add(noise_id, kind(noise_id, function, **attributes))
        return function

    return decorate
