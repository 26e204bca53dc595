"""XML of other people: entry by entry, whatever the file's size; what could harm is refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from actiseg_noise.borders.text import LONGEST_LINE
from actiseg_noise.borders.xml_entries import DEEPEST, XmlElement, iter_xml_entries, iter_xml_parts
from actiseg_noise.errors import DataError

TEXT = """<?xml version="1.0" encoding="utf-8"?>
<!-- a comment -->
<root>
  <a x="1 &amp; ä"/>
  <b><c>one</c> two <c>&#x6A2A;</c></b> <!-- between --><d></d >
</root>
"""


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_entries_come_one_by_one_and_are_found_again(chunk_bytes: int, mark: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", mark + TEXT.encode())
    found = list(iter_xml_entries(path, "root", chunk_bytes))
    expected = [
        XmlElement("a", {"x": "1 & ä"}),
        XmlElement("b", {}, " two ", [XmlElement("c", {}, "one"), XmlElement("c", {}, "横")]),
        XmlElement("d", {}),
    ]
    assert [element for _, _, element in found] == expected
    assert list(iter_xml_parts(path, ((start, stop) for start, stop, _ in found))) == expected
    assert found[1][2].text_of("c") == "one"
    assert [child.text for child in found[1][2].each("c")] == ["one", "横"]


def test_memory_follows_the_largest_entry(tmp_path: Path) -> None:
    entry = f'<a x="{"7, " * 3000}"/>'
    path = write(tmp_path / "a.xml", f"<root>{entry * 2000}</root>")
    assert path.stat().st_size > 15 << 20
    tracemalloc.start()
    count = sum(1 for _ in iter_xml_entries(path, "root", 1 << 16))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2000
    assert peak < 2 << 20


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'<!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]><root>&l9;</root>', "line 1: has a DOCTYPE"),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><root><a>&x;</a></root>', "line 1: has a DOCTYPE"),
        ('<!DOCTYPE root SYSTEM "http://host/a.dtd">\n<root/>', "line 1: has a DOCTYPE"),
        ("<root><a>&x;</a></root>", "malformed XML at line 1, column 10: undefined entity"),
        (f"<root>{'<a>' * (DEEPEST + 1)}", f"elements lie in each other more than {DEEPEST} deep"),
        ("<a" * 100_000, "malformed XML at line 1"),
        ("<root><a/>", "malformed XML at line 1, column 11: no element found"),
        ("<root><a></b></root>", "column 12: mismatched tag"),
        ("<root><a/></root><root/>", "junk after document element"),
        ("", "no element found"),
        ("<html></html>", "expected <root> around everything, found <html>; the file is not of that form"),
        ("<root>x<a/></root>", "<root>: has text between its entries"),
        ('<root><a x="1" x="2"/></root>', "duplicate attribute"),
        (b"<root>\xff</root>", "not well-formed"),
        (
            b'<?xml version="1.0" encoding="ISO-8859-1"?><root>\xff</root>',
            "says that it is ISO-8859-1; save the file as",
        ),
        ("<root/>".encode("utf-16"), "is UTF-16; expected UTF-8"),
    ],
)
def test_what_is_wrong_or_could_harm_is_refused_in_one_line(text: str | bytes, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", text)
    with pytest.raises(DataError, match=message) as caught:
        list(iter_xml_entries(path, "root"))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_tag_without_end_is_refused_before_it_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", b'<root><a x="' + b"1" * (LONGEST_LINE + (3 << 20)) + b'"/></root>')
    with pytest.raises(DataError, match=f"a tag goes on for more than {LONGEST_LINE:,} bytes"):
        list(iter_xml_entries(path, "root"))


def test_a_file_that_changed_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", TEXT)
    places = [(start, stop) for start, stop, _ in iter_xml_entries(path, "root")]
    write(path, TEXT.replace("<b>", "<bb>").replace("</b>", "</bb>"))
    with pytest.raises(DataError, match=r"a.xml: the file has changed while it was read"):
        list(iter_xml_parts(path, iter(places)))
