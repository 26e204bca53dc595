"""A file of proposed corrections: what ``actiseg-bench audit`` writes, a person marks, and ``clean`` applies.

A comma-separated table of ``COLUMNS``, one correction a row. ``accept`` is empty until somebody writes ``yes`` there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from actiseg_noise.borders.text import iter_csv
from actiseg_noise.borders.writing import text_of_cell
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import parse_number

COLUMNS = ("manifest", "sample_id", "frame_idx", "what", "given", "suggested", "score", "accept")
NOUN, MASK, FLAG = "noun", "mask", "flag"
POSITIVE, NEGATIVE = "positive", "negative"
YES, NO = ("yes", "y", "true", "1", "x"), ("", "no", "n", "false", "0")
_MOVE = re.compile(r"(erode|dilate) (\d{1,3}) px")
_RLE = "rle "


class Move(NamedTuple):
    """A boundary moved outwards (positive) or inwards by so many pixels."""

    pixels: int


class Redrawn(NamedTuple):
    """A mask drawn anew: COCO's compressed run lengths on the frame's canvas."""

    counts: str


class Correction(NamedTuple):
    """One proposed correction.

    Attributes:
        manifest: digest of the labels that it is for. sample_id: of what. frame_idx: None for a noun or a flag.
        what: ``noun``, ``mask`` or ``flag``. given: the noun, the digest of the mask, or the flag, that is to be
            replaced.
        suggested: a noun; ``erode N px``, ``dilate N px``, ``rle CODE`` for a mask; ``positive`` or ``negative``.
        score: how likely it is that what is given is wrong, in [0, 1]. is_accepted: whether a person said yes.
        line: of the file, for messages.
    """

    manifest: str
    sample_id: str
    frame_idx: int | None
    what: str
    given: str
    suggested: str
    score: float
    is_accepted: bool = False
    line: int = 0

    def cells(self) -> dict[str, object]:
        """Return the row of the file."""
        cells = {name: getattr(self, name) for name in COLUMNS[:-1]}
        frame_idx = "" if self.frame_idx is None else self.frame_idx
        return cells | {"frame_idx": frame_idx, "accept": "yes" if self.is_accepted else ""}


def describe_move(pixels: int) -> str:
    """Return a :class:`Move` as the file has it.

    >>> describe_move(-3)
    'erode 3 px'
    """
    return f"{'dilate' if pixels > 0 else 'erode'} {abs(pixels)} px"


def describe_mask(counts: str) -> str:
    """Return a :class:`Redrawn` as the file has it."""
    return f"{_RLE}{counts}"


def describe_flag(is_positive: bool) -> str:
    """Return a flag as the file has it.

    >>> describe_flag(True)
    'positive'
    """
    return POSITIVE if is_positive else NEGATIVE


def parse_mask(text: str, where: str) -> Move | Redrawn:
    """Return what is suggested for a mask.

    Raises:
        DataError: none of the three forms.
    """
    if text.startswith(_RLE):
        return Redrawn(text.removeprefix(_RLE))
    found = _MOVE.fullmatch(text)
    if found is None or not int(found[2]):
        raise DataError(f"{where}: suggested for a mask: expected 'erode N px', 'dilate N px' or 'rle CODE', {text!r}")
    return Move(int(found[2]) if found[1] == "dilate" else -int(found[2]))


def read_corrections(path: Path, digest: str) -> list[Correction]:
    """Return the corrections of a file for the manifest of ``digest``.

    Raises:
        DataError: no such file or no such table; a row that cannot be read (its line is named); corrections for another
            manifest; two of one label.
    """
    rows = iter_csv(path)
    _, header = next(rows, (0, []))
    if (lacking := [name for name in COLUMNS if name not in header]) or len(set(header)) < len(header):
        raise DataError(
            f"{path}: no table of corrections: expected the columns {', '.join(COLUMNS)}, "
            f"{'and there is no ' + ', '.join(lacking) if lacking else 'each once'}"
        )
    found: list[Correction] = []
    seen: dict[tuple[str, int | None, str], int] = {}
    for line, cells in rows:
        if not cells:
            continue
        where = f"{path}, line {line}"
        raise_if(len(cells) != len(header), f"{where}: {len(cells)} cells, expected {len(header)}", DataError)
        one = _parse(dict(zip(header, cells, strict=True)), where, line)
        raise_if(
            one.manifest != digest,
            f"{where}: a correction for the manifest {one.manifest[:12]!r}…, but this manifest is {digest[:12]}…. "
            "Give the manifest that was audited, or audit this one.",
            DataError,
        )
        label = (one.sample_id, one.frame_idx, one.what)
        raise_if(
            label in seen, f"{where}: the {one.what} of {one.sample_id} was on line {seen.get(label)} too", DataError
        )
        seen[label] = line
        found.append(one)
    return found


def _parse(row: Mapping[str, str], where: str, line: int) -> Correction:
    what, accept = row["what"], row["accept"].strip().lower()
    raise_if(
        what not in (NOUN, MASK, FLAG), f"{where}: what: expected {NOUN}, {MASK} or {FLAG}, found {what!r}", DataError
    )
    raise_if(accept not in (*YES, *NO), f"{where}: accept: expected yes or nothing, found {accept!r}", DataError)
    suggested = text_of_cell(row["suggested"])
    raise_if(not suggested, f"{where}: suggested: is empty", DataError)
    if what == MASK:
        parse_mask(suggested, where)
    raise_if(
        what == FLAG and suggested not in (POSITIVE, NEGATIVE),
        f"{where}: suggested for a flag: expected {POSITIVE} or {NEGATIVE}, found {suggested!r}",
        DataError,
    )
    return Correction(
        manifest=row["manifest"],
        sample_id=text_of_cell(row["sample_id"]),
        frame_idx=_frame_idx(row["frame_idx"], what, where),
        what=what,
        given=text_of_cell(row["given"]),
        suggested=suggested,
        score=_score(row["score"], where),
        is_accepted=accept in YES,
        line=line,
    )


def _frame_idx(cell: str, what: str, where: str) -> int | None:
    if what != MASK:
        raise_if(bool(cell), f"{where}: frame_idx: a {what} is of all frames, found {cell!r}", DataError)
        return None
    frame_idx = parse_number(cell)
    raise_if(frame_idx is None, f"{where}: frame_idx: expected a position in the clip, found {cell!r:.80}", DataError)
    return frame_idx


def _score(cell: str, where: str) -> float:
    try:
        score = float(cell)
    except ValueError:
        score = math.nan
    raise_if(not 0 <= score <= 1, f"{where}: score: expected a number from 0 to 1, found {cell!r}", DataError)
    return score


def select(corrections: Iterable[Correction], least: float | None) -> list[Correction]:
    """Return those that a person accepted; with ``least`` also those of a score of at least that."""
    return [one for one in corrections if one.is_accepted or (least is not None and one.score >= least)]
