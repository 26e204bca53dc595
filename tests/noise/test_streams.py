"""Output as users have it: closed, into a pipe that ends, onto a full disk, not UTF-8, narrow; and no home folder."""

from __future__ import annotations

import ast
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from deposit_davis import write_davis
from rich.console import Console

from actiseg_noise import terminal
from actiseg_noise.borders import roots
from actiseg_noise.borders.roots import cache_folder, full_path
from actiseg_noise.borders.streams import PLAIN, ForgivingOutput, plain
from actiseg_noise.errors import ActisegWarning, DataError, missing_extra

PACKAGES = [Path(terminal.__file__).parent, Path(terminal.__file__).parents[1] / "actiseg_bench"]


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which ``noise`` and ``bench`` are the two tools."""
    tools = "".join(f"{name}() {{ '{sys.executable}' -m actiseg_{name} \"$@\"; }}\n" for name in ("noise", "bench"))
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES[0].parent), **variables}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", tools + line], env=environment, capture_output=True, check=False
    )


# --- signs


def test_signs_have_a_plain_form() -> None:
    assert "".join(map(plain, "10 × 3 … 1–2, café, a→b │ ─")) == "10 x 3 ... 1-2, cafe, a->b | -"
    assert plain(os.fsdecode(b"\xe9")) == r"\xe9"
    assert plain("犬") == "?"


def test_an_encoding_keeps_the_signs_that_it_has() -> None:
    assert "café × 3 …".encode("latin-1", PLAIN) == b"caf\xe9 \xd7 3 ..."
    assert "café × 3 …".encode("cp1252", PLAIN) == b"caf\xe9 \xd7 3 \x85"
    assert "café × 3 …".encode("ascii", PLAIN) == b"cafe x 3 ..."


def test_every_sign_that_the_tools_print_has_a_plain_form() -> None:
    files = [path for package in PACKAGES for path in package.rglob("*.py") if path.name != "streams.py"]
    assert len(files) > 200
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                lost = {sign for sign in node.value if plain(sign) == "?" and sign != "?"}
                assert not lost, f"{path}:{node.lineno}"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437"])
def test_no_encoding_stops_a_table(encoding: str) -> None:
    done = shell("noise datasets; bench list protocols; noise nonsense", PYTHONIOENCODING=encoding)
    assert b"Traceback" not in done.stderr
    assert "854" in done.stdout.decode(encoding)


def test_the_c_locale_stops_nothing() -> None:
    done = shell("noise recipes && bench list tracks", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_is_json_in_every_encoding(encoding: str) -> None:
    done = shell("noise datasets --json", PYTHONIOENCODING=encoding)
    assert "×" in json.loads(done.stdout.decode("utf-8"))[0]["size"]


def test_json_has_no_numbers_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=stream))
    terminal.print_json({"a": [float("nan"), (1.5, float("inf"))], "path": os.fsdecode(b"\xe9")})
    assert json.loads(stream.getvalue(), parse_constant=pytest.fail) == {"a": [None, [1.5, None]], "path": "\udce9"}


# --- streams


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_stop_nothing(streams: str) -> None:
    commands = ("noise datasets", "noise noises --json", "bench list protocols", "bench --help")
    done = shell(" && ".join(f"{command} {streams}" for command in commands))
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_has_enough_is_no_error() -> None:
    done = shell("noise recipes | head -1; noise --help | head -1", PYTHONUNBUFFERED="1")
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_under_the_output_is_one_line() -> None:
    done = shell("noise datasets >/dev/full")
    assert done.returncode == 2
    assert done.stderr == b"error: standard output cannot be written (No space left on device)\n"


def test_a_full_disk_under_the_log_stops_nothing() -> None:
    assert shell("noise nonsense 2>/dev/full; noise recipes 2>/dev/full").returncode == 0


def test_a_finished_build_whose_table_cannot_be_printed_did_not_fail(tmp_path: Path) -> None:
    write_davis(tmp_path / "root")
    build = f"cd {tmp_path}; noise build --dataset davis --root root --content text --recipe clean --out"
    done = shell(f"{build} m >/dev/full")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(
        b"warning: done, but the results cannot be printed (No space left on device); they are in m\n"
    )
    assert (tmp_path / "m" / "manifest.json").is_file()
    assert shell(f"{build} n >&- 2>&-").returncode == 0
    assert (tmp_path / "n" / "manifest.json").is_file()


def test_what_is_not_forgiven_is_raised() -> None:
    class Full(io.RawIOBase):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    assert ForgivingOutput(Full(), forgives_all=True).write(b"abc") == 3
    with pytest.raises(OSError, match="No space"):
        ForgivingOutput(Full(), forgives_all=False).write(b"abc")


@pytest.mark.parametrize(("columns", "width"), [("20", 20), ("0", 80), ("1", 80), ("wide", None)])
def test_a_terminal_without_a_sensible_width_is_taken_for_a_usual_one(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int | None
) -> None:
    master, slave = pty.openpty()
    with os.fdopen(master, "rb"), os.fdopen(slave, "w") as screen:
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setenv("COLUMNS", columns)
        console = terminal.make_console()
        assert console.width >= 10 if width is None else console.width == width


# --- no home


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the home folder away, as in a container whose user has no passwd entry."""

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOME", "XDG_CACHE_HOME", "ACTISEG_DATA", "ACTISEG_KITCHEN_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(roots.Path, "home", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_cache_is_a_temporary_folder_and_that_is_said() -> None:
    with pytest.warns(ActisegWarning, match=r"no home folder is known, so the cache is .*; set ACTISEG_DATA=DIR"):
        assert cache_folder().name.startswith("actiseg-")


def test_a_tilde_without_a_home_says_so() -> None:
    with pytest.raises(DataError, match=r"~nobody-of-that-name/data: no home folder is known for '~' here"):
        full_path("~nobody-of-that-name/data")


# --- missing libraries


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 'torch, .* pip install "actiseg-nl\\[bench\\]"'),
        (ImportError("broken", name="transformers.models"), "transformers, .*\\[referformer\\]"),
        (ImportError("broken", name="pyarrow"), 'pyarrow, .* pip install "actiseg-nl"'),
    ],
)
def test_a_library_that_is_missing_is_named_with_what_brings_it(error: ImportError, words: str) -> None:
    import re

    assert re.search(words, str(missing_extra(error)))


def test_a_mistake_of_our_own_is_no_missing_library() -> None:
    assert missing_extra(ImportError("cannot import name 'x'", name="actiseg_noise.registry")) is None


@pytest.mark.parametrize(
    ("library", "extra", "command"),
    [
        ("torch", "bench", "list strategies"),
        ("safetensors", "bench", "train --manifest m --out o"),
        ("lightning_fabric", "bench", "train --manifest m --out o"),
    ],
)
def test_a_command_without_its_extra_is_one_line(tmp_path: Path, library: str, extra: str, command: str) -> None:
    (tmp_path / f"{library}.py").write_text("raise ImportError('not here')")
    path = f"{tmp_path}:{PACKAGES[0].parent}"
    assert shell("bench --help; bench train --help", PYTHONPATH=path).returncode == 0
    done = shell(f"bench {command}", PYTHONPATH=path)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"error: this needs the library {library}, which cannot be imported (not here): "
        f'pip install "actiseg-nl[{extra}]"\n'
    )


def test_both_tools_are_modules_that_say_their_version() -> None:
    done = shell("noise --version; bench --version")
    names = [line.split()[0] for line in done.stdout.decode().splitlines()]
    assert names == ["actiseg-noise", "actiseg-bench"]
