"""``clean``: accepted corrections become a new manifest, and what they replaced travels with it.

Corrected is what is trained on, the noisy side of a row. The clean side, the dataset's own labels, stays. What a
corrected label was before is in ``corrections.csv`` of the new manifest. Nothing of it was drawn, so it is a manifest
of imported labels: its recipe has no noise, and what differs from the clean side says ``imported``. It has the oldest
schema that can say its labels: schema 2 where some flag or narration is not the clean one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from actiseg_noise.borders.writing import digest_file, whole_csv
from actiseg_noise.building.compose import noisy_labels, unchanged_labels
from actiseg_noise.building.counts import Severity
from actiseg_noise.building.text import is_harmful
from actiseg_noise.building.workspace import Workspace, check_output
from actiseg_noise.errors import DataError, ManifestError, raise_if
from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame, ManifestMask, ManifestSample
from actiseg_noise.manifest.corrections import (
    COLUMNS,
    FLAG,
    MASK,
    NOUN,
    POSITIVE,
    Correction,
    Move,
    describe_flag,
    parse_mask,
    read_corrections,
    select,
)
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.read import Manifest, open_whole
from actiseg_noise.manifest.records import (
    ActionClipRow,
    ActionSampleRow,
    ClipRow,
    MaskRow,
    SampleRow,
    seal,
)
from actiseg_noise.manifest.schema import (
    ACTION,
    CLIPS,
    FRAMES,
    IMPORTED,
    MASKS,
    NO_NOISE,
    PLAIN,
    SAMPLES,
    tables_of,
)
from actiseg_noise.manifest.write import Digests, ManifestWriter
from actiseg_noise.masks import BinaryMask, Rle, decode_counts, encode_rle
from actiseg_noise.noises.base import Label
from actiseg_noise.progress import Progress
from actiseg_noise.recipe import Recipe
from actiseg_noise.records import Clip, ObjectRecord, expression
from actiseg_noise.runs import find_boxes
from actiseg_noise.version import tool_version
from actiseg_noise.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "corrections.csv"


@dataclass(frozen=True)
class Cleaned:
    """What was corrected.

    Attributes:
        path: of the new manifest. proposed: corrections in the file. nouns, masks, flags: applied ones.
        kept: masks that the correction would have emptied, left as they were.
    """

    path: Path
    proposed: int
    nouns: int
    masks: int
    flags: int
    kept: int


def clean(
    manifest: str | Path | Manifest,
    corrections: str | Path,
    out: str | Path,
    *,
    min_score: float | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Cleaned:
    """Write a manifest with the accepted corrections of a file; it keeps the old values in ``corrections.csv``.

    The noisy side of a row is corrected, which is what training reads; the clean side stays as it is. A corrected mask
    takes no pixel of another object's mask nor of void, and one that would be emptied stays.

    Args:
        corrections: what ``actiseg-bench audit`` wrote; ``accept`` says ``yes`` where a person agrees.
        out: the new manifest's folder. force: replace a manifest there.
        min_score: apply corrections of at least this score too, in [0, 1]; None: those that were accepted alone.

    Raises:
        ActisegError: a file for another manifest, or that is no table of corrections; nothing accepted; a sample or
            mask that is not there or is not what the correction replaces; a noun of no category. Nothing half-written
            is left at ``out``.
    """
    opened, file, place = open_whole(manifest), Path(corrections), Path(out)
    raise_if(
        min_score is not None and not 0 <= min_score <= 1, f"min_score: expected a number from 0 to 1, {min_score}"
    )
    proposed = read_corrections(file, opened.digest)
    accepted = select(proposed, min_score)
    raise_if(
        not accepted,
        f"{file}: none of {len(proposed):,} corrections is accepted: write yes in the column 'accept', "
        "or pass --min-score",
    )
    check_output(place, force=force)
    work = _Work(opened, accepted, file)
    severity = Severity()
    with Workspace(place, "clean", force=force) as space:
        with ManifestWriter(space.manifest, tables_of(work.schema_version)) as writer:
            for table, batch in work.batches(progress or Progress()):
                severity.add(table, writer.append(table, batch))
            work.check_all_found()
            _write_applied(space.manifest / FILE_NAME, work.applied)
            writer.finish(lambda digests: _info(work, severity, digests), opened.vocabulary)
        space.commit()
    counts = Counter(one.what for one in work.applied)
    return Cleaned(place, len(proposed), counts[NOUN], counts[MASK], counts[FLAG], work.kept)


def _write_applied(path: Path, applied: list[Correction]) -> None:
    with whole_csv(path, COLUMNS) as writer:
        writer.writerows(one._replace(is_accepted=True).cells() for one in applied)


def _info(work: _Work, severity: Severity, digests: Digests) -> ManifestInfo:
    """Put together what ``manifest.json`` says."""
    info = work.manifest.info
    made = {"form": "corrections", "manifest": info.digest, "corrections": digest_file(work.file)}
    return replace(
        info,
        tool_version=tool_version(),
        recipe=Recipe(f"cleaned-{info.recipe.recipe_id}", title=f"corrected labels of {info.name}"),
        noises=(),
        uses={},
        imported=made | ({"of": info.imported} if info.imported else {}),
        severity=severity.to_json(),
        counts=digests.counts,
        digest=digests.digest,
        tables=digests.tables,
        columns=digests.columns,
        files=digests.files,
        schema_version=work.schema_version,
    )


class _Work:
    """The tables of a manifest, corrected.

    Attributes:
        schema_version: the oldest that can say the corrected labels.
        applied: corrections that were made. kept: masks that a correction would have emptied.
    """

    def __init__(self, manifest: Manifest, accepted: list[Correction], file: Path) -> None:
        self.manifest, self.file = manifest, file
        self.applied: list[Correction] = []
        self.kept = 0
        self._waiting = {(one.sample_id, one.frame_idx, one.what): one for one in accepted}
        self._categories = _by_noun(manifest.vocabulary)
        self.schema_version = _schema_version(manifest, accepted)

    def batches(self, progress: Progress) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield (table, rows) in order, a clip of samples and masks at a time."""
        schemas = {table.name: table.arrow() for table in tables_of(self.schema_version)}
        for rows in self._clips():
            yield CLIPS.name, to_batch(rows, schemas[CLIPS.name])
        for batch in self.manifest.iter_batches(FRAMES.name):
            yield FRAMES.name, batch
        for clip in self.manifest.iter_clips():
            yield SAMPLES.name, to_batch(self._samples(clip), schemas[SAMPLES.name])
            yield MASKS.name, to_batch([*self._masks(clip)], schemas[MASKS.name])
            progress.advance(1, len(self.manifest))

    def check_all_found(self) -> None:
        """Refuse corrections of what the manifest does not have."""
        for one in self._waiting.values():
            kind = "sample" if one.frame_idx is None else "mask"
            where = "" if one.frame_idx is None else f", frame_idx {one.frame_idx}"
            raise DataError(f"{self.file}, line {one.line}: no {kind} {one.sample_id}{where} in the manifest")

    def _clips(self) -> Iterator[list[ClipRow] | list[ActionClipRow]]:
        """Yield the rows of the clips, in the corrected manifest's schema, a batch at a time."""
        is_plain = self.schema_version < ACTION
        names = (ClipRow if is_plain else ActionClipRow)._fields[:-1]
        for batch in self.manifest.iter_batches(CLIPS.name, names):
            columns = batch.to_pydict()
            rows = zip(*(columns[name] for name in names), strict=True)
            yield [seal(ClipRow(*row)) for row in rows] if is_plain else [seal(ActionClipRow(*row)) for row in rows]

    def _samples(self, clip: ManifestClip) -> list[SampleRow] | list[ActionSampleRow]:
        objects = [ObjectRecord(s.object_id, s.category_id, s.noun, s.noun, s.is_positive) for s in clip.samples]
        whole = Clip(clip.clip_id, clip.address, "", clip.narration, "", "", tuple(objects))
        texts = [self._text(clip, *both, whole) for both in zip(clip.samples, objects, strict=True)]
        actions = [self._action(sample) for sample in clip.samples]
        if self.schema_version < ACTION:
            return [seal(row) for row in texts]
        return [seal(ActionSampleRow(*row[:-1], *action)) for row, action in zip(texts, actions, strict=True)]

    def _text(self, clip: ManifestClip, sample: ManifestSample, item: ObjectRecord, whole: Clip) -> SampleRow:
        """Return a sample's row of schema 1, without its digest."""
        one = self._waiting.pop((sample.sample_id, None, NOUN), None)
        narration = clip.noisy_narration
        category_id, noun, text = sample.text() if one is None else self._renamed(one, sample, narration)
        is_told = sample.narration_noise != NO_NOISE
        own = expression(sample.noun, narration) if is_told else sample.expression
        is_same = (category_id, noun, text) == (sample.category_id, sample.noun, own)
        is_called_so = is_same or not is_harmful(Label(category_id, noun), item, whole, self.manifest.vocabulary)
        return SampleRow(
            sample_id=sample.sample_id,
            clip_id=clip.clip_id,
            object_id=sample.object_id,
            is_positive=sample.is_positive,
            handbox=sample.handbox,
            in_narration=sample.in_narration,
            category_id=sample.category_id,
            noun=sample.noun,
            expression=sample.expression,
            noisy_category_id=category_id,
            noisy_noun=noun,
            noisy_expression=text,
            text_noise=NO_NOISE if is_same else IMPORTED,
            is_harmful=is_told or not is_called_so,
        )

    def _action(self, sample: ManifestSample) -> tuple[str, bool, str]:
        """Return what a sample's row says in schema 2 alone: whose narration it tells, its flag, whose that is."""
        one = self._waiting.pop((sample.sample_id, None, FLAG), None)
        flag = sample.noisy_is_positive if one is None else self._flag(one, sample)
        told, given = sample.narration_noise != NO_NOISE, flag != sample.is_positive
        return IMPORTED if told else NO_NOISE, flag, IMPORTED if given else NO_NOISE

    def _flag(self, one: Correction, sample: ManifestSample) -> bool:
        """Return the flag that a correction gives a sample."""
        given = describe_flag(sample.noisy_is_positive)
        raise_if(
            one.given != given,
            f"{self.file}, line {one.line}: replaces {one.given!r}, but {one.sample_id} is given as {given!r}",
            DataError,
        )
        self.applied.append(one)
        return one.suggested == POSITIVE

    def _renamed(self, one: Correction, sample: ManifestSample, narration: str) -> tuple[int, str, str]:
        """Return category, noun and text that a correction gives a sample."""
        where = f"{self.file}, line {one.line}"
        old = sample.noisy_noun
        raise_if(one.given != old, f"{where}: replaces {one.given!r}, but {one.sample_id} is called {old!r}", DataError)
        categories = self._categories.get(one.suggested, [])
        raise_if(not categories, f"{where}: {one.suggested!r} is no noun of the manifest's vocabulary", DataError)
        own = [category for category in categories if category in (sample.noisy_category_id, sample.category_id)]
        raise_if(
            not own and len(categories) > 1,
            f"{where}: {one.suggested!r} is a noun of {len(categories)} categories; give one that is of one",
            DataError,
        )
        raise_if(
            old not in sample.noisy_expression, f"{where}: the text of {one.sample_id} does not name it", DataError
        )
        is_usual = sample.noisy_expression == expression(old, narration)
        text = expression(one.suggested, narration) if is_usual else sample.noisy_expression.replace(old, one.suggested)
        self.applied.append(one)
        return (own or categories)[0], one.suggested, text

    def _masks(self, clip: ManifestClip) -> Iterator[MaskRow]:
        for frame in clip.frames:
            changed = self._redrawn(frame) if frame.masks else {}
            for mask in frame.masks.values():
                labels = _labels(mask, changed.get(mask.object_id))
                place = (mask.sample_id, clip.clip_id, mask.frame_idx, frame.frame_id, mask.object_id)
                yield seal(MaskRow(*place, *labels))

    def _redrawn(self, frame: ManifestFrame) -> dict[int, Rle]:
        """Return object_id → the corrected mask, for the objects of one frame that have one."""
        mine = {
            object_id: one
            for object_id, mask in frame.masks.items()
            if (one := self._waiting.pop((mask.sample_id, frame.frame_idx, MASK), None)) is not None
        }
        if not mine:
            return {}
        given = {object_id: mask.decode() for object_id, mask in frame.masks.items()}
        void = frame.void_mask()
        others = [mask for object_id, mask in given.items() if object_id not in mine]
        taken = np.logical_or.reduce([np.zeros(frame.size or (1, 1), bool) if void is None else void, *others])
        found = {}
        for object_id, one in mine.items():
            self._check_given(one, frame.masks[object_id])
            after = self._moved(one, given[object_id]) & ~taken
            if after.any():
                found[object_id] = _encode(after)
                self.applied.append(one)
            else:
                self.kept += 1
            taken = taken | (after if after.any() else given[object_id])
        return found

    def _check_given(self, one: Correction, mask: ManifestMask) -> None:
        raise_if(
            one.given != mask.noisy_digest,
            f"{self.file}, line {one.line}: replaces a mask with the digest {one.given}, but {one.sample_id} has "
            f"{mask.noisy_digest} in frame_idx {mask.frame_idx}",
            DataError,
        )

    def _moved(self, one: Correction, mask: BinaryMask) -> BinaryMask:
        """Return the mask that a correction gives."""
        where = f"{self.file}, line {one.line}"
        change = parse_mask(one.suggested, where)
        if isinstance(change, Move):
            return move_boundary(mask, change.pixels)
        try:
            return decode_counts(change.counts, *mask.shape)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None


def move_boundary(mask: BinaryMask, pixels: int) -> BinaryMask:
    """Return a mask, ``bool [H, W]``, dilated (positive) or eroded by a square of 2·|pixels| + 1; the canvas's edge
    takes nothing away.
    """
    square = np.ones((2 * abs(pixels) + 1,) * 2, np.uint8)
    change = cv2.dilate if pixels > 0 else cv2.erode
    return change(np.ascontiguousarray(mask).view(np.uint8), square).view(bool)


def _encode(mask: BinaryMask) -> Rle:
    """Return the run lengths of a mask that is not empty."""
    box = find_boxes(mask.view(np.uint8))[1]
    return encode_rle(mask[box.slices], box, *mask.shape)


def _labels(mask: ManifestMask, changed: Rle | None) -> tuple[Any, ...]:
    """Return what a row of ``masks`` says after the columns that name it."""
    clean_mask, noisy = mask.clean, changed or mask.noisy
    if clean_mask is None or noisy is None:
        raise ManifestError(
            f"sample {mask.sample_id}: its masks were withheld (content recipe-only); corrections need them"
        )
    if noisy.counts == clean_mask.counts:
        return unchanged_labels(clean_mask, clean_mask.digest())
    both = int(np.count_nonzero(mask.decode("clean") & decode_counts(noisy.counts, noisy.height, noisy.width)))
    return noisy_labels(clean_mask, noisy, both, IMPORTED)


def _schema_version(manifest: Manifest, accepted: list[Correction]) -> int:
    """Return the oldest schema that can say the labels of a manifest, some of them corrected."""
    flags = {one.sample_id: one.suggested == POSITIVE for one in accepted if one.what == FLAG}
    for batch in manifest.iter_batches(SAMPLES.name, ["sample_id", "is_positive", "noisy_is_positive"]):
        columns = batch.to_pydict()
        for name, clean_flag, given in zip(*columns.values(), strict=True):
            if flags.get(name, given) != clean_flag:
                return ACTION
    for batch in manifest.iter_batches(CLIPS.name, ["narration", "noisy_narration"]):
        if not batch.column("narration").equals(batch.column("noisy_narration")):
            return ACTION
    return PLAIN


def _by_noun(vocabulary: Vocabulary) -> dict[str, list[int]]:
    """Return noun → the categories that it is a noun of."""
    found: dict[str, list[int]] = {}
    for category_id in vocabulary.category_ids:
        for noun in vocabulary.nouns[category_id]:
            found.setdefault(noun, []).append(category_id)
    return found
