"""Labels as large as VISOR's training split, and pictures as large as its frames, made up: for ``loader.py``.

A clip has four frames of 1920×1080 and five objects, wobbly discs; every mask is one of a few dozen, and every mask on
the noisy side is another one than the clean. The tables are written by the writer of a build, so they are of a build's
types, row groups and sizes; what they name exists as far as ``write_pictures`` wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from build_masks import OBJECTS, Blobs, draw_blobs
from PIL import Image

from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.records import ClipRow, FrameRow, MaskRow, SampleRow
from actiseg_noise.manifest.schema import CLIPS, FRAMES, MASKS, SAMPLES
from actiseg_noise.manifest.write import Digests, ManifestWriter
from actiseg_noise.masks import Box, Rle, encode_rle
from actiseg_noise.recipe import load_recipe
from actiseg_noise.records import expression
from actiseg_noise.vocabulary import Vocabulary

HEIGHT, WIDTH = 1080, 1920
FRAMES_PER_CLIP = 4
VISOR_CLIPS = 13_200
"""With five objects 66,000 samples, with four frames 52,800 frames: what VISOR trains on, in ActionVOS's form."""
SHAPES = 12
_NARRATION = "take the things out of the cupboard"
_CLIPS_A_BATCH = 400
_WAVES = ((256, 0.5), (64, 0.25), (16, 0.12), (4, 0.06), (1, 0.03))  # (pixels, share) of what a picture is made of


def write_labels(folder: Path, clips: int, pictures: int) -> Path:
    """Write a manifest of some clips, whose frames name ``pictures`` different pictures in turn; return its folder."""
    folder.mkdir(parents=True)
    shapes = list(_draw_shapes())
    digests = [[shape.digest() for shape in one] for one in shapes]
    kinds = {"clips": CLIPS, "frames": FRAMES, "samples": SAMPLES, "masks": MASKS}
    with ManifestWriter(folder) as writer:
        for first in range(0, clips, _CLIPS_A_BATCH):
            rows: dict[str, list[Any]] = {name: [] for name in kinds}
            for number in range(first, min(first + _CLIPS_A_BATCH, clips)):
                for name, row in _clip(number, pictures, shapes, digests):
                    rows[name].append(row)
            for name, table in kinds.items():
                writer.append(name, to_batch(rows[name], table.arrow()))
        writer.finish(_info, Vocabulary({i: (f"thing {i}",) for i in _ids()}, {i: f"thing {i}" for i in _ids()}))
    return folder


def write_pictures(root: Path, count: int) -> None:
    """Write JPEGs of 1920×1080, about 0.3 MB each: noise of five wavelengths, as rough as a kitchen is."""
    rng = np.random.default_rng(0)
    for number in range(count):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        for pixels, share in _WAVES:
            small = rng.random((HEIGHT // pixels + 2, WIDTH // pixels + 2, 3), np.float32)
            picture += share * cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        Image.fromarray((picture * 255).clip(0, 255).astype(np.uint8)).save(root / _picture(number), quality=90)


def _picture(number: int) -> str:
    return f"{number:06d}.jpg"


def _ids() -> range:
    return range(1, OBJECTS + 1)


def _draw_shapes() -> Iterator[list[Rle]]:
    """Yield the masks of the objects of some frames."""
    rng = np.random.default_rng(1)
    box = Box(0, 0, HEIGHT, WIDTH)
    for _ in range(SHAPES):
        mask = draw_blobs(HEIGHT, WIDTH, rng)
        yield [encode_rle(mask == i, box, HEIGHT, WIDTH) for i in _ids()]


def _clip(
    number: int, pictures: int, shapes: Sequence[Sequence[Rle]], digests: Sequence[Sequence[str]]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield (table, row) of one clip."""
    name = f"clip_{number:06d}"
    flags = (False, False, False)
    yield (
        "clips",
        ClipRow(name, f"video_{number // 100}", _NARRATION, "take", "things", *[None] * 4, *flags, number, name),
    )
    for i in _ids():
        noun = f"thing {i}"
        text = (i, noun, expression(noun, _NARRATION))
        yield "samples", SampleRow(f"{name}/{i}", name, i, i <= 3, i == 1, i <= 2, *text, *text, "none", False)
    for frame in range(FRAMES_PER_CLIP):
        image = _picture((number * FRAMES_PER_CLIP + frame) % pictures)
        stem = f"{frame:06d}"
        yield "frames", FrameRow(name, frame, stem, image, None, None, HEIGHT, WIDTH, True, None, None)
        clean, noisy = (number + frame) % SHAPES, (number + frame + 1) % SHAPES
        for i in _ids():
            one, two = shapes[clean][i - 1], shapes[noisy][i - 1]
            code = (one.area, one.counts, two.area, two.counts, "dilate-v1", None, 0.5, False, False)
            hexes = (digests[clean][i - 1], digests[noisy][i - 1])
            yield "masks", MaskRow(f"{name}/{i}", name, frame, stem, i, *code, *hexes)


def _info(digests: Digests) -> ManifestInfo:
    """Return what ``manifest.json`` says."""
    return ManifestInfo(
        tool_version="0",
        dataset=asdict(Blobs.card) | {"options": {}},
        split="train",
        recipe=load_recipe("mask-15"),
        content="full",
        vocabulary={"origin": "dataset", "digest": "0" * 32},
        counts=digests.counts,
        noises=(),
        severity={"harmful_positives": 0.0, "median_iou": 0.5},
        digest=digests.digest,
        tables=digests.tables,
        columns=digests.columns,
        files=digests.files,
    )
