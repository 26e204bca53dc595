"""JSON that grows on disk: the members of an object or the items of a list never lie in memory together."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from actiseg_noise.borders.set_aside import SetAside
from actiseg_noise.borders.writing import whole_text


class GrowingObject:
    """A JSON file of one object, written member by member, byte for byte as ``json.dumps`` would write it whole.

    Args:
        head, tail: what stands before the first member and after the last.
    """

    def __init__(self, stack: ExitStack, path: Path, head: str, tail: str) -> None:
        self._file: IO[str] = stack.enter_context(whole_text(path))
        self._file.write(head)
        self._tail = tail
        self._separator = ""

    def add(self, name: str, value: Any) -> None:
        """Write one member."""
        self._file.write(f"{self._separator}{json.dumps(name)}: {json.dumps(value)}")
        self._separator = ", "

    def end(self) -> None:
        """Write what closes the object."""
        self._file.write(self._tail)


class GrowingList:
    """A JSON object whose first member, a list, is written item by item; the other members come at the end.

    Args:
        name: of the list.
    """

    def __init__(self, stack: ExitStack, path: Path, name: str) -> None:
        self._file: IO[str] = stack.enter_context(whole_text(path))
        self._file.write(f"{{{json.dumps(name)}: [")
        self._separator = ""
        self.count = 0

    def add(self, item: Any) -> None:
        """Write one item."""
        self._file.write(f"{self._separator}{json.dumps(item)}")
        self._separator = ", "
        self.count += 1

    def end(self, others: dict[str, Any]) -> None:
        """Write the other members, those that were set aside too, and what closes the object."""
        self._file.write("]")
        for name, value in others.items():
            self._file.write(f", {json.dumps(name)}: ")
            if isinstance(value, SetAside):
                value.write_to(self._file)
            else:
                self._file.write(json.dumps(value))
        self._file.write("}")
