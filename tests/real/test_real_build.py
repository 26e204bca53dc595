"""The issue's own commands on real input: builds that verify, with the figures that were measured on the real files."""

from __future__ import annotations

from pathlib import Path

import actiseg_noise
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.check.verify import verify
from actiseg_noise.recipe import ad_hoc_recipe


def check(path: Path, root: Path) -> actiseg_noise.Manifest:
    """Return a manifest that holds, by itself and against its dataset."""
    manifest = actiseg_noise.read_manifest(path)
    assert verify(manifest) == []
    assert compare_with_dataset(manifest, root=root) == []
    return manifest


def test_flips_on_the_572_train_clips_of_vost(real_vost: Path, tmp_path: Path) -> None:
    recipe = ad_hoc_recipe(flip=0.3)
    path = actiseg_noise.build("vost", root=real_vost, recipe=recipe, content="text", out=tmp_path / "m")
    info = check(path, real_vost).info
    assert info.counts == {"clips": 572, "frames": 0, "samples": 572, "masks": 0}
    assert info.noises[0].eligible == 572


def test_mixed_noise_on_the_154_masks_of_vost(real_vost: Path, tmp_path: Path) -> None:
    path = actiseg_noise.build(
        "vost",
        root=real_vost,
        split="val",
        skip_missing=True,
        allow_eval=True,
        recipe="mixed-40-15",
        out=tmp_path / "m",
        workers=2,
    )
    info = check(path, real_vost).info
    assert info.counts == {"clips": 46, "frames": 154, "samples": 46, "masks": 154}
    assert len(info.skipped) == 24
    assert 0.40 < (info.severity["median_iou"] or 0) < 0.50


def test_text_noise_on_the_2096_samples_of_val_human(real_actionvos: Path, tmp_path: Path) -> None:
    path = actiseg_noise.build(
        "actionvos",
        root=real_actionvos,
        split="val_human",
        allow_eval=True,
        content="text",
        recipe="text-40",
        out=tmp_path / "m",
    )
    manifest = check(path, real_actionvos)
    assert manifest.info.counts["clips"] == 353
    assert manifest.info.counts["samples"] == 2096
    rows = manifest.table("samples").to_pylist()
    substituted = [row for row in rows if row["text_noise"] == "noun_substitution-v1"]
    landed = sum(row["is_harmful"] for row in substituted) / len(substituted)
    assert 0.02 < landed < 0.08, "4.6 % of the eligible substitutions land on another object of the clip"


def test_rates_are_nested_on_real_samples(real_actionvos: Path, tmp_path: Path) -> None:
    """Flips at 20 % lie inside those at 40 %, which lie inside those at 60 %, on real data too."""
    flipped = []
    for rate in (20, 40, 60):
        path = actiseg_noise.build(
            "actionvos",
            root=real_actionvos,
            split="val_human",
            allow_eval=True,
            content="text",
            recipe=f"flip-{rate}",
            out=tmp_path / str(rate),
        )
        rows = actiseg_noise.read_manifest(path).table("samples").to_pylist()
        flipped.append({(r["sample_id"], r["noisy_noun"]) for r in rows if r["text_noise"] != "none"})
    assert flipped[0] < flipped[1] < flipped[2]
