"""One record of options from the command line to the configuration, for ``run`` and for ``train``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from bench_fakes import make_track
from typer.testing import CliRunner

from actiseg_bench.cli.options import with_flags_of
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.plan import changed_id, make_runs
from actiseg_bench.grid.protocols import Protocol
from actiseg_bench.training.options import PRECISIONS, TRANSFORMER_ENGINE, TrainingOptions, TrainOptions, flag
from actiseg_noise.errors import ActisegError, UnknownNameError

Cli = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True, kw_only=True)
class Extended(RunOptions):
    """As somebody who adds an option would write it: one line."""

    colour: str = flag("red", "What colour.", name="--paint")


def typed(*words: str) -> Extended:
    """Return the options that a command line makes."""
    got: list[Extended] = []
    app = typer.Typer()

    @app.command()
    @with_flags_of(Extended)
    def command(options: Extended, loud: bool = False) -> None:
        got.append(options)

    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return got[0]


def test_what_is_typed_is_what_the_record_holds() -> None:
    words = ["--strategy", "gce", "--strategy", "sce", "--option", "q=0.5", "--option", "way=soft", "--steps", "3"]
    options = typed(*words, "--option", "span=[1, 0]", "--root", "data", "--keep-weights", "--paint", "blue")
    assert options == Extended(
        strategy=("gce", "sce"),
        strategy_options={"q": 0.5, "way": "soft", "span": [1, 0]},
        steps=3,
        root=Path("data"),
        keep_weights=True,
        colour="blue",
    )
    with pytest.raises(FrozenInstanceError):
        options.steps = 4  # type: ignore[misc]


def test_what_is_not_typed_has_the_default_of_its_field() -> None:
    assert typed("--all") == Extended(everything=True)
    assert typed("--all").colour == "red"


def test_a_number_below_its_least_is_refused_from_python_too() -> None:
    with pytest.raises(ActisegError, match="jobs: expected a number of at least 1, got 0"):
        RunOptions(everything=True, jobs=0)
    with pytest.raises(ActisegError, match="steps: expected a number of at least 1, got -2"):
        TrainOptions(manifest=Path("m"), out=Path("o"), steps=-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say what to run"),
        ({"everything": True, "manifest": Path("m")}, "--manifest and --all contradict each other"),
        ({"manifest": Path("m")}, "--manifest and --eval-manifest go together"),
        ({"strategy": "gce"}, r"strategy: expected a tuple of names, got 'gce'; write \('gce',\)"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        RunOptions(**options)


def test_what_is_given_wins_over_the_named_configuration_and_that_over_the_protocol(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nsteps = 7\nclips_per_batch = 3\n")
    options = TrainingOptions(config=str(path), steps=9, dice=0.5)
    train = options.configure({"steps": 5, "clips_per_batch": 2, "samples_per_clip": 4}, threads=1).train
    assert (train.steps, train.clips_per_batch, train.samples_per_clip, train.loss.dice) == (9, 3, 4, 0.5)


def test_the_record_of_a_training_becomes_its_configuration() -> None:
    options = TrainOptions(manifest=Path("m"), out=Path("o"), strategy="gce", strategy_options={"q": 0.5}, clips=2)
    config = options.run_config()
    assert (config.strategy, config.strategy_options, config.threads, config.train.clips_per_batch) == (
        "gce",
        {"q": 0.5},
        2,
        2,
    )


def test_runs_of_changed_options_are_kept_apart() -> None:
    protocol = Protocol("mini-v1", "kitchen", {"clean": "clean"}, train={"steps": 2})
    assert changed_id(protocol, RunOptions(everything=True, steps=2).changes()) == "mini-v1"
    options = RunOptions(everything=True, steps=3, strategy_options={"q": 0.5}, config="actionvos")
    assert changed_id(protocol, options.changes()) == "mini-v1+3-steps+q-0.5+config-actionvos"


@pytest.mark.parametrize("command", [["run", "--track", "clean"], ["train", "--manifest", "m"]])
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("q=abc", "strategy 'gce', option q: expected a number above 0 and of at most 1, got 'abc'"),
        ("q=-3", "option q: expected a number above 0 and of at most 1, got -3"),
        ("q=NaN", "got NaN"),
        ("guided=1", "option guided: expected true or false, got 1"),
        ("p=1", "strategy 'gce' has no option 'p'. Known: additive"),
        ("q", "expected NAME=VALUE"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_read_or_trained(
    cli: Cli, tmp_path: Path, command: list[str], option: str, message: str
) -> None:
    code, printed, error = cli(*command, "--strategy", "gce", "--option", option, "--out", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_an_option_must_fit_every_chosen_strategy() -> None:
    def build(*_: Any, **__: Any) -> Path:
        raise AssertionError("nothing is built")

    options = RunOptions(strategy=("gce", "sce"), track=("clean",), strategy_options={"q": 0.5})
    with pytest.raises(UnknownNameError, match="strategy 'sce' has no option 'q'"):
        make_runs(options, build)


def test_the_precisions_are_those_of_the_library_that_trains() -> None:
    from lightning_fabric.plugins.precision import precision

    theirs = (*get_args(precision._PRECISION_INPUT_STR), *get_args(precision._PRECISION_INPUT_STR_ALIAS))
    assert sorted((*PRECISIONS, *TRANSFORMER_ENGINE)) == sorted(theirs)


def test_an_option_is_held_against_the_variant_that_runs() -> None:
    options = RunOptions(strategy=("co_teaching",), variant="released", strategy_options={"keep_first": 0.05})
    with pytest.raises(ActisegError, match="keep_first and forget: expected .*, got 0.05 and 0.1"):
        make_runs(options, lambda *_, **__: make_track().eval_manifest)
