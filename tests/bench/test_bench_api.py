"""What ``import actiseg_bench`` gives: names, types, and that they do what the command line does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from bench_fakes import make_result
from typer.main import get_command

import actiseg_bench
from actiseg_bench.cli.commands import app
from actiseg_bench.results.result import write_result
from actiseg_bench.results.stored import Results
from actiseg_noise.errors import ActisegError, UnknownNameError

ON_THE_COMMAND_LINE_ALONE = {
    *("analyze", "collect", "convert-checkpoint", "doctor", "list", "pretrain", "report", "submit", "verify"),
}
OTHERS = {
    *("ManifestDataset", "collate", "read_results", "actionvos_scores", "count_object_frames", "ObjectFrameCounts"),
    *("jaccard", "boundary_f", "predict_video", "__version__"),
}


def test_the_public_names_are_the_commands_and_a_few_more_and_each_is_documented() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert commands >= ON_THE_COMMAND_LINE_ALONE
    names = commands - ON_THE_COMMAND_LINE_ALONE | OTHERS
    assert set(actiseg_bench.__all__) == set(dir(actiseg_bench)) == names
    for name in names - {"__version__"}:
        assert getattr(actiseg_bench, name).__doc__, name
    assert actiseg_bench.__version__ == "0.1.0"
    with pytest.raises(AttributeError, match="has no attribute 'tuned'"):
        _ = actiseg_bench.tuned


def test_the_import_costs_nothing() -> None:
    code = (
        "import actiseg_bench, sys; dir(actiseg_bench); print(sorted({'torch', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


USER = """
from pathlib import Path
from torch.utils.data import DataLoader
import actiseg_bench

data = actiseg_bench.ManifestDataset("m", size=(96, 160))
loader = DataLoader(data, batch_size=2, collate_fn=actiseg_bench.collate)
results = actiseg_bench.run(Path("runs"), strategy=["gce"], track=["text-40"])
names: list[str] = [result.strategy for result in results]
trained = actiseg_bench.train("m", "out", steps=3)
predicted = actiseg_bench.predict("e", "masks", checkpoint=trained.checkpoint)
six: float | None = predicted.evaluation.scores.p_miou
again: float | None = actiseg_bench.evaluate("masks", manifest="e").scores.giou
j: float = actiseg_bench.evaluate("masks", "gt", davis=True).scores_dict()["j"]
print(actiseg_bench.leaderboard(actiseg_bench.read_results("runs")), actiseg_bench.__version__)
wrong: int = actiseg_bench.evaluate("masks", manifest="e")
"""


QUICK = """
[mypy]
[mypy-torch.*,numpy.*,pyarrow.*,pandas.*,rich.*,cv2.*]
follow_imports = skip
"""


def test_a_user_s_file_passes_mypy_strict_and_a_wrong_type_does_not(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    root = Path(actiseg_bench.__file__).parents[1]
    (tmp_path / "mypy.ini").write_text(QUICK)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "mypy.ini", "user.py"]
    own = {**os.environ, "MYPYPATH": str(root)}
    done = subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
    (error,) = [line for line in done.stdout.splitlines() if line.startswith("user.py") and "error" in line]
    assert 'Incompatible types in assignment (expression has type "Evaluation", variable has type "int")' in error


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two strategies and a reference row on one track."""
    for name, score in (("gce", 0.625), ("pmhm", 0.5), ("silent", 0.0)):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        write_result(folder, make_result(strategy=name, scores={"p_miou": score, "n_miou": None}))
    return tmp_path / "runs"


def test_results_are_a_list_that_a_notebook_shows(runs: Path) -> None:
    results = actiseg_bench.read_results(runs)
    assert [result.strategy for result in results] == ["gce", "pmhm", "silent"]
    assert (len(results), results[0].scores["p_miou"], repr(results)) == (3, 0.625, "<Results: 3 runs>")
    assert results[1:] == Results(results.runs[1:]) != results
    html = results._repr_html_()
    assert "<td>gce</td>" in html and "<td>62.5</td>" in html and "<td>–</td>" in html
    frame = results.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.loc[frame.strategy == "gce", "p_miou"].tolist() == [0.625]
    assert frame.folder.tolist() == [str(runs / name) for name in ("gce", "pmhm", "silent")]


def test_what_failed_is_shown_with_the_results() -> None:
    results = Results([], [("text-40 <gce> seed 0", "no & yes")])
    assert repr(results) == "<Results: 0 runs, 1 failed>"
    assert "text-40 &lt;gce&gt; seed 0 failed: no &amp; yes" in results._repr_html_()


def test_a_leaderboard_is_text_html_and_a_data_frame(runs: Path) -> None:
    boards = actiseg_bench.leaderboard(runs)
    assert "gce" in str(boards) and "62.5" in str(boards)
    assert repr(boards) == "<Leaderboards: tiny on kitchen, quick-v1>"
    assert boards._repr_html_().startswith("<h1>tiny on kitchen</h1>")
    frame = boards.to_pandas()
    assert frame[["strategy", "p_miou"]].values.tolist() == [["silent", 0.0], ["gce", 0.625], ["pmhm", 0.5]]
    assert boards.render("md").startswith("# Leaderboard: tiny on kitchen")
    assert str(actiseg_bench.leaderboard(actiseg_bench.read_results(runs))) == str(boards)
    with pytest.raises(UnknownNameError, match="unknown format 'mdd'"):
        boards.render("mdd")


def test_a_missing_pandas_is_named(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ActisegError, match="to_pandas needs pandas: pip install pandas"):
        actiseg_bench.read_results(runs).to_pandas()


def test_train_predict_evaluate_and_run_work_as_functions(
    noisy_val: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    trained = actiseg_bench.train(noisy_val, tmp_path / "t", root=kitchen_root, steps=1, threads=1, device="cpu")
    assert trained.report["steps"] == 1
    predicted = actiseg_bench.predict(
        clean_val, tmp_path / "p", checkpoint=trained.checkpoint, root=kitchen_root, device="cpu"
    )
    assert actiseg_bench.evaluate(predicted.path, manifest=clean_val).to_json() == predicted.evaluation.to_json()
    given = {"manifest": noisy_val, "eval_manifest": clean_val, "root": kitchen_root, "threads": 1, "device": "cpu"}
    results = actiseg_bench.run(tmp_path / "r", strategy=["baseline"], steps=1, **given)
    assert sorted(result.strategy for result in results) == ["baseline", "silent", "start"]
    assert len(actiseg_bench.read_results(tmp_path / "r")) == 3
    assert results.failed == ()
    with pytest.raises(ActisegError, match="--manifest and --eval-manifest go together"):
        actiseg_bench.run(tmp_path / "r", manifest=noisy_val)


def test_the_metrics_score_two_masks() -> None:
    pred, gt = (torch.tensor(mask, dtype=torch.uint8).numpy() for mask in ([[1, 1, 0, 0]], [[1, 0, 0, 0]]))
    counts = actiseg_bench.count_object_frames(pred, gt, [1])
    scores = actiseg_bench.actionvos_scores(actiseg_bench.ObjectFrameCounts.gather([(counts, [True], 0)]))
    assert json.dumps([scores.p_miou, actiseg_bench.jaccard(pred == 1, gt == 1)]) == "[0.5, 0.5]"
