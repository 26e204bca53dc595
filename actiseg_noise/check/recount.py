"""Hold ``manifest.json`` against the tables without the dataset: draw the text again, count the draws, the severity.

The prompts are a function of the clean text, the vocabulary and the recipe, all of which a manifest carries, so they
are drawn again and compared: an edited seed, rate or prompt shows, whatever its digests say. Masks are not made again
here; which masks are noised is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from actiseg_noise.building.counts import Severity, slot_counts
from actiseg_noise.building.plan import Plan, Slot, Tally
from actiseg_noise.building.text import noise_text
from actiseg_noise.check.findings import Finding, brief, compare_rows
from actiseg_noise.check.tables import where_is
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.clips import ManifestClip, ManifestSample
from actiseg_noise.manifest.info import INFO_NAME, SlotCounts
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import iter_clip_rows
from actiseg_noise.manifest.schema import SAMPLES
from actiseg_noise.noises.base import MaskNoise
from actiseg_noise.records import Clip, ObjectRecord, expression

_MASK = ["clip_id", "object_id", "clean_area", "mask_noise", "iou"]
_NOISY = ("noisy_category_id", "noisy_noun", "text_noise", "is_harmful", "noisy_expression")
_ADVICE = "the manifest is not what its recipe gives; build it again, or fetch it again"
_ALWAYS_UNCHECKED = ("split", "selection", "clean labels")


@dataclass(frozen=True)
class Recount:
    """What is not so, and which statements of a manifest only its dataset can check, with the reason."""

    findings: list[Finding]
    unchecked: list[str]


def recount(manifest: Manifest) -> Recount:
    """Compare what a manifest says of its draws with its own rows, in constant memory.

    Checked: the prompts against the recipe's own draws; per noise the eligible, realised and positive draws and the
    interval; the severity. For an imported manifest, which has no draws, the severity alone.
    """
    unchecked = list(_ALWAYS_UNCHECKED)
    if manifest.info.imported:
        return Recount(_check_severity(manifest), unchecked)
    findings, plan, tally = [], _plan(manifest), None
    if plan is None:
        unchecked.append("prompts and their draws (what they depend on is not here)")
    else:
        draws = _TextDraws(plan)
        if draws.compare(manifest):
            findings += draws.findings()
            tally = draws.tally
        else:
            unchecked.append("prompts and their draws (prompts of the dataset's own form)")
    if manifest.info.content != "text" and manifest.info.recipe.noises:
        unchecked.append("which masks are noised, and how")
    if plan is not None and tally is not None and not findings:
        findings += _check_counts(manifest, plan, tally)
    return Recount(findings + _check_severity(manifest), unchecked)


def _plan(manifest: Manifest) -> Plan | None:
    """Return the recipe ready to draw, None where what it depends on (a dictionary) is absent or another version."""
    info = manifest.info
    thresholds = [slot.threshold for slot in info.noises] if info.recipe.exact_rate else None
    try:
        plan = Plan(info.recipe, info.dataset["source"], manifest.vocabulary, thresholds=thresholds)
    except ActisegError:
        return None
    uses = {name: what for slot in plan.text for name, what in slot.noise.uses(slot.options).items()}
    return plan if uses == info.uses else None


class _TextDraws:
    """The prompts drawn again, clip by clip, beside the stored ones."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally(len(plan.recipe.noises))
        self._first: Finding | None = None
        self._count = 0

    def compare(self, manifest: Manifest) -> bool:
        """Draw all prompts; return False where a clean one is not ``"{noun} used in the action of {narration}"``.

        The template of any other prompt is the dataset's, and so is what of it noise may replace.
        """
        for clip in manifest.iter_clips(with_masks=False):
            if any(sample.expression != expression(sample.noun, clip.narration) for sample in clip.samples):
                return False
            self._compare(clip)
        return True

    def findings(self) -> list[Finding]:
        """Return the first prompt that is not what was drawn, with the count of the others."""
        return [] if self._first is None else [replace(self._first, more=self._count - 1)]

    def _compare(self, clip: ManifestClip) -> None:
        """Draw one clip again."""
        objects = tuple(map(_object, clip.samples))
        source = Clip(clip.clip_id, clip.address, "", clip.narration, "", "", objects)
        for stored, noisy in zip(clip.samples, noise_text(source, self.plan, self.tally), strict=True):
            label, noise_id, harmful = noisy
            again = replace(
                stored,
                noisy_category_id=label.category_id,
                noisy_noun=label.noun,
                noisy_expression=expression(label.noun, clip.narration),
                text_noise=noise_id,
                is_harmful=harmful,
            )
            if again != stored:
                self._count += 1
                self._first = self._first or _difference(clip.clip_id, asdict(stored), asdict(again))


def _object(sample: ManifestSample) -> ObjectRecord:
    """Return the clean object of a sample."""
    return ObjectRecord(sample.object_id, sample.category_id, sample.noun, sample.noun, sample.is_positive)


def _difference(clip_id: str, stored: dict[str, Any], again: dict[str, Any]) -> Finding:
    """Return the finding of a prompt that is not what its address draws."""
    name = next(name for name in _NOISY if stored[name] != again[name])
    return Finding(
        f"{where_is(SAMPLES, stored | {'clip_id': clip_id})}, column {name}",
        f"{brief(name, again[name])}, which is what seed and recipe draw",
        brief(name, stored[name]),
        _ADVICE,
        comparison=compare_rows(SAMPLES, stored, again, "draw"),
    )


def _check_counts(manifest: Manifest, plan: Plan, tally: Tally) -> list[Finding]:
    """Hold the counts of draws against ``manifest.json``."""
    info = manifest.info
    masks_counted = info.content == "text" or _count_mask_draws(manifest, plan, tally)
    thresholds = [slot.threshold for slot in info.noises] if info.recipe.exact_rate else None
    counted = slot_counts(info.recipe, tally, thresholds)
    mask_slots = {slot.index for slot in plan.masks}
    return [
        finding
        for index, (expected, stated) in enumerate(zip(counted, info.noises, strict=True))
        if masks_counted or index not in mask_slots
        for finding in _differences(expected, stated)
    ]


def _differences(expected: SlotCounts, stated: SlotCounts) -> Iterator[Finding]:
    """Yield the counts of one noise that are not those of the tables."""
    for field in fields(SlotCounts):
        one, other = getattr(expected, field.name), getattr(stated, field.name)
        if one != other:
            yield Finding(f"{INFO_NAME}, {field.name} of {stated.noise_id}", f"{one}, as the tables say", str(other))


def _count_mask_draws(manifest: Manifest, plan: Plan, tally: Tally) -> bool:
    """Count the draws of mask noise from the rows; False where a noise comes twice and rows cannot say which it was."""
    names = [slot.noise.noise_id for slot in plan.masks]
    if len(set(names)) < len(names):
        return False
    samples = iter_clip_rows(manifest, "samples", ["clip_id", "object_id", "is_positive"])
    positives: tuple[str, set[int]] = ("", set())
    for clip_id, rows in iter_clip_rows(manifest, "masks", _MASK):
        while positives[0] < clip_id:
            name, objects = next(samples, (clip_id, []))
            positives = name, {object_id for _, object_id, is_positive in objects if is_positive}
        visible = [(row[1], row[3]) for row in rows if row[2] and row[1] in positives[1]]
        per_clip = manifest.info.recipe.temporal == "clip"
        for noise in dict(visible).values() if per_clip else (noise for _, noise in visible):
            _count_draw(set(noise.split("+")), plan.masks, tally, manifest.info.recipe.sequential)
    return True


def _count_draw(hits: set[str], slots: list[Slot[MaskNoise]], tally: Tally, sequential: bool) -> None:
    """Count the draws of one mask: those tried until one fires, or all."""
    for slot in slots:
        fired = slot.noise.noise_id in hits
        tally.count(slot.index, fired, True)
        if fired and not sequential:
            return


def _check_severity(manifest: Manifest) -> list[Finding]:
    """Hold the stated severity against the rows."""
    severity = Severity()
    for name, columns in (("samples", ["is_positive", "is_harmful"]), ("masks", ["mask_noise", "iou"])):
        for batch in manifest.iter_batches(name, columns):
            severity.add(name, batch.to_pydict())
    stated = manifest.info.severity
    return [
        Finding(f"{INFO_NAME}, severity {name}", f"{value}, as the tables say", str(stated[name]))
        for name, value in severity.to_json().items()
        if stated[name] != value
    ]
