"""Where the files of a referring dataset lie: below a folder of the split, or all of them at the root.

A name may say its split and its version: ``meta_expressions.json``, ``meta_expressions_v2.json``,
``meta_expressions_train_.json``, ``mask_dict_valid.json``. One that says no version is of version 1.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actiseg_noise.borders.folders import list_names
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError

SPLITS = ("train", "valid", "valid_u", "test", "val")
EXPRESSIONS = "meta_expressions"
MASKS = "mask_dict"

_NAME = re.compile(
    rf"(?P<kind>{EXPRESSIONS}|{MASKS})(?:_(?P<split>{'|'.join(SPLITS)}))?_?(?:_?v(?P<version>[1-9][0-9]?))?\.json"
)


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The files of one split.

    Attributes:
        folder: below the root, where images and masks of the expressions usually are: the split's, or "", the root.
    """

    root: Path
    split: str
    expressions: Path
    version: int
    folder: str

    def find_folder(self, name: str) -> str:
        """Return the path below the root of ``JPEGImages`` or ``Annotations``; the usual one where there is none."""
        places = [_join(folder, name) for folder in self._folders]
        return next((place for place in places if (self.root / place).is_dir()), places[0])

    def find_masks(self) -> str:
        """Return the path below the root of the run lengths; the usual one where there is no such file.

        That of the same version is taken before one that says none, that of the split before one of all splits.
        """
        for folder in self._folders:
            fitting = [
                found
                for found in _list_files(self.root, folder, MASKS)
                if found.split in (None, self.split) and found.version in (self.version, 1)
            ]
            if fitting:
                return min(fitting, key=lambda found: (found.version != self.version, found.split is None)).path
        return _join(self.folder, f"{MASKS}.json")

    @property
    def _folders(self) -> tuple[str, str]:
        """Return where to look, the usual place first."""
        return (self.folder, "" if self.folder else self.split)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file and what its name says. ``path``: below the root."""

    path: str
    split: str | None
    version: int


def check_version(value: int | str | None) -> int | None:
    """Return the option ``version``.

    Raises:
        ActisegError: it is no number from 1 on.
    """
    if value is None:
        return None
    if not re.fullmatch(r"[1-9]\d?", str(value), re.ASCII):
        raise ActisegError(f"--option version={value}: expected a number, as 2 for meta_expressions_v2.json")
    return int(value)


def splits_on_disk(root: Path, version: int | None = None) -> list[str]:
    """Return the splits that have expressions, of this version if one is given."""
    return [split for split in SPLITS if any(version in (None, one.version) for one in _list_expressions(root, split))]


def find_split(root: Path, split: str, version: int | None = None) -> SplitFiles | None:
    """Return the files of a split, None where it has no expressions.

    Args:
        version: of the expressions; None: the newest, and a warning says which where there are others.

    Raises:
        DataError: two files are of this version, or none is.
    """
    everything = _list_expressions(root, split)
    if not everything:
        return None
    wanted = max(one.version for one in everything) if version is None else version
    chosen = [one for one in everything if one.version == wanted]
    if not chosen:
        there = ", ".join(f"{one.version} ({root / one.path})" for one in everything)
        raise DataError(f"--option version={wanted}: split {split!r} has no expressions of it; it has version {there}")
    if len(chosen) > 1:
        first, second = (root / one.path for one in chosen[:2])
        raise DataError(f"{first} and {second} are both there; a split has one of them, remove the other")
    older = [str(root / one.path) for one in everything if one.version < wanted]
    if older and version is None:
        warnings.warn(
            f"{root / chosen[0].path} is read, the newest version; for {' or '.join(older)} pass "
            f"--option version={min(one.version for one in everything)}",
            ActisegWarning,
            stacklevel=2,
        )
    path = root / chosen[0].path
    return SplitFiles(root, split, path, wanted, "" if path.parent == root else split)


def describe_places(root: Path, split: str) -> str:
    """Return where the expressions of a split are looked for, for messages."""
    name = f"{EXPRESSIONS}.json"
    return (
        f"{root / EXPRESSIONS / split / name}: no such file, nor {root / split / name}, nor "
        f"{root / f'{EXPRESSIONS}_{split}.json'}"
    )


def _list_expressions(root: Path, split: str) -> list[_Found]:
    """Return the files of expressions of a split; a file at the root that names no split, where none names one."""
    named = list(_iter_named(root, split))
    if named or any(next(_iter_named(root, other), None) for other in SPLITS):
        return named
    return [found for found in _list_files(root, "", EXPRESSIONS) if found.split is None]


def _iter_named(root: Path, split: str) -> Iterator[_Found]:
    """Yield the files of expressions that say the split, by their folder or name."""
    for folder in (f"{EXPRESSIONS}/{split}", split):
        yield from (found for found in _list_files(root, folder, EXPRESSIONS) if found.split in (None, split))
    yield from (found for found in _list_files(root, "", EXPRESSIONS) if found.split == split)


def _list_files(root: Path, folder: str, kind: str) -> list[_Found]:
    """Return the files of a kind in a folder below the root, the versions ascending."""
    matches = [(name, _NAME.fullmatch(name)) for name in list_names(root / folder)]
    found = [
        _Found(_join(folder, name), match["split"], int(match["version"] or 1))
        for name, match in matches
        if match and match["kind"] == kind and (root / folder / name).is_file()
    ]
    return sorted(found, key=lambda one: one.version)


def _join(folder: str, name: str) -> str:
    """Return a path below the root; the folder "" is the root."""
    return f"{folder}/{name}" if folder else name
