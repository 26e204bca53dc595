"""Names of an export: folders that are one on no system, and frames whose names sort as the frames follow each other.

Readers of the layouts take frames by ``sorted(names)``: ``10`` before ``2``. Where that is another order, every number
in the names is filled with zeros; where that does not help, frames are numbered by position.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from actiseg_noise.errors import DataError

_NUMBER = re.compile("([0-9]+)")
_LAST_NUMBER = re.compile("^([^0-9]*)([0-9]{1,9})$")


class FolderNames:
    """Gives every clip or video of an export a folder of its own, on Windows and macOS, too."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}
        self.renamed: dict[str, str] = {}

    def give(self, name: str, own: str) -> str:
        """Return ``name``, numbered where another one differs in letter case or Unicode form alone.

        Args:
            own: what the clip or video is called by itself; where that is not the folder's name, ``renamed`` says so.
        """
        given, number = name, 2
        while _folded(given) in self._taken:
            given, number = f"{name}-{number}", number + 1
        self._taken[_folded(given)] = given
        if given != own:
            self.renamed[given] = own
        return given

    def check(self, name: str, what: str) -> None:
        """Refuse a name that a reader makes itself, so that it cannot be changed, where it is that of another one.

        Args:
            what: has the name, for the message: "clip 'a'".

        Raises:
            DataError: another one has the name, or one that differs in letter case or Unicode form alone.
        """
        kind, folded = what.partition(" ")[0], _folded(name)
        if folded in self._taken:
            other = self._taken[folded]
            same = f"another {kind} has the folder name {name!r} too"
            one = f"{name!r} and {other!r}, another {kind}'s, are one folder name on Windows and macOS"
            raise DataError(f"{what}: {same if other == name else one}")
        self._taken[folded] = name


def _folded(name: str) -> str:
    """Return what two names share that are one folder where letter case or Unicode form does not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def sorted_names(frame_ids: Sequence[str]) -> dict[str, str]:
    """Return frame_id → a name, so that the names sort as the frames follow each other; their own where those do.

    >>> sorted_names(["f9", "f10"]), sorted_names(["b", "a"])
    ({'f9': 'f09', 'f10': 'f10'}, {'b': '00000', 'a': '00001'})
    """
    widest = max((len(part) for name in frame_ids for part in _NUMBER.findall(name)), default=0)
    filled = [_NUMBER.sub(lambda match: match[0].zfill(widest), name) for name in frame_ids]
    for names in (list(frame_ids), filled):
        if sorted(names) == names and len({_folded(name) for name in names}) == len(names):
            return dict(zip(frame_ids, names, strict=True))
    return {frame_id: f"{place:05d}" for place, frame_id in enumerate(frame_ids)}


def number_names(frame_ids: Sequence[str]) -> dict[str, str]:
    """Return frame_id → a name of at least five digits: of its own number, else of its position.

    >>> number_names(["frame00012", "frame00018"]), number_names(["a", "b"])
    ({'frame00012': '00012', 'frame00018': '00018'}, {'a': '00000', 'b': '00001'})
    """
    found = [match for name in frame_ids if (match := _LAST_NUMBER.match(name)) is not None]
    names = [f"{int(match[2]):05d}" for match in found]
    is_own = len(found) == len(frame_ids) and len({match[1] for match in found}) == 1
    if is_own and sorted(names) == names and len(set(names)) == len(names):
        return dict(zip(frame_ids, names, strict=True))
    return {frame_id: f"{place:05d}" for place, frame_id in enumerate(frame_ids)}


def changed(names: dict[str, str]) -> dict[str, str]:
    """Return name → frame_id of the frames that are called otherwise than in the manifest."""
    return {name: frame_id for frame_id, name in names.items() if name != frame_id}
