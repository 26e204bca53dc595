"""What a training waits for: ``python benchmarks/loader.py [--before COMMIT]``.

Three questions, each with the code of before (an archive of a commit, in a temporary folder) in turns with today's, in
processes of one thread:

* windows per CPU second of one process that loads, from JPEGs of 1920×1080 under ``--config actionvos``, with five
  expressions on each: five of one expression, as the published configuration shows them; all five at once, which the
  code of before could read and no configuration asked for; with and without what ``train`` measures beside it;
* CPU seconds to open a manifest as large as VISOR's for a training, and resident memory after it;
* wall time of one and of two processes that load. It means what it says on a machine with nothing else to do alone;
  beside it stands how busy the machine is.

And a fourth, of today's code: frames that are delivered against those that ``tiny`` consumes, where all is in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from before import BEFORE, NOW, unpack
from loader_tiny import measure
from visor_like import VISOR_CLIPS, write_labels, write_pictures

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.items import make_sampler
from actiseg_bench.training.loading import BatchReader, iter_loaded, iter_requests
from actiseg_bench.training.named_configs import load_config

SPEED, WORKERS, OPENING, TINY = 5.0, 1.8, 2.0, 3.0
CLIPS, PICTURES = 60, 24

# What a process measures; ``sys.argv`` names the folder. It runs with either tree first on its path.
COMMON = """
import json, resource, sys, time
from pathlib import Path
import cv2, torch
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.training import batches
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.named_configs import load_config
from actiseg_bench.training.windows import WindowSampler
torch.set_num_threads(1)
cv2.setNumThreads(1)
folder = Path(sys.argv[1])
config = RunConfig.from_dict({"model": "referformer-r50", "train": load_config("actionvos").train})
def open_labels(name, diagnose):
    seen = {"size": 480, "mask_stride": 4, "whole": True, "fine": True}
    return ManifestDataset(folder / name, folder, weigh_actions=True, diagnose=diagnose, cache=False, **seen)
"""
WINDOWS = (
    COMMON
    + """
def load(data, views, step):
    if hasattr(batches, "read_batch"):
        return batches.read_batch(data, views, config, step)
    return batches.make_batch([data[view] for view in views], config, step, stride=4)
found = {}
for diagnose in (False, True):
    data = open_labels("small", diagnose)
    views = [batch[0] for batch in WindowSampler(data.extents, 5, 1, 0)]
    for how, samples in (("one", None), ("five", (0, 1, 2, 3, 4))):
        shown = views if samples is None else [view._replace(samples=samples) for view in views]
        load(data, shown[-1:], 0)
        start = time.process_time()
        for step in range(int(sys.argv[2])):
            load(data, [shown[step]], step)
        found[f"{how}, {diagnose}"] = int(sys.argv[2]) / (time.process_time() - start)
print(json.dumps(found))
"""
)
OPEN = (
    COMMON
    + """
start = time.process_time()
data = open_labels("large", True)
sampler = WindowSampler(data.extents, 5, 1, 0)
for what in (data.sizes, data.groups, data.frames_of_samples, data.noise_rates, next(iter(sampler))):
    assert what
spent = time.process_time() - start
print(json.dumps({"cpu": spent, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
)


def run(tree: Path, code: str, *arguments: object) -> dict[str, float]:
    """Run code with a tree's packages in a process of one thread; return what it printed."""
    own = {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | own, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def verdict(value: float, target: float, *, is_most: bool = False) -> str:
    """Return whether a target is met."""
    return "met" if (value <= target if is_most else value >= target) else "MISSED"


def compare_windows(folder: Path, trees: dict[str, Path], options: argparse.Namespace) -> None:
    """Measure and print windows per CPU second of one process."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(options.rounds):
        for name, tree in trees.items():
            found[name].append(run(tree, WINDOWS, folder, options.windows))
    print(f"{'windows per CPU second, five expressions each':58s} {'before':>7s} {'now':>7s} {'ratio':>7s}")
    for diagnose, said in ((False, ""), (True, ", measured as by train")):
        one, five = (
            {name: median(r[f"{how}, {diagnose}"] for r in rounds) for name, rounds in found.items()}
            for how in ("one", "five")
        )
        rows = {
            "one by one": (one["before"] / 5, one["now"] / 5),
            "all at once": (five["before"], five["now"]),
            "before one by one, now at once": (one["before"] / 5, five["now"]),
        }
        for what, (before, now) in rows.items():
            ratio = now / before
            print(f"{what + said:58s} {before:7.2f} {now:7.2f} {ratio:6.1f}× {verdict(ratio, SPEED)} ({SPEED:.0f}×)")


def compare_opening(folder: Path, trees: dict[str, Path]) -> None:
    """Measure and print what it takes to open a manifest of VISOR's size."""
    write_labels(folder / "large", VISOR_CLIPS, PICTURES)
    before, now = (run(trees[name], OPEN, folder) for name in ("before", "now"))
    print(
        f"66,000 samples opened in {now['cpu']:.2f} CPU s (before {before['cpu']:.2f}), {now['mb']:.0f} MB resident "
        f"(before {before['mb']:.0f}): {verdict(now['cpu'], OPENING, is_most=True)} ({OPENING:.0f} s)"
    )


def time_workers(folder: Path, options: argparse.Namespace) -> None:
    """Measure and print windows per second of wall time loaded by one and by two processes, their start left out."""
    torch.set_num_threads(1)
    train = {**load_config("actionvos-shared").train, "epochs": None, "steps": 10_000}
    config = RunConfig.from_dict({"model": "referformer-r50", "train": train})
    seen: dict[str, Any] = {"size": 480, "mask_stride": 4, "whole": True, "fine": True, "cache": False}
    data = ManifestDataset(folder / "small", folder, weigh_actions=True, **seen)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers, found in rates.items():
            requests = iter_requests(make_sampler(data, config), 0, 0, 0, config.train.steps)
            loaded = iter_loaded(BatchReader(data, config, 1), requests, workers)
            for _ in range(4 * workers):  # all processes are at work, and what they read ahead is taken
                next(loaded)
            start = time.perf_counter()
            for _ in range(options.windows):
                next(loaded)
            found.append(options.windows / (time.perf_counter() - start))
            loaded.close()
    one, two = (median(rates[workers]) for workers in (1, 2))
    load = os.getloadavg()[0]
    print(
        f"windows with five expressions per second of wall time: one process {one:.1f}, two {two:.1f}, "
        f"{two / one:.2f}×: "
        f"{verdict(two / one, WORKERS)} ({WORKERS}×); {os.cpu_count()} cores, load average {load:.1f} with these"
    )


def compare_with_tiny(folder: Path, options: argparse.Namespace) -> None:
    """Measure and print frames that are delivered from memory against those that ``tiny`` consumes."""
    delivered, eaten = measure(folder, options.rounds)
    ratio = median(a / b for a, b in zip(delivered, eaten, strict=True))
    print(
        f"frames per CPU second from memory, tiny: {median(delivered):.0f} delivered, {median(eaten):.0f} consumed, "
        f"{ratio:.1f}×: {verdict(ratio, TINY)} ({TINY:.0f}×)"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default=BEFORE, help="commit to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=16, help="windows of a round")
    parser.add_argument("--only", choices=["windows", "opening", "workers", "tiny"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        trees = {"before": unpack(options.before, folder / "before"), "now": NOW}
        write_pictures(folder, PICTURES)
        write_labels(folder / "small", CLIPS, PICTURES)
        asked = [options.only] if options.only else ["windows", "opening", "workers", "tiny"]
        if "windows" in asked:
            compare_windows(folder, trees, options)
        if "opening" in asked:
            compare_opening(folder, trees)
        if "workers" in asked:
            time_workers(folder, options)
        if "tiny" in asked:
            compare_with_tiny(folder, options)


if __name__ == "__main__":
    main()
