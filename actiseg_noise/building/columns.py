"""Many clips → the columns of the tables that need no mask: what ``rows`` gives for content ``text``, in a third of the
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any

from actiseg_noise.building.action import Flag, Narration, names_narration, noise_flags, noise_narration
from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.building.rows import check_clip
from actiseg_noise.building.text import NoisyText, noise_texts
from actiseg_noise.manifest.schema import ACTION, NO_NOISE, PLAIN, tables_of
from actiseg_noise.records import Clip, expression, sample_id

Columns = list[Sequence[Any]]
"""The values of a table's columns but the last, the rows' digests; in the schema's order."""

_CLIP = tuple(
    attrgetter(name)
    for name in (
        *("clip_id", "video_id", "narration", "verb", "noun", "verb_class", "noun_class", "start_frame", "stop_frame"),
        *("redundant", "missing", "other", "source_order", "address"),
    )
)
_OBJECT = tuple(
    map(attrgetter, ("object_id", "is_positive", "handbox", "in_narration", "category_id", "noun", "template"))
)
_FRAME = tuple(map(attrgetter, ("frame_id", "image_path", "mask_path", "weight_path")))


def text_columns(clips: Sequence[Clip], plan: Plan, tally: Tally, schema_version: int = PLAIN) -> dict[str, Columns]:
    """Return the columns per table of clips whose masks are not read, noised by ``plan``; draws are counted.

    Raises:
        DataError: a clip is not what the layout promises.
    """
    for clip in clips:
        check_clip(clip, plan)
    texts = noise_texts(clips, plan, tally)
    clips_, frames, samples, masks = tables_of(schema_version)
    if schema_version < ACTION:
        told, flags = None, None
    else:
        told = [noise_narration(clip, plan, tally) for clip in clips]
        flags = [flag for clip in clips for flag in noise_flags(clip, plan, tally)]
    return {
        clips_.name: _clip_columns(clips, told),
        frames.name: _frame_columns(clips),
        samples.name: _sample_columns(clips, texts, told, flags),
        masks.name: [()] * (len(masks.columns) - 1),
    }


def _clip_columns(clips: Sequence[Clip], told: Sequence[Narration] | None) -> Columns:
    """Return the columns of ``clips``; with the noisy narrations, those of schema 2."""
    columns: Columns = [list(map(get, clips)) for get in _CLIP]
    return columns if told is None else [*columns, [narration.text for narration in told]]


def _frame_columns(clips: Sequence[Clip]) -> Columns:
    """Return the columns of ``frames``, of which no mask was read."""
    counts = [len(clip.frames) for clip in clips]
    frames = [frame for clip in clips for frame in clip.frames]
    names = _spread((clip.clip_id for clip in clips), counts)
    unread = [None] * len(frames)
    places = list(chain.from_iterable(map(range, counts)))
    annotated = [frame.is_annotated for frame in frames]
    return [names, places, *(list(map(get, frames)) for get in _FRAME), unread, unread, annotated, unread, unread]


def _sample_columns(
    clips: Sequence[Clip],
    texts: Sequence[NoisyText],
    told: Sequence[Narration] | None,
    flags: Sequence[Flag] | None,
) -> Columns:
    """Return the columns of ``samples``; with noisy narrations and flags, those of schema 2."""
    counts = [len(clip.objects) for clip in clips]
    objects = [item for clip in clips for item in clip.objects]
    names, narrations = (_spread(map(get, clips), counts) for get in (_CLIP[0], _CLIP[2]))
    ids, positive, handbox, in_narration, categories, nouns, templates = (list(map(get, objects)) for get in _OBJECT)
    labels, noises, harmful = map(list, zip(*texts, strict=True)) if texts else ([], [], [])
    noisy_nouns = [label.noun for label in labels]
    clean = list(map(expression, nouns, narrations, templates))
    noisy = [
        same if noun == noisy_noun else expression(noisy_noun, narration, template)
        for same, noun, noisy_noun, narration, template in zip(
            clean, nouns, noisy_nouns, narrations, templates, strict=True
        )
    ]
    more: Columns = []
    if told is not None and flags is not None:
        swaps = _swaps(clips, told)
        noisy = [
            text if swap is None else expression(noun, swap.text)
            for text, noun, swap in zip(noisy, noisy_nouns, swaps, strict=True)
        ]
        harmful = [harm or swap is not None for harm, swap in zip(harmful, swaps, strict=True)]
        more.append([NO_NOISE if swap is None else swap.noise_id for swap in swaps])
        more += [[flag.is_positive for flag in flags], [flag.noise_id for flag in flags]]
    return [
        *(list(map(sample_id, names, ids)), names, ids, positive, handbox, in_narration, categories, nouns, clean),
        *([label.category_id for label in labels], noisy_nouns, noisy, noises, harmful),
        *more,
    ]


def _swaps(clips: Sequence[Clip], told: Sequence[Narration]) -> list[Narration | None]:
    """Return, per object, the narration that its text names instead of its clip's, None where it names that."""
    return [
        narration if narration.text != clip.narration and names_narration(clip, item) else None
        for clip, narration in zip(clips, told, strict=True)
        for item in clip.objects
    ]


def _spread(values: Iterable[str], counts: Sequence[int]) -> list[str]:
    """Return each value as often as its count says."""
    return list(chain.from_iterable(map(repeat, values, counts)))
