"""What the numbers in a folder's masks are: ids, void, labels; and which of them a video has.

A number is what an index mask stores in 8 or 16 bits, or the number of the label whose colour it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actiseg_noise.borders.images import is_palette_mask, read_mask_values
from actiseg_noise.datasets.davis.labels import VOID_ID, LabelMap
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.masks import find_values

WIDE_VOID = 10_000
"""Of masks of 16 bits, whose numbers are class × 1000 + instance: what MOTS calls to be ignored."""
_NO_VOID = "none"

Numbers = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""``[H, W]``."""


@dataclass(frozen=True)
class MaskNumbers:
    """How masks are read as numbers.

    Attributes:
        void: the number without label, ``none``, or None: 255, of 16 bits 10000. labels: of masks in colours.
        are_numbers: grey levels are never taken for smooth edges, nor 0 and 255 for one object.
    """

    void: int | str | None = None
    labels: LabelMap | None = None
    are_numbers: bool = False

    @property
    def is_plain(self) -> bool:
        """Return whether nothing is said of what the numbers are."""
        return self.void is None and self.labels is None and not self.are_numbers

    def read(self, path: Path) -> Numbers:
        """Return a mask's numbers.

        Raises:
            DataError: see ``read_mask_values``; or it has colours and there is no label map, or none of a colour.
        """
        values = read_mask_values(path, are_numbers=self.are_numbers or self.void is not None)
        if values.ndim == 2:
            return values
        if self.labels is None:
            raise DataError(
                f"{path}: expected a mask of object ids (one channel), found one of colours. Which colour is which "
                "label says a file of lines name:r,g,b:parts:actions, labelmap.txt in the root or --option labels=FILE"
            )
        return self.labels.to_numbers(values.astype(np.uint8, copy=False), str(path))

    def void_of(self, numbers: Numbers) -> int | None:
        """Return the number without label of a mask, None where there is none."""
        if self.void is None:
            return WIDE_VOID if numbers.dtype == np.uint16 else VOID_ID
        if self.labels is not None and numbers.dtype == np.uint8 and self.void == _NO_VOID:
            return VOID_ID
        return None if isinstance(self.void, str) else self.void

    def present(self, numbers: Numbers) -> set[int]:
        """Return the numbers of objects that have a pixel."""
        return set(find_values(numbers)) - {0, self.void_of(numbers)}


@dataclass(frozen=True)
class VideoNumbers:
    """The numbers of a video's objects.

    Attributes:
        numbers: ascending. late: those that DAVIS's own rule does not know: above the largest of the first mask.
        is_foreground: the masks are grey, 0 and 255 alone, and 255 is the object.
    """

    numbers: tuple[int, ...]
    late: tuple[int, ...] = ()
    is_foreground: bool = False


def read_video_numbers(paths: Sequence[Path], reader: MaskNumbers) -> VideoNumbers:
    """Read every mask of a video, one at a time, and return the numbers of its objects.

    Raises:
        DataError: a mask that cannot be read.
    """
    first: set[int] | None = None
    seen: set[int] = set()
    is_plain = reader.is_plain
    for path in paths:
        numbers = reader.read(path)
        here = reader.present(numbers)
        seen |= here
        first = set(here) if first is None else first
        is_plain = is_plain and numbers.dtype == np.uint8
    if not seen and is_plain and not is_palette_mask(paths[0]):
        return VideoNumbers((VOID_ID,), is_foreground=True)
    largest = max(first or (0,))
    return VideoNumbers(tuple(sorted(seen)), tuple(sorted(one for one in seen if one > largest)))


def read_first_numbers(paths: Sequence[Path], reader: MaskNumbers) -> VideoNumbers:
    """Return the numbers of a video's objects by DAVIS's own rule: up to the largest of the first mask.

    Less those that have no pixel: other masks are read only where the first one leaves out a number.

    Raises:
        DataError: a mask that cannot be read.
    """
    numbers = reader.read(paths[0])
    seen = reader.present(numbers)
    if not seen and reader.is_plain and numbers.dtype == np.uint8 and not is_palette_mask(paths[0]):
        return VideoNumbers((VOID_ID,), is_foreground=True)
    largest = max(seen, default=0)
    for path in paths[1:]:
        if len(seen) == largest:
            break
        seen |= {number for number in reader.present(reader.read(path)) if number < largest}
    return VideoNumbers(tuple(sorted(seen)))


def shows_foreground(path: Path, reader: MaskNumbers) -> bool:
    """Return whether 255 is the object, not void: the mask has no other number, and nothing says what void is."""
    numbers = reader.read(path)
    return reader.is_plain and numbers.dtype == np.uint8 and not reader.present(numbers)


def check_void(value: int | str | None) -> int | str | None:
    """Return an option ``void``: None, ``none`` or a number.

    Raises:
        ActisegError: it is none of these.
    """
    if value is None or value == _NO_VOID:
        return value
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) > np.iinfo(np.uint16).max:
        raise ActisegError(f"--option void={value}: expected the number of pixels without label, 0 … 255, or none")
    return int(value)
