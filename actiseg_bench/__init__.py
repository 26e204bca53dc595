"""Trains and scores referring video object segmentation under label noise, on manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_bench.data.manifest_dataset import ManifestDataset

__all__ = ["ManifestDataset"]


def __getattr__(name: str) -> Any:
    """Import the public names on first use: torch takes seconds, ``--help`` must not."""
    if name == "ManifestDataset":
        from actiseg_bench.data.manifest_dataset import ManifestDataset

        return ManifestDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
