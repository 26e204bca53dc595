"""Hold ``manifest.json`` against the tables without the dataset: draw the text again, count the draws, the severity.

Prompts and flags are a function of the clean ones, the vocabulary and the recipe, all of which a manifest carries, so
they are drawn again and compared: an edited seed, rate or prompt shows, whatever its digests say. Masks are not made
again here; which masks are noised is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from actiseg_noise.building.action import Narration, noise_flags, noise_narration
from actiseg_noise.building.counts import Severity, slot_counts
from actiseg_noise.building.plan import Plan, Slot, Tally
from actiseg_noise.building.text import NoisyText, noise_text
from actiseg_noise.check.findings import Finding, Unchecked, brief, compare_rows
from actiseg_noise.check.part import where_is
from actiseg_noise.check.pieces import Pieces
from actiseg_noise.errors import ActisegError
from actiseg_noise.fields import shorten
from actiseg_noise.manifest.clips import ManifestClip, ManifestSample, iter_clips
from actiseg_noise.manifest.info import INFO_NAME, VOCABULARY_NAME, ManifestInfo, SlotCounts
from actiseg_noise.manifest.parts import spans_of
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import ClipSpan, FrameSizes, Row, iter_clip_rows
from actiseg_noise.manifest.schema import CLIPS, MASKS, NO_NOISE, SAMPLES, Table
from actiseg_noise.masks import Size
from actiseg_noise.noises.base import MaskNoise
from actiseg_noise.records import NOUN, Clip, ObjectRecord, expression

_MASK = ["clip_id", "frame_idx", "object_id", "clean_area", "mask_noise", "parameters"]
_NOISY = (
    *("noisy_category_id", "noisy_noun", "text_noise", "narration_noise", "is_harmful", "noisy_expression"),
    *("noisy_is_positive", "flag_noise"),
)
_ADVICE = "the manifest is not what its recipe gives; build it again, or fetch it again"


def recount(manifest: Manifest, pieces: Pieces | None = None) -> Iterator[Finding | Unchecked]:
    """Yield where a manifest's prompts and counts of draws are not what its recipe draws, in constant memory.

    Checked: every noisy category, noun, prompt, narration and flag against the recipe's own draws; the parameters of
    noised masks; per noise the eligible, realised and positive draws and the interval. What cannot be drawn again is
    said.
    """
    if manifest.info.imported:
        yield Unchecked("noisy labels", "as only the imported files can tell", whole=True)
        return
    try:
        plan = _plan(manifest)
    except ActisegError as error:
        yield Unchecked("draws", f"as its recipe cannot be drawn here ({error})", whole=True)
        return
    used = plan.uses
    if set(used) != set(manifest.info.uses):
        expected = ", ".join(sorted(used)) or "nothing"
        yield Finding(f"{INFO_NAME}, uses", f"{expected}, which its noises draw from", ", ".join(manifest.info.uses))
        return
    if others := [f"{name} {what}" for name, what in manifest.info.uses.items() if used[name] != what]:
        yield Unchecked("draws", f"as they were made with {', '.join(others)}, which is not here", whole=True)
        return
    pieces = pieces or Pieces(manifest)
    spans = [(span,) for span in spans_of(manifest)]
    draws = _Drawn(Tally(len(plan.recipe.noises)))
    for more in pieces.map(draw_span, spans):
        draws.add(more)
    found = draws.findings()
    yield from found
    if draws.unclear:
        what = (
            f"whether {draws.unclear:,} prompts of the dataset's own form could be noised, and how many draws that is"
        )
        yield Unchecked(what, "as only the dataset can tell")
    if not found:
        yield from _check_counts(manifest, plan, draws, pieces, spans)


def draw_span(manifest: Manifest, span: ClipSpan) -> _Drawn:
    """Return what comes of drawing the prompts and flags of a span of clips again."""
    draws = _TextDraws(_plan(manifest), manifest.schema_of(SAMPLES.name))
    for clip in iter_clips(manifest, span, with_masks=False):
        draws.compare(clip)
    return draws.found


def count_span(manifest: Manifest, span: ClipSpan) -> tuple[Tally, Finding | None]:
    """Return the draws of mask noise in a span of clips, and the first mask whose parameters are not the recipe's."""
    plan = _plan(manifest)
    tally = Tally(len(plan.recipe.noises))
    return tally, _read_masks(manifest, plan, tally, span)


def _plan(manifest: Manifest) -> Plan:
    """Return the recipe ready to draw.

    Raises:
        ActisegError: what it depends on (a noise, a dictionary) is not here.
    """
    info = manifest.info
    thresholds = [slot.threshold for slot in info.noises] if info.recipe.exact_rate else None
    return Plan(info.recipe, info.dataset["source"], manifest.vocabulary, thresholds=thresholds)


@dataclass
class _Drawn:
    """What was drawn again.

    Attributes:
        tally: the draws. unclear: prompts of the dataset's own form that hold their noun, and yet may not have been
            noised.
        first: the first prompt that is not what was drawn. wrong: how many there are.
    """

    tally: Tally
    unclear: int = 0
    first: Finding | None = None
    wrong: int = 0

    def add(self, later: _Drawn) -> None:
        """Take in what was drawn again of later clips."""
        self.tally.add(later.tally.rows)
        self.unclear += later.unclear
        self.first = self.first or later.first
        self.wrong += later.wrong

    def findings(self) -> list[Finding]:
        """Return the first prompt that is not what was drawn, with the count of the others."""
        return [] if self.first is None else [replace(self.first, more=self.wrong - 1)]


class _TextDraws:
    """The prompts and flags drawn again, clip by clip, beside the stored ones.

    A clean prompt is ``"{noun} used in the action of {narration}"``, or the dataset's own. What of the dataset's own
    noise may replace is not stored: the noun where it stands, or nothing.

    Attributes:
        table: the schema of the samples. found: what came of it.
    """

    def __init__(self, plan: Plan, table: Table) -> None:
        self.plan = plan
        self.table = table
        self.found = _Drawn(Tally(len(plan.recipe.noises)))

    def compare(self, clip: ManifestClip) -> None:
        """Draw one clip again; where nouns are drawn, the vocabulary must have all of its categories."""
        known = self.plan.vocabulary.nouns
        samples = clip.samples if self.plan.text else ()
        if lost := next((sample for sample in samples if sample.category_id not in known), None):
            where = f"{SAMPLES.file_name}, row clip_id={clip.clip_id!r}, object_id={lost.object_id}, column category_id"
            self._add(Finding(where, f"one of the {len(known):,} in {VOCABULARY_NAME}", str(lost.category_id)))
            return
        usual = [sample.expression == expression(sample.noun, clip.narration) for sample in clip.samples]
        objects = tuple(map(_object, clip.samples, usual))
        source = Clip(clip.clip_id, clip.address, "", clip.narration, "", "", objects)
        narration = noise_narration(source, self.plan, self.found.tally)
        if clip.noisy_narration != narration.text:
            self._add(_told(clip, narration))
        tally = self.found.tally
        draws = (noise_text(source, self.plan, tally), noise_flags(source, self.plan, tally))
        for stored, is_usual, noisy, flag in zip(clip.samples, usual, *draws, strict=True):
            self.found.unclear += not is_usual and stored.noun in stored.expression
            drawn = _drawn(stored, noisy, narration, clip.narration, is_usual)
            drawn |= {"noisy_is_positive": flag.is_positive, "flag_noise": flag.noise_id}
            if all(getattr(stored, name) == value for name, value in drawn.items()):
                continue
            again = replace(stored, **drawn)
            if is_usual or stored != _unnoised(stored, again):
                self._add(_difference(self.table, clip.clip_id, asdict(stored), asdict(again)))

    def _add(self, finding: Finding) -> None:
        """Count a finding, and keep the first."""
        self.found.wrong += 1
        self.found.first = self.found.first or finding


def _told(clip: ManifestClip, narration: Narration) -> Finding:
    """Return the finding of a clip whose noisy narration is not what its address draws."""
    where = f"{where_is(CLIPS, {'clip_id': clip.clip_id})}, column noisy_narration"
    expected = f"{narration.text!r}, which is what seed and recipe draw"
    return Finding(where, expected, repr(clip.noisy_narration), _ADVICE)


def _drawn(
    stored: ManifestSample, noisy: NoisyText, narration: Narration, clean: str, is_usual: bool
) -> dict[str, Any]:
    """Return the noisy text of a sample, column by column, when this is what was drawn.

    Args:
        narration: of its clip, whose clean one is ``clean``.
    """
    label, noise_id, harmful = noisy
    is_swapped = is_usual and narration.text != clean
    if is_swapped:
        text = expression(label.noun, narration.text)
    elif label.noun == stored.noun:
        text = stored.expression
    else:
        text = expression(label.noun, clean) if is_usual else _renamed(stored, label.noun)
    return {
        "noisy_category_id": label.category_id,
        "noisy_noun": label.noun,
        "noisy_expression": text,
        "text_noise": noise_id,
        "is_harmful": harmful or is_swapped,
        "narration_noise": narration.noise_id if is_swapped else NO_NOISE,
    }


def _renamed(stored: ManifestSample, noun: str) -> str:
    """Return a prompt of the dataset's own form with another noun: the stored one where it is such a prompt.

    The noun may stand more than once, and the dataset knows which of them noise may replace.
    """
    parts = stored.expression.split(stored.noun)
    pattern = f"(?:{re.escape(stored.noun)}|{re.escape(noun)})".join(map(re.escape, parts))
    is_renamed = stored.noisy_expression != stored.expression and re.fullmatch(pattern, stored.noisy_expression)
    return stored.noisy_expression if is_renamed else noun.join(parts)


def _unnoised(stored: ManifestSample, again: ManifestSample) -> ManifestSample:
    """Return a sample without noise in its text, with the flag that was drawn."""
    return replace(
        again,
        noisy_category_id=stored.category_id,
        noisy_noun=stored.noun,
        noisy_expression=stored.expression,
        text_noise=NO_NOISE,
        is_harmful=False,
    )


def _object(sample: ManifestSample, is_usual: bool) -> ObjectRecord:
    """Return the clean object of a sample; a prompt of the dataset's own form may be noised when it holds its noun."""
    template = None if is_usual else NOUN if sample.noun in sample.expression else ""
    return ObjectRecord(
        sample.object_id, sample.category_id, sample.noun, sample.noun, sample.is_positive, template=template
    )


def _difference(table: Table, clip_id: str, stored: dict[str, Any], again: dict[str, Any]) -> Finding:
    """Return the finding of a prompt that is not what its address draws."""
    name = next(name for name in _NOISY if stored[name] != again[name])
    return Finding(
        f"{where_is(table, stored | {'clip_id': clip_id})}, column {name}",
        f"{brief(name, again[name])}, which is what seed and recipe draw",
        brief(name, stored[name]),
        _ADVICE,
        comparison=compare_rows(table, stored, again, "draw"),
    )


def _check_counts(
    manifest: Manifest, plan: Plan, draws: _Drawn, pieces: Pieces, spans: list[tuple[ClipSpan]]
) -> Iterator[Finding]:
    """Hold the counts of draws against ``manifest.json``, and the parameters of noised masks against the recipe."""
    info = manifest.info
    text, masks = ({slot.index for slot in slots} for slots in (plan.text, plan.masks))
    counted = set() if draws.unclear else text
    counted |= {slot.index for slot in plan.narrations} | {slot.index for slot in plan.flags}
    if info.content == "text":
        counted |= masks
    elif len({slot.noise.noise_id for slot in plan.masks}) == len(masks):
        wrong: Finding | None = None
        for tally, found in pieces.map(count_span, spans):
            draws.tally.add(tally.rows)
            wrong = wrong or found
        if wrong is not None:
            yield wrong
        counted |= masks
    thresholds = [slot.threshold for slot in info.noises] if info.recipe.exact_rate else None
    for index, (expected, stated) in enumerate(
        zip(slot_counts(info.recipe, draws.tally, thresholds), info.noises, strict=True)
    ):
        if index in counted:
            yield from _differences(expected, stated)


def _read_masks(manifest: Manifest, plan: Plan, tally: Tally, span: ClipSpan) -> Finding | None:
    """Count the draws of mask noise from the rows; return the first mask whose parameters are not the recipe's."""
    samples = iter_clip_rows(manifest, "samples", ["clip_id", "object_id", "is_positive"], span)
    positives: tuple[str, set[int]] = ("", set())
    parameters = _Parameters(manifest, plan, span)
    wrong: Finding | None = None
    for clip_id, rows in iter_clip_rows(manifest, "masks", _MASK, span):
        wrong = wrong or parameters.find_wrong(rows)
        while positives[0] < clip_id:
            name, objects = next(samples, (clip_id, []))
            positives = name, {object_id for _, object_id, is_positive in objects if is_positive}
        _count_clip(rows, positives[1], plan, tally)
    return wrong


class _Parameters:
    """What masks must state as the parameters of their noises, read along with the rows of ``masks``."""

    def __init__(self, manifest: Manifest, plan: Plan, span: ClipSpan) -> None:
        self._plan = plan
        self._sizes = FrameSizes(manifest, span=span)
        self._slots = {slot.noise.noise_id: slot for slot in plan.masks}
        self._known: dict[tuple[str, Size | None], str | None] = {}

    def find_wrong(self, rows: list[Row]) -> Finding | None:
        """Return the first mask whose stated parameters are not those that its noises have on its canvas."""
        for clip_id, frame_idx, object_id, _, noise, parameters in rows:
            key = noise, self._sizes.find(clip_id, frame_idx)
            if key not in self._known:
                self._known[key] = _parameters(*key, self._slots, self._plan)
            if parameters != self._known[key]:
                where = where_is(MASKS, {"clip_id": clip_id, "frame_idx": frame_idx, "object_id": object_id})
                expected = f"{self._known[key]}, as the recipe says"
                return Finding(f"{where}, column parameters", expected, shorten(parameters))
        return None


def _parameters(noise: str, size: Size | None, slots: dict[str, Slot[MaskNoise]], plan: Plan) -> str | None:
    """Return the parameters of noises (``a+b``) on a canvas as rows have them; None without noise."""
    if noise == NO_NOISE or size is None:
        return None
    try:
        return plan.parameters_text([slots[name] for name in noise.split("+") if name in slots], *size)
    except ActisegError:  # a canvas too small for this noise
        return None


def _differences(expected: SlotCounts, stated: SlotCounts) -> Iterator[Finding]:
    """Yield the counts of one noise that are not those of the tables."""
    for field in fields(SlotCounts):
        one, other = getattr(expected, field.name), getattr(stated, field.name)
        if one != other:
            yield Finding(f"{INFO_NAME}, {field.name} of {stated.noise_id}", f"{one}, as the tables say", str(other))


def _count_clip(rows: list[Row], positives: set[int], plan: Plan, tally: Tally) -> None:
    """Count the draws of one clip: per visible mask of a positive object, or once per object."""
    visible = [(row[2], row[4]) for row in rows if row[3] and row[2] in positives]
    per_clip = plan.recipe.temporal == "clip"
    for noise in dict(visible).values() if per_clip else (noise for _, noise in visible):
        _count_draw(set(noise.split("+")), plan.masks, tally, plan.recipe.sequential)


def _count_draw(hits: set[str], slots: list[Slot[MaskNoise]], tally: Tally, sequential: bool) -> None:
    """Count the draws of one mask: those tried until one fires, or all."""
    for slot in slots:
        fired = slot.noise.noise_id in hits
        tally.count(slot.index, fired, True)
        if fired and not sequential:
            return


def verify_severity(info: ManifestInfo, severity: Severity) -> list[Finding]:
    """Hold the stated severity against that of the rows."""
    found, stated = severity.to_json(), info.severity
    return [
        Finding(f"{INFO_NAME}, severity {name}", f"{found.get(name)}, as the tables say", str(stated.get(name)))
        for name in {**found, **stated}
        if (name in found, found.get(name)) != (name in stated, stated.get(name))
    ]
