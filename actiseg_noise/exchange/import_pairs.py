"""What every form of import gives: clean clips, the noisy text of their objects, and pairs of masks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_noise.borders.images import mask_size
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord, expression

SHOWN = 10
_SAYS_NOTHING = ("480p", "1080p", "full-resolution", "train", "val", "imagesets", "annotations_sparse")


@dataclass(frozen=True, slots=True)
class NoisyLabel:
    """What the noisy files say of one object."""

    category_id: int
    noun: str
    expression: str

    @classmethod
    def of(cls, item: ObjectRecord, narration: str) -> NoisyLabel:
        """Return the label of an object whose text is clean."""
        return cls(item.category_id, item.noun, expression(item.noun, narration, item.template))


@dataclass(frozen=True, slots=True)
class PairedClip:
    """A clean clip, objects in ascending object_id, and for each object what the noisy files say.

    Attributes:
        flags: whether each object is given as positive.
    """

    clip: Clip
    labels: tuple[NoisyLabel, ...]
    flags: tuple[bool, ...]


class Pairs(ABC):
    """Clean and noisy labels side by side.

    Attributes:
        card: the dataset the clips are of; ``card.void_id`` marks pixels without label in the clean masks.
        split: of the dataset. form: what was imported, a word or two. options: the clean adapter's own.
        has_masks: whether masks are compared; without, the manifest's content is text.
        skipped: clip ids, ascending, that ``check`` left out: one side lacks the clip or all its masks, or a text is
            empty.
        why_left_out: what ``check`` found that does not fit, in a sentence; '' where all does.
        skip_missing: what one side lacks is left out and counted instead of refused.
    """

    card: DatasetCard
    split: str
    form: str
    has_masks: bool

    def __init__(self, *, skip_missing: bool = False) -> None:
        self.skip_missing = skip_missing
        self.options: dict[str, Any] = {}
        self.skipped: list[str] = []
        self.why_left_out = ""

    @abstractmethod
    def check(self) -> None:
        """Hold the two sides against each other, once, before anything is read for good.

        Raises:
            DataError: a file is missing or malformed, or the two sides do not fit; what does not is listed.
        """

    @abstractmethod
    def iter_clips(self) -> Iterator[PairedClip]:
        """Yield the checked clips in ascending clip_id; called twice, with the same result."""

    @abstractmethod
    def read_masks(self, clip: Clip, frame: FrameRecord) -> tuple[IndexMask, IndexMask]:
        """Return the clean and the noisy index mask of an annotated frame, of one size."""

    @abstractmethod
    def made_from(self) -> dict[str, Any]:
        """Return what ``manifest.json`` says of the files: names and digests, never a path of this machine."""

    @property
    def default_name(self) -> str:
        """Return what the import is called when the user does not say: as its dataset."""
        return self.card.name

    def leave_out(self, problems: Problems, what: str) -> None:
        """Note what does not fit, or raise DataError with it, unless it may be left out."""
        self.why_left_out += problems.describe(what)
        if not self.skip_missing:
            problems.refuse(what, "Pass --skip-missing to go on without them, or fetch them.")


class FolderDigest:
    """Name, number and digest of the files of a folder, in the order in which they were read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = 0
        self._state = blake2b(digest_size=16)

    def add(self, path: Path) -> None:
        """Take in a file of the folder."""
        self._files += 1
        name = path.relative_to(self.folder).as_posix()
        self._state.update(f"{name}\n{digest_file(path)}\n".encode())

    def to_json(self) -> dict[str, Any]:
        """Return what ``manifest.json`` says of the folder."""
        return {"folder": telling_name(self.folder), "files": self._files, "digest": self._state.hexdigest()}


def telling_name(folder: Path) -> str:
    """Return the name of a folder, of the one around it where every dataset has one of that name."""
    path = folder.resolve()
    while path.name.lower() in _SAYS_NOTHING:
        path = path.parent
    return path.name


def mask_problem(clean: Path, noisy: Path) -> str | None:
    """Return why two mask files are no pair: one is missing, or their sizes differ. None: they are."""
    for path, side in ((clean, "clean"), (noisy, "noisy")):
        if not path.is_file():
            return f"no {side} mask"
    sizes = mask_size(clean), mask_size(noisy)
    if sizes[0] == sizes[1]:
        return None
    return "clean {}×{}, noisy {}×{} pixels".format(*sizes[0][::-1], *sizes[1][::-1])


class Problems:
    """Things that do not fit, gathered so that a user sees them together: their number, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []

    def add(self, text: str) -> None:
        """Keep one."""
        self.count += 1
        if self.count <= SHOWN:
            self._first.append(text)

    def add_all(self, texts: Iterable[str]) -> None:
        """Keep several."""
        for text in texts:
            self.add(text)

    def refuse(self, what: str, advice: str) -> None:
        """Raise DataError with the count, the first ten and what to do, when there are any."""
        if self.count:
            raise DataError(f"{self.describe(what).strip()} {advice}")

    def describe(self, what: str) -> str:
        """Return `` <count> <what>: <the first ten>.``, '' where there are none."""
        shown = "; ".join(self._first) + ("; …" if self.count > SHOWN else "")
        return f" {self.count} {what}: {shown}." if self.count else ""
