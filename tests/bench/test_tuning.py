"""Tuning: what is drawn, what chooses, what the table says, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import PROTOCOL, make_result, make_track

from actiseg_bench.grid.plan import make_plan
from actiseg_bench.grid.protocols import load_protocol
from actiseg_bench.grid.run import OwnSettings, RunSpec
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.tracks import manifest_finder
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.results.result import write_result
from actiseg_bench.results.stored import read_results
from actiseg_bench.strategies.base import FAITHFUL, STRATEGIES, PixelOptions, StrategyCard
from actiseg_bench.strategies.gce import GCE
from actiseg_bench.strategies.options import option
from actiseg_bench.strategies.ranges import LogUniform, OneOf, Uniform
from actiseg_bench.training.config import RunConfig
from actiseg_bench.tuning.choice import Trial, choose_trial
from actiseg_bench.tuning.options import TuneOptions
from actiseg_bench.tuning.run import check_draws, make_tuning
from actiseg_bench.tuning.space import RATES, draw_learning_rate, draw_options, search_space
from actiseg_noise.errors import ActisegError, UnknownNameError

Cli = Callable[..., tuple[int, str, str]]
OURS = [name for name in STRATEGIES if STRATEGIES[name].__module__.startswith("actiseg_bench.")]


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
    assert runner.config_of(own).variant == "faithful"
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
        (["--trials", "0"], "invalid value for '--trials': it must be greater than or equal to 1, got '0'"),
        (["--trials", "three"], "invalid value for '--trials': it must be a valid integer, got 'three'"),
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
