"""JSON values that a file gets later than they are known: set aside on disk, not in memory."""

from __future__ import annotations

import json
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Any

_PIECE = 1 << 20


class SetAside:
    """Items of a JSON list. Their text lies in an unnamed file until ``stack`` is closed.

    Attributes:
        count: how many there are.
    """

    def __init__(self, stack: ExitStack) -> None:
        file = TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - the stack closes it
        self._file: IO[str] = stack.enter_context(file)
        self.count = 0

    def add(self, item: Any) -> None:
        """Set aside one item."""
        self._file.write(f"{', ' if self.count else ''}{json.dumps(item)}")
        self.count += 1

    def write_to(self, file: IO[str]) -> None:
        """Write the list, byte for byte as ``json.dumps`` would write it whole."""
        self._file.seek(0)
        file.write("[")
        while piece := self._file.read(_PIECE):
            file.write(piece)
        file.write("]")
