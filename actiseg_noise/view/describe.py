"""What ``manifest.json`` says, as tables of text: the end of ``build`` and the beginning of ``inspect``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from actiseg_noise.manifest.info import ACTION_SEVERITY, ManifestInfo, SlotCounts
from actiseg_noise.recipe import NoiseSpec


@dataclass(frozen=True)
class Section:
    """One table of a report: a title, column names, and rows of text."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def __str__(self) -> str:
        table = [[cell.replace("\n", "") for cell in row] for row in (self.header, *self.rows) if any(row)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
        return "\n".join([self.title, *(line.rstrip() for line in lines)])

    def to_html(self) -> str:
        """Return the table as HTML."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.header)
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><caption>{escape(self.title)}</caption><tr>{head}</tr>{body}</table>"


def describe(info: ManifestInfo, stored: Mapping[str, int] | None = None) -> Section:
    """Return what the manifest is and how much it holds.

    Args:
        stored: rows of each table in its files; shown where they are not what ``info`` counts.
    """
    in_files = [("in the files", _counted(stored))] if stored and dict(stored) != info.counts else []
    rows: list[tuple[str, ...]] = [
        ("dataset", f"{info.dataset['title']} ({info.dataset['name']} {info.dataset['version']})"),
        ("split", info.split),
        ("recipe", f"{info.recipe.recipe_id}: {info.recipe.title}" if info.recipe.title else info.recipe.recipe_id),
        ("seed", str(info.recipe.seed)),
        ("content", info.content),
        ("counts", _counted(info.counts)),
        *in_files,
        ("vocabulary", f"{info.vocabulary['origin']} ({info.vocabulary['digest']})"),
        ("severity", describe_severity(info)),
    ]
    if info.selection:
        rows.append(("selection", ", ".join(f"{key} {value}" for key, value in info.selection.items())))
    if info.skipped:
        rows.append(("skipped", f"{len(info.skipped):,} listed clips whose files or texts are missing"))
    rows.append(("digest", info.digest))
    return Section(info.name, ("", ""), rows)


def _counted(counts: Mapping[str, int]) -> str:
    """Return the rows of tables in words."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def describe_severity(info: ManifestInfo) -> str:
    """Return the severity in words."""
    harmful, iou = info.severity["harmful_positives"], info.severity["median_iou"]
    narration, flag = (info.severity.get(name) for name in ACTION_SEVERITY)
    parts = [] if harmful is None else [f"{harmful:.1%} of positives with a wrong {'text' if narration else 'noun'}"]
    parts += [f"{narration:.1%} with another clip's narration"] if narration else []
    parts += [f"{flag:.1%} given as negative"] if flag else []
    parts += [] if iou is None else [f"median IoU of noised masks {iou:.3f}"]
    return ", ".join(parts) or "nothing to measure"


def describe_noises(info: ManifestInfo) -> Section:
    """Return requested and realised rates, how many of the realised are positive, and the counts chance allows."""
    header = ("noise", "rate", "realised", "unit", "share", "positive", "chance")
    return Section("Noise", header, list(map(_noise_row, info.noises, info.recipe.noises)))


def _noise_row(slot: SlotCounts, spec: NoiseSpec) -> tuple[str, ...]:
    """Return one noise's row."""
    options = ", ".join(f"{key} {value}" for key, value in spec.options.items())
    return (
        f"{slot.noise_id}\n  {options}" if options else slot.noise_id,
        f"{slot.requested:g}",
        f"{slot.realised:,} of {slot.eligible:,}",
        slot.unit,
        "—" if slot.rate is None else f"{slot.rate:.4f}",
        f"{slot.on_positives:,}",
        f"{slot.interval[0]:,}–{slot.interval[1]:,}",
    )
