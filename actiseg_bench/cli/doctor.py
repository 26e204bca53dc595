"""``doctor``: what this machine has, what is missing, and how to get it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import typer

from actiseg_bench.cli.base import AsJson, app

# Distribution → what it is for, and the extra that brings it.
_OPTIONAL = {
    "matplotlib": ("charts of 'analyze' and 'inspect --plot'", "plots"),
    "scipy": ("statistics of leaderboards", "bench"),
    "safetensors": ("weights", "bench"),
    "transformers": ("the text encoder of ReferFormer", "referformer"),
    "nltk": ("noises that ask WordNet", "wordnet"),
}
_ROOM_MB = 2000
OK, MISSING, BAD = "ok", "not there", "wrong"


class Finding(NamedTuple):
    """One line.

    Attributes:
        what: the thing that was looked at. state: ``ok``, ``not there`` or ``wrong``.
        found: a version, size or path, in words. advice: what to do; empty where nothing is to be done.
    """

    what: str
    state: str
    found: str
    advice: str = ""


@app.command()
def doctor(json: AsJson = False) -> None:
    """Say what this machine has: versions, devices, datasets, caches, room, and how to get what is missing.

    Exit code 1 where something is wrong; what is merely not there is fine.
    """
    from actiseg_noise.terminal import print_json

    found = [*_versions(), *_extras(), *_devices(), *_datasets(), *_tokenizer(), *_folders()]
    if json:
        print_json([one._asdict() for one in found])
    else:
        _print(found)
    if any(one.state == BAD for one in found):
        raise typer.Exit(1)


def _print(found: Sequence[Finding]) -> None:
    """Print what is fine in short lines, and below it what is not, with what to do."""
    from actiseg_noise.terminal import print_table

    fine = [(one.what, one.found) for one in found if one.state == OK]
    others = [(one.what, f"{one.state}: {one.found}\n{one.advice}") for one in found if one.state != OK]
    print_table("This machine", ("what", "found"), fine)
    if others:
        print_table("Not there, or wrong", ("what", "found"), others)


def _versions() -> Iterator[Finding]:
    from actiseg_noise.version import tool_version

    yield Finding("actiseg-nl", OK, f"{tool_version()}, {Path(__file__).parents[2]}")
    yield Finding("Python", OK, f"{platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in ("numpy", "pyarrow", "opencv-python-headless", "pycocotools"):
        yield Finding(name, OK, version(name))


def _extras() -> Iterator[Finding]:
    for name, (purpose, extra) in _OPTIONAL.items():
        try:
            yield Finding(name, OK, version(name))
        except PackageNotFoundError:
            yield Finding(name, MISSING, f"for {purpose}", f"pip install 'actiseg-nl[{extra}]'")


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except ImportError:
        yield Finding("torch", MISSING, "for everything that trains", "pip install 'actiseg-nl[bench]'")
        return
    yield Finding("torch", OK, f"{torch.__version__}, {torch.get_num_threads()} threads")
    if not torch.cuda.is_available():
        built = torch.version.cuda
        why = f"torch was built for CUDA {built}, but sees no GPU" if built else "this torch was built without CUDA"
        yield Finding("GPU", MISSING, why, "all commands run on the CPU; ReferFormer wants a GPU")
        return
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        yield Finding(f"cuda:{number}", OK, f"{about.name}, {about.total_memory / 2**30:.0f} GiB")


def _datasets() -> Iterator[Finding]:
    from actiseg_noise.borders.roots import find_root
    from actiseg_noise.datasets.base import DATASETS
    from actiseg_noise.errors import ActisegError

    for name in DATASETS:
        card = DATASETS[name].card
        try:
            yield Finding(f"dataset {name}", OK, str(find_root(card)))
        except ActisegError as error:
            known = "drawn when it is first used" if card.is_embedded else str(error).split(". ", maxsplit=1)[0]
            advice = "" if card.is_embedded else f"'actiseg-noise datasets' and docs/datasets.md: {card.homepage}"
            yield Finding(f"dataset {name}", OK if card.is_embedded else MISSING, known, advice)


def _tokenizer() -> Iterator[Finding]:
    import os

    from actiseg_bench.models.referformer.text import VARIABLE

    place = os.environ.get(VARIABLE)
    if place is None:
        yield Finding(
            "ReferFormer's tokenizer", MISSING, f"${VARIABLE} is not set", "docs/referformer.md says how to get RoBERTa"
        )
    else:
        is_there = Path(place).is_dir()
        yield Finding(
            "ReferFormer's tokenizer",
            OK if is_there else BAD,
            place,
            "" if is_there else f"no such folder: ${VARIABLE}",
        )


def _folders() -> Iterator[Finding]:
    from actiseg_noise.borders.roots import cache_folder

    cache = cache_folder()
    yield Finding(
        "cache", OK if cache.is_dir() else MISSING, str(cache), "" if cache.is_dir() else "made when it is needed"
    )
    place = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(place).free / 2**20
    enough = free >= _ROOM_MB
    yield Finding(
        "room there",
        OK if enough else BAD,
        f"{free:,.0f} MiB",
        "" if enough else "free some: kitchen alone takes a few hundred MiB",
    )
