"""Which sequences a split has: DAVIS's lists of 2016 and 2017, those of another year or place, or folders."""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.borders.folders import check_file_name, list_folders, walk_files
from actiseg_noise.borders.patterns import PathPattern
from actiseg_noise.borders.text import read_lines
from actiseg_noise.datasets.davis.places import Places, check_place, is_pattern
from actiseg_noise.errors import ActisegError, DataError

SPLITS = ("train", "val")
YEARS = {"2016": ("2016", "480p", "1080p"), "2017": ("2017",)}
"""Year of DAVIS → folders of ImageSets where its lists may be."""
USUAL_LISTS = "ImageSets"

SPLIT_WITHOUT_LISTS = "train"
LIST_OF_ALL = "default.txt"
"""The list of a task of CVAT that has no splits."""


class SplitLists:
    """The lists below a root.

    Args:
        year: the folder of lists in ``ImageSets``. places: where masks lie; the sequences where there are no lists.
        how_to_get: for messages. lists: the folder in the place of ``ImageSets``, or a pattern with ``{split}``.
    """

    def __init__(self, year: str, places: Places, how_to_get: str, lists: str | None = None) -> None:
        self._root, self._year, self._places, self._how_to_get = places.root, year, places, how_to_get
        if lists is None and not (self._root / USUAL_LISTS).is_dir():
            lists = next((places.lists for split in SPLITS if _has_list(self._root, places.lists, split)), None)
        self._is_asked = lists is not None
        self._pattern = lists if lists is not None and is_pattern(lists) else None
        self._sets = self._root / (lists if lists is not None and self._pattern is None else USUAL_LISTS)

    @property
    def has_lists(self) -> bool:
        """Return whether sequences are those of lists, not of folders."""
        return self._is_asked or self._sets.is_dir()

    def has(self, split: str) -> bool:
        """Return whether the split can be read."""
        if self.has_lists:
            return self.path(split).is_file()
        return self._by_folder or split == SPLIT_WITHOUT_LISTS

    @property
    def _by_folder(self) -> bool:
        """Return whether the place of the masks says the split."""
        return self._places.masks.has("split")

    def path(self, split: str) -> Path:
        """Return the split's list: the one that is there, else where it should be."""
        if self._pattern is not None:
            return self._root / self._pattern.replace("{split}", split)
        folders = YEARS.get(self._year, (self._year,))
        paths = [*(self._sets / folder / f"{split}.txt" for folder in folders), self._sets / f"{split}.txt"]
        if split == SPLIT_WITHOUT_LISTS:
            paths += [self._sets / folder / LIST_OF_ALL for folder in folders]
        if self._is_asked:
            paths = paths[len(folders) :] + paths[: len(folders)]
        return next((path for path in paths if path.is_file()), paths[0])

    def read(self, split: str) -> dict[str, int]:
        """Return sequence → position in the list.

        Raises:
            DataError: the list is missing or malformed, or a sequence stands in it twice or in another split too.
        """
        if not self.has_lists:
            return self._folders(split)
        sequences = self._read_list(split)
        for other in (name for name in SPLITS if name != split and self.path(name).is_file()):
            if self.path(other) == self.path(split):
                continue
            both = sorted(set(sequences).intersection(self._read_list(other)))
            if both:
                raise DataError(
                    f"{self.path(split)} and {self.path(other)} both list {', '.join(map(repr, both[:10]))}; a "
                    "sequence is in one split alone, remove it from one of the two"
                )
        return sequences

    def _folders(self, split: str) -> dict[str, int]:
        """Return the sequences of a layout without lists."""
        if split != SPLIT_WITHOUT_LISTS and not self._by_folder:
            raise DataError(
                f"{self.path(split)}: no such file. Without {USUAL_LISTS} every sequence of "
                f"{self._places.masks.text!r} is in split {SPLIT_WITHOUT_LISTS!r}: use that, or write the list, or say "
                "where it is with --option lists=FOLDER or a pattern such as --option lists={split}.txt."
            )
        names = self._places.list_videos(split)
        if not names:
            raise DataError(
                f"{self._root}: no mask of a sequence is there, and no {self._sets} either. "
                f"{self._places.advise(split)}."
            )
        return {name: number for number, name in enumerate(names)}

    def _read_list(self, split: str) -> dict[str, int]:
        """Return the sequences of one list."""
        path = self.path(split)
        if not path.is_file():
            raise self._no_list(path)
        sequences: dict[str, int] = {}
        for number, line in read_lines(path):
            where = f"{path}, line {number}"
            sequence, is_pair = _sequence(line)
            if sequence in sequences and not is_pair:
                raise DataError(f"{where}: {sequence!r} is listed twice; remove one of the two lines")
            sequences.setdefault(check_file_name(sequence, where), len(sequences))
        return sequences

    def _no_list(self, path: Path) -> DataError:
        """Return the error for a list that is not on disk."""
        found = [str(item.relative_to(self._root)) for item in walk_files(self._sets, ".txt")]
        if self._year in YEARS or self._pattern is not None:
            found = [name.removeprefix(f"{self._sets.name}/") for name in found]
        there = f"lists found: {', '.join(found)}" if found else "no list is there"
        others = other_years(self._root)
        advice = f"Get it: {self._how_to_get}"
        if not is_davis(self._root):
            advice = "Write the list, or say where it is with --option lists=FOLDER or --option lists={split}.txt."
        if self._year not in others and len(others) > 1:
            advice = f"Say whose lists are read: {' or '.join(f'--option year={name}' for name in others)}."
        return DataError(f"{path}: no such file ({there}). {advice}")


def _has_list(root: Path, lists: str | None, split: str) -> bool:
    """Return whether the list of a split is where a pattern says."""
    return lists is not None and (root / lists.replace("{split}", split)).is_file()


def check_lists(lists: str | None) -> str | None:
    """Return an option ``lists``, a folder's name or a pattern.

    Raises:
        ActisegError: it leads out of the root, or has no ``{split}``.
    """
    if lists is not None:
        if is_pattern(lists):
            PathPattern(lists, ("split",), "--option lists", needs="split")
        else:
            check_place(lists, "--option lists")
    return lists


def is_davis(root: Path) -> bool:
    """Return whether a root has lists of DAVIS's own."""
    return any((root / USUAL_LISTS / name).is_dir() for names in YEARS.values() for name in names)


def other_years(root: Path) -> list[str]:
    """Return the folders of ImageSets that hold lists and are none of DAVIS's own."""
    own = {name for names in YEARS.values() for name in names}
    sets = root / USUAL_LISTS
    return [name for name in list_folders(sets) if name not in own and next(walk_files(sets / name, ".txt"), None)]


def check_year(year: str, root: Path) -> str:
    """Return an option ``year``.

    Raises:
        ActisegError: it is none of DAVIS's and no folder of lists; those that are there are named.
    """
    if year not in YEARS and not (year.strip(".") and "/" not in year and (root / USUAL_LISTS / year).is_dir()):
        raise ActisegError(f"--option year={year}: expected one of {', '.join([*YEARS, *other_years(root)])}")
    return year


def year_on_disk(root: Path) -> str:
    """Return 2017 if its lists are below ``root``, else 2016 if those are, else the only other year, else 2017."""
    sets = root / USUAL_LISTS
    if (sets / "2017").is_dir():
        return "2017"
    if any((sets / name).is_dir() for name in YEARS["2016"]):
        return "2016"
    others = other_years(root)
    return others[0] if len(others) == 1 else "2017"


def _sequence(line: str) -> tuple[str, bool]:
    """Return the sequence that a line names, and whether the line is a pair of image and mask, as in 2016's release.

    >>> _sequence("motocross-jump"), _sequence("/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png 1")
    (('motocross-jump', False), ('bear', True))
    """
    parts = line.split(maxsplit=1)[0].split("/")
    is_pair = len(parts) > 2 and parts[-1].lower().endswith((".jpg", ".jpeg", ".png"))
    return (parts[-2], True) if is_pair else (line, False)
