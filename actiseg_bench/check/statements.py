"""A result by itself: its statements against its digest, its key, its folder and each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from actiseg_bench.check.case import Case
from actiseg_bench.check.findings import NotChecked, Outcome, RunFinding
from actiseg_bench.results.result import (
    DIGEST,
    NO_VARIANT,
    RESULT_NAME,
    SCHEMA_VERSION,
    RunIdentity,
    RunResult,
    result_digest,
)
from actiseg_bench.results.stored import row_folder, run_folder
from actiseg_bench.results.typed import shown
from actiseg_noise.borders.text import read_bytes
from actiseg_noise.borders.writing import json_bytes
from actiseg_noise.errors import ActisegError, DataError


def verify_digest(case: Case) -> Outcome:
    """Hold the result against its own digest; one of schema 2 has none, and is held against the form of such a file."""
    if case.result.schema_version < SCHEMA_VERSION:
        yield NotChecked(f"a result of schema {case.result.schema_version} has none")
        yield from _verify_form(case)
        return
    found = result_digest(case.data)
    if found != case.data[DIGEST]:
        yield RunFinding(case.where, "digest of the result", str(case.data[DIGEST]), f"{found}, of what it states")


def _verify_form(case: Case) -> Outcome:
    """Find a file that another program wrote again, as an edit by a script does."""
    written = json_bytes(case.data)
    if read_bytes(case.run.folder / RESULT_NAME) != written:
        stated = f"a {RESULT_NAME} as it was written: indented by one, in this order"
        yield RunFinding(case.where, "form of the result", stated, "another form: it was edited or written again")


def verify_key(case: Case) -> Outcome:
    """Make the run's key again from what the result says made it."""
    key = RunIdentity.of(case.result).key()
    if key != case.result.run_key:
        yield RunFinding(case.where, "run key", case.result.run_key, f"{key}, from what the result says made it")


def verify_place(case: Case) -> Outcome:
    """Hold protocol, track, model, strategy, variant and seed against the folder that the run lies in."""
    result = case.result
    try:
        stated = run_folder(result.track, result.model, row_folder(result), result.seed, Path()).parts
    except DataError as error:
        yield RunFinding(case.where, "folder", "names of folders", str(error))
        return
    found = Path(os.path.abspath(case.run.folder)).parts[-len(stated) :]  # noqa: PTH100 - a link's own name counts
    if found != stated:
        yield RunFinding(case.where, "folder", "/".join(stated), "/".join(found))


def verify_sums(case: Case) -> Outcome:
    """Hold the statements of a result against each other: steps and threads against the configuration."""
    result = case.result
    train = result.config.get("train")
    pairs: dict[str, tuple[Any, Any]] = {}
    if result.is_reference:
        pairs = {
            "variant": (result.variant, NO_VARIANT),
            "steps": (result.cost.steps, 0),
            "seconds of training": (result.cost.train_s, 0),
            "losses": (len(result.losses), 0),
            "oracle": (result.oracle, None),
        }
    elif isinstance(train, dict) and "steps" in train:
        pairs = {"steps": (result.cost.steps, _all_steps(result, train["steps"]))}
    for name in ("model", "strategy", "variant", "seed", "threads"):
        if name in result.config:
            stated = result.provenance.threads if name == "threads" else getattr(result, name)
            pairs[f"config, {name}"] = (stated, result.config[name])
    for name, (one, other) in pairs.items():
        if one != other:
            yield RunFinding(case.where, name, shown(one), f"{shown(other)}, from the rest of the result")


def _all_steps(result: RunResult, steps: Any) -> Any:
    """Return a run's ``steps`` with the updates that its strategy makes before it, where they can be told."""
    from actiseg_bench.strategies.base import STRATEGIES, updates_before

    try:
        options = STRATEGIES[result.strategy].card.make_options(
            result.variant, dict(result.config.get("strategy_options", {}))
        )
        return steps + updates_before(options, steps)
    except (ActisegError, TypeError, ValueError):  # what is edited is said by the checks of its own
        return steps
