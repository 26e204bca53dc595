"""Shards: one build dealt out to machines that share a disk and know nothing of each other.

Which chunks are a shard's follows from their names alone. Finished chunks lie where a build keeps its own, in the
hidden folder ``.<name>.partial`` beside the output:

    shards/build-<digest>/statement.json    what is built; the digest is that of this statement
    shards/build-<digest>/chunks/000012/    a finished chunk, whole
    shards/build-<digest>/finished-3-of-16/ the mark of a shard that has made its part

Nothing here is locked, and nobody removes what another wrote, but for the build that has joined all of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from actiseg_noise.borders.drafts import FolderDraft, remove_folder, remove_if_empty, whole_folder
from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import WriteError, write_json
from actiseg_noise.building.options import Shard
from actiseg_noise.building.request import Request
from actiseg_noise.errors import ActisegError, raise_if

_BUILD, _MARK, _STATEMENT = "build-", "finished-", "statement.json"
_SHOWN = 3  # differences


@dataclass(frozen=True)
class ShardReport:
    """What a shard has made: in ``folder`` so many chunks of so many clips, those of an earlier try too.

    Attributes:
        is_built: the whole manifest was there already, at ``folder``.
    """

    shard: Shard
    folder: Path
    chunks: int = 0
    clips: int = 0
    is_built: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self) | {"shard": str(self.shard), "folder": str(self.folder)}


class SharedWork:
    """What shards of one build have made so far, beside its output.

    Attributes:
        chunks: where finished chunks are.
    """

    def __init__(self, request: Request) -> None:
        self._statement: dict[str, Any] = json.loads(json.dumps(statement_of(request)))
        digest = blake2b(json.dumps(self._statement, sort_keys=True).encode(), digest_size=16).hexdigest()
        self._folder = FolderDraft.room_of(request.out) / "shards"
        self._build = self._folder / f"{_BUILD}{digest}"
        self.chunks = self._build / "chunks"

    @property
    def is_begun(self) -> bool:
        """Return whether a shard of this build has begun.

        Raises:
            ActisegError: shards of another build are there; the message says in what it differs.
        """
        for name in list_names(self._folder):
            if name.startswith(_BUILD) and name != self._build.name:
                raise ActisegError(self._why_refused(self._folder / name))
        return self.chunks.is_dir()

    def begin(self) -> None:
        """Make the folder, unless another shard has.

        Raises:
            ActisegError: shards of another build are there, or begin at the same time. WriteError: it cannot be made.
        """
        if self.is_begun:
            return
        try:
            with whole_folder(self._build, keep=Path.is_dir) as part:
                write_json(part / _STATEMENT, self._statement)
                (part / "chunks").mkdir()
        except OSError as error:
            raise WriteError(self._build, error, "; choose another --out") from None
        raise_if(not self.is_begun, f"{self._build}: was removed at once; choose another --out")

    @property
    def is_there(self) -> bool:
        """Return whether the folder is still there: a build that has joined all of it removes it."""
        return (self._build / _STATEMENT).is_file()

    def mark(self, shard: Shard) -> None:
        """Leave the mark of a shard that has made its part."""
        (self._build / f"{_MARK}{shard.number}-of-{shard.count}").mkdir(exist_ok=True)

    def describe(self) -> str:
        """Return one line about what is there for the build that joins it."""
        finished = sum(name.isdigit() for name in list_names(self.chunks))
        return f"joining the work of shards: {self._describe_marks()}; chunks found: {finished}, others are made here"

    def _describe_marks(self) -> str:
        """Return how many shards have made their part, and of few that have not which."""
        marks = [name.removeprefix(_MARK).split("-of-") for name in list_names(self._build) if name.startswith(_MARK)]
        counts = sorted({int(count) for _, count in marks})
        if not counts:
            return "none has finished"
        parts = []
        for count in counts:
            done = {int(number) for number, of in marks if int(of) == count}
            missing = (f"{number}/{count}" for number in range(1, count + 1) if number not in done)
            first = [*islice(missing, 5), *["…"] * (count - len(done) > 5)]
            some = f" (not {', '.join(first)})" if first else ""
            parts.append(f"{len(done)} of {count} have finished{some}")
        return ", ".join(parts)

    def remove(self) -> None:
        """Remove all of it, when the manifest that was made of it has its place."""
        remove_folder(self._build)
        remove_if_empty(self._folder)
        remove_if_empty(self._folder.parent)

    def _why_refused(self, other: Path) -> str:
        """Return in what the build whose shards are at ``other`` is another one, and what to do."""
        found = list(differences(read_json_object(other / _STATEMENT), self._statement))
        more = f" and {len(found) - _SHOWN} more" * (len(found) > _SHOWN)
        return (
            f"{other}: shards of another build are there: {', '.join(found[:_SHOWN])}{more}. Give all shards the same "
            f"options, choose another --out, or remove {self._folder} if they are not wanted any more."
        )


def statement_of(request: Request) -> dict[str, Any]:
    """Return everything that decides the rows of a build but for the files on disk, whose times chunks remember.

    The root is not of it: machines may have the dataset at different places.
    """
    return request.identity | {
        "missing files left out": request.dataset.skip_missing,
        "uses": request.job().plan().uses,
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Yield each value in which two statements differ, with both.

    >>> list(differences({"seed": 0, "options": {"a": 1}}, {"seed": 0, "options": {"a": 2, "b": 3}}))
    ['options.a 1 there, 2 here', 'options.b none there, 3 here']
    """
    one, two = dict(_leaves("", there)), dict(_leaves("", here))
    for name in (*one, *(name for name in two if name not in one)):
        if one.get(name) != two.get(name):
            yield f"{name} {one.get(name, 'none')} there, {two.get(name, 'none')} here"


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of all that a JSON value holds."""
    if isinstance(value, dict):
        inner = [(f"{name}.{key}" if name else str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        inner = [(f"{name}.{index + 1}", one) for index, one in enumerate(value)]
    else:
        yield name, value
        return
    for key, one in inner:
        yield from _leaves(key, one)
