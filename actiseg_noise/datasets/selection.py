"""Which clips of a split are read: chosen by name or number before anything is looked for on disk."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from actiseg_noise.errors import ActisegError

T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """The first ``limit`` clips of a split, those named by ``clips``, the first of those named, or all."""

    limit: int | None = None
    clips: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is not the default."""
        data = {"limit": self.limit, "clips": None if self.clips is None else list(self.clips)}
        return {key: value for key, value in data.items() if value is not None}

    @property
    def suffix(self) -> str:
        """Return what distinguishes the folder of a partial build."""
        some = "" if self.clips is None else f"-clips{len(self.clips)}"
        return some + ("" if self.limit is None else f"-first{self.limit}")

    def choose(
        self, items: Iterable[T], clip_id: Callable[[T], str], split: str, skipped: Collection[str] = ()
    ) -> Iterator[T]:
        """Yield the selected ones of a split's items, which come in ascending clip id.

        Args:
            skipped: clip ids that exist and were left out, so that they are not among the items.

        Raises:
            ActisegError: a named clip is not there; the nearest name is given.
        """
        chosen = items if self.clips is None else self._named(items, clip_id, split, skipped)
        return islice(chosen, self.limit)

    def _named(
        self, items: Iterable[T], clip_id: Callable[[T], str], split: str, skipped: Collection[str]
    ) -> Iterator[T]:
        """Yield the items that are named, after all of them were found."""
        wanted = set(self.clips or ())
        known: list[str] = []
        chosen: list[T] = []
        for item in items:
            known.append(clip_id(item))
            if known[-1] in wanted:
                chosen.append(item)
        unknown = sorted(wanted.difference(known, skipped))
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ActisegError(
                f"--clips: {len(unknown)} of {len(wanted)} are not in split {split!r} ({len(known)} clips): "
                f"{', '.join(map(repr, unknown[:10]))}.{hint}"
            )
        yield from chosen


ALL = Selection()
