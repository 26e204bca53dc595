"""Small real manifests of the embedded dataset, built once per session."""

import os
from pathlib import Path

import pytest
from dictionaries import write_wordnet

import actiseg_noise

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads that spin for long slow a shared machine


@pytest.fixture(scope="session", autouse=True)
def small_wordnet(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A dictionary of a few words, on every machine the same, for the noises that need one."""
    os.environ["ACTISEG_WORDNET"] = str(write_wordnet(tmp_path_factory.mktemp("wordnet")))


@pytest.fixture(scope="session")
def kitchen_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kitchen")


@pytest.fixture(scope="session")
def clean_val(kitchen_root: Path) -> Path:
    """The clean labels of kitchen's first 8 evaluation clips: 4 videos, two clips each."""
    return build(kitchen_root, "clean")


@pytest.fixture(scope="session")
def noisy_val(kitchen_root: Path) -> Path:
    """The same clips with text and mask noise."""
    return build(kitchen_root, "mixed-40-15")


def build(root: Path, recipe: str) -> Path:
    out = root / "manifests" / recipe
    return actiseg_noise.build(
        "kitchen", root=root, split="val", recipe=recipe, out=out, limit=8, allow_eval=True, workers=1, gate=False
    )
