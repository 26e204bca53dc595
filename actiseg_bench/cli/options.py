"""What the command line says of a run, checked and made into its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_noise.errors import raise_if

if TYPE_CHECKING:
    from actiseg_bench.grid.tracks import Protocol
    from actiseg_bench.training.named_configs import NamedConfig

Configuration = Annotated[
    str | None, typer.Option("--config", help="How to learn: actionvos, or a TOML file. Other options win.")
]


def check_things(wanted: Sequence[str], protocol: Protocol | None, variant: str, model: str) -> list[str]:
    """Return the strategies to run, after refusing unknown names, and a variant that a strategy asked for lacks.

    Of all strategies, those that the published code does not have run as their paper says.
    """
    from actiseg_bench.grid.tracks import choose
    from actiseg_bench.models.base import MODELS
    from actiseg_bench.strategies.base import STRATEGIES

    _ = MODELS[model]
    named = protocol.strategies if protocol and isinstance(protocol.strategies, tuple) else ()
    names = choose("strategy", wanted or named, list(STRATEGIES))
    for name in wanted:
        STRATEGIES[name].card.make_options(variant, {})
    everywhere = sorted({known for name in names for known in STRATEGIES[name].card.variants})
    raise_if(variant not in everywhere, f"no strategy has a variant {variant!r}. Known: {', '.join(everywhere)}")
    return names


def read_changes(
    strategies: Sequence[str], options: Sequence[str], dice: float | None, steps: int | None
) -> dict[str, Any]:
    """Return what differs from the protocol: ``steps``, ``dice``, and the options of all chosen strategies."""
    from actiseg_bench.strategies.base import STRATEGIES

    changes: dict[str, Any] = {"steps": steps, "dice": dice}
    for text in options:
        name, equals, value = text.partition("=")
        raise_if(not equals or not name, f"--option {text}: expected NAME=VALUE, as in --option q=0.5")
        changes[name] = _parse(value)
        for strategy in strategies:
            STRATEGIES[strategy].card.make_options("faithful", {name: changes[name]})
    return {name: value for name, value in changes.items() if value is not None}


def _parse(value: str) -> Any:
    """Return a number, true, false or null as JSON has it; anything else is text."""
    from json import loads

    try:
        return loads(value)
    except ValueError:
        return value


def make_config(
    protocol: Protocol | None, named: NamedConfig | None, options: dict[str, Any], changes: dict[str, Any]
) -> Any:
    """Return the base configuration of all runs: the protocol's, then the named one's, then what was changed."""
    from actiseg_bench.training.config import RunConfig

    train: dict[str, Any] = {**(protocol.train if protocol else {}), **(named.train if named else {})}
    own = {name: value for name, value in changes.items() if name not in ("steps", "dice")}
    if "steps" in changes:
        train |= {"steps": changes["steps"], "epochs": None}
    if "dice" in changes:
        train["loss"] = {**train.get("loss", {}), "dice": changes["dice"]}
    return RunConfig.from_dict(options | {"train": train, "strategy_options": own})
