"""``tune`` for Python: what the command of that name does, from the same record of options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_bench.grid.run import Reporter
    from actiseg_bench.results.stored import Results
    from actiseg_bench.tuning.choice import Choice


@dataclass(frozen=True)
class Tuning:
    """A finished tuning.

    Attributes:
        choices: one per track and strategy: its trials, the chosen one, and what clean labels would have chosen.
        results: the runs of defaults and of chosen options, and in ``failed`` what could not be made, trials too.
    """

    choices: list[Choice]
    results: Results


def tune(
    out: str | Path = "runs",
    *,
    trials: int = 8,
    protocol: str | None = None,
    strategy: Sequence[str] = (),
    track: Sequence[str] = (),
    strategy_options: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Tuning:
    """Draw hyper-parameters, choose on noisy validation, train what was chosen beside the defaults.

    The same call continues an interrupted one; a larger ``trials`` keeps the trials that are there.

    Args:
        out: where trials, runs and manifests go; one process at a time works there.
        trials: per strategy and track, the same for all; the first is the defaults.
        protocol: ``full`` (None), another one's name, or a TOML file. strategy, track: some of its names; none for all.
        strategy_options: hyper-parameters that are the same in all trials.
        reporter: is entered as a context manager and called as runs begin and end.
        options: the other fields of :class:`TuneOptions`, such as ``by``, ``seed``, ``trials_only``, ``root``.

    Raises:
        ActisegError: unknown names; a protocol without a validation split; a strategy without ranges; fewer than one
            trial; an ``out`` that is in use.
    """
    import actiseg_noise
    from actiseg_bench.results.stored import Results, find_run
    from actiseg_bench.tuning.options import PROTOCOL, TuneOptions
    from actiseg_bench.tuning.run import make_tuning

    for name in ("root", "eval_root"):
        options[name] = None if options.get(name) is None else Path(options[name])
    asked = TuneOptions(
        out=Path(out),
        trials=trials,
        protocol=protocol or PROTOCOL,
        strategy=tuple(strategy),
        track=tuple(track),
        strategy_options=dict(strategy_options or {}),
        **options,
    )
    made = make_tuning(asked, actiseg_noise.build, reporter)
    return Tuning(made.choices, Results([find_run(one, asked.out) for one in made.runs.results], made.failed))
