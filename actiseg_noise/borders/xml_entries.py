"""XML files whose root holds many entries, as CVAT's: one entry after the other, whatever the size of the file.

The standard library's expat, not ``defusedxml``: that gives whole trees and no places in the file. What it keeps away
is kept away here too. Entities can be defined in a DOCTYPE alone, and such a file is refused where that begins.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from actiseg_noise.borders.text import LONGEST_LINE, check_file
from actiseg_noise.errors import DataError, raise_if

CHUNK_BYTES = 1 << 20
DEEPEST = 20
"""Elements inside each other; CVAT's files have eight."""


@dataclass(slots=True)
class XmlElement:
    """One element with all that is inside it.

    Attributes:
        text: in it, before, between and after its children.
    """

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[XmlElement] = field(default_factory=list)

    def each(self, *tags: str) -> Iterator[XmlElement]:
        """Yield the children of these tags."""
        return (child for child in self.children if child.tag in tags)

    def text_of(self, tag: str) -> str:
        """Return the text of the first child of a tag without white space around it, '' where there is none."""
        return next((child.text.strip() for child in self.each(tag)), "")


XmlEntry = tuple[int, int, XmlElement]
"""First byte, byte after the last, element."""


def iter_xml_entries(
    path: Path, root: str, chunk_bytes: int = CHUNK_BYTES, *, form: str = "of that form"
) -> Iterator[XmlEntry]:
    """Yield the elements inside the root element of a file, which has the tag ``root``.

    Memory follows the largest of them, not the file.

    Args:
        form: what writes such files, for messages.

    Raises:
        DataError: the file is missing, no UTF-8, no XML (line and column are named), or has another root; it has a
            DOCTYPE; elements are nested deeper than ``DEEPEST``; or a tag is longer than ``LONGEST_LINE`` bytes.
    """
    check_file(path)
    reader = _Reader(path, inside=root, form=form)
    with path.open("rb") as stream:
        while chunk := stream.read(chunk_bytes):
            yield from reader.feed(chunk)
    yield from reader.feed(b"", is_last=True)


def iter_xml_parts(path: Path, places: Iterator[tuple[int, int]]) -> Iterator[XmlElement]:
    """Yield the elements in bytes [start, stop) of a file, which were found there before.

    Raises:
        DataError: one is not there any more.
    """
    check_file(path)
    with path.open("rb") as stream:
        for start, stop in places:
            stream.seek(start)
            try:
                found = list(_Reader(path).feed(stream.read(stop - start), is_last=True))
            except DataError:
                found = []
            raise_if(len(found) != 1, f"{path}: the file has changed while it was read; start again", DataError)
            yield found[0][2]


class _Reader:
    """Builds elements from a stream.

    Args:
        inside: the tag of the root whose elements are wanted; None: the root itself is.
        form: what writes such files.
    """

    def __init__(self, path: Path, inside: str | None = None, form: str = "") -> None:
        self._form, self._encoding = form, ""
        self._path, self._root, self._depth = path, inside, 0 if inside is None else 1
        self._open: list[XmlElement] = []
        self._whole: tuple[int, XmlElement] | None = None
        self._entries: list[XmlEntry] = []
        self._start = self._fed = 0
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._keep_encoding
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add_text

    def feed(self, data: bytes, *, is_last: bool = False) -> list[XmlEntry]:
        """Take in more of the file and return the entries that are whole now."""
        if not self._fed and data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise DataError(f"{self._path}: is UTF-16; expected UTF-8. Export the file again, or save it as UTF-8")
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            place = f"{self._path}: malformed XML at line {error.lineno}, column {error.offset + 1}"
            if self._encoding.lower() not in ("", "utf-8", "utf8", "us-ascii"):
                raise DataError(f"{place}: says that it is {self._encoding[:20]}; save the file as UTF-8") from None
            raise DataError(f"{place}: {expat.ErrorString(error.code)}. Repair the file or export it again") from None
        self._fed += len(data)
        waiting = self._fed - self._parser.CurrentByteIndex
        if waiting > LONGEST_LINE + CHUNK_BYTES:
            raise self._error(f"a tag goes on for more than {LONGEST_LINE:,} bytes")
        if is_last:
            self._close(self._fed)
            self._parser = expat.ParserCreate()  # the other one knows this reader: neither would be freed at once
        found, self._entries = self._entries, []
        return found

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        depth = len(self._open)
        if not depth and self._root not in (None, tag):
            raise DataError(
                f"{self._path}: line {self._parser.CurrentLineNumber}: expected <{self._root}> around everything, "
                f"found <{tag[:80]}>; the file is not {self._form}. Export it as that, or name another file"
            )
        if depth > DEEPEST:
            raise self._error(f"elements lie in each other more than {DEEPEST} deep")
        element = XmlElement(tag, attributes)
        if depth == self._depth:
            self._close(self._parser.CurrentByteIndex)
            self._start = self._parser.CurrentByteIndex
        elif depth > self._depth:
            self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, tag: str) -> None:
        element = self._open.pop()
        if len(self._open) == self._depth:
            self._whole = self._start, element
        elif len(self._open) < self._depth:
            self._close(self._parser.CurrentByteIndex)
            raise_if(bool(element.text.strip()), f"{self._path}: <{tag}>: has text between its entries", DataError)

    def _close(self, stop: int) -> None:
        """Keep the entry that has ended; what lies between two counts as the first one's."""
        if self._whole is not None:
            start, element = self._whole
            self._entries.append((start, stop, element))
            self._whole = None

    def _add_text(self, text: str) -> None:
        self._open[-1].text += text

    def _keep_encoding(self, version: str, encoding: str | None, standalone: int) -> None:
        self._encoding = encoding or ""

    def _refuse_doctype(self, *_: object) -> None:
        raise self._error("has a DOCTYPE, with which a file may define entities; expected a file without one")

    def _error(self, message: str) -> DataError:
        line = self._parser.CurrentLineNumber
        return DataError(f"{self._path}: line {line}: {message}. Export the file again")
