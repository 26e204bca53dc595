"""Masks of an object in every frame of a video, as the JSON of YouTube-VIS has them: run lengths or null."""

from __future__ import annotations

from typing import Any

from actiseg_noise.errors import DataError
from actiseg_noise.masks import MAX_SIDE, Rle, check_canvas, compress_runs, read_areas, read_runs

SHOWN = 80


def read_track(value: Any, where: str) -> tuple[Rle | None, ...]:
    """Return the masks of a ``segmentations`` list, None where the object has none.

    Raises:
        DataError: no such list; a mask that is no run lengths of COCO, or whose runs do not fill its canvas.
    """
    if type(value) is not list:
        raise DataError(f"{where}, key 'segmentations': expected a list of run lengths or null, found {_shown(value)}")
    codes = [None if one is None else _code(one, f"{where}, frame {i}") for i, one in enumerate(value)]
    there = [code for code in codes if code is not None]
    areas = iter(read_areas([counts for _, counts in there], [size for size, _ in there]))
    return tuple(None if c is None else _rle(*c, next(areas), f"{where}, frame {i}") for i, c in enumerate(codes))


def _rle(size: tuple[int, int], counts: str, area: int | None, where: str) -> Rle:
    """Return a mask; a code without an area is read again, to say what is wrong with it."""
    if area is None:
        try:
            read_runs(counts, *size)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        raise DataError(f"{where}: run lengths {counts[:40]!r}… are no code of COCO's")
    return Rle(*size, counts, area)


def _code(value: Any, where: str) -> tuple[tuple[int, int], str]:
    """Return (height, width) and COCO's compressed string of a mask."""
    fields: dict[str, Any] = value if type(value) is dict else {}
    size, counts = fields.get("size"), fields.get("counts")
    is_size = type(size) is list and len(size) == 2 and all(type(n) is int and 1 <= n <= MAX_SIDE for n in size)
    if not is_size or type(counts) not in (str, list):
        raise DataError(f'{where}: expected null or {{"size": [height, width], "counts": …}}, found {_shown(value)}')
    height, width = fields["size"]
    return (height, width), counts if isinstance(counts, str) else _compressed(fields["counts"], height, width, where)


def _compressed(counts: list[Any], height: int, width: int, where: str) -> str:
    """Return the compressed string of run lengths that are written as numbers."""
    try:
        check_canvas(height, width)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    if not all(type(n) is int and n >= 0 for n in counts) or sum(counts) != height * width:
        raise DataError(
            f"{where}: run lengths {_shown(counts)} do not fill a canvas of {width}×{height} pixels; expected whole "
            f"numbers that sum to {height * width:,}"
        )
    return compress_runs(counts)


def _shown(value: Any) -> str:
    """Return the beginning of a value."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
