"""Many clips → the columns of the tables that need no mask: what ``rows`` gives for content ``text``, in a third of the
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from actiseg_noise.building.action import Flag, Narration, is_swapped, noise_flags, noise_narration
from actiseg_noise.building.clip_columns import ClipColumns
from actiseg_noise.building.draws import DrawnTexts, draw_texts
from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.building.rows import check_clip
from actiseg_noise.manifest.bulk import Values, join_texts, take_texts, to_list
from actiseg_noise.manifest.schema import ACTION, CLIPS, NO_NOISE, PLAIN, tables_of
from actiseg_noise.noises.labels import Numbers
from actiseg_noise.records import IN_ACTION, IN_CLIP, Clip, expression

Columns = list[Values]
"""The values of a table's columns but the last, the rows' digests; in the schema's order."""


def text_columns(columns: ClipColumns, plan: Plan, tally: Tally, schema_version: int = PLAIN) -> dict[str, Columns]:
    """Return the columns per table of clips whose masks are not read, noised by ``plan``; draws are counted.

    Raises:
        DataError: a clip is not what the layout promises.
    """
    _check_clips(columns, plan)
    texts = draw_texts(columns, plan, tally)
    clips_, frames, samples, masks = tables_of(schema_version)
    if schema_version < ACTION:
        told, flags = None, None
    else:
        told = [noise_narration(clip, plan, tally) for clip in columns.clips]
        flags = [flag for clip in columns.clips for flag in noise_flags(clip, plan, tally)]
    return {
        clips_.name: _clip_columns(columns, told),
        frames.name: _frame_columns(columns),
        samples.name: _sample_columns(columns, texts, plan, told, flags),
        masks.name: [()] * (len(masks.columns) - 1),
    }


def _check_clips(columns: ClipColumns, plan: Plan) -> None:
    """Raise what ``check_clip`` raises for the first clip that is not as it should be."""
    object_ids = columns.objects["object_id"]
    ids, categories = np.array(object_ids), set(columns.objects["category_id"])
    firsts = np.cumsum([0, *columns.object_counts])[:-1]
    are_first = np.isin(np.arange(len(ids)), firsts)
    ascend = are_first[1:] | (ids[1:] > ids[:-1])
    is_known = not plan.text or categories <= plan.vocabulary.nouns.keys()
    if is_known and ascend.all() and np.all((ids >= 1) & (ids <= 255)) and plan.void_id not in object_ids:
        return
    for clip in columns.clips:
        check_clip(clip, plan)


def _clip_columns(columns: ClipColumns, told: Sequence[Narration] | None) -> Columns:
    """Return the columns of ``clips``; with the noisy narrations, those of schema 2."""
    found: Columns = [columns.of_clips[column.name] for column in CLIPS.columns[:-1]]
    return found if told is None else [*found, [narration.text for narration in told]]


def _frame_columns(columns: ClipColumns) -> Columns:
    """Return the columns of ``frames``, of which no mask was read."""
    frames = columns.frames
    unread = [None] * len(frames["frame_id"])
    return [
        take_texts(columns.of_clips["clip_id"], _numbers(columns.frame_counts)),
        list(chain.from_iterable(map(range, columns.frame_counts))),
        *(frames[name] for name in ("frame_id", "image_path", "mask_path", "weight_path")),
        *(unread, unread, frames["is_annotated"], unread, unread),
    ]


def _sample_columns(
    columns: ClipColumns,
    texts: DrawnTexts,
    plan: Plan,
    told: Sequence[Narration] | None,
    flags: Sequence[Flag] | None,
) -> Columns:
    """Return the columns of ``samples``; with noisy narrations and flags, those of schema 2."""
    objects, clips = columns.objects, _numbers(columns.object_counts)
    names = take_texts(columns.of_clips["clip_id"], clips)
    narrations = take_texts(columns.of_clips["narration"], clips)
    categories, nouns = _said(texts.clean, texts)
    noisy_categories, noisy_nouns = _said(texts.noisy, texts)
    noises = [*(slot.noise.noise_id for slot in plan.text), NO_NOISE]
    clean, noisy = (_expressions(said, narrations, objects["template"]) for said in (nouns, noisy_nouns))
    harmful: Values = texts.harmful
    more: Columns = []
    if told is not None and flags is not None:
        swaps = _swaps(columns.clips, told)
        noisy = [
            text if swap is None else expression(noun, swap.text)
            for text, noun, swap in zip(to_list(noisy), to_list(noisy_nouns), swaps, strict=True)
        ]
        harmful = [harm or swap is not None for harm, swap in zip(texts.harmful.tolist(), swaps, strict=True)]
        more.append([NO_NOISE if swap is None else swap.noise_id for swap in swaps])
        more += [[flag.is_positive for flag in flags], [flag.noise_id for flag in flags]]
    return [
        *(join_texts(names, IN_CLIP, objects["object_id"]), names),
        *(objects[name] for name in ("object_id", "is_positive", "handbox", "in_narration")),
        *(categories, nouns, clean, noisy_categories, noisy_nouns, noisy),
        *(take_texts(noises, texts.slots % len(noises)), harmful),
        *more,
    ]


def _numbers(counts: Sequence[int]) -> Numbers:
    """Return each place of ``counts`` as often as its count says."""
    return np.repeat(np.arange(len(counts)), counts)


def _said(numbers: Numbers, texts: DrawnTexts) -> tuple[Values, Values]:
    """Return the category ids and the nouns of labels."""
    different, which = np.unique(numbers, return_inverse=True)
    labels = [texts.table.labels[number] for number in different.tolist()]
    categories = np.array([label.category_id for label in labels], np.int32)[which]
    return categories, take_texts([label.noun for label in labels], which)


def _expressions(nouns: Values, narrations: Values, templates: Sequence[str | None]) -> Values:
    """Return the referring text of each object; see ``records.expression``."""
    if templates.count(None) == len(templates):
        return join_texts(nouns, IN_ACTION, narrations)
    return list(map(expression, to_list(nouns), to_list(narrations), templates))


def _swaps(clips: Sequence[Clip], told: Sequence[Narration]) -> list[Narration | None]:
    """Return, per object, the narration that its text names instead of its clip's, None where it names that."""
    return [
        narration if is_swapped(clip, item, narration) else None
        for clip, narration in zip(clips, told, strict=True)
        for item in clip.objects
    ]
