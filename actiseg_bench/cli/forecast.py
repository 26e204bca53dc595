"""What ``run --dry-run`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actiseg_bench.cli.base import build_manifest, recipe_has_noise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actiseg_bench.grid.forecast import Forecast, StrategyForecast
    from actiseg_bench.grid.options import RunOptions


def print_forecast(options: RunOptions, seconds: float | None, *, as_json: bool) -> None:
    """Print what a grid would do.

    Args:
        seconds: for which every strategy is timed; None for not at all.
    """
    import actiseg_noise
    from actiseg_bench.cli.progress import GridProgress
    from actiseg_bench.grid.forecast import forecast
    from actiseg_noise.terminal import print_json, print_table

    find_root = actiseg_noise.dataset_root
    with GridProgress() as progress:
        found = forecast(
            options, build_manifest, recipe_has_noise, find_root=find_root, seconds=seconds, reporter=progress
        )
    if as_json:
        print_json(found.to_json())
        return
    print_table(f"dry run: {found.protocol} with {found.model}", ("", ""), list(_lines(found)))
    header = ("strategy", "networks", "updates a run", "runs", "done", "s a step", "hours a run")
    print_table("", header, [_cells(found, row) for row in found.strategies])


def _lines(found: Forecast) -> Iterator[tuple[str, str]]:
    """Yield what is counted and how it is called."""
    from actiseg_noise.building.dry_run import in_units
    from actiseg_noise.terminal import counted

    tracks, methods = len(found.tracks), len(found.strategies)
    counts = counted(methods, "strategy", "strategies"), counted(tracks, "track"), counted(found.seeds, "seed")
    trained = " × ".join(counts)
    runs = f"{found.runs:,}: {trained}, and {found.references} reference rows"
    yield "runs", f"{found.runs:,} in part {found.shard} of {trained}, and reference rows" if found.shard else runs
    yield "done", f"{found.done:,} of them, in {found.out}"
    yield "labels", f"{found.clips:,} clips, {found.samples:,} samples, {found.items:,} items an epoch"
    yield "an epoch", f"{found.epoch_steps:,.0f} updates"
    yield "updates", f"{found.updates:,} of all networks, {found.updates_left:,} of them to be made"
    if found.hours_left is None:
        yield "time", "not measured; --time 60 trains every strategy for a minute"
    else:
        hours = found.hours_left
        takes = f"{hours:,.1f} hours" if hours >= 1 else counted(max(1, round(60 * hours)), "minute")
        yield "time", f"about {takes} on {found.device}, one run after another"
    missing = found.manifests - found.manifests_built
    yield "manifests", f"about {in_units(found.manifest_bytes)}; {missing} of {found.manifests} are still to be built"
    yield "predictions", f"about {in_units(found.run_bytes)}"
    kept = f"about {in_units(found.weight_bytes)}" if found.weight_bytes else "not kept; --keep-weights does"
    yield "weights", kept


def _cells(found: Forecast, row: StrategyForecast) -> tuple[str, ...]:
    """Return the line of one strategy."""
    hours = found.hours_of(row)
    times = ("–", "–") if row.step_s is None or hours is None else (f"{row.step_s:.3g}", f"{hours:,.2f}")
    counts = (f"{row.networks}", f"{row.updates:,}", f"{row.runs}", f"{row.done}")
    return (f"{row.strategy}-{row.variant}", *counts, *times)
