"""How fast each reader gives clips and masks, against ``vost``: ``python benchmarks/readers.py [--forms coco cvat]``.

The same masks, three blobs on each frame of videos of VOST, are written in every form that an export writes, and in
those of Label Studio and EgoMask. Each form is read by a process of its own: its clips are listed and every mask is
read once, on one thread; CPU seconds are counted, of that alone. No image is there, so no size of one is read.

``--memory 100 1000 --size 96x54`` measures the peak resident set of such processes instead, for both numbers of videos.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from build_masks import draw_blobs
from PIL import Image

import actiseg_noise
from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.masks import IndexMask

sys.path.append(str(Path(__file__).parent.parent / "tests" / "noise"))
from deposit_label_studio import annotation, brush, region, task
from deposit_refvos import rle, write_json

OBJECTS, FRAMES_PER_VIDEO = 3, 10
EXPORTED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "davis": ("davis", "davis", ()),
    "refvos-png": ("refvos", "refvos", ("--masks", "png")),
    "refvos-rle": ("refvos", "refvos", ("--masks", "rle")),
    "ytvis": ("ytvis", "ytvis", ()),
    "coco": ("ytvis", "coco", ()),
    "coco-polygons": ("ytvis", "coco", ("--masks", "polygon")),
    "cvat": ("ytvis", "cvat", ()),
}
"""Per form: the adapter, the format of ``export``, and its options."""
READ = {form: (adapter, "train") for form, (adapter, _, _) in EXPORTED.items()} | {
    "label-studio": ("ytvis", "train"),
    "egomask": ("refvos", "test"),
}
"""Per form: the adapter and the split."""


def write_vost(root: Path, videos: int, height: int, width: int) -> None:
    """Write a deposit of VOST."""
    rng = np.random.default_rng(0)
    names = [f"{number}_tear_aluminium_foil" for number in range(videos)]
    (root / "ImageSets").mkdir(parents=True)
    (root / "ImageSets" / "train.txt").write_text("\n".join(names) + "\n")
    for name in names:
        folder = root / "Annotations" / name
        folder.mkdir(parents=True)
        for frame in range(FRAMES_PER_VIDEO):
            mask = draw_blobs(height, width, rng)
            mask[mask > OBJECTS] = 0
            absent = [one for one in range(1, OBJECTS + 1) if not (mask == one).any()]  # of small frames
            mask[0, absent] = absent
            Image.fromarray(mask).save(folder / f"frame{frame:05d}.png")


def write_exports(root: Path, folder: Path) -> None:
    """Write the deposit in every form that an export writes."""
    manifest = folder / "manifest"
    actiseg_noise.build("vost", root=root, options={"objects": "instances"}, out=manifest, workers=1)
    for form, (_, name, options) in EXPORTED.items():
        words = ["export", str(manifest), "--format", name, "--labels", "clean", "--out", str(folder / form)]
        subprocess.run(
            [sys.executable, "-m", "actiseg_noise", *words, "--quiet", *options], check=True, stdout=subprocess.DEVNULL
        )


def iter_masks(root: Path) -> Iterator[tuple[str, str, IndexMask]]:
    """Yield video, frame and index mask of a deposit of VOST."""
    for path in sorted((root / "Annotations").glob("*/*.png")):
        yield path.parent.name, path.stem, np.asarray(Image.open(path))


def write_label_studio(root: Path, folder: Path) -> None:
    """Write one task an image, with a brush region for each object."""
    tasks = []
    for number, (video, frame, mask) in enumerate(iter_masks(root)):
        sides = {"original_height": mask.shape[0], "original_width": mask.shape[1]}
        results = [
            region("brushlabels", "foil", {"format": "rle", "rle": brush(mask == one)}, int(one), **sides)
            for one in np.unique(mask[mask > 0])
        ]
        tasks.append(task(number, f"/data/local-files/?d={video}/{frame}.jpg", annotation(*results)))
    write_json(folder / "train.json", tasks)


def write_egomask(root: Path, folder: Path) -> None:
    """Write a benchmark of EgoMask: a file of masks for each object of each video."""
    videos: dict[str, Any] = {}
    entries: dict[str, Any] = {}
    masks: dict[str, dict[str, Any]] = {}
    for video, frame, mask in iter_masks(root):
        one = videos.setdefault(video, {"expressions": {}, "frames": [], "subset": "long"})
        one["frames"].append(frame)
        entry = entries.setdefault(video, {"subset": "long", "objects": {}})
        for number in map(str, np.unique(mask[mask > 0])):
            one["expressions"].setdefault(number, {"exp": f"foil {number}", "obj_id": number})
            entry["objects"][number] = {"category": "foil"}
            masks.setdefault(f"{video}/{number}", {})[frame] = rle(mask == int(number))
    for name, said in (("meta_expressions", videos), ("meta", entries)):
        write_json(folder / f"{name}.json", {"videos": said})
    for name, codes in masks.items():
        write_json(folder / f"annotations/{name}.json", codes)


def read_all(adapter: str, root: Path, split: str) -> tuple[int, float]:
    """Return how many frames a dataset has, and the CPU seconds of listing its clips and reading their masks."""
    chosen = DATASETS[adapter]
    start = time.process_time()
    dataset = chosen(root)
    frames = 0
    for clip in dataset.iter_clips(split, with_frames=True):
        for frame in clip.frames:
            dataset.read_checked_mask(clip, frame)
            frames += 1
    return frames, time.process_time() - start


def measure(adapter: str, root: Path, split: str) -> tuple[float, float]:
    """Return frames per CPU second, and the peak resident set in MiB, in a process of its own."""
    words = [sys.executable, __file__, "--read", adapter, str(root), split]
    settings = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ | settings)
    frames, seconds, peak = map(float, done.stdout.split())
    return frames / seconds, peak


def write_all(folder: Path, videos: int, size: str) -> None:
    """Write the deposit of VOST and every other form, a folder each."""
    width, height = map(int, size.split("x"))
    write_vost(folder / "vost", videos, height, width)
    write_exports(folder / "vost", folder)
    write_label_studio(folder / "vost", folder / "label-studio")
    write_egomask(folder / "vost", folder / "egomask")


def peak_memory() -> float:
    """Return the peak resident set of this process in MiB, as Linux says it: what the launcher had does not count."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


def measure_memory(forms: list[str], counts: list[int], size: str) -> None:
    """Print the peak of each form for each number of videos."""
    peaks: dict[str, list[float]] = {form: [] for form in ("vost", *forms)}
    for videos in counts:
        with tempfile.TemporaryDirectory() as name:
            write_all(Path(name), videos, size)
            for form, found in peaks.items():
                adapter, split = READ.get(form, (form, "train"))
                found.append(measure(adapter, Path(name, form), split)[1])
    for form, found in peaks.items():
        told = ", ".join(f"{peak:.0f} MiB of {videos:,d}" for peak, videos in zip(found, counts, strict=True))
        print(f"{form}: {told} videos")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=80)
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--forms", nargs="+", default=[*READ], choices=[*READ])
    parser.add_argument("--memory", type=int, nargs="+", help="numbers of videos")
    parser.add_argument("--read", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        adapter, root, split = options.read
        read = read_all(adapter, Path(root), split)
        print(*read, peak_memory())
        return
    if options.memory:
        measure_memory(options.forms, options.memory, options.size)
        return
    speeds: dict[str, list[float]] = {form: [] for form in options.forms}
    ratios: dict[str, list[float]] = {form: [] for form in options.forms}
    with tempfile.TemporaryDirectory() as name:
        folder, deposit = Path(name), Path(name, "vost")
        write_all(folder, options.videos, options.size)
        for _ in range(options.rounds):
            for form in options.forms:
                yardstick = measure("vost", deposit, "train")[0]
                adapter, split = READ[form]
                speeds[form].append(measure(adapter, folder / form, split)[0])
                ratios[form].append(speeds[form][-1] / yardstick)
    for form, found in ratios.items():
        print(
            f"{form}: {median(speeds[form]):.0f} frames a CPU second, {median(found):.2f} of vost's "
            f"({min(found):.2f}–{max(found):.2f})"
        )


if __name__ == "__main__":
    main()
