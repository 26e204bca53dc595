"""Folders of other people's files: which of them are data, in what order they come, under which name they are found.

No data are hidden files (``._00000.png`` of a Mac, ``.DS_Store``, ``.ipynb_checkpoints``) and what Windows and network
drives leave behind (``Thumbs.db``, ``@eaDir``). Suffixes are compared without case. Frames come in natural order: ``2``
before ``10``. Names are compared as they are; a name that is there in another Unicode form is said in the error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from actiseg_noise.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

_LEFT_BEHIND = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__macosx", "$recycle.bin", "#recycle"))
_DIGITS = re.compile("([0-9]+)")
_SEPARATOR = re.compile(r"[/\\\0]")


def is_data(name: str) -> bool:
    """Return whether a file or folder of this name can be data.

    >>> [is_data(name) for name in ("00000.png", "._00000.png", ".DS_Store", "Thumbs.db", "@eaDir")]
    [True, False, False, False, False]
    """
    return not name.startswith(".") and name.lower() not in _LEFT_BEHIND


def natural_order(name: str) -> tuple[list[int | str], str]:
    """Return the key that sorts names by the numbers in them.

    >>> sorted(["frame10", "frame2", "frame1"], key=natural_order)
    ['frame1', 'frame2', 'frame10']
    """
    parts = _DIGITS.split(name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name  # text and numbers take turns


def list_files(folder: Path, suffixes: Sequence[str]) -> dict[str, str]:
    """Return stem → file name of the data files in ``folder`` with one of ``suffixes``, in natural order.

    Args:
        suffixes: lower case; where two files have one stem, the suffix that comes first counts.

    Returns:
        Nothing where the folder is absent.
    """
    found: dict[str, tuple[int, str]] = {}
    for name in list_names(folder):
        stem, dot, ending = name.rpartition(".")
        suffix = f"{dot}{ending}".lower()
        if stem and suffix in suffixes and is_data(name):
            rank = suffixes.index(suffix)
            found[stem] = min(found.get(stem, (rank, name)), (rank, name))
    return {stem: found[stem][1] for stem in sorted(found, key=natural_order)}


def stem_of(name: str, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> str:
    """Return a file name without its suffix, where that is one of ``suffixes`` (compared without case).

    >>> stem_of("frame_0000000140.jpg"), stem_of("IMG_2.JPG"), stem_of("take.1")
    ('frame_0000000140', 'IMG_2', 'take.1')
    """
    stem, dot, ending = name.rpartition(".")
    return stem if f"{dot}{ending}".lower() in suffixes else name


def list_masks(folder: Path) -> dict[str, str]:
    """Return stem → file name of the masks in ``folder``: PNGs, or where there are none, images of any suffix.

    What a file is, its content says when it is read: a PNG that is called ``.jpg`` is fine, a JPEG is refused as lossy.
    """
    return list_files(folder, (".png",)) or list_files(folder, IMAGE_SUFFIXES)


def remembered_files(folder: Path, suffixes: tuple[str, ...] | None) -> dict[str, str]:
    """Return what ``list_files`` does, for suffixes of None ``list_masks``: for whoever asks file by file.

    The lists of the last few folders are kept as long as the folders stay the same; leave them as they are.
    """
    try:
        return _list_once(folder, suffixes, folder.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(8)
def _list_once(folder: Path, suffixes: tuple[str, ...] | None, changed_ns: int) -> dict[str, str]:
    """Return stem → file name of a folder that was changed then."""
    return list_masks(folder) if suffixes is None else list_files(folder, suffixes)


def list_folders(folder: Path) -> list[str]:
    """Return the names of the data folders in ``folder``, links to folders too, in code point order; none if absent."""
    return sorted(name for name in list_names(folder) if is_data(name) and (folder / name).is_dir())


def walk_files(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the data files with ``suffix`` (lower case) at any depth below ``folder``, in order of their paths.

    A link to a folder that it lies in is not followed.
    """
    yield from _walk_files(folder, suffix, ())


def _walk_files(folder: Path, suffix: str, above: tuple[Path, ...]) -> Iterator[Path]:
    here = folder.resolve()
    if here in above:
        return
    for name in list_names(folder):
        path = folder / name
        if is_data(name) and path.is_dir():
            yield from _walk_files(path, suffix, (*above, here))
        elif is_data(name) and name.lower().endswith(suffix):
            yield path


def list_names(folder: Path) -> list[str]:
    """Return every name in a folder, hidden ones too, in code point order; none where it is absent or no folder.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror or error})") from None


def other_form(path: Path) -> str:
    """Return what to add to "is missing" where a part of ``path`` is there in another Unicode form; else nothing.

    An accented letter is one character (NFC) or a letter and a mark (NFD); a Mac's archives have the second form, and
    the two are different names to Linux.
    """
    missing = path
    while not missing.parent.exists() and missing.parent != missing:
        missing = missing.parent
    form = unicodedata.normalize("NFC", missing.name)
    for name in list_names(missing.parent):
        if name != missing.name and unicodedata.normalize("NFC", name) == form:
            has = "NFC" if name == form else "NFD"
            return (
                f", but {name!r} is there in the other Unicode form ({has}): rename it, or write the list in that form"
            )
    return ""


def check_file_name(name: str, where: str) -> str:
    """Return ``name`` when it is one part of a path.

    Raises:
        DataError: it is empty, leads elsewhere ('..'), or contains a separator; ``where`` is named.
    """
    if name in ("", ".", "..") or _SEPARATOR.search(name):
        raise DataError(f"{where}: {name!r} cannot be the name of a file or folder; expected a name without '/', '\\'")
    return name


def is_inside(path: str) -> bool:
    """Return whether a relative path of somebody else's, '/' between its parts, stays below the folder it starts from.

    >>> is_inside("a/b.jpg"), is_inside("../b.jpg"), is_inside("/etc/passwd"), is_inside("C:x")
    (True, False, False, False)
    """
    return not (
        path.startswith(("/", "\\")) or {"..", ""} & set(_PARTS.split(path)) or path[1:2] == ":" or "\0" in path
    )


_PARTS = re.compile(r"[/\\]")
_NOT_PORTABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f%]|[. ]$')
_DEVICES = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")


def portable_name(name: str) -> str:
    r"""Return ``name`` as a file name that Windows, exFAT and archives of CI systems take too; different names stay so.

    What they refuse is written as ``%`` and two hexadecimal digits, as in addresses of the web.

    >>> portable_name("00000012_put-into_bag:cereal"), portable_name("nul.txt"), portable_name("plain")
    ('00000012_put-into_bag%3Acereal', '%6Eul.txt', 'plain')
    """
    safe = _NOT_PORTABLE.sub(lambda match: "".join(f"%{ord(char):02X}" for char in match[0]), name)
    return f"%{ord(safe[0]):02X}{safe[1:]}" if _DEVICES.match(safe) else safe


def suggest_root(root: Path, parts: Collection[str]) -> str:
    """Return a hint for a root that has none of ``parts``: " Did you mean …?" one folder up or down, else nothing.

    Args:
        parts: what a right root holds, at least one of them: ``("ImageSets", "Annotations")``; '/' between names.
    """
    if not parts or any((root / part).exists() for part in parts):
        return ""
    places = [root.resolve().parent, *(root / name for name in list_folders(root))]
    for place in places:
        if any((place / part).exists() for part in parts):
            return f" Did you mean {place}?"
    return ""
