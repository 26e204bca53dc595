"""Objects of lists are read entry by entry, whatever the size of the pieces in which the file is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actiseg_noise.borders.json_list import JsonList
from actiseg_noise.borders.json_lists import iter_json_lists, read_json_part
from actiseg_noise.errors import DataError

DATA = {"info": {"a": [1]}, "videos": [{"id": 1, "name": "é"}, [], 12345], "empty": [], "none": None, "last": [None]}


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("indent", [None, 1])
def test_entries_are_found_with_their_places(chunk: int, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(DATA, indent=indent, ensure_ascii=False), encoding="utf-8-sig")
    found = list(iter_json_lists(path, chunk))
    assert [(key, number, value) for key, number, _, _, value in found] == [
        ("info", -1, {"a": [1]}),
        ("videos", 0, {"id": 1, "name": "é"}),
        ("videos", 1, []),
        ("videos", 2, 12345),
        ("none", -1, None),
        ("last", 0, None),
    ]
    assert [read_json_part(path, start, stop) for _, _, start, stop, _ in found] == [value for *_, value in found]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r"malformed JSON at line 1, column 1 \(entry 0\): expected an object of lists, found '\[\]'"),
        ('{"a": [1, 2', r"line 1, column 12 \(entry 1\): expected ',' or '\]', found the end of the file"),
        ('{"a": [1]} x', r"expected the end of the file, found 'x'"),
        ('{"a": [1], "a": []}', "the key 'a' stands twice; keep one of them"),
        ('{"a": [1,]}', r"\(entry 1\): Expecting value, found '\]}'"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_of_lists_is_said_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        list(iter_json_lists(path))


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_the_place_is_counted_in_characters_whatever_was_read_before(chunk: int, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1,\n"é…", 2,\n "é", "é" x]}', encoding="utf-8")
    with pytest.raises(DataError, match=r"line 3, column 11 \(entry 4\): expected ',' or '\]', found 'x\]}'"):
        list(iter_json_lists(path, chunk))


def test_a_file_that_changed_meanwhile_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [{"b": 1}]}')
    ((_, _, start, stop, _),) = iter_json_lists(path)
    path.write_text('{"a": ["shorter"]}')
    with pytest.raises(DataError, match="the file has changed while it was read; start again"):
        read_json_part(path, start, stop)


def test_a_long_list_that_changed_meanwhile_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"b": 1}, {"b": 2}]')
    entries = JsonList(path, whole_bytes=0)
    assert list(entries) == [{"b": 1}, {"b": 2}]
    assert list(entries.pick([1, 0])) == [{"b": 2}, {"b": 1}]
    path.write_text('["shorter"]')
    with pytest.raises(DataError, match="the file has changed while it was read; start again"):
        list(entries.pick([1]))
