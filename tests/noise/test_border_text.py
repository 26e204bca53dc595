"""Text files and folders of other people: byte order marks, pointers, pipes, junk, names, order."""

import os
import unicodedata
from pathlib import Path

import pytest

from actiseg_noise.borders.folders import (
    list_files,
    list_folders,
    list_masks,
    natural_order,
    other_form,
    portable_name,
    stem_of,
    suggest_root,
    walk_files,
)
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.borders.text import (
    iter_csv,
    read_json,
    read_json_object,
    read_lines,
    read_text,
    read_toml,
    read_yaml,
)
from actiseg_noise.errors import DataError, ManifestError

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("mark", [b"", BOM])
def test_a_byte_order_mark_is_fine_wherever_text_is_read(mark: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(mark + b"a\r\n\r\n b \n")
    assert read_lines(path) == [(1, "a"), (3, "b")]
    path.write_bytes(mark + b'{"a": 1}')
    assert read_json(path) == read_json_object(path) == read_yaml(path) == {"a": 1}
    path.write_bytes(mark + b"a = 1\n")
    assert read_toml(path) == {"a": 1}
    path.write_bytes(mark + b"a,b\n1,2\n")
    assert list(iter_csv(path)) == [(1, ["a", "b"]), (2, ["1", "2"])]


def test_a_line_of_a_table_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2")
    os.truncate(path, 1 << 33)  # holes, read as one line
    rows = iter_csv(path)
    assert next(rows) == (1, ["a", "b"])
    with pytest.raises(DataError, match=r"a\.csv: a line of more than 16,777,216 characters"):
        next(rows)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"a": 1}'.encode("utf-16"), "expected UTF-8 text, found UTF-16"),
        (b'{"a": "\xe9"}', "not UTF-8 text .byte 7 is 0xe9"),
        (b'{"a": [1,', r"malformed JSON at line 1, column 10 .the end of the file: it is truncated"),
        (b'{"a": 1,, }', "malformed JSON at line 1, column 9: "),
        (b"[" * 100_000, "malformed JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of git-lfs stands in the place of the file"),
        (b"[1]", r"expected a JSON object, found \[1\]"),
    ],
)
def test_a_file_that_is_no_json_object_says_why(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(ManifestError, match=rf"a\.json: {message}"):
        read_json_object(tmp_path / "a.json", ManifestError)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="a pipe or device stands where the file should be"):
        read_text(tmp_path / "pipe")


def test_latin_1_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    assert read_text(tmp_path / "a.txt", or_latin1=True) == "café"


def test_a_name_in_the_other_unicode_form_is_said(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "jalapeño.txt") for form in ("NFC", "NFD"))
    (tmp_path / decomposed).write_text("x")
    with pytest.raises(DataError, match="is missing, but .* is there in the other Unicode form .NFD."):
        read_text(tmp_path / composed)
    assert other_form(tmp_path / "something else") == ""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / unicodedata.normalize("NFD", "é")).mkdir()
    assert "other Unicode form" in other_form(tmp_path / "d" / "é" / "00000.png")


def test_files_come_by_number_without_what_systems_leave_behind(tmp_path: Path) -> None:
    for name in ("10.png", "2.PNG", "1.png", "._1.png", "Thumbs.db", ".DS_Store", "3.txt", "3.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "clip").mkdir()
    assert list_files(tmp_path, (".png",)) == {"1": "1.png", "2": "2.PNG", "10": "10.png"}
    assert list(list_masks(tmp_path)) == ["1", "2", "10"]
    (tmp_path / "clip" / "7.jpg").write_bytes(b"")
    assert list_masks(tmp_path / "clip") == {"7": "7.jpg"}
    assert list_folders(tmp_path) == ["clip"]
    assert list_files(tmp_path / "none", (".png",)) == {}


def test_of_two_files_of_one_stem_the_first_suffix_counts(tmp_path: Path) -> None:
    for name in ("1.png", "1.jpg", "2.jpeg", "2.png"):
        (tmp_path / name).write_bytes(b"")
    assert list_files(tmp_path, (".jpg", ".jpeg", ".png")) == {"1": "1.jpg", "2": "2.jpeg"}


def test_natural_order_keeps_zero_padded_names_and_orders_the_others() -> None:
    assert sorted(["frame100002", "frame99996", "frame00006"], key=natural_order) == [
        "frame00006",
        "frame99996",
        "frame100002",
    ]
    assert sorted(["b1", "a10", "a9", "01", "1"], key=natural_order) == ["01", "1", "a9", "a10", "b1"]


def test_files_at_any_depth_are_walked_in_order(tmp_path: Path) -> None:
    for name in ("b/1.json", "a/2.JSON", "a/._3.json", "@eaDir/4.json", "5.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [path.relative_to(tmp_path).as_posix() for path in walk_files(tmp_path, ".json")] == ["a/2.JSON", "b/1.json"]


def test_names_that_windows_refuses_are_escaped_and_stay_different() -> None:
    names = ["a:b", "a%3Ab", "con", "CON.txt", "end.", "end ", "tab\t", 'q"?*<>|', "plain", "ü"]
    safe = [portable_name(name) for name in names]
    assert safe[0] == "a%3Ab"
    assert safe[-2:] == ["plain", "ü"]
    assert len(set(safe)) == len(names)
    assert not any(set(name) & set('<>:"/\\|?*\t') or name[-1] in ". " for name in safe)


def test_the_suffix_of_an_image_is_taken_off_whatever_its_case() -> None:
    assert [stem_of(name) for name in ("a.jpg", "b.JPEG", "c.png", "d", "e.1", ".jpg")] == [
        "a",
        "b",
        "c",
        "d",
        "e.1",
        "",
    ]


def test_a_root_one_folder_off_gets_a_proposal(tmp_path: Path) -> None:
    (tmp_path / "VOST" / "ImageSets").mkdir(parents=True)
    assert suggest_root(tmp_path, ("ImageSets",)) == f" Did you mean {tmp_path / 'VOST'}?"
    assert suggest_root(tmp_path / "VOST" / "ImageSets", ("ImageSets",)) == f" Did you mean {tmp_path / 'VOST'}?"
    assert suggest_root(tmp_path / "VOST", ("ImageSets",)) == ""
    assert suggest_root(tmp_path, ("Videos",)) == ""


def test_a_file_too_large_to_be_read_whole_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(20 << 30)  # a sparse file takes no room
    with pytest.raises(DataError, match=r"a\.json: 21,474,836,480 bytes, expected a file of at most 536,870,912"):
        read_json(tmp_path / "a.json")
    with pytest.raises(DataError, match="malformed JSON at line 1, column 1"):
        JsonObject(tmp_path / "a.json")
