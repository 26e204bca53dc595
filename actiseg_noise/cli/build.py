"""``build``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_noise.cli.base import AsJson, app
from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    from actiseg_noise.recipe import Recipe


@app.command()
def build(
    dataset: Annotated[str, typer.Option(help="A dataset's name; see the command 'datasets'.")],
    root: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    split: Annotated[str, typer.Option(help="The split to build.")] = "train",
    recipe: Annotated[str | None, typer.Option(help="A recipe's name or TOML file; see 'recipes'.")] = None,
    flip: Annotated[float | None, typer.Option(metavar="RATE", help="Rate of category flips.")] = None,
    noun: Annotated[float | None, typer.Option(metavar="RATE", help="Rate of noun substitutions.")] = None,
    boundary: Annotated[int | None, typer.Option(metavar="K", help="Kernel of the mask noise.")] = None,
    boundary_op: Annotated[str, typer.Option(metavar="NAME", help="The mask noise.")] = "dilate",
    boundary_rate: Annotated[float, typer.Option(metavar="RATE", help="Rate of the mask noise.")] = 1.0,
    boundary_unit: Annotated[str, typer.Option(help="480p (pixels at 480-pixel short side) or px.")] = "480p",
    seed: Annotated[int | None, typer.Option(help="Seed of every draw. [default: the recipe's, 0]")] = None,
    exact_rate: Annotated[bool, typer.Option(help="Corrupt exactly round(rate·n) of the eligible.")] = False,
    temporal: Annotated[
        str | None, typer.Option(metavar="frame|clip", help="Mask noise draws per frame, or once per clip and object.")
    ] = None,
    allow_erase: Annotated[bool, typer.Option(help="A mask noise may leave nothing of an object.")] = False,
    content: Annotated[str, typer.Option(help="full (with masks) or text.")] = "full",
    vocabulary: Annotated[str, typer.Option(help="dataset, train, or a JSON file.")] = "dataset",
    objects: Annotated[str | None, typer.Option(help="VOST, DAVIS: merged or instances.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An option of the dataset's own; see docs/datasets.md."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="[default: manifests/DATASET/SPLIT/RECIPE-sSEED]")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes. [default: one per core; 1 for text]")] = None,
    resume: Annotated[bool, typer.Option(help="Done already: exit at once. Killed: go on.")] = False,
    force: Annotated[bool, typer.Option(help="Replace an existing manifest.")] = False,
    skip_missing: Annotated[bool, typer.Option(help="Leave out listed clips whose files are absent.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N clips.")] = None,
    clips: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this clip; or @FILE, ids in lines.")
    ] = None,
    allow_eval: Annotated[bool, typer.Option(help="Noise an evaluation split on purpose.")] = False,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Refuse rates that chance forbids.")] = True,
    dry_run: Annotated[bool, typer.Option(help="Say what would be built, write nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Build a noisy variant of a dataset: a folder of Parquet files with clean and noisy labels side by side."""
    from actiseg_noise.building.request import make_request

    request = make_request(
        dataset,
        root=root,
        split=split,
        recipe=_choose_recipe(recipe, flip, noun, boundary, boundary_op, boundary_rate, boundary_unit),
        seed=seed,
        content=content,
        exact_rate=exact_rate,
        temporal=temporal,
        allow_erase=allow_erase,
        vocabulary=vocabulary,
        options=_read_options(option, objects),
        skip_missing=skip_missing,
        limit=limit,
        clips=_read_clips(clips),
        allow_eval=allow_eval,
    )
    folder = out or request.default_out
    if dry_run:
        _print_dry_run(request, folder, json)
        return
    count = workers if workers is not None else _default_workers(content)
    _run_build(request, folder, {"workers": count, "gate": gate, "resume": resume, "force": force})
    print_built(folder, json)


def _choose_recipe(
    name: str | None,
    flip: float | None,
    noun: float | None,
    boundary: int | None,
    *boundary_options: Any,
) -> str | Recipe:
    """Return the named recipe, or one made of the rates that were given."""
    from actiseg_noise.recipe import ad_hoc_recipe

    given = [o for o, value in (("--flip", flip), ("--noun", noun), ("--boundary", boundary)) if value is not None]
    if name is not None:
        if given:
            raise ActisegError(f"--recipe {name} and {', '.join(given)} contradict each other: give one or the other")
        return name
    operation, rate, unit = boundary_options
    if boundary is None and (operation, rate, unit) != ("dilate", 1.0, "480p"):
        raise ActisegError("--boundary-op, --boundary-rate and --boundary-unit need --boundary K, the kernel")
    return ad_hoc_recipe(
        flip=flip, noun=noun, boundary=boundary, boundary_op=operation, boundary_rate=rate, boundary_unit=unit
    )


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
    names: list[str] = []
    for value in values:
        if not value.startswith("@"):
            names.append(value)
            continue
        try:
            names += [line for line in Path(value[1:]).read_text("utf-8").splitlines() if line]
        except (OSError, UnicodeDecodeError) as error:
            raise ActisegError(f"--clips {value}: cannot read the file ({error})") from None
    if not names:
        raise ActisegError(f"--clips {' '.join(values)}: expected clip ids, one per line; the file has none")
    return names


def _default_workers(content: str) -> int:
    """Return one process per core for masks; text is quicker than starting a process."""
    if content == "text":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_build(request: Any, folder: Path, options: dict[str, Any]) -> None:
    """Build with a progress bar; say what Ctrl-C leaves behind."""
    from actiseg_noise.borders.writing import WriteError, is_no_room
    from actiseg_noise.building.build import run_build
    from actiseg_noise.terminal import ClipProgress, print_error

    try:
        with ClipProgress() as progress:
            run_build(request, folder, progress=progress, **options)
    except KeyboardInterrupt:
        print_error(f"interrupted; nothing is at {folder}. The same command continues from the finished work.")
        raise typer.Exit(130) from None
    except (OSError, WriteError) as error:
        if not is_no_room(error):
            raise
        raise ActisegError(
            f"no room to write ({error}); nothing is at {folder}. Make room: the same command continues from the "
            "finished work."
        ) from None


def print_built(folder: Path, as_json: bool) -> None:
    """Print what was made."""
    from actiseg_noise.manifest.info import read_info
    from actiseg_noise.terminal import out, print_json, print_table, printed_results
    from actiseg_noise.view.describe import describe, describe_noises

    info = read_info(folder)
    with printed_results(folder):
        if as_json:
            print_json({"path": str(folder)} | info.to_json())
            return
        for section in (describe(info), describe_noises(info)):
            if section.rows:
                print_table(section.title, section.header, section.rows)
        out.print(f"written to {folder}", markup=False, soft_wrap=True)


def _print_dry_run(request: Any, folder: Path, as_json: bool) -> None:
    """Print what would be built."""
    from actiseg_noise.building.dry_run import describe_plan, dry_run
    from actiseg_noise.terminal import print_json, print_table

    plan = dry_run(request, folder)
    if as_json:
        print_json(plan)
        return
    print_table("Dry run: nothing is written", ("", ""), describe_plan(plan))
