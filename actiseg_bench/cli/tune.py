"""``tune``: equal trials for every strategy, chosen on noisy validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from actiseg_bench.cli.base import AsJson, TextEncoder, app, build_manifest, continued_later, wide_console
from actiseg_bench.cli.options import with_flags_of
from actiseg_bench.tuning.options import TuneOptions

if TYPE_CHECKING:
    from actiseg_bench.tuning.choice import Choice, Trial
    from actiseg_bench.tuning.run import TuneOutcome


@app.command()
@with_flags_of(TuneOptions)
def tune(options: TuneOptions, text_encoder: TextEncoder = None, json: AsJson = False) -> None:
    """Draw options, choose them on noisy validation, and print a table with both rows: defaults and tuned.

    Every strategy has equally many trials. The same command continues after a stop.
    """
    from actiseg_noise.borders.processes import loading
    from actiseg_noise.terminal import printed_results

    kept = f"finished trials and runs are kept in {options.out}, and the same command continues from there."
    with continued_later(kept):
        with loading():
            from actiseg_bench.cli.progress import GridProgress
            from actiseg_bench.tuning.run import make_tuning

        made = make_tuning(options, build_manifest, GridProgress())
    with printed_results(options.out):
        _print(made, options, json)
    if made.failed:
        raise typer.Exit(1)


def _print(made: TuneOutcome, options: TuneOptions, as_json: bool) -> None:
    """Print what was chosen, the leaderboard, and what failed."""
    from actiseg_bench.report.leaderboard import leaderboard
    from actiseg_bench.report.render import print_leaderboards, to_json
    from actiseg_bench.results.stored import Results, find_run
    from actiseg_noise.terminal import print_error, print_json, print_next

    boards = leaderboard(Results([find_run(result, options.out) for result in made.runs.results]))
    if as_json:
        failed = [{"run": name, "error": message} for name, message in made.failed]
        choices = [choice.to_json() for choice in made.choices]
        print_json({"choices": choices, "failed": failed, "leaderboards": to_json(boards)})
    else:
        _print_choices(made.choices, options)
        print_leaderboards(boards, wide_console())
        print_next(f"trials and runs are in {options.out}", ("actiseg-bench", "leaderboard", options.out))
    for name, message in made.failed:
        print_error(f"{name} failed: {message}")


def _print_choices(choices: list[Choice], options: TuneOptions) -> None:
    """Print one line per track and strategy: what was chosen, and what clean labels would have chosen."""
    from actiseg_bench.metrics.actionvos import TITLES
    from actiseg_noise.terminal import print_table, print_text

    header = ("track", "strategy", "chosen", "noisy", "clean", "clean would choose", "clean", "lost", "settings")
    rows = [
        (
            choice.spec.track.info.name,
            choice.spec.strategy,
            _number(choice.chosen),
            _score(choice.chosen, "given", choice.by),
            _score(choice.chosen, "clean", choice.by),
            _number(choice.by_clean),
            _score(choice.by_clean, "clean", choice.by),
            "–" if choice.regret is None else f"{100 * choice.regret:.1f}",
            _settings(choice.chosen.settings() if choice.chosen else {}),
        )
        for choice in choices
    ]
    print_table(f"{options.trials} trials each, {TITLES[options.by]} on validation", header, rows)
    print_text(
        "Chosen by the labels as given, which have the track's noise; clean ones are told and choose nothing. "
        "Trial 0 is the defaults."
    )


def _number(trial: Trial | None) -> str:
    return "none" if trial is None else f"trial {trial.number}"


def _score(trial: Trial | None, labels: str, by: str) -> str:
    """Return a trial's score times 100, – where there is none."""
    scores = None if trial is None else getattr(trial, labels)
    return "–" if scores is None or scores[by] is None else f"{100 * scores[by]:.1f}"


def _settings(values: Mapping[str, Any]) -> str:
    """Return ``q=0.45 learning_rate=0.0012``."""
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    )
