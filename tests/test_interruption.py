"""Ctrl-C at any moment of a command is one line and exit code 130: while modules load, at work, with what is kept."""

from __future__ import annotations

import subprocess
import sys

import pytest

from actiseg_noise.entry import InterruptedCommandError, run_app

INTERRUPTED_AT_IMPORT = """
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
sys.argv = ["tool", *{words!r}]
from {package}.cli import main
main()
"""


def run_interrupted(package: str, module: str, *words: str) -> tuple[int, str]:
    """Return exit code and standard error of a command during which the import of ``module`` is interrupted."""
    code = INTERRUPTED_AT_IMPORT.format(module=module, words=words, package=package)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("package", "module", "words"),
    [
        ("actiseg_noise", "actiseg_noise.cli.commands", ["--help"]),
        ("actiseg_noise", "typer", ["--help"]),
        ("actiseg_noise", "rich.console", ["--help"]),
        ("actiseg_noise", "actiseg_noise.check.verify", ["verify", "m"]),
        ("actiseg_bench", "actiseg_bench.cli.commands", ["--help"]),
        ("actiseg_bench", "torch", ["list", "models"]),
    ],
)
def test_an_import_that_is_interrupted_is_one_line(package: str, module: str, words: list[str]) -> None:
    assert run_interrupted(package, module, *words) == (130, "error: interrupted\n")


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["run", "--all", "--out", "r"], "finished runs are kept in r, and the same command continues from there."),
        (["train", "--manifest", "m", "--out", "t"], "the same command continues from the last checkpoint in t, if"),
    ],
)
def test_a_training_that_is_interrupted_says_what_is_kept(words: list[str], kept: str) -> None:
    code, error = run_interrupted("actiseg_bench", "torch", *words)
    assert (code, error.startswith(f"error: interrupted; {kept}")) == (130, True)


def test_what_a_command_says_of_its_interruption_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def work(**_: object) -> None:
        raise InterruptedCommandError("half is kept")

    with pytest.raises(SystemExit) as stopped:
        run_app(work, ValueError)
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "error: interrupted; half is kept\n"
