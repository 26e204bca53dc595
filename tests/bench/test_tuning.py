"""Tuning: what is drawn, what chooses, what is kept after a stop, what the table says, and what is refused."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import make_result, make_track

import actiseg_bench
import actiseg_noise
from actiseg_bench.grid.plan import make_plan, make_runs
from actiseg_bench.grid.run import OwnSettings, Reporter, RunSpec
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.tracks import load_protocol, manifest_finder
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.results.result import write_result
from actiseg_bench.results.stored import read_results
from actiseg_bench.strategies.base import FAITHFUL, STRATEGIES, PixelOptions, StrategyCard
from actiseg_bench.strategies.gce import GCE
from actiseg_bench.strategies.options import option
from actiseg_bench.strategies.ranges import LogUniform, OneOf, Uniform
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.train import NotFiniteError
from actiseg_bench.tuning import trials as trials_module
from actiseg_bench.tuning.choice import Trial, choose_trial
from actiseg_bench.tuning.options import TuneOptions
from actiseg_bench.tuning.run import TuneOutcome, check_draws, make_tuning
from actiseg_bench.tuning.space import RATES, draw_learning_rate, draw_options, search_space
from actiseg_noise.errors import ActisegError, UnknownNameError

Cli = Callable[..., tuple[int, str, str]]
OURS = [name for name in STRATEGIES if STRATEGIES[name].__module__.startswith("actiseg_bench.")]

PROTOCOL = """
id = "mini-v1"
dataset = "kitchen"
train_split = "train"
validation_split = "val"
eval_split = "test"
strategies = ["baseline", "gce"]
[tracks]
mixed-40-15 = "mixed-40-15"
[train]
steps = 2
clips_per_batch = 2
learning_rate = 1e-4
fresh_factor = 1.0
"""


DOCS = Path(__file__).resolve().parents[2] / "docs"
trains = pytest.mark.slow
BUILD = partial(actiseg_noise.build, limit=4, workers=1, gate=False)


# what is drawn


def test_a_trial_is_the_same_however_many_there_are_and_trial_0_is_the_defaults() -> None:
    space = {"alpha": LogUniform(0.1, 10), "beta": Uniform(0, 1), "way": OneOf(("a", "b", "c"))}
    four, eight = ([draw_options(space, 0, "sce", trial) for trial in range(n)] for n in (4, 8))
    assert four == eight[:4]
    assert four[0] == {}
    assert len({json.dumps(one) for one in eight}) == 8
    assert draw_options(space, 1, "sce", 3) != four[3]
    assert draw_options(space, 0, "gce", 3) != four[3]
    fewer = {name: space[name] for name in ("beta",)}
    assert draw_options(fewer, 0, "sce", 3) == {"beta": four[3]["beta"]}


def test_the_learning_rate_is_drawn_for_every_strategy_over_the_same_factors() -> None:
    for name in ("baseline", "gce"):
        drawn = [draw_learning_rate(2e-3, 0, name, trial) for trial in range(200)]
        assert drawn[0] == 2e-3
        assert 2e-3 * RATES.low <= min(drawn) < 0.8e-3
        assert 5e-3 < max(drawn) <= 6e-3
    assert search_space("baseline") == {}


@pytest.mark.parametrize("name", OURS)
def test_every_strategy_with_options_has_ranges_and_every_draw_can_be_made(name: str) -> None:
    card = STRATEGIES[name].card
    space = search_space(name)
    assert bool(space) == bool(card.list_options())
    for trial in range(64):
        made = card.make_options(FAITHFUL, draw_options(space, 0, name, trial))
        assert {key: made.to_dict()[key] for key in draw_options(space, 0, name, trial)} == draw_options(
            space, 0, name, trial
        )


def test_what_the_authors_advise_is_what_sce_is_tuned_over() -> None:
    space = search_space("sce")
    assert space["log_zero"].ends() == (-1.0, -2.0)
    assert space["beta"].ends() == (6, 10)


def test_an_option_that_somebody_set_is_not_drawn() -> None:
    assert list(search_space("sce", {"beta"})) == ["alpha", "log_zero"]


# what chooses


def trials(*scores: tuple[float | None, float | None]) -> list[Trial]:
    """Trials with a (given, clean) p-mIoU each; None as given score is a trial without any."""
    made = []
    for number, (given, clean) in enumerate(scores):
        own = OwnSettings({"q": number / 10}, 1e-3, {"seed": 0, "trial": number})
        spec = RunSpec(make_track("flip-40"), "tiny", "gce", f"trial-{number}", 0, own)
        if given is None:
            made.append(Trial(spec, error="the loss is NaN"))
        else:
            made.append(
                Trial(spec, f"key {number}", {"p_miou": given, "giou": 1 - given}, {"p_miou": clean, "giou": 0.0})
            )
    return made


def test_the_given_labels_choose_and_the_clean_ones_are_told() -> None:
    choice = choose_trial(trials((0.2, 0.3), (0.5, 0.4), (0.4, 0.6)), "p_miou", 0)
    assert (choice.chosen and choice.chosen.number, choice.by_clean and choice.by_clean.number) == (1, 2)
    assert choice.regret == pytest.approx(0.2)
    told = choice.to_json()
    assert told["chosen"] == {"trial": 1, "given": 0.5, "clean": 0.4, "settings": {"q": 0.1, "learning_rate": 1e-3}}
    assert told["clean_would_choose"]["trial"] == 2
    assert [one["trial"] for one in told["trials"]] == [0, 1, 2]
    assert choice.about() == {"seed": 0, "trials": 3, "by": "p_miou", "trial": 1}


def test_clean_scores_never_move_the_choice() -> None:
    for clean in ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9), (0.0, 0.0, 0.0)):
        choice = choose_trial(trials(*zip((0.2, 0.5, 0.4), clean, strict=True)), "p_miou", 0)
        assert choice.chosen is not None and choice.chosen.number == 1


def test_the_measure_that_is_asked_for_chooses() -> None:
    choice = choose_trial(trials((0.2, 0.3), (0.5, 0.4)), "giou", 0)
    assert choice.chosen is not None and choice.chosen.number == 0


def test_of_equal_trials_the_first_is_chosen_so_that_the_defaults_stay() -> None:
    choice = choose_trial(trials((0.5, 0.1), (0.5, 0.2)), "p_miou", 0)
    assert choice.chosen is not None and choice.chosen.number == 0


def test_a_failed_trial_is_lost_and_counts() -> None:
    choice = choose_trial(trials((None, None), (0.1, 0.1), (None, None)), "p_miou", 0)
    assert choice.chosen is not None and choice.chosen.number == 1
    assert choice.about()["trials"] == 3
    assert choice.to_json()["trials"][0]["error"] == "the loss is NaN"
    nothing = choose_trial(trials((None, None)), "p_miou", 0)
    assert (nothing.chosen, nothing.by_clean, nothing.regret) == (None, None, None)


# settings of a run's own


def test_a_run_s_own_settings_go_before_the_protocol_s_and_are_part_of_its_key() -> None:
    runner = TorchRunner(RunConfig(start_weights="none"), options={"gce": {"q": 0.2, "guided": False}})
    plain = RunSpec(make_track(), "tiny", "gce", "faithful", 0)
    own = replace(plain, variant="tuned", own=OwnSettings({"q": 0.5}, 2e-4, {"trials": 4, "trial": 3}))
    config = runner.identity(own).config
    assert config["strategy_options"] == {"q": 0.5, "guided": False}
    assert config["train"]["learning_rate"] == 2e-4
    assert (config["variant"], config["tuning"]) == ("tuned", {"trials": 4, "trial": 3})
    assert runner._config(own).variant == "faithful"
    before = runner.identity(plain)
    assert (before.config["strategy_options"], before.config["train"]["learning_rate"]) == (
        {"q": 0.2, "guided": False},
        3e-4,
    )
    assert "tuning" not in before.config
    other = replace(own, own=OwnSettings({"q": 0.5}, 2e-4, {"trials": 8, "trial": 3}))
    assert len({runner.identity(one).key() for one in (plain, own, other)}) == 3


# the table


def tuned(strategy: str, q: float, trials: int = 4) -> Any:
    config = {
        "strategy_options": {"q": q},
        "train": {"steps": 2, "learning_rate": 1e-3 * q},
        "tuning": {"seed": 0, "trials": trials, "by": "p_miou", "trial": 3},
    }
    return make_result(track="flip-40", strategy=strategy, variant="tuned", config=config)


def plain(strategy: str, steps: int = 2, rate: float = 1e-3) -> Any:
    config = {"strategy_options": {}, "train": {"steps": steps, "learning_rate": rate}}
    return make_result(track="flip-40", strategy=strategy, config=config)


def test_a_table_has_both_rows_and_says_the_options_of_the_tuned_ones() -> None:
    (board,) = make_leaderboards([plain("gce"), tuned("gce", 0.5), plain("sce"), tuned("sce", 0.25)])
    assert [row.name for row in board.blocks[0].rows] == ["gce-faithful", "gce-tuned", "sce-faithful", "sce-tuned"]
    notes = "\n".join(board.notes)
    assert (
        "flip-40, tuned rows, best p-mIoU of 4 trials: gce q 0.5, learning rate 0.0005 (trial 3); "
        "sce q 0.25, learning rate 0.00025 (trial 3)."
    ) in notes
    assert "differ in their training configuration" not in notes
    assert "budgets" not in notes


def test_a_table_warns_of_unequal_budgets_and_of_other_differences_in_training() -> None:
    (board,) = make_leaderboards([plain("gce"), tuned("gce", 0.5), tuned("sce", 0.25, trials=8)])
    assert any("Warning: tuned rows had 2 budgets" in note for note in board.notes)
    for others in ([plain("gce"), plain("sce", steps=3)], [plain("gce"), plain("sce", rate=2e-3)]):
        (board,) = make_leaderboards([*others, tuned("gce", 0.5)])
        assert any("differ in their training configuration" in note for note in board.notes)


def test_trials_are_no_rows_of_a_table(tmp_path: Path) -> None:
    write_result(tmp_path / "quick-v1" / "a", plain("gce"))
    write_result(tmp_path / "tuning-trials" / "quick-v1" / "b", tuned("gce", 0.5))
    assert len(read_results(tmp_path)) == 1
    assert len(read_results(tmp_path / "tuning-trials")) == 1


# what is refused


@dataclass(frozen=True)
class NoRanges(PixelOptions):
    """As a strategy of another package may have them."""

    gamma: float = option(2.0, "its own")


class Untunable(GCE):
    """A strategy whose options have no ranges."""

    card = StrategyCard("untunable", "Untunable", "–", "nobody", options=NoRanges)


def never(*_: Any, **__: Any) -> Path:
    raise AssertionError("nothing is built")


def test_a_strategy_without_ranges_is_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(STRATEGIES)
    monkeypatch.setitem(STRATEGIES._things, "untunable", Untunable)
    options = TuneOptions(strategy=("untunable",), out=tmp_path / "runs")
    message = r"strategy 'untunable' cannot be tuned: none of its options \(gamma, additive\) says what to draw it from"
    with pytest.raises(ActisegError, match=message):
        make_tuning(options, never)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials", "0"], "Invalid value for '--trials'"),
        (["--trials", "three"], "Invalid value for '--trials': Input should be a valid integer"),
        (["--strategy", "gcee"], "unknown strategy 'gcee'. Did you mean 'gce'?"),
        (["--track", "flip-41"], "unknown track 'flip-41'. Did you mean 'flip-4"),
        (["--strategy", "gce", "--option", "p=1"], "strategy 'gce' has no option 'p'"),
        (["--strategy", "gce", "--option", "q=2"], "option q: expected a number above 0 and of at most 1, got 2"),
        (["--by", "n_miou"], "unknown measure 'n_miou'. Did you mean 'p_miou'?"),
        (["--variant", "released"], "tuning varies the method of its own paper"),
        (["--protocol", "quick"], "protocol quick-v2 has no validation_split"),
        (["--protocol", "nothing"], "unknown protocol 'nothing'"),
    ],
)
def test_bad_usage_is_told_before_anything_is_built_or_trained(
    cli: Cli, tmp_path: Path, words: list[str], message: str
) -> None:
    code, printed, error = cli("tune", *words, "--out", tmp_path / "runs")
    assert (code, printed) == (2, "")
    assert message in re.sub(r"[│\s]+", " ", error)
    assert not list(tmp_path.iterdir())


def test_fewer_than_one_trial_is_refused_from_python_too() -> None:
    with pytest.raises(ActisegError, match="trials: expected a number of at least 1, got 0"):
        TuneOptions(trials=0)
    with pytest.raises(UnknownNameError, match="measure"):
        TuneOptions(by="loss")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_validation_split_that_is_trained_or_scored_on_is_refused(tmp_path: Path, split: str) -> None:
    path = tmp_path / "mini.toml"
    path.write_text(PROTOCOL.replace('validation_split = "val"', f'validation_split = "{split}"'))
    with pytest.raises(ActisegError, match=f"are both '{split}': what chooses may not be what is trained or scored on"):
        make_tuning(TuneOptions(protocol=str(path), out=tmp_path / "runs"), never)


def test_options_that_a_draw_does_not_go_with_are_refused(tmp_path: Path) -> None:
    options = TuneOptions(strategy=("co_teaching",), strategy_options={"keep_first": 0.1}, out=tmp_path)
    plan = make_plan(options.as_run())
    with pytest.raises(ActisegError, match=r"trial \d+ draws what cannot be: .*keep_first and forget"):
        check_draws(plan, {"co_teaching": search_space("co_teaching", {"keep_first"})}, options)


def test_a_protocol_or_track_may_not_have_the_name_of_the_trials_folder(tmp_path: Path) -> None:
    path = tmp_path / "mini.toml"
    path.write_text(PROTOCOL.replace("mini-v1", "tuning-trials"))
    with pytest.raises(ActisegError, match="is where the trials of tuning lie"):
        load_protocol(path)


def test_only_the_validation_split_is_noised_on_purpose(tmp_path: Path) -> None:
    asked = []

    def build(dataset: str, *, split: str, recipe: str, out: Path, **options: Any) -> Path:
        asked.append((split, recipe, options.get("allow_eval", False)))
        return out

    find = manifest_finder(load_protocol("full"), tmp_path, build)
    for split in ("train", "val", "test"):
        find(split, "flip-40", 0)
    assert asked == [("train", "flip-40", False), ("val", "flip-40", True), ("test", "flip-40", False)]


# from end to end


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


@trains
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


@trains
def test_a_tuning_that_was_interrupted_keeps_its_finished_trials(tuning: Tuned) -> None:
    assert tuning.first.made == ["baseline-trial-0", "baseline-trial-1", "baseline-trial-2"]
    assert tuning.then.kept == tuning.first.made
    assert tuning.then.made == ["gce-trial-0", "gce-trial-1", "gce-trial-2", *ROWS]
    assert tuning.made.failed == []


@trains
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


@trains
def test_the_file_beside_the_tuned_runs_says_what_the_function_returned(tuning: Tuned) -> None:
    for choice in tuning.made.choices:
        name = f"{choice.spec.strategy}-tuned"
        path = tuning.out / "mini-v1" / "mixed-40-15" / "tiny" / name / "tune.json"
        assert json.loads(path.read_text("utf-8")) == json.loads(json.dumps(choice.to_json()))


@trains
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


@trains
def test_what_was_tuned_can_be_verified(tuning: Tuned, cli: Cli) -> None:
    code, printed, _ = cli("verify", tuning.out)
    assert (code, "6 runs: all checks passed" in printed) == (0, True)


@trains
def test_more_trials_keep_the_ones_that_are_there_and_trials_alone_train_nothing_else(tuning: Tuned) -> None:
    events = Events()
    made = tuning.call(events, trials=4, trials_only=True)
    assert events.made == ["baseline-trial-3", "gce-trial-3"]
    assert len(events.kept) == 6
    assert made.runs.results == []
    for before, after in zip(tuning.made.choices, made.choices, strict=True):
        assert [one.run_key for one in after.trials[:3]] == [one.run_key for one in before.trials]


@trains
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


@trains
def test_the_command_prints_what_was_chosen_and_the_table(
    tuning: Tuned, cli: Cli, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["actiseg_bench.cli.tune"], "build_manifest", BUILD)
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


@trains
def test_a_trial_that_fails_is_named_counts_as_lost_and_the_exit_code_is_1(
    tuning: Tuned, cli: Cli, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["actiseg_bench.cli.tune"], "build_manifest", BUILD)

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


@trains
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
