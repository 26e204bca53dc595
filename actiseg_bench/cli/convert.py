"""``convert-checkpoint``: a published ``.pth`` becomes start weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_bench.cli.base import AsJson, app

if TYPE_CHECKING:
    from actiseg_bench.models.convert import Fit


@app.command("convert-checkpoint")
def convert_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE", help="A PyTorch checkpoint, such as a published .pth.")],
    model: Annotated[str, typer.Option(metavar="NAME", help="The model it is of; see 'list models'.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The safetensors file to write; --weights takes it.")],
    fresh: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Leave this submodule out, to start from the seed; repeatable."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Read a published checkpoint safely, hold it against a model, and write it as safetensors.

    Exit code 1: it does not fit, and nothing is written.
    """
    from actiseg_bench.models.convert import convert_checkpoint as convert
    from actiseg_noise.terminal import print_error, print_json, print_next, print_table, print_text

    fit, told = convert(checkpoint, model, out, fresh or ())
    if json:
        print_json(told)
    elif rows := list(_rows(fit)):
        print_table(f"{checkpoint.name} and {model}", ("submodule", "what"), rows)
    if not fit.is_whole:
        print_error(f"{checkpoint}: does not fit model {model!r}; nothing was written")
        raise typer.Exit(1)
    if not json:
        said = f"{told['tensors']:,} tensors, {told['values']:,} values: {out} ({out.stat().st_size / 1e6:,.0f} MB)"
        print_text(said)
        words = ("predict", "--model", model, "--weights", out, "--manifest", "M", "--out", "DIR")
        print_next("", ("actiseg-bench", *words))


def _rows(fit: Fit) -> Iterator[tuple[str, str]]:
    """Yield (submodule, what is to be said of it)."""
    yield from ((part, f"starts from the seed: {why}") for part, why in fit.fresh.items())
    for what, names in (("missing", fit.missing), ("unexpected", fit.unexpected), ("not sound", fit.broken)):
        first = {name.split(".")[0]: name for name in reversed(names)}
        counts = Counter(name.split(".")[0] for name in names)
        yield from ((part, f"{_names(count)} {what}, the first is {first[part]}") for part, count in counts.items())
    for name, (found, wanted) in fit.misshapen.items():
        yield name.split(".")[0], f"{name} has shape {list(found)} in the file, {list(wanted)} in the model"
    yield from ((part, f"{_names(count)} that the model has no use for") for part, count in fit.unused.items())


def _names(count: int) -> str:
    return f"{count:,} name{'s' if count > 1 else ''}"
