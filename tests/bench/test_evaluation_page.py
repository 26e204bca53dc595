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
from actiseg_bench.scoring.mask_folders import _OPTION

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text("utf-8")
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_what_the_page_shows_runs(
    cli: Callable[..., tuple[int, str, str]], kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))
    (_, commands), (_, code) = BLOCK.findall(PAGE)
    for line in commands.splitlines():
        tool, *words = shlex.split(line)
        if tool == "actiseg-noise":
            monkeypatch.setattr("sys.argv", [tool, *words])
            with pytest.raises(SystemExit, match="0"):
                actiseg_noise.cli.main()
        else:
            assert cli(*words)[0] == 0, line
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(code, {})  # noqa: S102 - the page's own block
    report = json.loads((tmp_path / "masks" / "predict.json").read_text())
    scores = [report["scores"]["p_miou"], report["scores"]["giou"]]
    assert printed.getvalue().split()[:2] == list(map(str, scores))
    assert 0 <= float(printed.getvalue().split()[2]) <= 1


def test_the_page_names_the_options_of_the_messages() -> None:
    for text in _OPTION.values():
        (option,) = re.findall(r"^--[a-z-]+(?: (?:empty|nearest|background))?", text)
        assert f"`{option}`" in PAGE
