"""Folder and file names of predicted masks: clips and frames may be called what no file can be.

A name is the id; what Windows, exFAT or a Mac cannot keep or tell apart is written as in addresses of the web:
``vid:0`` is ``vid%3A0``, and where clips ``A`` and ``a`` are both there, ``A`` is ``%41``. The id can be read from the
name alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from actiseg_noise.borders.folders import is_data, portable_name

_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789-_. "


def mask_names(ids: Iterable[str]) -> dict[str, str]:
    """Return id → name; names differ on file systems that compare without case or by Unicode's normal form too.

    >>> mask_names(["vid:0", "A", "a", ".hidden"])
    {'vid:0': 'vid%3A0', 'A': '%41', 'a': 'a', '.hidden': '%2Ehidden'}
    """
    names = {one: _visible(portable_name(one)) for one in ids}
    sharing: dict[str, list[str]] = {}
    for one, name in names.items():
        sharing.setdefault(unicodedata.normalize("NFC", name).casefold(), []).append(one)
    together = {one for group in sharing.values() if len(group) > 1 for one in group}
    return {one: _spelled_out(name) if one in together else name for one, name in names.items()}


def find_names(ids: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Return id → the one of ``names`` that stands for it: the id itself, else what is read as it."""
    there = list(names)
    read = {_read(name): name for name in there}
    plain = set(there)
    return {one: one if one in plain else read[one] for one in ids if one in plain or one in read}


def _visible(name: str) -> str:
    """Return a name that is not passed over as a hidden file or what a system left behind."""
    return name if is_data(name) else f"%{ord(name[0]):02X}{name[1:]}"


def _spelled_out(name: str) -> str:
    """Return a portable name with everything but small letters, digits and a few signs written as bytes."""
    return "".join(char if char in f"{_PLAIN}%" or _is_escape(name, i) else _bytes(char) for i, char in enumerate(name))


def _is_escape(name: str, place: int) -> bool:
    """Return whether the character at ``place`` is one of the two after a ``%``."""
    return "%" in name[max(0, place - 2) : place]


def _bytes(char: str) -> str:
    """Return a character as its UTF-8 bytes, each ``%`` and two hexadecimal digits."""
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _read(name: str) -> str:
    """Return the id that a name stands for; a name that is no code stands for itself."""
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return name
