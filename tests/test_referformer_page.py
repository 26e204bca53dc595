"""The page on ReferFormer: what needs no data runs; what needs VISOR, weights or a GPU names what there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "referformer.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TYPED = [line for kind, code in BLOCK.findall(PAGE) if kind == "sh" for line in code.splitlines()]


def test_what_needs_no_data_runs(tmp_path: Path) -> None:
    (code,) = [code for kind, code in BLOCK.findall(PAGE) if kind == "bash"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "p-mIoU" in done.stdout


@pytest.mark.parametrize("line", [line for line in TYPED if line.startswith("actiseg-")])
def test_what_needs_data_is_typed_with_options_and_choices_that_exist(line: str) -> None:
    from actiseg_bench.cli.commands import app as bench
    from actiseg_bench.models.base import MODELS
    from actiseg_bench.training.named_configs import load_config
    from actiseg_noise.cli.commands import app as noise
    from actiseg_noise.datasets.base import DATASETS
    from actiseg_noise.recipe import load_recipe

    program, name, *words = shlex.split(line)
    command: Any = get_command({"actiseg-bench": bench, "actiseg-noise": noise}[program]).commands[name]  # type: ignore[attr-defined]
    given, _, _ = command.make_parser(command.context_class(command)).parse_args(words)  # refuses unknown options
    known = {"model": MODELS.__getitem__, "dataset": DATASETS.__getitem__, "recipe": load_recipe, "config": load_config}
    for key, look_up in known.items():
        if key in given:
            look_up(given[key])


def test_every_kind_of_command_is_on_the_page() -> None:
    assert {tuple(shlex.split(line)[:2]) for line in TYPED} == {
        ("pip", "install"),
        ("actiseg-noise", "build"),
        ("actiseg-bench", "convert-checkpoint"),
        ("actiseg-bench", "predict"),
        ("actiseg-bench", "evaluate"),
        ("actiseg-bench", "train"),
        ("actiseg-bench", "run"),
    }


def test_the_extra_that_the_page_installs_exists() -> None:
    (line,) = [line for line in TYPED if line.startswith("pip")]
    (extra,) = re.findall(r"\[(\w+)\]", line)
    assert re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
