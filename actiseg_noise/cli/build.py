"""``build``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from actiseg_noise.application import number_reader
from actiseg_noise.building.options import HELP, BuildOptions
from actiseg_noise.cli.base import AsJson, app
from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    from actiseg_noise.building.shards import ShardReport


def _flag(name: str, *declarations: str, **shown: Any) -> Any:
    """Return the command line's form of a build option; its help is the record's."""
    return typer.Option(*declarations, help=HELP[name], **shown)


def _rate(name: str) -> Any:
    """Return the command line's form of a rate."""
    return _flag(name, metavar="RATE", parser=number_reader(f"--{name.replace('_', '-')}", percent=True))


@app.command(context_settings={"allow_extra_args": True})
def build(
    ctx: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="The dataset; see the command 'datasets'. Must be given.")
    ] = None,
    root: Annotated[Path | None, _flag("root", metavar="DIR")] = None,
    split: Annotated[str, _flag("split", metavar="NAME")] = "train",
    recipe: Annotated[str | None, _flag("recipe", metavar="NAME|FILE")] = None,
    flip: Annotated[float | None, _rate("flip")] = None,
    noun: Annotated[float | None, _rate("noun")] = None,
    narration: Annotated[float | None, _rate("narration")] = None,
    flag: Annotated[float | None, _rate("flag")] = None,
    boundary: Annotated[int | None, _flag("boundary", metavar="K")] = None,
    boundary_op: Annotated[str, _flag("boundary_op", metavar="NAME")] = "dilate",
    boundary_rate: Annotated[float, _rate("boundary_rate")] = 1.0,
    boundary_unit: Annotated[str, _flag("boundary_unit", metavar="480p|px")] = "480p",
    seed: Annotated[int | None, _flag("seed", metavar="N")] = None,
    exact_rate: Annotated[bool, _flag("exact_rate", "--exact-rate")] = False,
    temporal: Annotated[str | None, _flag("temporal", metavar="frame|clip")] = None,
    allow_erase: Annotated[bool, _flag("allow_erase", "--allow-erase")] = False,
    content: Annotated[str, _flag("content", metavar="full|text")] = "full",
    vocabulary: Annotated[str, _flag("vocabulary", metavar="NAME|FILE")] = "dataset",
    objects: Annotated[str | None, typer.Option(metavar="NAME", help="VOST, DAVIS: merged or instances.")] = None,
    option: Annotated[list[str] | None, _flag("options", metavar="NAME=VALUE")] = None,
    out: Annotated[Path | None, _flag("out", metavar="DIR")] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help=f"{HELP['workers']} [default: one per core; 1 for text]")
    ] = None,
    engine: Annotated[str, _flag("engine", metavar="NAME")] = "processes",
    shard: Annotated[str | None, _flag("shard", metavar="N/COUNT")] = None,
    resume: Annotated[bool, _flag("resume", "--resume")] = False,
    force: Annotated[bool, _flag("force", "--force")] = False,
    skip_missing: Annotated[bool, _flag("skip_missing", "--skip-missing")] = False,
    limit: Annotated[int | None, _flag("limit", metavar="N")] = None,
    clips: Annotated[
        list[str] | None, typer.Option(metavar="ID", help=f"{HELP['clips']} @FILE: one id a line.")
    ] = None,
    allow_eval: Annotated[bool, _flag("allow_eval", "--allow-eval")] = False,
    gate: Annotated[bool, _flag("gate", "--gate/--no-gate")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be built; write nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Build a noisy variant of a dataset: a folder of Parquet files with clean and noisy labels side by side."""
    chosen = _named_dataset(dataset, ctx.args)
    options = BuildOptions(
        root=root,
        split=split,
        recipe=recipe,
        flip=flip,
        noun=noun,
        narration=narration,
        flag=flag,
        boundary=boundary,
        boundary_op=boundary_op,
        boundary_rate=boundary_rate,
        boundary_unit=boundary_unit,
        seed=seed,
        exact_rate=exact_rate,
        temporal=temporal,
        allow_erase=allow_erase,
        content=content,
        vocabulary=vocabulary,
        options=_read_options(option, objects),
        skip_missing=skip_missing,
        limit=limit,
        clips=_read_clips(clips),
        allow_eval=allow_eval,
        gate=gate,
        out=out,
        workers=workers,
        engine=engine,
        shard=shard,
        resume=resume,
        force=force,
    )
    if dry_run:
        _print_dry_run(chosen, options, json)
        return
    done = _run_build(chosen, options)
    if not isinstance(done, Built):
        _print_shard(done, json)
        return
    if done.is_joined:
        _print_joined(done.folder, json)
    else:
        print_built(done.folder, json)


def _named_dataset(name: str | None, words: list[str]) -> str:
    """Return the dataset of a command line.

    Args:
        name: of ``--dataset``. words: what belongs to no option.

    Raises:
        ActisegError: none is named, or there are such words, as in ``build kitchen``.
    """
    if words and name is None:
        raise ActisegError(f"{words[0]}: a dataset is named by an option: --dataset {words[0]}")
    if words:
        raise ActisegError(f"{words[0]}: belongs to no option; see 'actiseg-noise build --help'")
    if name is None:
        raise ActisegError("say what to build: --dataset NAME; 'actiseg-noise datasets' lists them")
    return name


def _read_options(values: list[str] | None, objects: str | None) -> dict[str, str]:
    """Return the adapter's options of ``--option NAME=VALUE``; ``--objects`` is one of them."""
    options = {} if objects is None else {"objects": objects}
    for value in values or ():
        name, equals, setting = value.partition("=")
        if not equals or not name:
            raise ActisegError(f"--option {value}: expected NAME=VALUE, as in --option objects=instances")
        options[name] = setting
    return options


def _read_clips(values: list[str] | None) -> list[str] | None:
    """Return the clip ids of ``--clips``; ``@FILE`` stands for the lines of a file."""
    if not values:
        return None
    from actiseg_noise.borders.text import read_text

    names: list[str] = []
    for value in values:
        if not value.startswith("@"):
            names.append(value)
            continue
        lines = read_text(Path(value[1:])).split("\n")
        names += [line.rstrip("\r") for line in lines if line.strip()]
    if not names:
        raise ActisegError(f"--clips {' '.join(values)}: expected clip ids, one per line; the file has none")
    return names


class Built(NamedTuple):
    """A manifest that was built, and whether of the work of shards."""

    folder: Path
    is_joined: bool


def _run_build(dataset: str, options: BuildOptions) -> Built | ShardReport:
    """Build, or do a shard's part of it, with a progress bar; say what Ctrl-C leaves behind."""
    from actiseg_noise.borders.writing import WriteError, is_no_room
    from actiseg_noise.building.build import run_build, run_shard
    from actiseg_noise.building.request import make_request
    from actiseg_noise.building.shards import SharedWork
    from actiseg_noise.entry import InterruptedCommandError
    from actiseg_noise.progress_bars import ClipProgress

    progress = ClipProgress()
    request = make_request(dataset, replace(options, progress=progress))
    try:
        with progress:
            if request.shard is not None:
                return run_shard(request, request.shard)
            is_joined = SharedWork(request).is_begun
            return Built(run_build(request), is_joined)
    except KeyboardInterrupt:
        raise InterruptedCommandError(
            f"nothing is at {request.out}. The same command continues from the finished work."
        ) from None
    except (OSError, WriteError) as error:
        if not is_no_room(error):
            raise
        raise ActisegError(
            f"no room to write ({error}); nothing is at {request.out}. Make room: the same command continues from "
            "the finished work."
        ) from None


def print_built(folder: Path, as_json: bool, **more: Any) -> None:
    """Print what was made; ``more`` is in the JSON, too."""
    from actiseg_noise.manifest.info import read_info
    from actiseg_noise.terminal import print_json, print_next, print_table, print_text, printed_results
    from actiseg_noise.view.describe import describe, describe_noises

    info = read_info(folder)
    with printed_results(folder):
        if as_json:
            print_json({"path": str(folder)} | info.to_json() | more)
            return
        for section in (describe(info), describe_noises(info)):
            if section.rows:
                print_table(section.title, section.header, section.rows)
        print_text(f"written to {folder}")
        print_next("", *(("actiseg-noise", command, folder) for command in ("inspect", "verify", "preview")))


def _print_shard(report: ShardReport, as_json: bool) -> None:
    """Print what a shard has made."""
    from actiseg_noise.terminal import print_json, print_text

    if as_json:
        print_json(report.to_json())
    elif report.is_built:
        print_text(f"nothing to do for shard {report.shard}: {report.folder} is built")
    else:
        print_text(
            f"shard {report.shard}: finished, {report.clips:,} clips in {report.chunks:,} "
            f"chunk{'s' * (report.chunks != 1)} in {report.folder}. "
            "The same command without --shard joins what all shards have made."
        )


def _print_joined(folder: Path, as_json: bool) -> None:
    """Verify a manifest that several machines made; print it and what is found, exit 1 when anything is wrong."""
    from actiseg_noise.check.verify import verify
    from actiseg_noise.cli.checking import print_findings
    from actiseg_noise.progress_bars import ClipProgress
    from actiseg_noise.terminal import print_text

    with ClipProgress() as progress:
        findings = verify(folder, progress=progress)
    print_built(folder, as_json, findings=[finding.to_json() for finding in findings])
    if not as_json:
        print_findings(findings)
        print_text(findings.summary())
    if findings:
        raise typer.Exit(1)


def _print_dry_run(dataset: str, options: BuildOptions, as_json: bool) -> None:
    """Print what would be built."""
    from actiseg_noise.building.dry_run import describe_plan, dry_run
    from actiseg_noise.building.request import make_request
    from actiseg_noise.terminal import print_json, print_table

    plan = dry_run(make_request(dataset, options))
    if as_json:
        print_json(plan)
        return
    print_table("Dry run: nothing is written", ("", ""), describe_plan(plan))
