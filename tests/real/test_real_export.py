"""The real val_human.json, built and exported again: the published list, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import actiseg_noise
from actiseg_noise.borders.images import davis_palette
from actiseg_noise.exchange.export_actionvos import export_actionvos


@pytest.mark.parametrize("split", ["val_human", "val_novel"])
def test_the_published_list_comes_out_byte_for_byte(real_actionvos: Path, split: str, tmp_path: Path) -> None:
    built = actiseg_noise.build("actionvos", root=real_actionvos, split=split, content="text", out=tmp_path / "m")
    export_actionvos(actiseg_noise.read_manifest(built), tmp_path / "x", labels="clean")
    exported, original = (root / f"ImageSets/{split}.json" for root in (tmp_path / "x", real_actionvos))
    assert exported.read_bytes() == original.read_bytes()


def test_the_palette_is_the_published_one(real_actionvos: Path) -> None:
    with Image.open(real_actionvos / "palette_00000.png") as image:
        assert image.getpalette() == list(davis_palette())
