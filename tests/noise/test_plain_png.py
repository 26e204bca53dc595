"""Plain PNGs are read as Pillow reads them, and everything else is left to Pillow."""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actiseg_noise.borders import images, plain_png
from actiseg_noise.borders.images import palette_png, read_foreground, read_index_mask, read_mask_values
from actiseg_noise.borders.plain_png import SIGNATURE, decode_plain_png, read_plain_png
from actiseg_noise.errors import DataError

IDS = np.array([[0, 1, 2, 2], [2, 255, 0, 0], [0, 0, 7, 7]], np.uint8)
RGB_OF_ALL = bytes(range(256)) * 3


def chunk(name: bytes, content: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


def png(
    *more: bytes,
    depth: int = 8,
    kind: int = 3,
    interlaced: int = 0,
    rows: bytes = b"".join(b"\0" + row.tobytes() for row in IDS),
    palette: bytes = RGB_OF_ALL,
    after: bytes = b"",
) -> bytes:
    """Return the bytes of a PNG of ``IDS``; ``more`` are chunks before its pixels, ``after`` is what follows them."""
    header = chunk(b"IHDR", (4).to_bytes(4) + (3).to_bytes(4) + bytes((depth, kind, 0, 0, interlaced)))
    colours = chunk(b"PLTE", palette) if palette else b""
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + header + colours + b"".join(more) + pixels + after + chunk(b"IEND", b"")


def said(read: Callable[[Path], np.ndarray], path: Path) -> str:
    """Return what a reader gives, or what it says."""
    try:
        found = read(path)
    except DataError as error:
        return str(error)
    return f"{found.dtype} {found.tolist()}"


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_what_pillow_writes_of_palettes_is_plain(height: int, width: int, seed: int) -> None:
    ids = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    plain = decode_plain_png(palette_png(ids))
    assert plain is not None
    assert plain.is_palette
    assert np.array_equal(plain.values, ids)
    assert plain.values.flags.writeable
    assert plain.values.flags.c_contiguous


def test_grey_of_eight_bits_and_chunks_that_say_nothing_of_numbers_are_plain() -> None:
    time, size = chunk(b"tIME", bytes(7)), chunk(b"pHYs", bytes(9))
    for data in (png(kind=0, palette=b""), png(time, size), png(after=time)):
        plain = decode_plain_png(data)
        assert plain is not None
        assert plain.values.tolist() == IDS.tolist()


@pytest.mark.parametrize(
    "data",
    [
        png(depth=4),
        png(kind=2, palette=b""),
        png(interlaced=1),
        png(rows=b"".join(b"\2" + row.tobytes() for row in IDS)),
        png(rows=bytes(14)),
        png(rows=bytes(16)),
        png(palette=b""),
        png(palette=b"\0"),
        png(chunk(b"eXIf", bytes(8))),
        png(chunk(b"tEXt", b"Raw profile type exif\0")),
        png(chunk(b"acTL", bytes(8))),
        png(chunk(b"pHYs", bytes(8))),
        png(after=chunk(b"tIME", bytes(7)) + chunk(b"IDAT", b"\0")),
        png() + b"\0",
        png()[:-1],
        b"GIF89a",
        b"",
    ],
    ids=[
        *("of 4 bits", "of colours", "interlaced", "predicted rows", "rows cut off", "too many rows"),
        *("no palette", "a palette of no colour", "EXIF", "text", "several pictures", "a chunk of another length"),
        *("pixels in two places", "more behind the end", "cut off", "no PNG", "nothing"),
    ],
)
def test_anything_else_is_not_plain(data: bytes) -> None:
    assert decode_plain_png(data) is None


@pytest.mark.parametrize("read", [read_index_mask, read_mask_values, read_foreground])
@pytest.mark.parametrize("kind", [0, 3])
def test_a_damaged_file_is_said_to_be_what_pillow_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], np.ndarray], kind: int
) -> None:
    data = png(chunk(b"tIME", bytes(7)), kind=kind, palette=RGB_OF_ALL[:30] if kind else b"")
    broken = [data, *(data[:at] for at in range(0, len(data), 3))]
    broken += [data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :] for at in range(len(data))]
    path = tmp_path / "mask.png"
    with_plain = []
    for one in broken:
        path.write_bytes(one)
        with_plain.append(said(read, path))
    monkeypatch.setattr(images, "read_plain_png", lambda path: None)
    for one, expected in zip(broken, with_plain, strict=True):
        path.write_bytes(one)
        assert said(read, path) == expected


def test_smooth_grey_masks_are_refused_as_before(tmp_path: Path) -> None:
    levels = np.array([[0, 40, 90, 160, 200, 255]], np.uint8)
    rows = b"\0" + levels.tobytes()
    header = chunk(b"IHDR", (6).to_bytes(4) + (1).to_bytes(4) + bytes((8, 0, 0, 0, 0)))
    (tmp_path / "mask.png").write_bytes(SIGNATURE + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    with pytest.raises(DataError, match="found 4 grey levels between"):
        read_index_mask(tmp_path / "mask.png")
    assert read_mask_values(tmp_path / "mask.png", are_numbers=True).tolist() == levels.tolist()


def test_a_stream_that_unpacks_to_more_than_its_picture_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []
    real = plain_png._unpack
    monkeypatch.setattr(plain_png, "_unpack", lambda packed, size: unpacked.append(size) or real(packed, size))
    assert decode_plain_png(png(rows=bytes(50_000_000))) is None
    assert unpacked == [15]


def test_pipes_and_large_files_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert read_plain_png(tmp_path / "pipe.png") is None
    assert read_plain_png(tmp_path / "none.png") is None
    (tmp_path / "mask.png").write_bytes(png())
    assert read_plain_png(tmp_path / "mask.png") is not None
    monkeypatch.setattr(plain_png, "MOST_BYTES", 10)
    assert read_plain_png(tmp_path / "mask.png") is None


@pytest.mark.parametrize("interlaced", [0, 1], ids=["plain", "Pillow's"])
def test_a_mask_that_is_read_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, interlaced: int) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(png(interlaced=interlaced, rows=b"".join(b"\0" + row.tobytes() for row in IDS)))
    with caplog.at_level(logging.DEBUG, "actiseg_noise"):
        said(read_index_mask, path)
    assert caplog.messages == [f"reading {path}"]
