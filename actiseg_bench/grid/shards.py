"""A grid in parts, one a machine: which runs a part has is decided by their names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.key import encode_part

MOST = 100_000
_FORM = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``count``, counted from 1.

    Raises:
        ActisegError: no such part.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        raise_if(not 1 <= self.count <= MOST, f"--shard {self}: expected between 1 and {MOST:,} parts")
        raise_if(not 1 <= self.index <= self.count, f"--shard {self}: the parts are 1/{self.count} to {self.last}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def last(self) -> str:
        """Return the name of the last part: ``16/16``."""
        return f"{self.count}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the part that ``I/N`` names.

        Raises:
            ActisegError: another form; no such part.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ActisegError(f"--shard {text}: expected I/N, part I of N, such as 3/16")
        return cls(*map(int, found.groups()))

    def choose(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of a grid's runs this part has: in the order of their names' hashes they are dealt out in turn.

        The parts are disjoint, are all runs together, and differ by one run at most; the order of ``names`` is nothing.

        >>> sorted(Shard(1, 2).choose(["a", "b", "c"])), sorted(Shard(2, 2).choose(["c", "b", "a"]))
        (['b', 'c'], ['a'])
        """
        ordered = sorted(set(names), key=lambda name: (_hash(name), name))
        return frozenset(ordered[self.index - 1 :: self.count])


def _hash(name: str) -> bytes:
    return blake2b(encode_part(name), digest_size=16).digest()
