"""A publication of the toy's manifests, for the tests of what is in it, of who reads it, and of what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from toys import make_toy, write_toy

import actiseg_noise
from actiseg_noise.publishing.publication import Publication, publish
from actiseg_noise.recipe import NoiseSpec, Recipe

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MIX = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
    title="flips | fat masks",
)
MASKS = "train/toy-mix-s0/masks-00000-of-00001.parquet"


class Made(NamedTuple):
    """Two manifests of the toy and their publication."""

    noisy: Path
    clean: Path
    out: Path
    publication: Publication


def make_publication(folder: Path) -> Made:
    """Build two manifests of the toy below a folder and publish them."""
    toy = write_toy(make_toy(), folder / "root")
    noisy = actiseg_noise.build(toy, recipe=MIX, out=folder / "noisy")
    clean = actiseg_noise.build(toy, recipe="clean", out=folder / "clean")
    return Made(noisy, clean, folder / "pub", publish([noisy, clean], folder / "pub"))


def front_matter(out: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((out / "README.md").read_text("utf-8").split("---\n")[1]))


def run(*arguments: object, cwd: Path, **more: str) -> str:
    """Run a command and return what it printed."""
    paths = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": paths, **more}
    done = subprocess.run(
        list(map(str, arguments)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
