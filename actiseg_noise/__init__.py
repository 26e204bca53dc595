"""Noisy variants of action-based video object segmentation datasets, reproducible to the bit.

>>> import actiseg_noise
>>> folder = actiseg_noise.build("vost", root="VOST", recipe="text-40", content="text")  # doctest: +SKIP
>>> actiseg_noise.read_manifest(folder).table("samples").to_pandas()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_noise.building.build import build
    from actiseg_noise.manifest.read import Manifest, read_manifest
    from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe

__all__ = ["Manifest", "NoiseSpec", "Recipe", "build", "load_recipe", "read_manifest"]

_HOMES = {
    "Manifest": "actiseg_noise.manifest.read",
    "read_manifest": "actiseg_noise.manifest.read",
    "build": "actiseg_noise.building.build",
    "NoiseSpec": "actiseg_noise.recipe",
    "Recipe": "actiseg_noise.recipe",
    "load_recipe": "actiseg_noise.recipe",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: ``import actiseg_noise`` itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
