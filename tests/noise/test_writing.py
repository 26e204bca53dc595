"""Files and folders appear whole or not at all, whatever fails, is killed or comes in between."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actiseg_noise.borders import drafts, writing
from actiseg_noise.borders.drafts import FolderDraft, whole_folder
from actiseg_noise.borders.locks import host_name
from actiseg_noise.borders.writing import (
    WriteError,
    link,
    move,
    partial_of,
    whole_csv,
    whole_file,
    write_json,
    write_text,
)
from actiseg_noise.errors import ActisegError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def replace_ours(folder: Path) -> None:
    """Allow the replacement of folders that hold a file ``ours``."""
    if not (folder / "ours").is_file():
        raise ActisegError(f"{folder}: not ours")


def never(folder: Path) -> None:
    raise ActisegError(f"{folder}: exists")


# --- files


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("ne")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_called_so(tmp_path: Path, code: int) -> None:
    with pytest.raises(WriteError, match="no room to write") as caught, whole_file(tmp_path / "a"):
        raise OSError(code, os.strerror(code))
    assert caught.value.no_room
    assert names(tmp_path) == []


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"file/a: cannot be written \((File exists|Not a directory)\)"):
        write_text(tmp_path / "file" / "a", "")


def test_where_nothing_can_be_renamed_over_a_file_it_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EEXIST, "File exists")

    write_text(tmp_path / "a", "old")
    monkeypatch.setattr(Path, "replace", refuse)
    write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a"]


def test_a_name_as_long_as_can_be_is_written(tmp_path: Path) -> None:
    name = "n" * 251 + ".txt"
    write_text(tmp_path / name, "long")
    assert names(tmp_path) == [name]
    assert partial_of(tmp_path / name).name.endswith(".partial")


def test_json_is_utf_8_but_for_what_is_no_text(tmp_path: Path) -> None:
    assert write_json(tmp_path / "a", {"é": 1}).read_bytes() == '{\n "é": 1\n}\n'.encode()
    path = write_json(tmp_path / "b", {"path": os.fsdecode(b"caf\xe9")})
    assert json.loads(path.read_text("utf-8")) == {"path": "caf\udce9"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "c", [float("nan")], allow_nan=False)
    assert names(tmp_path) == ["a", "b"]


def test_rows_are_written_below_their_header(tmp_path: Path) -> None:
    with whole_csv(tmp_path / "a.csv", ["x", "y"]) as writer:
        writer.writerow({"x": 1, "y": "é"})
    assert (tmp_path / "a.csv").read_bytes() == "x,y\n1,é\n".encode()


def test_a_link_that_is_refused_says_what_else_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(WriteError, match=r"\(Operation not permitted\), as a link; pass --images copy"):
        link(tmp_path / "a", tmp_path / "b", "; pass --images copy")


def test_what_cannot_be_renamed_between_layers_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    monkeypatch.setattr(Path, "rename", refuse)
    move(tmp_path / "a", tmp_path / "b")
    assert names(tmp_path) == ["b"]
    assert names(tmp_path / "b") == ["file"]


# --- folders


def test_a_chunk_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "a") as folder:
        (folder / "one").write_text("")
        (name,) = names(tmp_path)
        assert re.fullmatch(rf"\.a\.{re.escape(host_name())}\.{os.getpid()}\.[0-9a-f]{{8}}\.partial", name)
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "a"):
        raise KeyboardInterrupt
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["one"]


def test_a_draft_becomes_the_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "down" / "out"
    with FolderDraft(place, never) as draft:
        (draft.path / "ours").write_text("1")
        assert not place.exists()
        draft.commit()
    assert names(place) == ["ours"]
    assert names(place.parent) == ["out"]


def test_a_draft_that_is_given_up_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), FolderDraft(tmp_path / "deep" / "out", never) as draft:
        (draft.path / "file").write_text("half")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_only_what_may_be_replaced_is(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(ActisegError, match="not ours"), FolderDraft(tmp_path / "out", replace_ours):
        pass
    assert names(tmp_path) == ["out"]
    (tmp_path / "out" / "ours").write_text("")
    with FolderDraft(tmp_path / "out", replace_ours) as draft:
        draft.commit()
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == []


def test_a_folder_that_comes_into_being_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="not ours"), FolderDraft(tmp_path / "out", replace_ours) as draft:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.tex").write_text("years of work")
        draft.commit()
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["thesis.tex"]


def test_a_swap_that_fails_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ours").write_text("old")
    moved = drafts.move

    def refuse(source: Path, target: Path) -> None:
        if source.name.startswith("new-"):
            raise OSError(errno.EIO, "Input/output error")
        moved(source, target)

    monkeypatch.setattr(drafts, "move", refuse)
    with (
        pytest.raises(WriteError, match=r"Input/output error\); use another --out"),
        FolderDraft(tmp_path / "out", replace_ours) as draft,
    ):
        draft.commit()
    assert (tmp_path / "out" / "ours").read_text() == "old"
    assert names(tmp_path) == ["out"]


KILLED = """
import os, sys
from pathlib import Path
from actiseg_noise.borders import drafts
moved = drafts.move
def stop(source, target):
    if source.name.startswith("new-") and sys.argv[2] == "between":
        os._exit(9)
    moved(source, target)
    if source.name.startswith("new-"):
        os._exit(9)
drafts.move = stop
with drafts.FolderDraft(Path(sys.argv[1]), lambda folder: None) as draft:
    (draft.path / "ours").write_text("new")
    draft.commit()
"""


@pytest.mark.parametrize(("when", "left"), [("between", "old"), ("after", "new")])
def test_a_kill_in_the_middle_of_a_swap_is_mended_by_the_next_draft(tmp_path: Path, when: str, left: str) -> None:
    place = tmp_path / "out"
    place.mkdir()
    (place / "ours").write_text("old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(place), when], check=False).returncode == 9
    with FolderDraft(place, replace_ours):
        assert (place / "ours").read_text() == left
    assert names(tmp_path) == ["out"]


def test_files_of_others_in_a_hidden_folder_of_that_name_stay(tmp_path: Path) -> None:
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "notes.txt").write_text("mine")
    with FolderDraft(tmp_path / "out", never) as draft:
        draft.commit()
    assert names(tmp_path) == [".out.partial", "out"]
    assert names(tmp_path / ".out.partial") == ["notes.txt"]


def test_an_output_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "ours").write_text("old")
    (tmp_path / "out").symlink_to(tmp_path / "scratch")
    with FolderDraft(tmp_path / "out", replace_ours) as draft:
        (draft.path / "ours").write_text("new")
        draft.commit()
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "scratch" / "ours").read_text() == "new"


def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_a_number_none(tmp_path: Path) -> None:
    cells = ["=1+1", "+a", "-b", "@c", "\td", "-3.5", "+1e-3", "plain", "a=b"]
    wanted = ["'=1+1", "'+a", "'-b", "'@c", "'\td", "-3.5", "+1e-3", "plain", "a=b"]
    with writing.whole_csv(tmp_path / "a.csv", ["x", "n"]) as writer:
        for cell in cells:
            writer.writerow({"x": cell, "n": -2.5})
    text = writing.csv_text(["x", "n"], [{"x": cell, "n": -2.5} for cell in cells])
    assert (tmp_path / "a.csv").read_text() == text
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["x", "n"], *([cell, "-2.5"] for cell in wanted)]


def test_a_text_in_a_csv_file_is_no_formula(tmp_path: Path) -> None:
    with whole_csv(tmp_path / "a.csv", ["a", "b"]) as writer:
        writer.writerow({"a": "=1+1", "b": -0.5})
        writer.writerow({"a": "-0.5", "b": "@x"})
    assert (tmp_path / "a.csv").read_text() == "a,b\n'=1+1,-0.5\n-0.5,'@x\n"


def test_leftovers_of_earlier_versions_go_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".o.building" / "chunks-x" / "000000").mkdir(parents=True)
    (tmp_path / ".o.exporting").mkdir()
    (tmp_path / ".o.exporting" / "mine.txt").write_text("x")
    with FolderDraft(tmp_path / "o", lambda _: None):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.exporting"]
