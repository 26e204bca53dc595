"""Text files of other people: UTF-8 with or without a byte order mark, JSON, TOML, YAML and CSV.

Every reader here refuses what is no text file for a reason one can act on: a file that is missing, a folder, a pipe, a
pointer that git-lfs left in the place of the data, UTF-16 of a Windows program, bytes that are no UTF-8.
"""

from __future__ import annotations

import csv
import json
import logging
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from actiseg_noise.borders.folders import other_form
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.fields import shorten

_LOG = logging.getLogger(__name__)

LONGEST_LINE = 1 << 24  # characters; a run-length code has at most half of them
MOST_BYTES = 1 << 29  # of a file that is read whole; VISOR's largest annotation file is a fifth of it
LFS_MARK = b"version https://git-lfs.github.com/spec/"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip"}


def check_file(path: Path, what: str = "file", kind: type[ActisegError] = DataError) -> None:
    """Refuse a path that is no regular file with content of its own.

    Args:
        what: the word for it in the message, such as "mask file".

    Raises:
        ActisegError (``kind``): it is missing, a folder, a pipe or device, or a pointer of git-lfs.
    """
    if not path.exists():
        raise kind(f"{path}: the {what} is missing{other_form(path)}")
    if not path.is_file():
        raise kind(f"{path}: a {'folder' if path.is_dir() else 'pipe or device'} stands where the {what} should be")
    if is_lfs_pointer(path):
        raise kind(f"{path}: {LFS_ADVICE}")


LFS_ADVICE = (
    "a pointer of git-lfs stands in the place of the file. Fetch the file itself: git lfs install, then git lfs pull, "
    "in that repository."
)


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is what git leaves of one that git-lfs keeps elsewhere: some 130 bytes of text."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(LFS_MARK)) == LFS_MARK
    except OSError:
        return False


def first_bytes(path: Path, count: int) -> bytes:
    """Return so many bytes of a file's beginning, fewer where it is shorter."""
    with path.open("rb") as stream:
        return stream.read(count)


def first_character(path: Path) -> str:
    """Return the first character of a text file that is no white space, '' where there is none near its beginning.

    Raises:
        DataError: see ``check_file``; or the file is packed, or empty.
    """
    check_file(path)
    data = first_bytes(path, 4096)
    packed = _packed(data)
    if packed or not data:
        raise DataError(f"{path}: is {packed}" if packed else f"{path}: is empty; export or fetch the file again")
    return data.decode("utf-8-sig", "replace").lstrip()[:1]


def _packed(data: bytes) -> str:
    """Return what to say of a file that begins like one of gzip or zip, '' for others."""
    kind = next((kind for mark, kind in _PACKED.items() if data.startswith(mark)), "")
    return f"packed with {kind}; unpack it, and name the file that was in it" if kind else ""


def check_bytes(
    path: Path, what: str = "file", kind: type[ActisegError] = DataError, *, most: int | None = None
) -> None:
    """Raise ``kind`` for a file that is too large to be read whole; see :func:`read_bytes`."""
    size, limit = path.stat().st_size, MOST_BYTES if most is None else most
    if size > limit:
        raise kind(f"{path}: {size:,} bytes, expected a {what} of at most {limit:,}, which is read whole")


def read_bytes(
    path: Path, what: str = "file", kind: type[ActisegError] = DataError, *, most: int | None = None
) -> bytes:
    """Return the bytes of a regular file.

    Args:
        most: so many bytes a file of this kind may have; None: ``MOST_BYTES``.

    Raises:
        ActisegError (``kind``): see :func:`check_file`, the system refuses to read it, or it is too large.
    """
    check_file(path, what, kind)
    check_bytes(path, what, kind, most=most)
    _LOG.debug("reading %s", path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror or error})") from None


def read_text(
    path: Path, *, or_latin1: bool = False, kind: type[ActisegError] = DataError, most: int | None = None
) -> str:
    """Return a file's text, without the byte order mark that Windows programs put before it.

    Args:
        or_latin1: a file that is no UTF-8 is read as Latin-1. most: see :func:`read_bytes`.

    Raises:
        ActisegError (``kind``): see :func:`read_bytes`; or it is UTF-16, or no UTF-8 (the byte is named).
    """
    return decode(read_bytes(path, kind=kind, most=most), path, or_latin1=or_latin1, kind=kind)


def decode(data: bytes, where: object, *, or_latin1: bool = False, kind: type[ActisegError] = DataError) -> str:
    """Return UTF-8 bytes as text; ``where`` is named in the error. See :func:`read_text`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if or_latin1 and not data.startswith(_UTF16):
            return data.decode("latin-1")
        raise not_utf8(where, error, kind) from None


def not_utf8(where: object, error: UnicodeDecodeError, kind: type[ActisegError] = DataError) -> ActisegError:
    """Return the error for a file that is no UTF-8.

    UTF-16, gzip and zip are called that, of others the first wrong byte is named.
    """
    if error.object.startswith(_UTF16):
        return kind(f"{where}: expected UTF-8 text, found UTF-16; save the file as UTF-8")
    packed = _packed(error.object)
    if packed:
        return kind(f"{where}: is {packed}")
    place = f"byte {error.start} is 0x{error.object[error.start]:02x}"
    return kind(f"{where}: not UTF-8 text ({place}); save the file as UTF-8, or fetch it again")


def read_lines(path: Path, *, or_latin1: bool = False) -> list[tuple[int, str]]:
    """Return (line number, stripped line) of a text file, blank lines left out; CRLF is fine.

    Raises:
        DataError: see :func:`read_text`.
    """
    lines = read_text(path, or_latin1=or_latin1).splitlines()
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def read_json(
    path: Path, kind: type[ActisegError] = DataError, *, most: int | None = None, unique: bool = False
) -> Any:
    """Return what a JSON file of at most ``most`` bytes holds.

    Args:
        unique: refuse a key that stands twice in one object.

    Raises:
        ActisegError (``kind``): see :func:`read_text`; or no JSON, truncated, nested too deeply (line and column are
            named).
    """
    return parse_json(read_text(path, kind=kind, most=most), path, kind, unique=unique)


class RepeatedKeyError(ValueError):
    """A key that stands twice in one object, of which readers of JSON take one or the other."""


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of key-value pairs.

    Raises:
        RepeatedKeyError: a key stands twice.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RepeatedKeyError(key)
        found[key] = value
    return found


def parse_json(text: str, where: object, kind: type[ActisegError] = DataError, *, unique: bool = False) -> Any:
    """Return what a JSON text holds; ``where`` is named in the error. See :func:`read_json`."""
    try:
        return json.loads(text, object_pairs_hook=unique_keys if unique else None)
    except RepeatedKeyError as error:
        raise kind(f"{where}: the key {error.args[0]!r} stands twice in one object; keep one of them") from None
    except json.JSONDecodeError as error:
        end = " (the end of the file: it is truncated)" if error.pos >= len(error.doc.rstrip()) else ""
        raise kind(
            f"{where}: malformed JSON at line {error.lineno}, column {error.colno}{end}: {error.msg}. "
            "Repair the file or fetch it again."
        ) from None
    except RecursionError:
        raise kind(f"{where}: malformed JSON, nested too deeply. Repair the file or fetch it again.") from None
    except ValueError as error:  # a number of thousands of digits
        raise kind(f"{where}: malformed JSON ({error}). Repair the file or fetch it again.") from None


def read_json_object(
    path: Path, kind: type[ActisegError] = DataError, *, most: int | None = None, unique: bool = False
) -> dict[str, Any]:
    """Return the object that a JSON file of at most ``most`` bytes holds. ``unique``: see :func:`read_json`.

    Raises:
        ActisegError (``kind``): see :func:`read_json`, or it holds something else.
    """
    data = read_json(path, kind, most=most, unique=unique)
    if not isinstance(data, dict):
        raise kind(f"{path}: expected a JSON object, found {shorten(data)}")
    return data


def read_toml(path: Path, kind: type[ActisegError] = DataError, *, most: int | None = None) -> dict[str, Any]:
    """Return what a TOML file of at most ``most`` bytes holds.

    Raises:
        ActisegError (``kind``): see :func:`read_text`, or no TOML (line and column are named).
    """
    return parse_toml(read_text(path, kind=kind, most=most), path, kind)


def parse_toml(text: str, where: object, kind: type[ActisegError] = DataError) -> dict[str, Any]:
    """Return what a TOML text holds; ``where`` is named in the error."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise kind(f"{where}: not a readable TOML file ({error})") from None


def iter_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of a comma-separated file, the header first, in constant memory.

    Raises:
        DataError: see :func:`check_file`, or it is no UTF-8 or no CSV.
    """
    check_file(path, "table")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(_iter_lines(stream, path))
            for cells in reader:
                yield reader.line_num, cells
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV table in UTF-8 ({error}); fetch the file again") from None


def _iter_lines(stream: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines of a table, none of which is read without end.

    Raises:
        DataError: a line is longer than ``LONGEST_LINE``.
    """
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise DataError(
                f"{path}: a line of more than {LONGEST_LINE:,} characters; no table has one, fetch it again"
            )
        yield line


def read_yaml(path: Path) -> Any:
    """Return what a YAML file of plain values holds.

    Raises:
        DataError: see :func:`read_bytes`; or no YAML of plain values (the place is named), or a key stands twice.
    """
    import yaml

    try:
        return yaml.load(read_bytes(path), _unique_key_loader())  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        message = " ".join(str(error).split())
        raise DataError(f"{path}: malformed YAML ({message}). Repair the file or fetch it again.") from None


@lru_cache(1)
def _unique_key_loader() -> Any:
    """Return PyYAML's safe loader, the C one where there is one, made to refuse a key that stands twice."""
    import yaml

    class UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(str(key.value))
            return super().construct_mapping(node, deep)

    return UniqueKeyLoader
