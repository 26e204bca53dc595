"""What the rows of a manifest hold: which nouns became which, how far masks moved, and all that ``inspect`` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from sys import intern
from typing import Any

from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.read import Manifest, open_manifest
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.view.describe import Section, describe, describe_noises
from actiseg_noise.view.observed import Observed, observe
from actiseg_noise.vocabulary import Vocabulary

TOP = 15  # confusions that are listed
BINS = 10
BAR = 40


@dataclass(frozen=True)
class Inspection:
    """What ``inspect`` found in a manifest; ``print`` and notebooks show it as tables.

    Attributes:
        confusions: (category, noun, noisy category, noisy noun) → samples, of all corrupted prompts.
        ious: noise → counts of masks per tenth of IoU, 0 to 1.
        observed: shares computed from the rows alone, whatever the recipe says.
        charts: the files that were drawn. rows: of each table, how many its files have. miscounted: where that is not
            what ``manifest.json`` counts, which tables, in words.
    """

    info: ManifestInfo
    confusions: Counter[tuple[str, str, str, str]]
    ious: dict[str, list[int]]
    observed: Observed
    charts: tuple[Path, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    miscounted: str | None = None

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.sections()))

    def _repr_html_(self) -> str:
        return "".join(section.to_html() for section in self.sections())

    def to_json(self, top: int = TOP) -> dict[str, Any]:
        """Return the JSON form, with the ``top`` most frequent confusions."""
        names = ("category", "noun", "noisy_category", "noisy_noun")
        return {
            "name": self.info.name,
            "digest": self.info.digest,
            "content": self.info.content,
            "selection": self.info.selection,
            "skipped": list(self.info.skipped),
            "counts": self.info.counts,
            "rows": dict(self.rows),
            "noises": [asdict(slot) | {"rate": slot.rate} for slot in self.info.noises],
            "severity": self.info.severity,
            "observed": self.observed.to_json(),
            "confusions": [
                dict(zip(names, key, strict=True)) | {"samples": count} for key, count in _top(self.confusions, top)
            ],
            "iou_histogram": self.ious,
        }

    def sections(self, top: int = TOP) -> list[Section]:
        """Return the tables that ``inspect`` prints."""
        found = [describe(self.info, self.rows)]
        found += [describe_noises(self.info)] if self.info.noises else []
        found += self.observed.sections()
        if self.confusions:
            rows: list[tuple[str, ...]] = [
                (f"{noun} ({category})", f"{noisy_noun} ({noisy_category})", str(count))
                for (category, noun, noisy_category, noisy_noun), count in _top(self.confusions, top)
            ]
            found.append(Section(f"Most frequent of {len(self.confusions)} confusions", ("noun", "became", "n"), rows))
        found += [_histogram(noise, counts) for noise, counts in sorted(self.ious.items())]
        return found


def inspect(
    manifest: str | Path | Manifest, *, plot: str | Path | None = None, figures: Sequence[str] = ("png",)
) -> Inspection:
    """Return what a manifest holds: realised rates, shares observed in the rows, nouns confused with what, IoUs.

    >>> import actiseg_noise
    >>> inspection = actiseg_noise.inspect(folder)
    >>> [(slot.noise_id, slot.realised) for slot in inspection.info.noises]
    [('noun_substitution-v1', 15), ('dilate-v1', 24)]
    >>> sum(inspection.ious["dilate-v1"])
    24

    Args:
        manifest: a manifest folder, or an open manifest.
        plot: draw the charts ``rates``, ``iou``, ``displacement`` and ``confusion`` into this folder, those of which
            the manifest holds anything. figures: in which formats: ``png``, ``pdf``, ``svg``.

    Raises:
        ManifestError: no manifest, or a damaged one. ActisegError: the folder ``plot`` cannot be written.
    """
    opened = open_manifest(manifest)
    charts: tuple[Path, ...] = ()
    if plot is not None:
        from actiseg_noise.view.charts import plot_manifest

        charts = tuple(plot_manifest(opened, Path(plot), figures))
    counted = _count_confusions(opened), _count_ious(opened), observe(opened)
    return Inspection(opened.info, *counted, charts, opened.rows, opened.miscounted)


def _count_confusions(manifest: Manifest) -> Counter[tuple[str, str, str, str]]:
    """Count which noun became which."""
    names = ["category_id", "noun", "noisy_category_id", "noisy_noun", "text_noise"]
    vocabulary = manifest.vocabulary
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for batch in manifest.iter_batches("samples", names):
        for category, noun, noisy_category, noisy_noun, noise in zip(*batch.to_pydict().values(), strict=True):
            if noise != NO_NOISE:
                nouns = intern(noun), intern(noisy_noun)  # each text once, however many confusions it is in
                counts[_name(vocabulary, category), nouns[0], _name(vocabulary, noisy_category), nouns[1]] += 1
    return counts


def _name(vocabulary: Vocabulary, category_id: int) -> str:
    """Return a category's name, its id where the vocabulary has none."""
    return vocabulary.names.get(category_id, str(category_id))


def _count_ious(manifest: Manifest) -> dict[str, list[int]]:
    """Count masks per tenth of IoU, per noise, and for neighbours that lost pixels."""
    counts: dict[str, list[int]] = {}
    for batch in manifest.iter_batches("masks", ["mask_noise", "iou", "changed_by_neighbour"]):
        for noise, iou, by_neighbour in zip(*batch.to_pydict().values(), strict=True):
            if noise != NO_NOISE or by_neighbour:
                name = "changed by a neighbour" if by_neighbour else noise
                counts.setdefault(name, [0] * BINS)[min(int(iou * BINS), BINS - 1)] += 1
    return counts


def _histogram(noise: str, counts: list[int]) -> Section:
    """Return a bar chart of text."""
    most, total = max(counts), sum(counts)
    rows: list[tuple[str, ...]] = []
    for i, count in enumerate(counts):
        bar = "█" * -(-count * BAR // most)
        rows.append((f"{i / BINS:.1f}–{(i + 1) / BINS:.1f}", bar, f"{count:,}", f"{count / total:.1%}"))
    return Section(f"IoU with the clean mask: {noise}", ("IoU", "", "masks", "share"), rows)


def _top(confusions: Counter[tuple[str, str, str, str]], top: int) -> list[tuple[tuple[str, str, str, str], int]]:
    """Return the most frequent, ties in alphabetical order."""
    return sorted(confusions.items(), key=lambda item: (-item[1], item[0]))[:top]
