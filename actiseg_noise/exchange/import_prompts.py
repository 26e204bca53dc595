"""Published noisy prompts alone: text content, clean words from the ``*_org`` fields, clips from folder names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

from actiseg_noise.datasets.actionvos import ActionVos, frame_records, side_of
from actiseg_noise.errors import DataError
from actiseg_noise.exchange.import_pairs import PairedClip, Pairs, telling_name
from actiseg_noise.exchange.published_prompts import PublishedClip, PublishedFiles, PublishedObject
from actiseg_noise.records import NOUN, Clip, FrameRecord, ObjectRecord, expression

_FOLDER = re.compile(r"\d{8,}_(?P<video>P\d+_\d+)_(?P<verb>[^_]+)_(?P<noun>.+)")
_PROMPT = expression("", "")  # what stands between a noun and its narration


class PromptPairs(Pairs):
    """The published files without a tree beside them.

    A folder name gives video, verb and noun. What only the dataset's own list says is null, among it the action's
    bounds; so the address of a clip is its folder name.

    Args:
        skip_missing: leave out clips with an empty text, and count them.
    """

    form = "published prompts"
    has_masks = False

    def __init__(self, files: PublishedFiles, split: str, *, skip_missing: bool = False) -> None:
        super().__init__(skip_missing=skip_missing)
        self.files = files
        self.split = split
        self.card = replace(ActionVos.card, version=f"{ActionVos.card.version}, published prompts alone")

    @property
    def default_name(self) -> str:
        """Return the name of the folder that the files lie in."""
        return telling_name(self.files.expressions.path.parent)

    def check(self) -> None:
        """See :class:`Pairs`."""
        self.files.check(need_originals=True, skip_missing=self.skip_missing)
        self.skipped = list(self.files.skipped)

    def iter_clips(self) -> Iterator[PairedClip]:
        """See :class:`Pairs`."""
        for number, published in enumerate(self.files.iter_clips()):
            narration = _narration(published)
            objects = tuple(_record(i, item, narration) for i, item in published.objects.items())
            labels = tuple(item.noisy for item in published.objects.values())
            flags = tuple(item.is_given_positive for item in published.objects.values())
            yield PairedClip(_clip(published, number, narration, objects, self.split), labels, flags)

    def read_masks(self, clip: Clip, frame: FrameRecord) -> NoReturn:
        """Refuse: there is no mask.

        Raises:
            DataError: always.
        """
        raise DataError(f"clip {clip.clip_id!r}: the published prompts have no masks")

    def made_from(self) -> dict[str, Any]:
        """See :class:`Pairs`."""
        return {"files": self.files.made_from()}


def _clip(published: PublishedClip, number: int, narration: str, objects: tuple[ObjectRecord, ...], split: str) -> Clip:
    """Return a folder as a clip."""
    folder = published.folder
    said = _FOLDER.fullmatch(folder)
    return Clip(
        clip_id=folder,
        address=folder,
        video_id=said["video"] if said else folder,
        narration=narration,
        verb=said["verb"] if said else "",
        noun=said["noun"] if said else "",
        objects=objects,
        frames=frame_records(folder, side_of(split), published.frames),
        source_order=number,
    )


def _narration(published: PublishedClip) -> str:
    """Return what follows the noun in the clip's clean expressions; '' where they are not ActionVOS's prompt."""
    for item in published.objects.values():
        if item.clean is not None and item.clean.expression.startswith(item.clean.noun + _PROMPT):
            return item.clean.expression.removeprefix(item.clean.noun + _PROMPT)
    return ""


def _record(object_id: int, item: PublishedObject, narration: str) -> ObjectRecord:
    """Return an object as the ``*_org`` fields say it; its template is kept where it is not ActionVOS's prompt."""
    if item.clean is None:
        raise DataError(f"object {object_id} has no *_org fields")
    clean = item.clean
    is_usual = clean.expression == expression(clean.noun, narration)
    return ObjectRecord(
        object_id=object_id,
        category_id=clean.category_id,
        category=clean.noun,
        noun=clean.noun,
        is_positive=item.is_positive,
        template=None if is_usual else NOUN + clean.expression.removeprefix(clean.noun),
    )
