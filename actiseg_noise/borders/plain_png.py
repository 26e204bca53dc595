"""Masks as nearly all are stored, read in a twentieth of Pillow's time.

A plain PNG has 8 bits a pixel, of a palette or of grey, in rows that are not predicted from others (filter 0, what
writers choose for palettes), no chunk that could change what the numbers mean, and is in order to its last byte. Any
other file is Pillow's to read or to refuse, so nothing is judged here. What takes Pillow so long is the system's zlib,
on long runs: zlib-ng unpacks them at the speed of memory.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from zlib_ng import zlib_ng

from actiseg_noise.masks import IndexMask

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, PALETTE = 0, 3  # colour types
MOST_PIXELS = 2**26  # beyond, Pillow asks whether the file is a bomb
MOST_BYTES = 2**24
_KNOWN = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7}
"""Chunks that say nothing of numbers, and their lengths in bytes."""


class PlainPng(NamedTuple):
    """What a plain PNG stores: ``uint8 [H, W]``, indices of a palette or grey levels."""

    values: IndexMask
    is_palette: bool


def read_plain_png(path: Path) -> PlainPng | None:
    """Return what a plain PNG stores, None for any other file and where there is none."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            return None
        return decode_plain_png(path.read_bytes())
    except OSError:
        return None


def decode_plain_png(data: bytes) -> PlainPng | None:
    """Return what the bytes of a plain PNG store, None for any others."""
    chunks = _chunks(data)
    header = next(chunks, None)
    if header is None or header[0] != b"IHDR" or len(header[1]) != 13:
        return None
    width, height = int.from_bytes(header[1][:4]), int.from_bytes(header[1][4:8])
    kind = header[1][9]
    is_8_bit = header[1][8:] in (bytes((8, GREY, 0, 0, 0)), bytes((8, PALETTE, 0, 0, 0)))
    if not is_8_bit or not 0 < width * height <= MOST_PIXELS:
        return None
    packed = _packed(chunks, has_palette=kind == PALETTE)
    rows = None if packed is None else _unpack(packed, height * (width + 1))
    if rows is None:
        return None
    stored = np.frombuffer(rows, np.uint8).reshape(height, width + 1)
    return None if stored[:, 0].any() else PlainPng(stored[:, 1:].copy(), kind == PALETTE)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk; nothing more from the first that is out of order."""
    place = len(SIGNATURE) if data.startswith(SIGNATURE) else len(data)
    while place + 12 <= len(data):
        stop = place + 8 + int.from_bytes(data[place : place + 4])
        if int.from_bytes(data[stop : stop + 4]) != crc32(data[place + 4 : stop]):
            return
        yield data[place + 4 : place + 8], data[place + 8 : stop]
        place = stop + 4
    if place == len(data):
        yield b"", b""


def _packed(chunks: Iterator[tuple[bytes, bytes]], *, has_palette: bool) -> bytes | None:
    """Return the packed rows, None where chunks are out of order, or others than such a file has."""
    order: list[bytes] = []
    packed = []
    for name, content in chunks:
        if name == b"IDAT":
            packed.append(content)
        elif name == b"PLTE":
            if not has_palette or len(content) % 3 or not 3 <= len(content) <= 768:
                return None
        elif name not in (b"IEND", b"") and len(content) != _KNOWN.get(name):
            return None
        if order[-1:] != [name]:
            order.append(name)
    expected = [b"PLTE"] * has_palette + [b"IDAT", b"IEND", b""]
    return b"".join(packed) if [name for name in order if name not in _KNOWN] == expected else None


def _unpack(packed: bytes, size: int) -> bytes | None:
    """Return what a zlib stream unpacks to, None unless these are ``size`` bytes and it ends there, in order."""
    stream = zlib_ng.decompressobj()
    try:
        rows: bytes = stream.decompress(packed, size + 1)
    except zlib_ng.error:  # type: ignore[misc]  # its stubs call it an instance
        return None
    return rows if stream.eof and not stream.unused_data and len(rows) == size else None
