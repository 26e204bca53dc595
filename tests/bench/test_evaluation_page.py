"""``docs/evaluation.md``: its blocks run in order, and it names every option that lets a mask pass."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import actiseg_noise.cli
from actiseg_bench.scoring.mask_folders import _CHOICES, _OPTION

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text("utf-8")
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run(line: str, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command of the page and return what it printed."""
    tool, *words = shlex.split(line)
    if tool == "actiseg-noise":
        monkeypatch.setattr("sys.argv", [tool, *words])
        with pytest.raises(SystemExit, match="0"):
            actiseg_noise.cli.main()
        return ""
    code, printed, _ = cli(*words)
    assert code == 0, line
    return printed


def test_what_the_page_shows_runs(
    cli: Callable[..., tuple[int, str, str]], kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))
    printed, scored = io.StringIO(), []
    for language, block in BLOCK.findall(PAGE):
        if language == "python":
            with redirect_stdout(printed):
                exec(block, {})  # noqa: S102 - the page's own block
        else:
            scored += [run(line, cli, monkeypatch) for line in block.splitlines()]
    report = json.loads((tmp_path / "masks" / "predict.json").read_text())
    again = json.loads(cli("evaluate", "--pred", "masks", "--manifest", "val", "--failures", "--json")[1])
    assert again["scores"] == report["scores"]
    assert list(map(float, printed.getvalue().split())) == [
        report["scores"]["p_miou"],
        report["scores"]["giou"],
        again["failures"]["missed"],
        next((one["j"] + one["f"]) / 2 for one in again["objects"] if one["is_positive"]),
    ]
    assert [text.split()[9:11] for text in scored[-2:]] == [["100.0", "100.0"], ["50.0", "50.0"]]
    assert "1 are the best of their category" in " ".join(scored[-1].split())
    assert (tmp_path / "table.csv").read_text().splitlines()[1].startswith("dog,1,,2,0.5,0.5,0.5,")


def test_the_page_names_the_options_of_the_messages_and_every_choice() -> None:
    _, section = PAGE.split("## What is missing or strange\n")
    named = re.findall(r"`(--[^`]+)`", section.split("\n## ")[0])
    assert named == [
        *("--skip-missing", "--missing empty", "--resize nearest", "--unknown-ids background"),
        *("--unknown-clips ignore",),
        *("--merge", "--davis", "--manifest", "--merge --threshold 128", "--keep-flagged", "--void background"),
    ]
    in_messages = [text.partition(" ")[0] for text in _OPTION.values()]
    assert in_messages == ["--skip-missing", "--missing", "--resize", "--unknown-ids", "--unknown-clips"]
    for text in _OPTION.values():
        assert any(text.startswith(f"{option} ") for option in named[:5]), text
    choices = [f"--{name.replace('_', '-')} {value}" for name, (_, value) in _CHOICES.items()]
    assert choices == named[1:5]
