"""What a check found, and one row laid out for a person: clean beside noisy, what differs marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from actiseg_noise.manifest.clips import noisy_counts
from actiseg_noise.manifest.rows import mask_box, mask_iou
from actiseg_noise.manifest.schema import MASKS, SAMPLES, Table
from actiseg_noise.masks import Rle, Size, read_areas

FETCH = "fetch the manifest again, or build it again"
MARK = "◄"

Values = Mapping[str, Any]
Field = tuple[str, str | None, str | None]

# (what, the column of the clean side, that of the noisy side)
_FIELDS: dict[str, tuple[Field, ...]] = {
    SAMPLES.name: (
        ("category", "category_id", "noisy_category_id"),
        ("noun", "noun", "noisy_noun"),
        ("expression", "expression", "noisy_expression"),
        ("noise", None, "text_noise"),
        ("harmful", None, "is_harmful"),
        ("narration noise", None, "narration_noise"),
        ("positive", "is_positive", "noisy_is_positive"),
        ("flag noise", None, "flag_noise"),
        ("handbox", "handbox", None),
        ("in narration", "in_narration", None),
    ),
    MASKS.name: (
        ("area", "clean_area", "noisy_area"),
        ("box", "clean_rle", "noisy_rle"),
        ("digest", "clean_digest", "noisy_digest"),
        ("noise", None, "mask_noise"),
        ("parameters", None, "parameters"),
        ("IoU", None, "iou"),
        ("by neighbour", None, "changed_by_neighbour"),
        ("would erase", None, "would_erase"),
    ),
}


@dataclass(frozen=True)
class Comparison:
    """A row as a table of text.

    Attributes:
        header: of the columns. lines: their cells; the last of a line is ``MARK`` where something differs.
    """

    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Finding:
    """A statement of a manifest that is not so; ``str`` gives it as a sentence.

    Attributes:
        where: the file, and the row, column or key. expected: what the check computed. found: what the manifest says.
        advice: what to do about it. more: how many more rows of the table have the same trouble; others: a few of them.
        comparison: the row, laid out; None where there is no row to show.
    """

    where: str
    expected: str
    found: str
    advice: str = FETCH
    more: int = 0
    others: tuple[str, ...] = ()
    comparison: Comparison | None = None

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class Unchecked:
    """What a check could not look at, and why, or what it would take: ``split``, "as only the dataset can tell".

    Attributes:
        whole: the check looked at nothing at all, so that it must not be named among those that ran.
    """

    what: str
    why: str
    whole: bool = False

    def to_json(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"what": self.what, "why": self.why}


class Findings(list[Finding]):
    """What ``verify`` found: a list of findings, empty when all checks passed; ``print`` says what was checked.

    Attributes:
        checked: the names of the checks that ran whole. unchecked: what was not checked, and why.
        digest: of the manifest.
    """

    def __init__(
        self,
        findings: Iterable[Finding] = (),
        *,
        checked: Iterable[str] = (),
        unchecked: Iterable[Unchecked] = (),
        digest: str = "",
    ) -> None:
        super().__init__(findings)
        self.checked = tuple(checked)
        self.unchecked = tuple(unchecked)
        self.digest = digest

    def __str__(self) -> str:
        advice = dict.fromkeys(f"What to do: {finding.advice}." for finding in self)
        return "\n".join([*(f"{finding}." for finding in self), *advice, self.summary()])

    def summary(self) -> str:
        """Return the outcome and what was checked, then, per reason, what was not."""
        count = "1 finding" if len(self) == 1 else f"{len(self)} findings"
        lines = [f"{count if self else 'all checks passed'}: {', '.join(self.checked) or 'none'}; digest {self.digest}"]
        for why in dict.fromkeys(item.why for item in self.unchecked):
            lines.append(f"not checked, {why}: {', '.join(item.what for item in self.unchecked if item.why == why)}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "holds": not self,
            "checked": list(self.checked),
            "not checked": [item.to_json() for item in self.unchecked],
            "digest": self.digest,
            "findings": [finding.to_json() for finding in self],
        }


def describe_row(table: Table, values: Values, changed: Collection[str], size: Size | None = None) -> Comparison:
    """Return a row, clean beside noisy; fields of ``changed`` columns are marked.

    Args:
        size: (height, width) of the frame, with which the boxes of masks are found.
    """
    fields = _fields(table)
    sides = ("clean", "noisy") if table.name in _FIELDS else ("value",)
    lines = [
        (name, *_cells(values, field, size)[: len(sides)], MARK if set(field) & set(changed) else "")
        for name, *field in fields
    ]
    return Comparison(("", *sides, ""), tuple(lines))


def compare_rows(table: Table, stored: Values, again: Values, origin: str, size: Size | None = None) -> Comparison:
    """Return a stored row against the same row made again; a field that differs has a line for each.

    Args:
        origin: where the other row comes from, ``dataset`` or ``draw``.
    """
    sides = ("clean", "noisy") if table.name in _FIELDS else ("value",)
    lines: list[tuple[str, ...]] = []
    for name, *field in _fields(table):
        one, other = (_cells(values, field, size)[: len(sides)] for values in (stored, again))
        if all(stored.get(column) == again.get(column) for column in field if column):
            lines.append((name, "both", *one, ""))
        else:
            lines += [(name, "manifest", *one, MARK), ("", origin, *other, "")]
    if table is MASKS and size is not None and (iou := _noisy_iou(stored, again, size)) is not None:
        lines.append(("noisy masks", "", "", f"IoU of the two {iou:.4f}", ""))
    return Comparison(("", "in", *sides, ""), tuple(lines))


def brief(name: str, value: object) -> str:
    """Return a cell for a sentence; a run-length code is only named."""
    if name.endswith("_rle"):
        return "no code" if value is None else "a run-length code"
    return repr(value)


def _fields(table: Table) -> tuple[Field, ...]:
    """Return what is shown of a table's rows; of tables without a noisy side, every column but the digest."""
    plain = tuple((column.name, column.name, None) for column in table.columns if column.name != "row_digest")
    names = {column.name for column in table.columns}
    fields: list[Field] = []
    for name, clean, noisy in _FIELDS.get(table.name, plain):
        field = (name, clean if clean in names else None, noisy if noisy in names else None)
        fields += [field] if any(field[1:]) else []
    return tuple(fields)


def _cells(values: Values, field: Collection[str | None], size: Size | None) -> list[str]:
    """Return a field's clean and noisy side as text."""
    return ["" if column is None else _text(column, values, size) for column in field]


def _text(column: str, values: Values, size: Size | None) -> str:
    """Return one cell as text: pixels with a unit, a code as the box it covers, a digest by its beginning."""
    value = values.get(column)
    if column in ("clean_rle", "noisy_rle"):
        return _box_text(column, values, size)
    if value is None:
        return "–"
    if column.endswith("_area"):
        return f"{value:,} px"
    if column.endswith("_digest"):
        return f"{value[:12]}…"
    return str(value)


def _box_text(column: str, values: Values, size: Size | None) -> str:
    """Return the bounding box of a mask as ``x 10–42, y 5–30``, inclusive."""
    counts = _counts(column, values)
    if counts is None or size is None:
        return "withheld"
    if Rle(*size, counts, 0).digest() != values[column.replace("_rle", "_digest")]:
        return "not read: the code is not that of its digest"
    if read_areas([counts], [size]) == [None]:
        return "not read: the code does not fill the frame"
    box = mask_box(counts, size)
    return "empty" if box is None else f"x {box.left}–{box.right - 1}, y {box.top}–{box.bottom - 1}"


def _counts(column: str, values: Values) -> str | None:
    """Return a mask's code, None where it was withheld."""
    clean: str | None = values["clean_rle"]
    return clean if column == "clean_rle" else noisy_counts(clean, values["noisy_rle"])


def _noisy_iou(stored: Values, again: Values, size: Size) -> float | None:
    """Return the IoU of two rows' noisy masks, None where one is withheld or is not what its digest says."""
    codes = []
    for values in (stored, again):
        counts = _counts("noisy_rle", values)
        if counts is None or Rle(*size, counts, 0).digest() != values["noisy_digest"]:
            return None
        if read_areas([counts], [size]) == [None]:
            return None
        codes.append(counts)
    return mask_iou(codes[0], codes[1], size)
