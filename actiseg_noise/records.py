"""The exchange types between a dataset adapter and everything after it. Terms as in the README's glossary."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any

NOUN = "{noun}"
IN_ACTION, IN_CLIP = " used in the action of ", "/"
"""What stands between noun and narration in an expression, between clip and object in the id of a sample."""


@cache
def _values(kind: type) -> attrgetter[Any]:
    """Return what takes the values of all fields from a record of one kind."""
    return attrgetter(*(field.name for field in fields(kind)))


def _call_of(record: Any) -> tuple[Any, ...]:
    """Return how pickle makes a record again: a third of the time of what dataclasses with slots bring."""
    kind = record.__class__
    return kind, _values(kind)(record)


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """One object of a clip as its dataset describes it.

    Attributes:
        object_id: palette value on disk, 1–255 (1–254 where 255 is void).
        category_id: the class; -1 is never used, an unknown word gets a category of its own.
        category: the class's name.
        noun: the word this object has in its expression.
        is_positive: takes part in the action.
        handbox: touched by a hand, None where the dataset does not say.
        in_narration: its class is named by the narration, None where the dataset does not say.
        template: its referring text, with ``{noun}`` where the noun stands; without that the text is not noised.
            None: the text is ``expression(noun, narration)``.
    """

    object_id: int
    category_id: int
    category: str
    noun: str
    is_positive: bool
    handbox: bool | None = None
    in_narration: bool | None = None
    template: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _call_of(self)


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One frame of a clip. Paths are relative to the dataset's root, with '/' between parts.

    Attributes:
        frame_id: file stem on disk.
        is_annotated: a mask exists for this frame.
        mask_key: what names the frame inside ``mask_path``, where that file holds the masks of many frames.
    """

    frame_id: str
    image_path: str | None
    mask_path: str | None
    is_annotated: bool
    weight_path: str | None = None
    mask_key: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _call_of(self)


@dataclass(frozen=True, slots=True)
class Clip:
    """One narrated action: frames, objects, narration.

    Attributes:
        clip_id: unique within dataset and split; adapters yield clips in ascending clip_id (code point order).
        address: what names this clip in every draw. The same clip read through two layouts of one source has
            one address; equal to clip_id unless the adapter knows better.
        source_order: 0-based position in the dataset's own list.
        frames: in temporal order. May be empty for text content where the frame list lives only on disk.
        start_frame, stop_frame: the action's bounds in the source video, in the source's frame numbers.
        mask_address: what names this clip in draws of mask noise, when other clips on the same frames must get the same
            noisy masks of the same objects; None: ``address``.
        redundant, missing, other: ActionVOS's review flags; an entry with one set is not scored.
    """

    clip_id: str
    address: str
    video_id: str
    narration: str
    verb: str
    noun: str
    objects: tuple[ObjectRecord, ...]
    frames: tuple[FrameRecord, ...] = ()
    source_order: int = 0
    verb_class: int | None = None
    noun_class: int | None = None
    start_frame: int | None = None
    stop_frame: int | None = None
    redundant: bool = False
    missing: bool = False
    other: bool = False
    mask_address: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _call_of(self)


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """What a dataset is, for ``actiseg-noise datasets`` and for the manifest.

    Attributes:
        name: the registry's name. source: the address part shared by all layouts of one source.
        version: of the dataset's content as this adapter reads it.
        title: in a few words. size: how many videos, clips or objects it has, in words.
        licence: of its labels, in words. citation: BibTeX. homepage: an address. how_to_get: a sentence.
        splits: the splits the adapter knows; eval_splits: those never noised unless asked for.
        void_id: palette value of pixels without label, None where there is none.
        is_embedded: drawn by this package, needs no root.
    """

    name: str
    source: str
    version: str
    title: str
    size: str
    licence: str
    citation: str
    homepage: str
    how_to_get: str
    splits: tuple[str, ...]
    eval_splits: tuple[str, ...]
    void_id: int | None = None
    is_embedded: bool = False

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DatasetCard:
        """Return the card of a manifest's ``dataset`` entry; other keys are left aside."""
        values: dict[str, Any] = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        values["splits"], values["eval_splits"] = tuple(values["splits"]), tuple(values["eval_splits"])
        return cls(**values)


def sample_id(clip_id: str, object_id: int) -> str:
    """Return the id of the sample (clip, object): ``"<clip_id>/<object_id>"``; unique, sortable by clip."""
    return f"{clip_id}{IN_CLIP}{object_id}"


def expression(noun: str, narration: str, template: str | None = None) -> str:
    """Return the referring text of one object: its own template, or ActionVOS's ``promptaction``."""
    if template is not None:
        return template.replace(NOUN, noun)
    return f"{noun}{IN_ACTION}{narration}"
