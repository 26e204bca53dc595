"""``actiseg-bench``: train models under robust-learning strategies on noisy labels, score them, print tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if

if TYPE_CHECKING:
    from rich.console import Console

    from actiseg_bench.evaluate import Evaluation
    from actiseg_bench.run import GridOutcome, RunSpec
    from actiseg_bench.tracks import Protocol, Track

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a run failed, 2 bad usage or input, 130 interrupted."""
    from actiseg_noise.terminal import run_app

    # Threads that spin for long make a step several times slower beside any other busy process; a short spin is free.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    run_app(app, ActisegError)


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
    steps: Annotated[int | None, typer.Option(min=1, help="Updates per training. [default: the protocol's]")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of torch; equal threads, equal results.")] = 2,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="Train on this manifest instead of a protocol's.")] = None,
    eval_manifest: Annotated[Path | None, typer.Option(help="Score on this manifest; goes with --manifest.")] = None,
    keep_weights: Annotated[bool, typer.Option(help="Store the trained network of every run.")] = False,
    out: Annotated[Path, typer.Option(help="Where runs and manifests go; finished runs are kept.")] = Path("runs"),
    json: AsJson = False,
) -> None:
    """Train and score strategies on tracks, then print the leaderboard. The same command goes on after a stop."""
    given = [o for o, v in (("--all", everything), ("--protocol", protocol), ("--track", track)) if v]
    if manifest is not None or eval_manifest is not None:
        raise_if(bool(given), f"--manifest and {', '.join(given)} contradict each other: give one or the other")
    elif not everything and not strategy and not track:
        raise ActisegError("say what to run: --all, or --strategy and --track, or --manifest and --eval-manifest")
    from actiseg_bench.run import GridOutcome, locked, run_grid
    from actiseg_bench.runner import TorchRunner
    from actiseg_bench.tracks import load_protocol

    chosen = None if manifest or eval_manifest else load_protocol(protocol or "quick")
    if chosen and steps not in (None, chosen.train.get("steps")):
        chosen = replace(chosen, id=f"{chosen.id}+{steps}-steps")  # not the protocol's runs: kept apart from them
    strategies = _check_things(strategy or [], chosen, variant, model)
    config = _make_config(chosen, {"start_weights": weights, "device": device, "threads": threads}, steps)
    runner = TorchRunner(config, keep_weights=keep_weights)
    find_tracks = _find_tracks(chosen, track or [], (manifest, eval_manifest), root, out)
    runner.check(model)
    found = GridOutcome()
    try:
        with locked(out):
            grid = _make_grid(find_tracks(), strategies, variant, seeds or (chosen.seeds if chosen else 1), model)
            from actiseg_bench.progress import GridProgress

            with GridProgress() as progress:
                found = run_grid(grid, runner, out, progress)
    except KeyboardInterrupt:
        from actiseg_noise.terminal import print_error

        print_error(f"interrupted; finished runs are kept in {out}, and the same command goes on from there.")
        raise typer.Exit(130) from None
    _print_grid(found, json)
    if found.failed:
        raise typer.Exit(1)


def _check_things(wanted: Sequence[str], protocol: Protocol | None, variant: str, model: str) -> list[str]:
    """Return the strategies to run, after refusing unknown names and variants."""
    from actiseg_bench.models.base import MODELS
    from actiseg_bench.strategies.base import STRATEGIES
    from actiseg_bench.tracks import choose

    _ = MODELS[model]
    named = protocol.strategies if protocol and isinstance(protocol.strategies, tuple) else ()
    names = choose("strategy", wanted or named, list(STRATEGIES))
    for name in names:
        known = STRATEGIES[name].card.variants
        raise_if(variant not in known, f"strategy {name!r} has no variant {variant!r}. Known: {', '.join(known)}")
    return names


def _make_config(protocol: Protocol | None, options: dict[str, Any], steps: int | None) -> Any:
    """Return the base configuration of all runs."""
    from actiseg_bench.config import RunConfig

    train = dict(protocol.train) if protocol else {}
    return RunConfig.from_dict(options | {"train": train | ({} if steps is None else {"steps": steps})})


def _find_tracks(
    protocol: Protocol | None,
    names: Sequence[str],
    manifests: tuple[Path | None, Path | None],
    root: Path | None,
    out: Path,
) -> Callable[[], list[Track]]:
    """Refuse unknown tracks and unreadable manifests; return what builds the protocol's manifests and opens tracks."""
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.tracks import choose, open_track, protocol_tracks
    from actiseg_noise import read_manifest

    if protocol is not None:
        chosen = choose("track", names, list(protocol.tracks))
        return lambda: protocol_tracks(protocol, chosen, out / "manifests", _build, root=root)
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


def _build(dataset: str, **options: Any) -> Path:
    """Build a manifest, or find it built, with a progress bar of its own."""
    import actiseg_noise
    from actiseg_noise.terminal import ClipProgress

    with ClipProgress() as progress:
        return actiseg_noise.build(dataset, progress=progress, **options)


def _make_grid(tracks: list[Track], strategies: list[str], variant: str, seeds: int, model: str) -> list[RunSpec]:
    """Return the grid, warning of clips that are trained and scored on."""
    from actiseg_bench.run import make_grid
    from actiseg_bench.tracks import shared_clips
    from actiseg_noise import read_manifest
    from actiseg_noise.terminal import err

    for track in tracks:
        if track.train_manifest is not None:
            shared = shared_clips(read_manifest(track.train_manifest), read_manifest(track.eval_manifest))
            if shared:
                text = f"{len(shared)} evaluation clips are training clips too, the first is {shared[0]}"
                err.print(f"warning: track {track.info.name}: {text}", markup=False, soft_wrap=True)
    return make_grid(tracks, strategies, variant, seeds, model)


def _print_grid(found: GridOutcome, as_json: bool) -> None:
    """Print the leaderboard of a grid, and what failed."""
    from actiseg_bench.leaderboard.render import print_leaderboards, to_json
    from actiseg_bench.leaderboard.table import make_leaderboards
    from actiseg_noise.terminal import print_error, print_json

    boards = make_leaderboards(found.results)
    if as_json:
        failed = [{"run": name, "error": message} for name, message in found.failed]
        results = [result.to_json() for result in found.results]
        print_json({"kept": found.kept, "failed": failed, "leaderboards": to_json(boards), "results": results})
    else:
        print_leaderboards(boards, _wide_console())
    for name, message in found.failed:
        print_error(f"{name} failed: {message}")


def _wide_console() -> Console:
    """Return standard output; in a file or a pipe it is 120 columns wide."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


@app.command()
def evaluate(
    pred: Annotated[Path, typer.Option(help="Folder of predicted masks: <clip>/<frame>.png, palette = object id.")],
    gt: Annotated[Path, typer.Option(help="Folder of ground-truth masks, laid out the same.")],
    split_json: Annotated[Path, typer.Option(help="ActionVOS's split file, such as val_human.json.")],
    keep_flagged: Annotated[bool, typer.Option(help="Score entries with a review flag too.")] = False,
    void: Annotated[str, typer.Option(help="Ground-truth pixels of 255: ignore, or background.")] = "ignore",
    json: AsJson = False,
) -> None:
    """Score anyone's masks in ActionVOS's layout with the six metrics."""
    from actiseg_bench.evaluate import evaluate_folders
    from actiseg_noise.terminal import print_json

    found = evaluate_folders(pred, gt, split_json, keep_flagged=keep_flagged, void=void)
    if json:
        print_json({"scores": found.scores_dict(), "counts": found.counts_dict(), "void": found.void})
    else:
        _print_evaluation(found)


def _print_evaluation(found: Evaluation) -> None:
    """Print scores times 100 and what they were computed on."""
    from actiseg_bench.metrics.actionvos import TITLES
    from actiseg_noise.terminal import out, print_table

    titles = TITLES | {"p_miou_hands": "p-mIoU hands", "p_miou_objects": "p-mIoU objects"}
    cells = {name: "–" if v is None else f"{100 * v:.1f}" for name, v in found.scores_dict().items()}
    print_table("Scores × 100", [titles[name] for name in cells], [list(cells.values())])
    counts = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in found.counts_dict().items())
    out.print(f"{counts}; void pixels: {found.void}", markup=False, soft_wrap=True)
    out.print("gIoU is the GRES generalised IoU with its no-target rule, not box GIoU.", soft_wrap=True)


@app.command()
def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where runs are: the --out of 'run'.")],
    form: Annotated[str, typer.Option("--format", help="table, md, or csv.")] = "table",
    json: AsJson = False,
) -> None:
    """Print the leaderboard of all finished runs under a folder."""
    from actiseg_bench.leaderboard.render import FORMATS, print_leaderboards, render_csv, render_markdown, to_json
    from actiseg_bench.leaderboard.table import make_leaderboards
    from actiseg_bench.results import read_results
    from actiseg_noise.terminal import print_json

    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    boards = make_leaderboards(read_results(folder))
    if json:
        print_json(to_json(boards))
    elif form == "table":
        print_leaderboards(boards, _wide_console())
    else:
        typer.echo({"md": render_markdown, "csv": render_csv}[form](boards), nl=False)


@app.command()
def pretrain(
    out: Annotated[Path, typer.Option(help="Folder of the weights: model.safetensors, config.json, README.md.")],
    steps: Annotated[int, typer.Option(min=1, help="Updates.")] = 2400,
    seed: Annotated[int, typer.Option(help="Of initialisation, order and augmentation.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of torch; equal threads, equal weights.")] = 2,
    manifests: Annotated[Path, typer.Option(help="Where the pretraining manifest goes.")] = Path("out/manifests"),
) -> None:
    """Make the start weights of 'tiny' on the pretrain split of 'kitchen', as the bundled ones were made."""
    from actiseg_bench.pretrain import pretraining_config, write_bundle
    from actiseg_bench.progress import step_progress

    folder = manifests / "kitchen" / "pretrain" / "clean-s0"
    manifest = _build("kitchen", split="pretrain", recipe="clean", out=folder, resume=True, force=True)
    config = pretraining_config(steps=steps, seed=seed, device=device, threads=threads)
    with step_progress("pretraining tiny") as on_progress:
        path = write_bundle(out, manifest, config, on_progress)
    typer.echo(f"start weights: {path}")


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="strategies, models, tracks, or protocols.")],
    protocol: Annotated[str, typer.Option(help="The protocol whose tracks are listed.")] = "quick",
    json: AsJson = False,
) -> None:
    """List what there is."""
    from actiseg_bench.listing import list_things
    from actiseg_noise.terminal import print_json, print_table

    rows = list_things(kind, protocol)
    if json:
        print_json(rows)
    else:
        print_table(kind.capitalize(), tuple(rows[0]) if rows else (), [tuple(map(str, r.values())) for r in rows])
