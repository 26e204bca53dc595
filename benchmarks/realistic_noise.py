"""How far noisy masks are from clean ones, for the noises of annotators and tools, beside a real disagreement.

    python benchmarks/realistic_noise.py [--davis FOLDER] [--seeds 3] [--noises clicks-v1 …]

Prints the tables of docs/realistic_noise.md. Every noise hits every object (rate 1, one draw per clip and object) at
three strengths. Measured are, over all masks with pixels: IoU with the clean mask, the mean, the median and the worst
twentieth; the distance from every border pixel of the one mask to the nearest border pixel of the other, both ways, in
pixels at 480 rows, the mean and the largest of the nearest 50 % and 95 %; the median of noisy area over clean area; and
the share of masks that are not as they were. An empty noisy mask has an IoU of 0 and no distance.

Without ``--davis`` the clean masks are those of the embedded dataset, which anybody can draw. ``--davis`` names a
folder with ``Annotations_human/480p`` (foreground drawn by people), ``Annotations/480p`` (masks of OSVOS, a network, on
the same frames) and ``JPEGImages/480p``: clean masks are the people's then, and the first row compares OSVOS's
foreground with them, but for the first frame of a video, which OSVOS is given. For ``merge_instances-v1``, which needs
objects that touch, the people's foreground is divided: each pixel is of OSVOS's nearest object.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from actiseg_noise.borders.images import read_foreground, read_index_mask
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.datasets.base import DATASETS, Dataset, dataset_root
from actiseg_noise.manifest.schema import MASKS
from actiseg_noise.masks import BinaryMask, IndexMask, Rle, decode_rle
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

LEVELS: dict[str, tuple[Mapping[str, Any], ...]] = {
    "clicks-v1": tuple({"clicks": n, "sigma": s} for n, s in ((40, 1.5), (20, 3), (12, 5))),
    "keyframes-v1": tuple({"every": n} for n in (2, 5, 10)),
    "lag-v1": tuple({"delay": n} for n in (1, 2, 4)),
    "boundary_walk-v1": ({"steps": 60, "expand": 0.5}, *({"steps": n} for n in (60, 120, 180))),
    "drop_frames-v1": tuple({"share": n} for n in (0.1, 0.2, 0.3)),
    "merge_instances-v1": ({},),
    "split_instance-v1": tuple({"lost": n} for n in (0.1, 0.25, 0.5)),
    "superpixel-v1": tuple({"size": n} for n in (12, 24, 48)),
    "vertex_jitter-v1": tuple({"sigma": n} for n in (2, 3, 4)),
    "dilate-v1": tuple({"kernel": n} for n in (9, 15, 21)),
}
KITCHEN_CLIPS = 60


@dataclass
class Apart:
    """What was measured of pairs of masks."""

    ious: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    distances: list[np.ndarray] = field(default_factory=list)
    changed: int = 0

    def add(self, clean: BinaryMask, noisy: BinaryMask) -> None:
        """Take in a pair; the clean mask has pixels."""
        self.ious.append(float((clean & noisy).sum() / (clean | noisy).sum()))
        self.ratios.append(float(noisy.sum() / clean.sum()))
        self.changed += not np.array_equal(clean, noisy)
        if noisy.any():
            self.distances.append(border_distances(clean, noisy) * 480 / min(clean.shape))

    def row(self, name: str, strength: str) -> str:
        """Return a row of the table."""
        low, middle = np.quantile(self.ious, [0.05, 0.5])
        away = np.concatenate(self.distances) if self.distances else np.array([np.nan])
        half, most = np.quantile(away, [0.5, 0.95])
        cells = [f"{np.mean(self.ious):.3f}", f"{middle:.3f}", f"{low:.3f}"]
        cells += [f"{away.mean():.1f}", f"{half:.1f}", f"{most:.1f}"]
        cells += [f"{np.median(self.ratios):.2f}", f"{self.changed / len(self.ious):.2f}"]
        return f"| {name} | {strength} | {' | '.join(cells)} |"


def border_distances(one: BinaryMask, other: BinaryMask) -> np.ndarray:
    """Return the distance of every border pixel of each mask to the nearest one of the other."""
    borders = [mask.view(np.uint8) - cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8)) for mask in (one, other)]
    found = []
    for here, there in (borders, borders[::-1]):
        away = cv2.distanceTransform(1 - there, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        found.append(away[here > 0])
    return np.concatenate(found)


class People(Dataset):
    """The people's masks: the foreground as one object, or divided among OSVOS's."""

    card: ClassVar[DatasetCard] = DatasetCard(
        **dict.fromkeys(("name", "source", "version", "title", "size", "licence"), "people"),
        **dict.fromkeys(("citation", "homepage", "how_to_get"), ""),
        splits=("train",),
        eval_splits=(),
    )

    def __init__(self, root: Path, *, divided: bool = False) -> None:
        super().__init__(root)
        self.divided = divided

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the videos."""
        for folder in sorted((self.root / "Annotations_human/480p").iterdir()):
            stems = sorted(path.stem for path in folder.glob("*.png"))
            parts = [f"480p/{folder.name}/{stem}" for stem in stems]
            frames = [
                FrameRecord(stem, f"JPEGImages/{part}.jpg", f"Annotations_human/{part}.png", True)
                for stem, part in zip(stems, parts, strict=True)
            ]
            ids = range(1, 6) if self.divided else (1,)
            objects = tuple(ObjectRecord(i, i, "thing", "thing", True) for i in ids)
            yield Clip(folder.name, folder.name, folder.name, "move it", "move", "it", objects, tuple(frames))

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield the one category."""
        yield ObjectRecord(1, 1, "thing", "thing", True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the people's mask."""
        drawn = read_foreground(self.root / str(frame.mask_path))
        return nearest(osvos_mask(self.root, frame), drawn) if self.divided else drawn


def osvos_mask(root: Path, frame: FrameRecord) -> IndexMask:
    """Return the network's mask of the same frame."""
    return read_index_mask(root / str(frame.mask_path).replace("Annotations_human", "Annotations"))


def nearest(index_mask: IndexMask, foreground: IndexMask) -> IndexMask:
    """Return the foreground with every pixel of the nearest object of an index mask, 1 where there is none."""
    if not index_mask.any():
        return foreground
    away, labels = cv2.distanceTransformWithLabels(
        (index_mask == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ids = np.zeros(int(labels.max()) + 1, np.uint8)
    ids[labels[away == 0]] = index_mask[away == 0]
    return (ids[labels] * foreground).astype(np.uint8)


def measure(dataset: Dataset, clips: Iterable[Clip], spec: NoiseSpec, seeds: int) -> Apart:
    """Return what is between clean and noisy masks."""
    apart, names = Apart(), [column.name for column in MASKS.columns]
    shown = list(clips)
    for seed in range(seeds):
        recipe = Recipe("measured", (spec,), seed, temporal="clip")
        worker = Worker(make_request(dataset, BuildOptions(recipe=recipe)).job())
        for clip in shown:
            rows, _ = worker.rows([clip])
            sizes = {row.frame_idx: (row.height, row.width) for row in rows["frames"]}
            for row in (dict(zip(names, row, strict=True)) for row in rows["masks"]):
                if row["clean_area"] and row["mask_noise"] != "none":
                    codes = [row["clean_rle"], row["clean_rle"] if row["noisy_rle"] is None else row["noisy_rle"]]
                    apart.add(*(decode_rle(Rle(*sizes[row["frame_idx"]], code, 0)) for code in codes))
    return apart


def disagreement(people: People) -> Apart:
    """Return what is between the people's foreground and the network's."""
    apart = Apart()
    for clip in people.iter_clips("train", with_frames=True):
        for frame in clip.frames[1:]:
            drawn = people.read_index_mask(clip, frame) > 0
            if drawn.any():
                apart.add(drawn, osvos_mask(people.root, frame) > 0)
    return apart


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--davis", type=Path, help="a folder with masks of people and of OSVOS")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noises", nargs="+", default=list(LEVELS), choices=list(LEVELS))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print("| noise | strength | IoU mean | median | 5 % | distance mean | median | 95 % | area | changed |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    if options.davis is not None:
        print(disagreement(People(options.davis)).row("OSVOS for people's masks", "–"))
    for name in options.noises:
        if options.davis is not None:
            dataset: Dataset = People(options.davis, divided=name == "merge_instances-v1")
            clips = list(dataset.iter_clips("train", with_frames=True))
        else:
            dataset = DATASETS["kitchen"](dataset_root("kitchen"))
            clips = list(islice(dataset.iter_clips("train", with_frames=True), KITCHEN_CLIPS))
            clips = [replace(clip, objects=tuple(sorted(clip.objects, key=lambda o: o.object_id))) for clip in clips]
        for level in LEVELS[name]:
            found = measure(dataset, clips, NoiseSpec(name, 1.0, dict(level)), options.seeds)
            strength = ", ".join(f"{option} {value}" for option, value in level.items()) or "–"
            print(found.row(f"`{name}`", strength), flush=True)


if __name__ == "__main__":
    main()
