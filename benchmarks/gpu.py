"""What a GPU alone can say of ReferFormer's training: ``python benchmarks/gpu.py [--minutes 10] [--out DIR]``.

Labels and pictures are made up, as large as VISOR's (``visor_like.py``); weights are drawn, words are of a small
vocabulary. Every measurement is a process of its own, so that one that runs out of memory or time spoils no other.

* Training: ``--config actionvos``, the loop of ``train`` with its loading processes, logs and checkpoints left out.
  Windows per second are counted after the first steps. The busy share is that of the time in which at least one kernel
  or copy ran, by ``torch.profiler`` over some further steps, whose own time is not in windows per second. Peak memory
  is what torch's allocator held (``max_memory_allocated``), first steps and all.
* ``one size``: the same without the drawn sizes, so that a graph is compiled once; seconds until the first step stand
  beside it.
* Prediction: one forward pass on five frames of 480 × 854, median of ten.
* ``run --all`` with ``tiny``, the whole command, in the time that is left.

``float32`` is a training as it is by default, ``TF32`` adds ``torch.set_float32_matmul_precision("high")``. What cannot
be measured here stands in the table with the reason. ``gpu.json`` has what was measured, ``gpu.md`` the table. With
``--device cpu --size small`` it shows that it works.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from before import NOW
from visor_like import write_labels, write_pictures

from actiseg_bench.models.base import MODELS
from actiseg_bench.models.referformer.kernels import why_no_kernels
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.named_configs import load_config
from actiseg_bench.training.train import train_run

TRAIN, PREDICT, TINY = "training", "prediction", "run --all"
FRAMES, SIZE, ROUNDS, PROFILED = 5, (480, 854), 10, 10
MIB = 2**20


@dataclass(frozen=True)
class Case:
    """What is measured: what, in which precision, and how the network computes."""

    what: str
    precision: str = "32-true"
    tf32: bool = False
    deformable: str = "torch"
    checkpoint_activations: bool = False
    compile: bool = False
    one_size: bool = False
    expressions: int = 1

    @property
    def title(self) -> str:
        """Return what stands in the table."""
        if self.what == TINY:
            return "tiny, run --all"
        name = {"bf16-mixed": "bfloat16"}.get(self.precision, "TF32" if self.tf32 else "float32")
        ways = {
            "one size": self.one_size,
            "--compile": self.compile,
            "--deformable kernels": self.deformable == "kernels",
            "--checkpoint-activations": self.checkpoint_activations,
            f"{self.expressions} expressions": self.expressions > 1,
        }
        return ", ".join([self.what, name, *(way for way, used in ways.items() if used)])


PLAIN, TF32, HALF = Case(TRAIN), Case(TRAIN, tf32=True), Case(TRAIN, "bf16-mixed")
CASES = (  # the most telling first: time may not be enough for all
    PLAIN,
    TF32,
    HALF,
    replace(HALF, deformable="kernels"),
    replace(HALF, checkpoint_activations=True),
    Case(PREDICT),
    Case(PREDICT, "bf16-mixed"),
    Case(PREDICT, expressions=5),
    replace(HALF, one_size=True),
    replace(HALF, one_size=True, compile=True),
    replace(PLAIN, one_size=True),
    replace(PLAIN, one_size=True, compile=True),
    Case(TINY),
)


def why_not(case: Case, device: str) -> str:
    """Return why a case cannot be measured on a device; empty when it can."""
    if case.deformable == "kernels" and (why := why_no_kernels(torch.device(device))):
        return why
    if device == "cuda":
        return ""
    if case.compile:
        return "torch takes minutes to compile for a CPU"
    if case.what == TINY or case.expressions > 1 or case.one_size:
        return "takes minutes on a CPU and says nothing of a GPU"
    if case.checkpoint_activations:
        return "saves memory of a GPU, and a CPU's is not counted"
    return "a CPU computes in float32" if case.tf32 or case.precision != "32-true" else ""


class Enough(Exception):  # noqa: N818 — not an error
    """A training has run for as long as it was to be watched."""


class Watch:
    """Follows the steps of a training: when they ended, and how long the card computed in some of them."""

    def __init__(self, seconds: float, first: int, on_gpu: bool) -> None:
        self.seconds, self.first, self.on_gpu = seconds, first, on_gpu
        self.began, self.ended = time.perf_counter(), list[float]()
        self.rate, self.busy = 0.0, None
        self._profiler: Any = None
        self._profiled = 0

    def __call__(self, done: int, steps: int, loss: float) -> None:
        """Note the end of a step; raise :class:`Enough` after the last one that is of interest."""
        if self._profiler is not None:
            self._profiled += 1
            if self._profiled == PROFILED:
                self._profiler.stop()
                self.busy = busy_share(self._profiler.events())
                raise Enough
            return
        self.ended.append(time.perf_counter())
        watched = self.ended[self.first :]
        if len(watched) < 2 or watched[-1] - watched[0] < self.seconds:
            return
        self.rate = (len(watched) - 1) / (watched[-1] - watched[0])
        if not self.on_gpu:
            raise Enough
        self._profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
        self._profiler.start()


def busy_share(events: Iterable[Any]) -> float:
    """Return the share of the time, from the first kernel's begin to the last one's end, in which one ran."""
    spans = sorted(
        (event.time_range.start, event.time_range.end)
        for event in events
        if event.device_type == torch.autograd.DeviceType.CUDA
    )
    if not spans:
        return 0.0
    busy, end = 0.0, spans[0][0]
    for start, stop in spans:
        busy += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return busy / (end - spans[0][0])


def train(case: Case, folder: Path, model: str, device: str, seconds: float) -> dict[str, Any]:
    """Return windows per second of the training loop, and what it took."""
    table = {**load_config("actionvos").train, "epochs": None, "steps": 100_000}
    if case.one_size:
        table["augment"] = {**table["augment"], "scales": None}
    named = {"model": model, "start_weights": "none", "device": device, "precision": case.precision, "train": table}
    ways = {name: getattr(case, name) for name in ("deformable", "checkpoint_activations", "compile")}
    config = replace(RunConfig.from_dict(named), **ways)
    watch = Watch(seconds, 1 if device == "cpu" else 8, device == "cuda")
    with suppress(Enough):
        train_run(config, folder / "labels", folder, on_progress=watch)
    found = {"windows_per_s": watch.rate, "frames_per_s": FRAMES * watch.rate, "steps": len(watch.ended)}
    return {**found, "gpu_busy": watch.busy, "first_step_s": watch.ended[0] - watch.began}


def predict(case: Case, model: str, device: str, rows: int, columns: int) -> dict[str, Any]:
    """Return frames per second of a forward pass."""
    torch.manual_seed(0)
    network = MODELS[model]().eval().to(device)
    frames = torch.rand(1, FRAMES, 3, rows, columns, device=device)
    texts = [f"thing {i} used in the action of take things" for i in range(case.expressions)]
    owners = torch.zeros(case.expressions, dtype=torch.int64, device=device)
    taken, half = [], case.precision == "bf16-mixed"
    for _ in range(3 + ROUNDS):
        start = time.perf_counter()
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
            network(frames, texts, owners)
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return {"frames_per_s": FRAMES / median(taken[3:])}


def run_all(folder: Path, device: str, limit: float) -> dict[str, Any]:
    """Return the seconds of ``run --all``; where time is up first, how far it came."""
    out, start = folder / "runs", time.perf_counter()
    command = [sys.executable, "-m", "actiseg_bench", "run", "--all", "--device", device, "--out", str(out)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        results = len(list(out.rglob("result.json")))
        return {"why_not": f"not done after {limit:.0f} s ({results} results); give more --minutes"}
    if done.returncode:
        return {"why_not": " ".join(done.stderr.split())[-300:]}
    return {"seconds": time.perf_counter() - start}


def measure(case: Case, folder: Path, options: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Return what a case gives, in this process."""
    torch.set_float32_matmul_precision("high" if case.tf32 else "highest")
    model, size = ("referformer-mini", (96, 160)) if options.size == "small" else (options.model, SIZE)
    if case.what == TRAIN:
        found = train(case, folder, model, options.device, seconds)
    else:
        found = predict(case, model, options.device, *size)
    if options.device == "cuda":
        found["peak_mib"] = torch.cuda.max_memory_allocated() / MIB
    return found


def measure_apart(case: Case, folder: Path, options: argparse.Namespace, seconds: float, limit: float) -> Any:
    """Return what a case gives in a process of its own, or why it gave nothing."""
    given = {"case": asdict(case), "folder": str(folder), "seconds": seconds}
    same = ["--device", options.device, "--size", options.size, "--model", options.model]
    command = [sys.executable, __file__, "--inside", json.dumps(given), *same]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"why_not": f"not done after {limit:.0f} s; give more --minutes"}
    if done.returncode:
        return {"why_not": " ".join(done.stderr.split())[-300:] or f"ended with {done.returncode}"}
    said = [line for line in done.stderr.splitlines() if "--compile" in line or "--deformable" in line]
    return {**json.loads(done.stdout.splitlines()[-1]), **({"said": " ".join(said)} if said else {})}


def describe(device: str) -> dict[str, Any]:
    """Return what the figures are of."""
    card = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    return {"device": card, "cores": os.cpu_count(), "torch": torch.__version__, "cuda": torch.version.cuda}


COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("windows_per_s", "windows/s", "{:.2f}".format),
    ("frames_per_s", "frames/s", "{:.1f}".format),
    ("gpu_busy", "GPU busy", "{:.0%}".format),
    ("peak_mib", "peak MiB", "{:,.0f}".format),
    ("first_step_s", "first step, s", "{:.0f}".format),
    ("seconds", "seconds", "{:.0f}".format),
)


def as_table(machine: dict[str, Any], found: list[dict[str, Any]]) -> str:
    """Return the figures as a table in Markdown, and below it what was not measured and why."""
    about = ", ".join(f"{name} {value}" for name, value in machine.items() if value)
    lines = [
        about,
        "",
        "| | " + " | ".join(title for _, title, _ in COLUMNS) + " |",
        "| --- " * (1 + len(COLUMNS)) + "|",
    ]
    for one in (one for one in found if "why_not" not in one):
        cells = ["" if one.get(key) is None else shown(one[key]) for key, _, shown in COLUMNS]
        lines.append(f"| {one['title']} | " + " | ".join(cells) + " |")
    notes = [
        f"- {one['title']}: {one.get('why_not') or one['said']}" for one in found if one.keys() & {"why_not", "said"}
    ]
    return "\n".join([*lines, "", *(["Not measured, or said on the way:", "", *notes] if notes else [])]) + "\n"


def write_inputs(folder: Path, size: str) -> None:
    """Write labels, pictures, and the files of a tokenizer where the environment names none."""
    clips, pictures = (2, 2) if size == "small" else (60, 12)
    write_pictures(folder, pictures)
    write_labels(folder / "labels", clips, pictures)
    if "ACTISEG_ROBERTA" not in os.environ:
        sys.path.append(str(NOW / "tests" / "bench"))
        from roberta_files import write_roberta_files  # noqa: PLC0415 — of the tests

        (folder / "roberta").mkdir()
        os.environ["ACTISEG_ROBERTA"] = str(write_roberta_files(folder / "roberta"))


def measure_all(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what every case gave; each has an equal part of the time that is left, and ``run --all`` three."""
    end = time.monotonic() + 60 * options.minutes - 10
    write_inputs(folder, options.size)
    found, parts = [], {case: 3 if case.what == TINY else 2 if case.compile else 1 for case in CASES}
    waiting = [case for case in CASES if not why_not(case, options.device)]
    for case in CASES:
        why = why_not(case, options.device)
        left = end - time.monotonic()
        if why or left < 1:
            result: dict[str, Any] = {"why_not": why or "no time was left; give more --minutes"}
        else:
            limit = left * parts[case] / sum(parts[one] for one in waiting)
            limit = min(left, limit if case.what == TINY else max(limit, 60.0))
            if case.what == TINY:
                result = run_all(folder, options.device, limit)
            else:
                result = measure_apart(
                    case, folder, options, min(15.0, limit / 4) if options.size == "full" else 0.1, limit
                )
            waiting.remove(case)
        found.append({"title": case.title, **asdict(case), **result})
        print(f"{case.title}: {result}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument(
        "--size", choices=["full", "small"], default="full", help="small: referformer-mini, a few steps"
    )
    parser.add_argument("--model", default="referformer-r101")
    parser.add_argument("--minutes", type=float, default=10, help="that all of it may take")
    parser.add_argument("--out", type=Path, default=Path("out/gpu"), help="folder of gpu.json and gpu.md")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        given = json.loads(options.inside)
        print(json.dumps(measure(Case(**given["case"]), Path(given["folder"]), options, given["seconds"])))
        return
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch finds no GPU here; --device cpu --size small shows that the script works")
    machine = describe(options.device)
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = name
        os.environ["PYTHONPATH"] = str(NOW)
        found = measure_all(Path(name), options)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu.json").write_text(json.dumps({"machine": machine, "cases": found}, indent=1) + "\n")
    table = as_table(machine, found)
    (options.out / "gpu.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
