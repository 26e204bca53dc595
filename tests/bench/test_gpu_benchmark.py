"""``benchmarks/gpu.py`` measures, says why it does not, and counts overlapping kernels once; shown without a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from gpu import CASES, as_table, busy_share, why_not  # noqa: E402 — found in the folder of benchmarks


def test_it_runs_on_a_cpu_and_says_why_the_rest_needs_a_gpu(tmp_path: Path) -> None:
    given = ["--device", "cpu", "--size", "small", "--minutes", "5", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *given], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    cases = {case["title"]: case for case in json.loads((tmp_path / "gpu.json").read_text())["cases"]}
    assert len(cases) == len(CASES)
    measured = {title: case for title, case in cases.items() if "why_not" not in case}
    assert list(measured) == ["training, float32", "prediction, float32"], done.stderr
    assert measured["training, float32"]["windows_per_s"] > 0
    assert all(case["frames_per_s"] > 0 for case in measured.values())
    table = (tmp_path / "gpu.md").read_text()
    assert all(title in table for title in cases)
    assert table.strip() in done.stdout


def test_on_cuda_only_kernels_that_are_not_installed_are_left_out() -> None:
    assert {why_not(case, "cuda") for case in CASES if case.deformable == "torch"} == {""}


def test_kernels_that_overlap_are_counted_once() -> None:
    def kernel(start: float, end: float, kind: object = torch.autograd.DeviceType.CUDA) -> SimpleNamespace:
        return SimpleNamespace(device_type=kind, time_range=SimpleNamespace(start=start, end=end))

    host = kernel(0, 100, torch.autograd.DeviceType.CPU)
    assert busy_share([kernel(30, 50), kernel(10, 20), kernel(12, 15), kernel(45, 60), host]) == pytest.approx(40 / 50)
    assert busy_share([host]) == 0


def test_figures_and_reasons_stand_in_the_table() -> None:
    found = [
        {"title": "training, float32", "windows_per_s": 1.5, "frames_per_s": 7.5, "gpu_busy": None},
        {"title": "tiny, run --all", "why_not": "no time was left"},
    ]
    table = as_table({"device": "a card", "cuda": None}, found)
    assert "| training, float32 | 1.50 | 7.5 |  |  |  |  |" in table
    assert table.startswith("device a card\n") and "- tiny, run --all: no time was left" in table
