"""``actiseg-bench analyze``: every chart, table and line that is written, and what is refused."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from bench_fakes import fake_manifest, make_result, perfect, predict
from board_fakes import at

from actiseg_bench.grid.execution import iter_silent
from actiseg_bench.metrics.failure_modes import MODES
from actiseg_bench.report import analysis
from actiseg_bench.report.analysis import Analysis, analyze_runs, clip_records, write_clips
from actiseg_bench.report.bootstrap import ClipSums
from actiseg_bench.report.per_run import comparison_records
from actiseg_bench.report.study import make_studies
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.results.predictions import PredictedMask
from actiseg_bench.results.result import RunResult, write_result
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.measure import measure as measure_predictions
from actiseg_bench.scoring.object_frames import FILE_NAME, write_object_frames
from actiseg_noise.errors import ActisegError, MissingExtraError


def read_csv(analyzed: Analysis, name: str) -> list[dict[str, str]]:
    (path,) = [path for path in analyzed.files if path.name == name]
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_run_has_a_line_with_its_scores_failures_and_cost(analyzed: Analysis) -> None:
    rows = read_csv(analyzed, "runs.csv")
    assert [(row["track"], row["strategy"], row["noise_seed"], row["seed"]) for row in rows[:2]] == [
        ("clean", "baseline", "0", "0"),
        ("clean", "npn", "0", "0"),
    ]
    assert len(rows) == 6
    last = next(row for row in rows if (row["track"], row["strategy"]) == ("text-40", "npn"))
    assert (float(last["p_miou"]), float(last["missed"]), last["silent"]) == (pytest.approx(0.6), 0.2, "False")
    assert (last["networks"], last["updates"], last["train_s"], last["peak_rss_mb"]) == ("1", "10", "1.0", "100.0")
    assert (last["p_j_volume"], last["positive_ap"]) == ("", "")  # these runs have no predictions beside them


def test_every_epoch_and_every_probe_has_a_line(analyzed: Analysis) -> None:
    epochs, probes = read_csv(analyzed, "selection_epochs.csv"), read_csv(analyzed, "memorisation_probes.csv")
    assert [(row["epoch"], row["unit"], row["precision"], row["recall"]) for row in epochs[:2]] == [
        ("1", "pixels", "0.9", "0.5"),
        ("2", "pixels", "0.9", "0.5"),
    ]
    assert {row["strategy"] for row in epochs} == {"npn"}
    assert len(probes) == 12
    assert (probes[1]["step"], probes[1]["fit_given"], probes[1]["fit_clean"]) == ("4", "0.4", "0.5")


def test_every_comparison_has_a_line_with_its_test_and_effect() -> None:
    """Two rows on four clips, two seeds: the difference, its interval, both p, what is detectable."""
    scores = {"gce": (0.7, 0.72), "baseline": (0.6, 0.66)}
    runs = [
        make_result(strategy=name, seed=seed, scores={"giou": score})
        for name, pair in scores.items()
        for seed, score in enumerate(pair)
    ]

    def sums(result: RunResult) -> ClipSums:
        top = np.full((1, 4, 6), result.scores["giou"])
        return ClipSums(("a", "b", "c", "d"), top, np.ones_like(top))

    rows = {row["metric"]: row for row in comparison_records(make_leaderboards(runs, sums))}
    gap = rows["giou"]
    assert (gap["track"], gap["best"], gap["strategy"]) == ("clean", "gce", "baseline")
    assert gap["mean"] == pytest.approx(-0.08)
    assert gap["error"] == pytest.approx(0.02)
    assert gap["p_corrected"] >= gap["p"]
    assert (gap["separable"], gap["df"]) == (False, pytest.approx(1))


def write_table(path: Path, rows: Iterable[PredictedMask]) -> None:
    found = measure_predictions(fake_manifest(), rows)
    write_object_frames(path, found.clips, found.frames, found.videos)


def stored(folder: Path, result: RunResult) -> StoredRun:
    """A run on disk with perfect predictions."""
    folder.mkdir(parents=True)
    write_table(folder / FILE_NAME, predict(perfect()))
    write_result(folder, result)
    return StoredRun(folder, result)


def grid(folder: Path) -> list[StoredRun]:
    """Two strategies on three tracks with everything that can be drawn."""
    fits = tuple({"step": step, "fit_given": step / 10, "fit_clean": 0.5} for step in (2, 4))
    selection = ({"pixels": {"precision": 0.9, "recall": 0.5}},) * 2
    runs = []
    for i, track in enumerate(("clean", "text-20", "text-40")):
        for strategy in ("baseline", "npn"):
            more = {"fits": fits, "selection": selection if strategy == "npn" else ()}
            scores = {"p_miou": 0.8 - 0.1 * i, "n_miou": 0.1}
            failures = dict.fromkeys(MODES, 0.1 * i)
            result = make_result(track=track, strategy=strategy, scores=scores, failures=failures, **more)
            runs.append(stored(folder / track / strategy, result))
    return runs


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder = tmp_path_factory.mktemp("analysis")
    (found,) = analyze_runs(grid(folder / "runs"), folder / "out")
    return found


def test_every_chart_and_table_is_written(analyzed: Analysis) -> None:
    found = analyzed
    assert {path.name for path in found.files} == {
        *(f"{name}.csv" for name in ("failure_modes", "profiles", "sensitivity", "trade_off", "selection")),
        *(f"{name}.png" for name in ("failure_modes", "profiles", "noise_levels", "trade_off", "selection")),
        "memorisation.csv",
        "memorisation.png",
        "clips.csv",
        "runs.csv",
        "selection_epochs.csv",
        "memorisation_probes.csv",
    }
    for path in found.files:
        assert path.parent.name == "tiny-kitchen-quick-v1"
        if path.suffix == ".png":
            picture = cv2.imread(str(path))
            assert picture.shape[0] > 200
            assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    assert found.gaps == (
        "no track of flip, mask, mask-rand, mixed",
        "no text-0: clean labels stand at 0 % of the text axis",
    )


def test_the_text_curve_of_the_tables_is_the_one_of_the_runs(analyzed: Analysis) -> None:
    sheets = {sheet.name: sheet.to_json() for sheet in analyzed.sheets}
    line = sheets["sensitivity"][0]
    assert (line["axis"], line["strategy"], line["levels"]) == ("text", "baseline", "0 20 40")
    assert line["p-mIoU slope"] == {"mean": pytest.approx(-0.05), "std": None}
    assert line["p-mIoU area"]["mean"] == pytest.approx((0.8 + 2 * 0.7 + 0.6) / 4 / 0.8)
    assert sheets["profiles"][0]["missed"]["mean"] == pytest.approx(0.15)
    assert [line["front"] for line in sheets["trade_off"]] == [True] * 6


def test_a_single_run_is_analyzed_and_the_rest_is_said_to_be_missing(tmp_path: Path) -> None:
    (found,) = analyze_runs([stored(tmp_path / "run", make_result(track="mine"))], tmp_path / "out")
    assert {path.name for path in found.files} == {"trade_off.csv", "trade_off.png", "clips.csv", "runs.csv"}
    assert any("no track of clean labels" in gap for gap in found.gaps)


def test_a_chart_that_has_nothing_to_show_any_more_goes(tmp_path: Path) -> None:
    old = tmp_path / "out" / "tiny-kitchen-quick-v1" / "noise_levels.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"a chart of more runs")
    analyze_runs([stored(tmp_path / "run", make_result(track="mine"))], tmp_path / "out")
    assert not old.exists()


def test_scores_per_clip_are_those_of_the_clip(tmp_path: Path) -> None:
    (record,) = clip_records(stored(tmp_path / "run", make_result()))
    assert (record["clip_id"], record["p_miou"], record["n_miou"], record["missed"]) == ("a", 1, 0, 0)
    assert record["video_id"] == "video of a"


def test_scores_per_clip_of_two_networks_are_their_mean(tmp_path: Path) -> None:
    run = stored(tmp_path / "run", make_result(predictions="one+other"))
    write_table(run.folder / "object_frames-2.parquet", iter_silent(fake_manifest()))
    (record,) = clip_records(run)
    assert (record["p_miou"], record["missed"], record["mislocalization"]) == (0.5, 0.5, None)


def test_a_run_without_its_table_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    runs = grid(tmp_path / "runs")
    (runs[0].folder / FILE_NAME).unlink()
    (study,) = make_studies(runs)
    (path,), (gap,) = write_clips(study, tmp_path / "clips.csv")
    with path.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    assert gap.startswith("no scores per clip of clean baseline seed 0")


def test_reference_rows_alone_are_refused() -> None:
    with pytest.raises(ActisegError, match="only reference rows"):
        analyze_runs([StoredRun(Path(), make_result(strategy="silent"))], Path("never"))


def test_without_matplotlib_one_line_says_which_extra_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # what the import system takes for a missing module
    with pytest.raises(MissingExtraError, match=r'analyze needs Matplotlib, .*: pip install "actiseg-nl\[plots\]"$'):
        analyze_runs(grid(tmp_path / "runs"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


Cli = Callable[..., tuple[int, str]]


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no chart where a test looks at what is printed alone: the charts have a test of their own."""
    monkeypatch.setattr(analysis, "CHARTS", {})


@pytest.mark.usefixtures("no_charts")
def test_the_command_prints_tables_and_files(spoken: Cli, tmp_path: Path) -> None:
    grid(tmp_path / "runs")
    code, printed = spoken("analyze", tmp_path / "runs")
    assert code == 0
    assert "Noise sensitivity" in printed
    assert "missing: no track of flip" in printed
    assert str(tmp_path / "runs" / "analysis" / "tiny-kitchen-quick-v1" / "clips.csv") in printed
    assert f"tables and charts are in {tmp_path / 'runs' / 'analysis'}; next: actiseg-bench report" in printed


@pytest.mark.usefixtures("no_charts")
def test_the_command_prints_json(spoken: Cli, tmp_path: Path) -> None:
    grid(tmp_path / "runs")
    code, printed = spoken("analyze", tmp_path / "runs", "--out", tmp_path / "out", "--json")
    (found,) = json.loads(printed)
    assert (code, found["protocol"], len(found["tables"]["failure_modes"])) == (0, "quick-v1", 6)


def test_the_command_draws_figures_for_a_paper(spoken: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "CHARTS", {"trade_off": analysis.draw_trade_off})
    grid(tmp_path / "runs")
    code, _ = spoken("analyze", tmp_path / "runs", "--figures", "pdf,svg")
    assert code == 0
    folder = tmp_path / "runs" / "analysis" / "tiny-kitchen-quick-v1"
    assert {path.name for path in folder.iterdir() if path.suffix != ".csv"} == {"trade_off.pdf", "trade_off.svg"}
    code, printed = spoken("analyze", tmp_path / "runs", "--figures", "jpg")
    assert (code, "unknown format of figures 'jpg'" in printed) == (2, True)


def test_an_output_that_is_a_file_is_bad_input(spoken: Cli, tmp_path: Path) -> None:
    grid(tmp_path / "runs")
    (tmp_path / "out").write_text("")
    code, printed = spoken("analyze", tmp_path / "runs", "--out", tmp_path / "out")
    assert (code, "choose another folder with --out" in printed) == (2, True)


def test_names_that_charts_paths_and_spreadsheets_would_act_on_are_shown_as_they_are(tmp_path: Path) -> None:
    """A formula with an unknown command stops a chart that reads one; a slash would leave the folder."""
    name = "=$\\nowhere{x}$ ../<b>"
    runs = [
        stored(tmp_path / f"run{i}", replace(result, model=name, track=replace(result.track, protocol="/../..")))
        for i, result in enumerate([at(name, 0.4), at("clean", 0.5), at("text-40", 0.3), at(name, 0.4, strategy=name)])
    ]
    (found,) = analyze_runs(runs, tmp_path / "out")
    assert {path.parent for path in found.files} == {tmp_path / "out" / found.study.name}
    assert "/" not in found.study.name
    assert {path.suffix for path in found.files} == {".csv", ".png"}
    tables = [path.read_text() for path in found.files if path.suffix == ".csv"]
    cells = {cell for table in tables for row in csv.reader(table.splitlines()) for cell in row}
    assert f"'{name}" in cells
    assert name not in cells
