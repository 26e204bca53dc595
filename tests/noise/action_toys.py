"""A toy of sixty clips and its manifests with noise on flags and narrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toys import Toy, make_toy

import actiseg_noise
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.recipe import NoiseSpec, Recipe

TOY = make_toy(clips=60, frames=1)
FLAG, SWAP, FLIP, DILATE = "flag_flip-v1", "narration_swap-v1", "category_flip-v1", "dilate-v1"
BOTH = Recipe("both", (NoiseSpec(SWAP, 0.4), NoiseSpec(FLAG, 0.3)))


def built(tmp_path: Path, recipe: Recipe = BOTH, toy: Toy = TOY, **options: Any) -> Manifest:
    return read_manifest(actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m", **options))
