"""Label maps: which label a colour or a class of a mask stands for.

CVAT's ``labelmap.txt`` has a line ``name:r,g,b:parts:actions`` per label, CVAT's ``labels.txt`` beside MOTS masks a
line ``name``. A label called ``background`` is no object and counts as 0; one called ``void`` or ``ignore`` has no
object either. The others are numbered 1, 2, … in the order of the file.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actiseg_noise.borders.text import read_lines
from actiseg_noise.errors import DataError, MissingTextError
from actiseg_noise.fields import parse_number
from actiseg_noise.masks import IndexMask

USUAL_LABELS = "labelmap.txt"
CLASS_STEP = 1000
"""Of masks of 16 bits: class × 1000 + instance."""
VOID_ID = 255
MOST_LABELS = 254
_LINE = re.compile(r"(?P<name>[^:]+?)\s*(?::\s*(?P<colour>\d+\s*,\s*\d+\s*,\s*\d+)?\s*(?::.*)?)?")

Colours = npt.NDArray[np.uint8]
"""``uint8 [H, W, 3]``, RGB."""


class LabelMap:
    """The labels of a file.

    Attributes:
        names: number → label.

    Raises:
        DataError: the file is missing or malformed, has no label, two of one name or colour, or more than 254.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: dict[int, str] = {}
        self._numbers: dict[int, int] = {}
        seen: set[str] = set()
        for place, line in read_lines(path):
            if not line.startswith("#"):
                self._add(line, f"{path}, line {place}", seen)
        if not self.names:
            raise DataError(f"{path}: has no label; expected a line name:r,g,b:parts:actions per label, or its name")

    def _add(self, line: str, where: str, seen: set[str]) -> None:
        """Add the label of a line."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{where}: expected name:r,g,b:parts:actions (or a name alone), found {line[:80]!r}")
        name = match["name"]
        if name in seen:
            raise DataError(f"{where}: the label {name!r} is there already; keep one of them")
        seen.add(name)
        number = _number_of(name, len(self.names))
        if number == len(self.names) + 1:
            if number > MOST_LABELS:
                raise DataError(f"{where}: expected at most {MOST_LABELS} labels")
            self.names[number] = name
        if match["colour"] is not None:
            self._add_colour(match["colour"], number, where)

    def _add_colour(self, text: str, number: int, where: str) -> None:
        """Note the colour of a label."""
        channels = [int(value) for value in text.split(",")]
        if max(channels) > 255:
            raise DataError(f"{where}: expected a colour r,g,b of 0 … 255, found {text}")
        code = channels[0] << 16 | channels[1] << 8 | channels[2]
        if code in self._numbers:
            raise DataError(f"{where}: the colour {text} is another label's already; each label has one of its own")
        self._numbers[code] = number

    def name_of(self, source: int | str, video: str) -> str:
        """Return the label of a number in the masks, or of its class, where it is class × 1000 + instance.

        Raises:
            MissingTextError: the file has no such label.
        """
        number = source if isinstance(source, int) else parse_number(source) or 0
        name = self.names.get(number) or self.names.get(number // CLASS_STEP)
        if name is None:
            raise MissingTextError(
                f"{self.path}: has no label for {source} in the masks of {video!r}, only for 1 … {len(self.names)}"
            )
        return name

    def to_numbers(self, colours: Colours, where: str) -> IndexMask:
        """Return the labels' numbers in a mask of colours, ``uint8 [H, W]``; 255 is void, black is 0.

        Args:
            where: the file, for the message.

        Raises:
            DataError: a colour of no label; it is named, with its pixels and the label whose colour is nearest.
        """
        codes = _codes(colours)
        numbers = np.zeros(codes.shape, np.uint8)
        is_known = codes == 0
        for code, number in self._numbers.items():
            here = codes == code
            is_known |= here
            numbers[here] = number
        if not is_known.all():
            raise DataError(f"{where}: {self._describe_unknown(codes[~is_known])}")
        return numbers

    def _describe_unknown(self, codes: npt.NDArray[np.uint32]) -> str:
        """Return what is said of pixels whose colour no label has."""
        found, counts = np.unique(codes, return_counts=True)
        code = int(found[counts.argmax()])
        if not self._numbers:
            return f"a mask of colours, but {self.path} gives its labels none. Write them: name:r,g,b"
        near = min(
            self._numbers, key=lambda other: sum((a - b) ** 2 for a, b in zip(_rgb(code), _rgb(other), strict=True))
        )
        label = self.names.get(self._numbers[near], "background")
        return (
            f"{len(codes):,} pixels have {len(found)} colours of no label in {self.path}, most of them "
            f"{','.join(map(str, _rgb(code)))}; the nearest label is {label!r} {','.join(map(str, _rgb(near)))}. "
            "Add the label, or save the mask without smoothing"
        )


def _number_of(name: str, before: int) -> int:
    """Return the number of the next label.

    >>> _number_of("background", 3), _number_of("Void", 3), _number_of("cup", 3)
    (0, 255, 4)
    """
    word = name.lower()
    return 0 if word == "background" else VOID_ID if word in ("void", "ignore", "unlabeled") else before + 1


def _codes(colours: Colours) -> npt.NDArray[np.uint32]:
    """Return a colour as one number, ``uint32 [H, W]``."""
    red, green, blue = (colours[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(red << 16 | green << 8 | blue, np.uint32)


def _rgb(code: int) -> tuple[int, int, int]:
    """Return the channels of a colour's number."""
    return code >> 16, code >> 8 & 255, code & 255
