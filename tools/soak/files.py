"""Edits of files of any kind: pictures, lists, JSON, TOML, weights, and what stands where a file should."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tools.soak.tables import NotApplicableError, edit_table
from tools.soak.values import edit_json, json_text, toml_text, wrong_text

# (random, file, an absolute path outside of what the command may write) → what was done
Way = Callable[[Random, Path, str], str]


def edit_file(random: Random, path: Path, outside: str) -> tuple[str, str]:
    """Edit a file by its kind, or, now and then, as any file can be; return the kind of edit and what was done.

    Raises:
        NotApplicableError: the edit that was drawn has no place in this file.
    """
    if random.random() < 0.12:
        way = random.choice(ANY)
        return f"any file: {way.__name__.replace('_', ' ')}", way(random, path, outside)
    suffix = path.suffix
    if suffix == ".parquet":
        kind, detail = edit_table(random, path, outside)
        return f"table: {kind}", detail
    ways = {".json": edit_a_json, ".toml": edit_a_toml, ".safetensors": edit_weights, ".pth": edit_pickle}
    if suffix in ways:
        return f"{suffix[1:]}: {path.name}", ways[suffix](random, path, outside)
    if suffix in (".png", ".jpg"):
        way = random.choice(PICTURES)
        return f"picture: {way.__name__.replace('_', ' ')}", way(random, path, outside)
    return f"list: {path.name}", edit_a_list(random, path, outside)


# --- JSON, TOML, lists of lines


def edit_a_json(random: Random, path: Path, outside: str) -> str:
    """Edit one value, key or entry."""
    data, what, place = edit_json(random, json.loads(path.read_text("utf-8")))
    text = json_text(data).replace("{outside}", outside)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return f"{what} at {'.'.join(map(str, place)) or 'the top'}"


def edit_a_toml(random: Random, path: Path, outside: str) -> str:
    """Edit one value, key or entry of TOML."""
    data, what, place = edit_json(random, tomllib.loads(path.read_text("utf-8")))
    if not isinstance(data, dict):
        raise NotApplicableError("TOML is a table")
    path.write_text(toml_text(data).replace("{outside}", outside), "utf-8")
    return f"{what} at {'.'.join(map(str, place)) or 'the top'}"


def edit_a_list(random: Random, path: Path, outside: str) -> str:
    """Edit one line of a list of names."""
    lines = path.read_text("utf-8").split("\n")
    row = random.randrange(len(lines))
    what = random.choice(["text", "outside", "remove", "double", "blank", "end of line", "order"])
    if what == "remove":
        del lines[row]
    elif what == "double":
        lines.insert(row, lines[row])
    elif what == "order":
        lines.reverse()
    else:
        made = {"text": wrong_text(random), "outside": outside, "blank": "  ", "end of line": f"{lines[row]}\r"}
        lines[row] = made[what]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    return f"{what} at line {row + 1}"


# --- whatever the file is


def cut_short(random: Random, path: Path, outside: str) -> str:
    """Keep the beginning."""
    size = random.randrange(path.stat().st_size or 1)
    os.truncate(path, size)
    return f"cut to {size} bytes"


def other_byte(random: Random, path: Path, outside: str) -> str:
    """Change a few bytes."""
    data = bytearray(path.read_bytes())
    if not data:
        raise NotApplicableError("an empty file")
    places = [random.randrange(len(data)) for _ in range(random.choice([1, 1, 4, 40]))]
    for place in places:
        data[place] = random.randrange(256)
    path.write_bytes(bytes(data))
    return f"bytes {places[:5]}"


def other_content(random: Random, path: Path, outside: str) -> str:
    """Put other bytes there."""
    deep = b"[" * 300_000
    made = (
        b"",
        b"\x00" * 1000,
        b"\xff" * 1000,
        deep,
        b"{",
        b"[]",
        b"null",
        b"PAR1",
        b"PAR1\x00\x00\x00\x00PAR1",
        b"\x89PNG\r\n\x1a\n",
    )
    gits = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    content = random.choice(
        [*made, gits, b"\xef\xbb\xbf" + path.read_bytes(), path.read_bytes() * 2, path.read_bytes() + b"\x00"]
    )
    path.write_bytes(content)
    return f"{len(content)} bytes: {content[:30]!r}"


def no_file(random: Random, path: Path, outside: str) -> str:
    """Remove it."""
    path.unlink()
    return "removed"


def no_plain_file(random: Random, path: Path, outside: str) -> str:
    """Put something else than a plain file there."""
    path.unlink()
    what = random.choice(["fifo", "folder", "loop", "/dev/zero", "/dev/null", "/dev/stdin", "nowhere", "outside"])
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to({"loop": path.name, "nowhere": "nowhere", "outside": f"{outside}/picture.jpg"}.get(what, what))
    return what


def huge_file(random: Random, path: Path, outside: str) -> str:
    """Let it be as long as a disk, with nothing in it."""
    with path.open("ab") as file:
        file.truncate(20 << 30)
    return "20 GiB of holes"


def another_beside_it(random: Random, path: Path, outside: str) -> str:
    """Put a file or folder beside it that nobody expects."""
    name = random.choice(
        [".DS_Store", f"._{path.name}", "Thumbs.db", f"{path.stem} (1){path.suffix}", "x\ny", "\x1b[31m", "new"]
    )
    other = path.with_name(name)
    if random.random() < 0.3:
        other.mkdir()
    else:
        shutil.copy(path, other)
    return f"{name!r} beside it"


ANY: tuple[Way, ...] = (cut_short, other_byte, other_content, no_file, no_plain_file, huge_file, another_beside_it)

# --- pictures


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, depth: int, colour: int, rows: bytes, *before: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), *before, _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bomb(random: Random, path: Path, outside: str) -> str:
    """A picture of few bytes and very many pixels."""
    side = random.choice([13_000, 16_000])
    palette = _chunk(b"PLTE", bytes(768))
    squeezed = zlib.compressobj(9)
    row = bytes(side + 1)
    rows = b"".join(squeezed.compress(row) for _ in range(side)) + squeezed.flush()
    path.write_bytes(_png(side, side, 8, 3, rows, palette))
    return f"{side}×{side}"


def lying_header(random: Random, path: Path, outside: str) -> str:
    """A picture that says it is larger than it is, or of no kind that there is."""
    width, height = random.choice(
        [(2**31 - 1, 2**31 - 1), (10**6, 1), (1, 10**6), (0, 0), (400, 241), (60_000, 60_000)]
    )
    depth, colour = random.choice([(8, 3), (8, 0), (16, 0), (1, 0), (8, 6), (3, 7)])
    path.write_bytes(_png(width, height, depth, colour, zlib.compress(bytes(401 * 240)), _chunk(b"PLTE", bytes(768))))
    return f"{width}×{height}, depth {depth}, colour {colour}"


def long_text_in_it(random: Random, path: Path, outside: str) -> str:
    """A PNG with a compressed text that is far larger than the picture, or a broken profile."""
    text = _chunk(b"zTXt", b"x\x00\x00" + zlib.compress(b"a" * 200_000_000, 9))
    profile = _chunk(b"iCCP", b"x\x00\x00" + zlib.compress(b"a" * 1000))
    rows = zlib.compress(bytes(401 * 240))
    what, chunk = random.choice([("text of 200 MB", text), ("profile", profile), ("end", _chunk(b"IEND", b""))])
    path.write_bytes(_png(400, 240, 8, 3, rows, _chunk(b"PLTE", bytes(768)), chunk))
    return what


def other_picture(random: Random, path: Path, outside: str) -> str:
    """A sound picture, of another size, kind or depth."""
    from PIL import Image

    mode = random.choice(["P", "L", "RGB", "RGBA", "LA", "1", "I;16", "CMYK", "F"])
    size = random.choice([(400, 240), (400, 240), (240, 400), (1, 1), (399, 240), (3000, 10)])
    image = Image.new(mode, size, random.choice([0, 1, 5]))
    form = {"CMYK": "JPEG", "F": "TIFF"}.get(
        mode, random.choice(["PNG", "PNG", "GIF", "BMP"]) if mode in "PL1RGB" else "PNG"
    )
    with path.open("wb") as file:
        image.save(file, form)
    return f"{form} {mode} {size[0]}×{size[1]}"


def other_ids(random: Random, path: Path, outside: str) -> str:
    """A mask of other values: of objects that nobody named, of all values, or of none."""
    import numpy as np
    from PIL import Image

    made = {
        "all values": np.arange(96_000) % 256,
        "255": np.full(96_000, 255),
        "none": np.zeros(96_000),
        "77": np.full(96_000, 77),
    }
    what = random.choice(list(made))
    image = Image.fromarray(made[what].astype(np.uint8).reshape(240, 400))
    image.putpalette(bytes(range(256)) * 3)
    with path.open("wb") as file:
        image.save(file, "PNG")
    return what


def other_name(random: Random, path: Path, outside: str) -> str:
    """The same picture under a name that nobody expects."""
    name = random.choice(
        ["x" * 200, "00000", "1", "a\nb", "\x1b[31m", "é", "-rf", " ", "0", "00001 copy", "=1+1", "\udcff"]
    )
    path.rename(path.with_name(f"{name}{path.suffix}"))
    return f"{name!r}{path.suffix}"


PICTURES: tuple[Way, ...] = (
    bomb,
    lying_header,
    long_text_in_it,
    *(other_picture, other_ids, other_name) * 3,
    cut_short,
    other_byte,
)

# --- weights


def edit_weights(random: Random, path: Path, outside: str) -> str:
    """Edit the header of a safetensors file, or its length, or the numbers."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    what = random.choice(["header", "header", "said", "said", "length", "numbers", "name", "short"])
    if what == "length":
        path.write_bytes(struct.pack("<Q", random.choice([0, 1, length - 1, 2**40, 2**63, 2**64 - 1])) + data[8:])
        return what
    if what == "numbers":
        path.write_bytes(data[: 8 + length] + random.choice([b"\xff" * len(rest), b"", rest + b"\x00", rest[::-1]]))
        return what
    detail = ""
    if what == "header":
        header, done, place = edit_json(random, header)
        detail = f": {done} at {'.'.join(map(str, place))}"
    elif what == "said":
        detail = f": {_edit_said(random, header)}"
    elif what == "name":
        name = random.choice([key for key in header if key != "__metadata__"])
        new = random.choice(
            [f"network.x.{name}", "network.1e9.a", "network.-1.a", f"network.99.{name}", wrong_text(random), f"{name}x"]
        )
        header[new] = header.pop(name)
        detail = f": {name} → {new!r:.60}"
    else:
        name = random.choice([key for key in header if key != "__metadata__"])
        shape = random.choice([[], [1], [0], [-1], [2**40, 2**40], [1, 1, 1], "x"])
        header[name] = {
            "dtype": random.choice(["F32", "F64", "I64", "BOOL", "X"]),
            "shape": shape,
            "data_offsets": [0, 4],
        }
        detail = f": {name}"
    text = json_text(header).encode("utf-8", "surrogatepass")
    path.write_bytes(struct.pack("<Q", len(text)) + text + rest)
    return what + detail


def _edit_said(random: Random, header: dict[str, Any]) -> str:
    """Edit JSON that stands as a text in a header's metadata."""
    said = header.get("__metadata__") or {}
    if not said:
        raise NotApplicableError("no metadata")
    key = random.choice(list(said))
    try:
        inside, what, place = edit_json(random, json.loads(said[key]))
        said[key] = json_text(inside)
    except ValueError:
        said[key], what, place = wrong_text(random), "value", ()
    if random.random() < 0.1:
        del said[key]
        what = "removed"
    return f"{key}: {what} at {'.'.join(map(str, place))}"


class _Calls:
    """Pickles as a call of a function of the system's."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.path,))


def edit_pickle(random: Random, path: Path, outside: str) -> str:
    """Edit a PyTorch checkpoint: one that runs code, one that lies about its sizes, one of other things."""
    import torch

    what = random.choice(["code", "code in a tensor's place", "other things", "storage", "old format", "bomb"])
    if what == "code":
        path.write_bytes(pickle.dumps(_Calls(f"{outside}/ran")))
    elif what == "code in a tensor's place":
        torch.save({"model": {"a": _Calls(f"{outside}/ran")}}, path)
    elif what == "old format":
        torch.save({"a": _Calls(f"{outside}/ran")}, path, _use_new_zipfile_serialization=False)
    elif what == "other things":
        torch.save(
            random.choice([[], 5, None, {}, {"model": 5}, {1: torch.zeros(1)}, {"model": {"a": "x"}}, torch.zeros(3)]),
            path,
        )
    else:
        _edit_archive(random, path, is_bomb=what == "bomb")
    return what


def _edit_archive(random: Random, path: Path, *, is_bomb: bool) -> None:
    """Write the members of a checkpoint's archive again, one of them other than it was."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED if is_bomb else zipfile.ZIP_STORED) as new,
    ):
        names = old.namelist()
        chosen = random.choice(names)
        for name in names:
            data = old.read(name)
            if name == chosen:
                data = bytes(300_000_000) if is_bomb else random.choice([b"", data[: len(data) // 2], data * 2])
            new.writestr(name, data)
    path.write_bytes(made.getvalue())
