"""Which ids of a clip's index masks are its objects, and from where on each is scored.

``first`` is DAVIS's own rule: 1 to the largest id of the first mask. ``all`` takes the ids of all masks, as YouTube-VOS
and LVOS mean them; one that the first mask does not show is scored from the mask in which it appears. Without a word it
is ``first`` for a clip whose later masks have no larger id, and ``all`` for another, which that rule leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actiseg_bench.scoring.evaluation import VOID_ID
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.masks import find_values

IDS = ("first", "all")


@dataclass(frozen=True)
class ClipIds:
    """The objects of a clip.

    Attributes:
        ids: ascending. first: the ids of the first mask. late: id → 0-based place of the first mask that has it, for
            those that are scored from there on.
    """

    ids: tuple[int, ...]
    first: frozenset[int]
    late: Mapping[int, int] = field(default_factory=dict)

    def start(self, object_id: int) -> int:
        """Return the place from which an object is scored."""
        return self.late.get(object_id, 0)


def check_ids(ids: str | None) -> None:
    """Raise ActisegError for another word than ``first`` or ``all``."""
    raise_if(ids is not None and ids not in IDS, f"--ids is one of {', '.join(IDS)}, got {ids!r}")


def find_ids(files: Sequence[Path], rule: str | None) -> ClipIds:
    """Return the objects of a clip; without any the ids are empty. But for ``first``, every mask is read.

    Args:
        files: its masks in order. rule: ``first``, ``all`` or None, see the module.

    Raises:
        DataError: the first mask cannot be read. Others that cannot are left to whoever scores them.
    """
    first = _ids(files[0])
    own = ClipIds(tuple(range(1, max(first, default=0) + 1)), first)
    if rule == "first":
        return own
    seen = dict.fromkeys(first, 0)
    for place, path in enumerate(files[1:], 1):
        try:
            seen = dict.fromkeys(_ids(path), place) | seen
        except DataError:
            continue
    if rule is None and max(seen, default=0) <= max(first, default=0):
        return own
    return ClipIds(tuple(sorted(seen)), first, {one: place for one, place in sorted(seen.items()) if one not in first})


def _ids(path: Path) -> frozenset[int]:
    """Return the ids of a mask."""
    return frozenset(find_values(read_index_mask(path))) - {0, VOID_ID}
