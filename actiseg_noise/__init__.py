"""Noisy variants of action-based video object segmentation datasets, reproducible to the bit.

Build a noisy split, read it, check it:

>>> import actiseg_noise
>>> path = actiseg_noise.build("kitchen", recipe="text-40", content="text", limit=3, gate=False, out="noisy")
>>> manifest = actiseg_noise.read_manifest(path)
>>> manifest
<Manifest kitchen/train/text-40-s0: 3 clips, 17 samples, text; digest eff4cf9d7388>
>>> clip = next(manifest.iter_clips())
>>> clip.samples[0].expression, clip.samples[0].noisy_expression
('bowl used in the action of pour it', 'scissors used in the action of pour it')
>>> actiseg_noise.verify(path) == []
True

``import actiseg_noise`` itself costs nothing: a name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_noise.building.build import build
    from actiseg_noise.check.diff import diff
    from actiseg_noise.check.verify import verify
    from actiseg_noise.datasets.base import dataset_root, register_dataset
    from actiseg_noise.errors import ActisegError, DataError, GateError, ManifestError, UnknownNameError
    from actiseg_noise.exchange.clean import clean
    from actiseg_noise.exchange.export import export
    from actiseg_noise.exchange.import_labels import import_labels
    from actiseg_noise.manifest.read import Manifest, read_manifest
    from actiseg_noise.noises.base import mask_noise, text_noise
    from actiseg_noise.publishing.publication import UnverifiedError, publish
    from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe
    from actiseg_noise.view.inspection import inspect
    from actiseg_noise.view.page import view_manifest
    from actiseg_noise.view.preview_movie import preview_movie
    from actiseg_noise.view.preview_sheet import preview

    __version__: str

__all__ = [  # noqa: RUF022 - in the order of their use
    "build",
    "read_manifest",
    "verify",
    "diff",
    "inspect",
    "preview",
    "preview_movie",
    "view_manifest",
    "export",
    "import_labels",
    "clean",
    "publish",
    "load_recipe",
    "Manifest",
    "Recipe",
    "NoiseSpec",
    "register_dataset",
    "dataset_root",
    "text_noise",
    "mask_noise",
    "ActisegError",
    "DataError",
    "GateError",
    "ManifestError",
    "UnknownNameError",
    "UnverifiedError",
    "__version__",
]

_HOMES = {
    "build": "building.build",
    "read_manifest": "manifest.read",
    "verify": "check.verify",
    "diff": "check.diff",
    "inspect": "view.inspection",
    "preview": "view.preview_sheet",
    "preview_movie": "view.preview_movie",
    "view_manifest": "view.page",
    "export": "exchange.export",
    "import_labels": "exchange.import_labels",
    "clean": "exchange.clean",
    "publish": "publishing.publication",
    "load_recipe": "recipe",
    "Manifest": "manifest.read",
    "Recipe": "recipe",
    "NoiseSpec": "recipe",
    "register_dataset": "datasets.base",
    "dataset_root": "datasets.base",
    "text_noise": "noises.base",
    "mask_noise": "noises.base",
    "ActisegError": "errors",
    "DataError": "errors",
    "GateError": "errors",
    "ManifestError": "errors",
    "UnknownNameError": "errors",
    "UnverifiedError": "publishing.publication",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name == "__version__":
        from actiseg_noise.version import tool_version

        return tool_version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names alone."""
    return sorted(__all__)
