"""A small grid on kitchen's labels, for folders of runs that are brought together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import actiseg_noise
from actiseg_bench.grid.run import RunSpec, make_grid
from actiseg_bench.grid.tracks import Track, open_track


def labels(folder: Path, kitchen_root: Path) -> Track:
    """Build the labels of a folder of runs, and return their track."""

    def build(recipe: str) -> Path:
        place = folder / "manifests" / "kitchen" / "val" / f"{recipe}-s0"
        options: dict[str, Any] = {"split": "val", "limit": 4, "allow_eval": True, "gate": False, "workers": 1}
        return actiseg_noise.build("kitchen", root=kitchen_root, recipe=recipe, out=place, **options)

    return open_track(build("text-40"), build("clean"), kitchen_root, kitchen_root, name="text-40", protocol="mini-v1")


def grid_of(track: Track) -> list[RunSpec]:
    return make_grid([track], ["baseline", "gce", "co_teaching"], "faithful", 2, "tiny")
