"""Tuning from end to end: what is kept after a stop, what is stored, verified and printed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import PROTOCOL

import actiseg_bench
import actiseg_noise
from actiseg_bench.grid.plan import make_runs
from actiseg_bench.grid.run import Reporter, RunSpec
from actiseg_bench.results.stored import read_results
from actiseg_bench.training.failures import NotFiniteError
from actiseg_bench.tuning import trials as trials_module
from actiseg_bench.tuning.options import TuneOptions
from actiseg_bench.tuning.run import TuneOutcome, make_tuning
from actiseg_noise.errors import ActisegError

pytestmark = pytest.mark.slow  # all of them stand on one tuning, which trains for seconds
Cli = Callable[..., tuple[int, str, str]]
DOCS = Path(__file__).resolve().parents[2] / "docs"
BUILD = partial(actiseg_noise.build, limit=4, workers=1, gate=False)


class Events(Reporter):
    """Keeps what happens, and interrupts in the middle of a run that is named."""

    def __init__(self, stop: str = "") -> None:
        self.made: list[str] = []
        self.kept: list[str] = []
        self._stop = stop

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        if self._stop and self._stop in spec.name:
            raise KeyboardInterrupt

    def end(self, spec: RunSpec, status: str, detail: str) -> None:
        (self.kept if status == "kept" else self.made).append(f"{spec.strategy}-{spec.variant}")


ROWS = ["start--", "silent--", "baseline-faithful", "gce-faithful", "baseline-tuned", "gce-tuned"]


@dataclass
class Tuned:
    """A tuning that was interrupted in its fourth trial, and continued."""

    out: Path
    first: Events
    then: Events
    made: TuneOutcome
    call: Callable[..., TuneOutcome]


@pytest.fixture(scope="module")
def tuning(tmp_path_factory: pytest.TempPathFactory, kitchen_root: Path) -> Tuned:
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "mini.toml").write_text(PROTOCOL)

    def call(reporter: Reporter, trials: int = 3, **options: Any) -> TuneOutcome:
        shared = {"protocol": str(folder / "mini.toml"), "out": folder / "runs", "root": kitchen_root}
        machine = {"threads": 1, "device": "cpu"}
        return make_tuning(TuneOptions(trials=trials, **shared, **machine, **options), BUILD, reporter)

    first, then = Events("gce-trial-0"), Events()
    with pytest.raises(KeyboardInterrupt):
        call(first)
    return Tuned(folder / "runs", first, then, call(then), call)


def test_the_rows_of_defaults_are_those_that_run_makes(tuning: Tuned, kitchen_root: Path) -> None:
    options = TuneOptions(
        protocol=str(tuning.out.parent / "mini.toml"), out=tuning.out, root=kitchen_root, threads=1, device="cpu"
    )
    made = make_runs(options.as_run(), BUILD)
    assert [(one.strategy, one.variant) for one in made.results] == [
        ("start", "-"),
        ("silent", "-"),
        ("baseline", "faithful"),
        ("gce", "faithful"),
    ]
    assert made.kept == 4


def test_a_tuning_that_was_interrupted_keeps_its_finished_trials(tuning: Tuned) -> None:
    assert tuning.first.made == ["baseline-trial-0", "baseline-trial-1", "baseline-trial-2"]
    assert tuning.then.kept == tuning.first.made
    assert tuning.then.made == ["gce-trial-0", "gce-trial-1", "gce-trial-2", *ROWS]
    assert tuning.made.failed == []


def test_both_scores_of_every_trial_are_stored_and_differ(tuning: Tuned) -> None:
    for choice in tuning.made.choices:
        assert len(choice.trials) == 3
        for trial in choice.trials:
            assert trial.given and trial.clean
            assert trial.given != trial.clean
            folder = trial.spec.folder(tuning.out / "tuning-trials")
            assert sorted(path.name for path in folder.iterdir()) == [
                "given.json",
                "object_frames.parquet",
                "predictions.parquet",
                "result.json",
            ]
    assert [one.spec.strategy for one in tuning.made.choices] == ["baseline", "gce"]


def test_the_file_beside_the_tuned_runs_says_what_the_function_returned(tuning: Tuned) -> None:
    for choice in tuning.made.choices:
        name = f"{choice.spec.strategy}-tuned"
        path = tuning.out / "mini-v1" / "mixed-40-15" / "tiny" / name / "tune.json"
        assert json.loads(path.read_text("utf-8")) == json.loads(json.dumps(choice.to_json()))


def test_the_tuned_runs_have_the_chosen_options_and_stand_beside_the_defaults(tuning: Tuned) -> None:
    results = {(one.strategy, one.variant): one for one in read_results(tuning.out)}
    assert sorted(name for name, _ in results) == ["baseline", "baseline", "gce", "gce", "silent", "start"]
    for choice in tuning.made.choices:
        made, chosen = results[choice.spec.strategy, "tuned"], choice.chosen
        assert chosen is not None and chosen.given is not None
        assert chosen.given["p_miou"] == max(one.given["p_miou"] for one in choice.trials if one.given)
        settings = {**made.config["strategy_options"], "learning_rate": made.config["train"]["learning_rate"]}
        assert settings == chosen.settings()
        assert made.config["tuning"] == choice.about()
        assert made.track == results[choice.spec.strategy, "faithful"].track
    assert "tuned rows, best p-mIoU of 3 trials: baseline learning rate" in str(
        actiseg_bench.leaderboard(tuning.out)
    ).replace("\n", " ")


def test_what_was_tuned_can_be_verified(tuning: Tuned, cli: Cli) -> None:
    code, printed, _ = cli("verify", tuning.out)
    assert (code, "6 runs: all checks passed" in printed) == (0, True)


def test_more_trials_keep_the_ones_that_are_there_and_trials_alone_train_nothing_else(tuning: Tuned) -> None:
    events = Events()
    made = tuning.call(events, trials=4, trials_only=True)
    assert events.made == ["baseline-trial-3", "gce-trial-3"]
    assert len(events.kept) == 6
    assert made.runs.results == []
    for before, after in zip(tuning.made.choices, made.choices, strict=True):
        assert [one.run_key for one in after.trials[:3]] == [one.run_key for one in before.trials]


def test_scores_of_another_trial_are_refused_and_what_to_do_is_said(tuning: Tuned) -> None:
    trial = tuning.made.choices[0].trials[1]
    path = trial.spec.folder(tuning.out / "tuning-trials") / "given.json"
    kept = path.read_text("utf-8")
    try:
        for text, message in (
            (kept.replace(str(trial.run_key), "other"), "the scores of another trial"),
            (json.dumps({"run_key": trial.run_key, "scores": {"p_miou": 2}}), "expected the six scores"),
        ):
            path.write_text(text, "utf-8")
            with pytest.raises(ActisegError, match=f"{message}.*Remove the folder .*baseline-trial-1/seed0"):
                tuning.call(Events(), trials_only=True)
    finally:
        path.write_text(kept, "utf-8")


def test_the_command_prints_what_was_chosen_and_the_table(
    tuning: Tuned, cli: Cli, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("actiseg_bench.cli.tune"), "build_manifest", BUILD)
    words = ["--protocol", tuning.out.parent / "mini.toml", "--out", tuning.out, "--root", kitchen_root]
    words += ["--trials", 3, "--threads", 1, "--device", "cpu"]
    code, printed, _ = cli("tune", *words)
    assert code == 0
    assert "3 trials each, p-mIoU on validation" in printed
    assert re.search(r"mixed-40-15 +gce +trial [012]", printed)
    assert "gce@tuned" in printed
    code, printed, _ = cli("tune", *words, "--json")
    told = json.loads(printed)
    assert (code, told["failed"]) == (0, [])
    assert told["choices"] == json.loads(json.dumps([choice.to_json() for choice in tuning.made.choices]))


def test_a_trial_that_fails_is_named_counts_as_lost_and_the_exit_code_is_1(
    tuning: Tuned, cli: Cli, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("actiseg_bench.cli.tune"), "build_manifest", BUILD)

    def fail(*_: Any) -> None:
        raise NotFiniteError("the loss is NaN at step 1")

    monkeypatch.setattr(trials_module.TrialRunner, "execute", fail)
    words = ["--protocol", tuning.out.parent / "mini.toml", "--out", tuning.out, "--root", kitchen_root]
    words += ["--trials", 5, "--threads", 1, "--device", "cpu", "--strategy", "gce", "--trials-only", "--json"]
    code, printed, error = cli("tune", *words)
    (told,) = json.loads(printed)["choices"]
    assert code == 1
    assert "gce-trial-4 seed 0 failed: the loss is NaN at step 1" in error
    assert len(told["trials"]) == 5
    assert told["trials"][4]["error"] == "the loss is NaN at step 1"
    assert told["chosen"]["trial"] in range(4)


def test_the_code_of_the_page_runs(
    tmp_path: Path, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", (DOCS / "tuning.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.toml").write_text(PROTOCOL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))
    monkeypatch.setattr(actiseg_noise, "build", BUILD)
    exec(code.replace("trials=4", "trials=2"), {})  # noqa: S102 - of this repository
    printed = capsys.readouterr().out
    assert re.search(r"^gce \{.*'learning_rate': [\d.e-]+\} [\d.]+$", printed, re.MULTILINE)
    assert "gce@tuned" in printed
