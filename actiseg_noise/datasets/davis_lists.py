"""Which sequences a split of DAVIS has: its lists, as 2016 and 2017 wrote them, or the folders where there are none."""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.borders.folders import check_file_name, list_folders, walk_files
from actiseg_noise.borders.text import read_lines
from actiseg_noise.errors import DataError

SPLITS = ("train", "val")
YEARS = {"2016": ("2016", "480p", "1080p"), "2017": ("2017",)}
"""Year → folders of ImageSets where its lists may be."""

SPLIT_WITHOUT_LISTS = "train"


class SplitLists:
    """The lists below ``root/ImageSets`` of one year.

    Args:
        masks: the folder whose folders are the sequences where there is no ImageSets.
        how_to_get: for messages.
    """

    def __init__(self, root: Path, year: str, masks: Path, how_to_get: str) -> None:
        self._sets, self._year, self._masks, self._how_to_get = root / "ImageSets", year, masks, how_to_get

    def has(self, split: str) -> bool:
        """Return whether the split can be read."""
        return self.path(split).is_file() if self._sets.is_dir() else split == SPLIT_WITHOUT_LISTS

    def path(self, split: str) -> Path:
        """Return the split's list: the one that is there, else where it should be."""
        paths = [self._sets / folder / f"{split}.txt" for folder in YEARS[self._year]]
        return next((path for path in paths if path.is_file()), paths[0])

    def read(self, split: str) -> dict[str, int]:
        """Return sequence → position in the list.

        Raises:
            DataError: the list is missing or malformed, or a sequence stands in it twice or in another split too.
        """
        if not self._sets.is_dir():
            return self._folders(split)
        sequences = self._read_list(split)
        for other in (name for name in SPLITS if name != split and self.path(name).is_file()):
            both = sorted(set(sequences).intersection(self._read_list(other)))
            if both:
                raise DataError(
                    f"{self.path(split)} and {self.path(other)} both list {', '.join(map(repr, both[:10]))}; a "
                    "sequence is in one split alone, remove it from one of the two"
                )
        return sequences

    def _folders(self, split: str) -> dict[str, int]:
        """Return the sequences of a layout without lists."""
        if split != SPLIT_WITHOUT_LISTS:
            raise DataError(
                f"{self.path(split)}: no such file. Without ImageSets every sequence of {self._masks} is in split "
                f"{SPLIT_WITHOUT_LISTS!r}: use that, or write the list."
            )
        names = list_folders(self._masks)
        if not names:
            raise DataError(
                f"{self._masks}: no folder of a sequence's masks is there, and no {self._sets} either. "
                f"Get it: {self._how_to_get}"
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
        found = [str(item.relative_to(self._sets)) for item in walk_files(self._sets, ".txt")]
        there = f"lists found: {', '.join(found)}" if found else "no list is there"
        return DataError(f"{path}: no such file ({there}). Get it: {self._how_to_get}")


def year_on_disk(root: Path) -> str:
    """Return 2017 if its lists are below ``root`` or no others are, else 2016."""
    sets = root / "ImageSets"
    has_only_2016 = not (sets / "2017").is_dir() and any((sets / name).is_dir() for name in YEARS["2016"])
    return "2016" if has_only_2016 else "2017"


def _sequence(line: str) -> tuple[str, bool]:
    """Return the sequence that a line names, and whether the line is a pair of image and mask, as in 2016's release.

    >>> _sequence("motocross-jump"), _sequence("/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png 1")
    (('motocross-jump', False), ('bear', True))
    """
    parts = line.split(maxsplit=1)[0].split("/")
    is_pair = len(parts) > 2 and parts[-1].lower().endswith((".jpg", ".jpeg", ".png"))
    return (parts[-2], True) if is_pair else (line, False)
