"""Five expressions on one clip against five predictions of one: ``python benchmarks/predict.py [--model NAME]``.

Both are what a user types, ``actiseg-bench predict --video FOLDER --text … --no-overlay``, with all that it does:
Python and torch start, a network is read, JPEGs of 1920×1080 are decoded, masks are merged and written. Ratios are of
wall time and of CPU seconds, one after the other in every round.

The masks are held against each other: merged, a pixel goes to the expression that is surest of it. So what any of the
five single predictions marks is marked, by one that marks it alone, too. A pixel in 10,000 may lie on an edge.

Models without bundled weights are drawn, and their tokenizer is made of a few words: the time depends on neither.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from before import NOW
from PIL import Image
from safetensors.torch import save_model
from visor_like import write_pictures

from actiseg_bench.models.base import MODELS

TARGET, EDGES = 3.0, 1e-4
NOUNS = ("left hand", "knife", "onion", "board", "pan")
TEXTS = [f"{noun} used in the action of cut onion" for noun in NOUNS]


def write_network(name: str, folder: Path) -> list[str]:
    """Return the options that name a network; its drawn weights and tokenizer are in ``folder`` where it needs them."""
    if MODELS[name].card.start_weights is not None:
        return ["--model", name, "--weights", "bundled"]
    sys.path.append(str(NOW / "tests" / "bench"))
    from roberta_files import write_roberta_files  # noqa: PLC0415 — of the tests

    torch.manual_seed(0)
    save_model(MODELS[name](), str(folder / "drawn.safetensors"))
    (folder / "roberta").mkdir()
    text = write_roberta_files(folder / "roberta")
    drawn = ["--weights", str(folder / "drawn.safetensors"), "--text-encoder", str(text)]
    return ["--model", name, *drawn, "--positive-threshold", "0"]


def predict(video: Path, texts: list[str], out: Path, options: list[str]) -> tuple[float, float]:
    """Predict through the command line; return seconds of wall time and of CPU."""
    words = [word for text in texts for word in ("--text", text)]
    command = [sys.executable, "-m", "actiseg_bench", "predict", "--video", video, *words, "--out", out, *options]
    before, start = cpu_seconds(), time.perf_counter()
    done = subprocess.run(
        [*map(str, command)], env=os.environ | {"PYTHONPATH": str(NOW)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - start, cpu_seconds() - before


def cpu_seconds() -> float:
    """Return CPU seconds of all processes that ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_masks(out: Path) -> npt.NDArray[np.uint8]:
    """Return the index masks of a prediction, uint8 ``[T, H, W]``."""
    return np.stack([np.asarray(Image.open(path)) for path in sorted((out / "masks").rglob("*.png"))])


def count_differing(together: npt.NDArray[np.uint8], alone: list[npt.NDArray[np.uint8]]) -> float:
    """Return the share of pixels that only one of the two ways marks, or that belong to one that does not mark them."""
    marked = np.stack([mask > 0 for mask in alone])
    theirs = np.take_along_axis(marked, np.maximum(together.astype(int) - 1, 0)[None], 0)[0]
    return float(np.where(together > 0, ~theirs, marked.any(0)).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="referformer-mini")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    ratios: dict[str, list[float]] = {"wall time": [], "CPU seconds": []}
    with tempfile.TemporaryDirectory() as name:
        folder, video = Path(name), Path(name) / "video"
        video.mkdir()
        write_pictures(video, options.frames)
        how: list[Any] = [*write_network(options.model, folder), "--device", options.device]
        how += ["--no-overlay", "--threads", 1]
        for count in range(options.rounds):
            outs = [folder / f"{count}-{i}" for i in range(len(TEXTS) + 1)]
            five = predict(video, TEXTS, outs[0], how)
            single = [predict(video, [text], out, how) for text, out in zip(TEXTS, outs[1:], strict=True)]
            for i, found in enumerate(ratios.values()):
                found.append(sum(one[i] for one in single) / five[i])
        apart = count_differing(read_masks(outs[0]), [read_masks(out) for out in outs[1:]])
    print(f"{options.model}, {options.frames} frames of 1920×1080, {options.device}: five single predictions take")
    for what, found in ratios.items():
        said = "met" if median(found) >= TARGET else "MISSED"
        print(f"{median(found):.2f}× the {what} of one with five expressions: {said} ({TARGET:.0f}×)")
    print(f"masks differ in {apart:.2e} of the pixels: {'met' if apart <= EDGES else 'MISSED'} ({EDGES:.0e})")


if __name__ == "__main__":
    main()
