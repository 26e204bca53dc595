"""``run``: the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_bench.cli.base import AsJson, TextEncoder, app, build_manifest, wide_console
from actiseg_bench.cli.options import Configuration, check_things, make_config, read_changes
from actiseg_noise.errors import ActisegError, raise_if

if TYPE_CHECKING:
    from actiseg_bench.grid.run import GridOutcome, RunSpec
    from actiseg_bench.grid.tracks import Protocol, Track


@app.command()
def run(
    everything: Annotated[bool, typer.Option("--all", help="Every strategy on every track of the protocol.")] = False,
    protocol: Annotated[str | None, typer.Option(help="quick, full, or a TOML file. [default: quick]")] = None,
    strategy: Annotated[list[str] | None, typer.Option(help="Only this strategy; repeatable.")] = None,
    track: Annotated[list[str] | None, typer.Option(help="Only this track; repeatable.")] = None,
    variant: Annotated[str, typer.Option(help="faithful (the method's paper) or released.")] = "faithful",
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings per cell. [default: the protocol's]")] = None,
    model: Annotated[str, typer.Option(help="The model; see 'list models'.")] = "tiny",
    weights: Annotated[str, typer.Option(help="Start weights: bundled, none, or a safetensors file.")] = "bundled",
    config: Configuration = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Updates per training. [default: the protocol's]")] = None,
    dice: Annotated[float | None, typer.Option(min=0, help="Weight of the dice term. [default: 5]")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A hyper-parameter of the strategy; repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; equal threads, equal results. [default: 2, or 1 per job]")
    ] = None,
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed, 16-mixed, …")] = "32-true",
    jobs: Annotated[int, typer.Option(min=1, help="Runs at once, each in a process of its own.")] = 1,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="Train on this manifest instead of a protocol's.")] = None,
    eval_manifest: Annotated[Path | None, typer.Option(help="Score on this manifest; goes with --manifest.")] = None,
    keep_weights: Annotated[bool, typer.Option(help="Store the trained network of every run.")] = False,
    out: Annotated[Path, typer.Option(help="Where runs and manifests go; finished runs are kept.")] = Path("runs"),
    text_encoder: TextEncoder = None,
    json: AsJson = False,
) -> None:
    """Train and score strategies on tracks, then print the leaderboard. The same command goes on after a stop."""
    given = [o for o, v in (("--all", everything), ("--protocol", protocol), ("--track", track)) if v]
    if manifest is not None or eval_manifest is not None:
        raise_if(bool(given), f"--manifest and {', '.join(given)} contradict each other: give one or the other")
    elif not everything and not strategy and not track:
        raise ActisegError("say what to run: --all, or --strategy and --track, or --manifest and --eval-manifest")
    from actiseg_bench.grid.jobs import at_once
    from actiseg_bench.grid.run import GridOutcome, collect, one_by_one
    from actiseg_bench.grid.runner import TorchRunner
    from actiseg_bench.grid.tracks import load_protocol
    from actiseg_bench.training.named_configs import load_config
    from actiseg_noise.borders.locks import locked

    named = load_config(config) if config else None
    chosen = None if manifest or eval_manifest else load_protocol(protocol or "quick")
    strategies = check_things(strategy or [], chosen, variant, model)
    changes = read_changes(strategies, option or [], dice, steps)
    if chosen:
        chosen = replace(chosen, id=_changed_id(chosen, changes | ({"config": named.name} if named else {})))
    machine = {"device": device, "threads": threads or (2 if jobs == 1 else 1), "precision": precision}
    base = make_config(chosen, named, {"start_weights": weights, **machine}, changes)
    runner = TorchRunner(base, keep_weights=keep_weights)
    find_tracks = _find_tracks(chosen, track or [], (manifest, eval_manifest), root, out)
    runner.check(model)
    found = GridOutcome()
    try:
        with locked(out):
            grid = _make_grid(find_tracks(), strategies, variant, seeds or (chosen.seeds if chosen else 1), model)
            from actiseg_bench.cli.progress import GridProgress

            with GridProgress() as progress:
                work = partial(at_once, jobs=jobs) if jobs > 1 else one_by_one
                found = collect(grid, work(grid, runner, out, progress), progress)
    except KeyboardInterrupt:
        from actiseg_noise.terminal import print_error

        print_error(f"interrupted; finished runs are kept in {out}, and the same command continues from there.")
        raise typer.Exit(130) from None
    from actiseg_noise.terminal import printed_results

    with printed_results(out):
        _print_grid(found, out, json)
    if found.failed:
        raise typer.Exit(1)


def _changed_id(protocol: Protocol, changes: dict[str, Any]) -> str:
    """Return the protocol's id, or one that says what differs: other runs, kept apart from the protocol's."""
    own = {name: value for name, value in changes.items() if value != protocol.train.get(name)}
    return "+".join([protocol.id, *(f"{value}-steps" if n == "steps" else f"{n}-{value}" for n, value in own.items())])


def _find_tracks(
    protocol: Protocol | None,
    names: Sequence[str],
    manifests: tuple[Path | None, Path | None],
    root: Path | None,
    out: Path,
) -> Callable[[], list[Track]]:
    """Refuse unknown tracks and unreadable manifests; return what builds the protocol's manifests and opens tracks."""
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.grid.tracks import choose, open_track, protocol_tracks
    from actiseg_noise import read_manifest

    if protocol is not None:
        chosen = choose("track", names, list(protocol.tracks))
        return lambda: protocol_tracks(protocol, chosen, out / "manifests", build_manifest, root=root)
    train, evaluation = manifests
    if train is None or evaluation is None:
        raise ActisegError(
            "--manifest and --eval-manifest go together. Clean evaluation labels are a manifest too: "
            "actiseg-noise build --dataset NAME --split val --recipe clean --out DIR"
        )
    for path in (train, evaluation):
        check_usable(read_manifest(path), root)
    track = open_track(train, evaluation, root)
    return lambda: [track]


def _make_grid(tracks: list[Track], strategies: list[str], variant: str, seeds: int, model: str) -> list[RunSpec]:
    """Return the grid, warning of clips that are trained and scored on."""
    from actiseg_bench.grid.run import make_grid
    from actiseg_bench.grid.tracks import shared_clips
    from actiseg_noise import read_manifest
    from actiseg_noise.terminal import err

    for track in tracks:
        if track.train_manifest is not None:
            shared = shared_clips(read_manifest(track.train_manifest), read_manifest(track.eval_manifest))
            if shared:
                text = f"{len(shared)} evaluation clips are training clips too, the first is {shared[0]}"
                err.print(f"warning: track {track.info.name}: {text}", markup=False, soft_wrap=True)
    grid = make_grid(tracks, strategies, variant, seeds, model)
    return [spec if _has_variant(spec) else replace(spec, variant="faithful") for spec in grid]


def _has_variant(spec: RunSpec) -> bool:
    """Return whether a run's strategy has its variant; reference rows have none."""
    from actiseg_bench.results.result import REFERENCES
    from actiseg_bench.strategies.base import STRATEGIES

    return spec.strategy in REFERENCES or spec.variant in STRATEGIES[spec.strategy].card.variants


def _print_grid(found: GridOutcome, out: Path, as_json: bool) -> None:
    """Print the leaderboard of a grid, and what failed."""
    from actiseg_bench.report.render import print_leaderboards, to_json
    from actiseg_bench.report.sums import sums_reader
    from actiseg_bench.report.table import make_leaderboards
    from actiseg_bench.results.stored import find_run
    from actiseg_noise.terminal import print_error, print_json

    runs = [find_run(result, out) for result in found.results]
    boards = make_leaderboards(found.results, sums_reader(runs))
    if as_json:
        failed = [{"run": name, "error": message} for name, message in found.failed]
        results = [result.to_json() for result in found.results]
        print_json({"kept": found.kept, "failed": failed, "leaderboards": to_json(boards), "results": results})
    else:
        print_leaderboards(boards, wide_console())
    for name, message in found.failed:
        print_error(f"{name} failed: {message}")
