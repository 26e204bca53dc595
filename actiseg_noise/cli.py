"""``actiseg-noise``: build noisy variants of video object segmentation datasets, look at them, verify them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    from actiseg_noise.manifest.verify import Finding
    from actiseg_noise.recipe import Recipe

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
ManifestFolder = Annotated[Path, typer.Argument(metavar="MANIFEST", help="A manifest folder.")]


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted."""
    from actiseg_noise.terminal import run_app

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads cost a tenth of a second; nothing needs them
    run_app(app, ActisegError)


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
    temporal: Annotated[str | None, typer.Option(help="Mask noise draws per frame, or once per clip.")] = None,
    content: Annotated[str, typer.Option(help="full (with masks) or text.")] = "full",
    vocabulary: Annotated[str, typer.Option(help="dataset, train, or a JSON file.")] = "dataset",
    objects: Annotated[str | None, typer.Option(help="VOST: merged or instances.")] = None,
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
    from actiseg_noise.pipeline.request import make_request

    request = make_request(
        dataset,
        root=root,
        split=split,
        recipe=_choose_recipe(recipe, flip, noun, boundary, boundary_op, boundary_rate, boundary_unit),
        seed=seed,
        content=content,
        exact_rate=exact_rate,
        temporal=temporal,
        vocabulary=vocabulary,
        options={} if objects is None else {"objects": objects},
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
    _print_built(folder, json)


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
    from actiseg_noise.pipeline.build import run_build
    from actiseg_noise.terminal import ClipProgress, print_error

    try:
        with ClipProgress() as progress:
            run_build(request, folder, progress=progress, **options)
    except KeyboardInterrupt:
        print_error(f"interrupted; nothing is at {folder}. The same command goes on from the finished work.")
        raise typer.Exit(130) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise ActisegError(
            f"no room to write ({error}); nothing is at {folder}. Make room: the same command goes on from the "
            "finished work."
        ) from None


def _print_built(folder: Path, as_json: bool) -> None:
    """Print what was made."""
    from actiseg_noise.manifest.info import read_info
    from actiseg_noise.report import describe, describe_noises
    from actiseg_noise.terminal import out, print_json, print_table

    info = read_info(folder)
    if as_json:
        print_json({"path": str(folder)} | info.to_json())
        return
    for section in (describe(info), describe_noises(info)):
        if section.rows:
            print_table(section.title, section.header, section.rows)
    out.print(f"written to {folder}", markup=False, soft_wrap=True)


def _print_dry_run(request: Any, folder: Path, as_json: bool) -> None:
    """Print what would be built."""
    from actiseg_noise.pipeline.dry_run import dry_run
    from actiseg_noise.terminal import print_json, print_table

    plan = dry_run(request, folder)
    if as_json:
        print_json(plan)
        return
    print_table("Dry run: nothing is written", ("", ""), [(key, str(value)) for key, value in plan.items()])


@app.command()
def datasets(json: AsJson = False) -> None:
    """List the datasets that can be read."""
    from actiseg_noise.datasets.base import DATASETS
    from actiseg_noise.roots import find_root

    rows = []
    for name in DATASETS:
        card = DATASETS[name].card
        try:
            where = str(find_root(card))
        except ActisegError:
            where = "not found"
        rows.append({"name": name, "title": card.title, "splits": ", ".join(card.splits), "size": card.size})
        rows[-1] |= {"licence": card.licence, "root": where}
    _print_rows("Datasets", rows, json)


@app.command()
def noises(json: AsJson = False) -> None:
    """List the noises."""
    from actiseg_noise.noises.base import NOISES

    found = [NOISES[name] for name in NOISES]
    rows = [{"name": n.noise_id, "kind": n.kind, "what it does": n.summary, "source": n.source} for n in found]
    _print_rows("Noises", rows, json)


@app.command()
def recipes(json: AsJson = False) -> None:
    """List the named recipes."""
    from actiseg_noise.recipe import load_recipe, recipe_names

    _print_rows("Recipes", [{"name": name, "title": load_recipe(name).title} for name in recipe_names()], json)


def _print_rows(title: str, rows: list[dict[str, str]], as_json: bool) -> None:
    """Print rows of one form as a table or as JSON."""
    from actiseg_noise.terminal import print_json, print_table

    if as_json:
        print_json(rows)
    else:
        print_table(title, tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


@app.command()
def inspect(
    manifest: ManifestFolder,
    top: Annotated[int, typer.Option(min=1, help="How many confusions to list.")] = 15,
    json: AsJson = False,
) -> None:
    """Show what a manifest holds: realised rates, nouns confused with what, IoU histograms."""
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.report import inspect_manifest
    from actiseg_noise.terminal import print_json, print_table

    inspection = inspect_manifest(read_manifest(manifest))
    if json:
        print_json(inspection.to_json(top))
        return
    for section in inspection.sections(top):
        print_table(section.title, section.header, section.rows)


@app.command()
def verify(
    manifest: ManifestFolder,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder: rebuild and compare with it.")] = None,
    rebuild: Annotated[bool, typer.Option(help="Rebuild from the dataset's usual folder and compare.")] = False,
    json: AsJson = False,
) -> None:
    """Check a manifest's schema, counts and digests; with the dataset, build it again and compare. Exit 1 if not."""
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.manifest.verify import verify_manifest
    from actiseg_noise.terminal import ClipProgress

    opened = read_manifest(manifest)
    findings = verify_manifest(opened)
    checked = ["schema", "counts", "order", "digests", "run lengths"]
    if root is not None or rebuild:
        from actiseg_noise.pipeline.rebuild import compare_with_dataset

        with ClipProgress() as progress:
            findings += compare_with_dataset(opened, root=root, progress=progress)
        checked.append("the dataset")
    _print_findings(findings, checked, opened.digest, json)
    if findings:
        raise typer.Exit(1)


def _print_findings(findings: list[Finding], checked: list[str], digest: str, as_json: bool) -> None:
    """Print what does not hold, or that all does."""
    from dataclasses import asdict

    from actiseg_noise.terminal import out, print_json

    if as_json:
        print_json(
            {"holds": not findings, "checked": checked, "digest": digest, "findings": list(map(asdict, findings))}
        )
        return
    for finding in findings:
        text = f"{finding.where}: expected {finding.expected}, found {finding.found}. {finding.advice}"
        out.print(text, markup=False, soft_wrap=True)
    summary = f"{len(findings)} findings" if findings else "all holds"
    out.print(f"{summary}: {', '.join(checked)}; digest {digest}", markup=False, soft_wrap=True)
