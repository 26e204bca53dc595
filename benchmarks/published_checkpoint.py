"""A published checkpoint's way to six numbers, at its real size: ``python benchmarks/published_checkpoint.py [DIR]``.

A synthetic file as ActionVOS's training writes it — ResNet-101, RoBERTa-base, AdamW's two moments, options as a
namespace, leftovers of old libraries, random values — is converted, compared with the weights that came out, and
predicts one clip of ``kitchen``. Every step is a process of its own: seconds, those of all cores, and the most memory
that it held, pages of a mapped file included. No tokenizer is downloaded: one is made of a few words, so what is
predicted means nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer

import actiseg_noise
from actiseg_bench.models.base import MODELS
from actiseg_bench.models.published import read_published
from actiseg_bench.models.weights import load_weights

MODEL = "referformer-r101"
BENCH = [sys.executable, "-c", "from actiseg_bench.cli import main; main()"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def write_checkpoint(path: Path) -> None:
    """Write the file: about 1.3 GB."""
    torch.manual_seed(0)
    network = MODELS[MODEL]()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.startswith("text_encoder."))
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-4, weight_decay=5e-4)
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    left = {"text_encoder.embeddings.position_ids": torch.arange(514)[None], "total_ops": torch.zeros(1)}
    options = argparse.Namespace(backbone="resnet101", binary=True, lr_drop=[3, 5], device="cuda", resume="")
    stored = {"model": network.state_dict() | left, "optimizer": optimizer.state_dict(), "args": options, "epoch": 5}
    torch.save(stored | {"lr_scheduler": schedule.state_dict()}, path)


def compare(checkpoint: Path, weights: Path) -> None:
    """Raise unless a network with the weights is the network in the checkpoint, value by value."""
    network = MODELS[MODEL]()
    lacking = load_weights(network, weights)
    state = read_published(checkpoint)
    differ = [name for name, value in network.state_dict().items() if not torch.equal(value, state[name])]
    if lacking or differ:
        raise SystemExit(f"not the same network: lacks {lacking}, {len(differ)} names differ")


def write_tokenizer(folder: Path) -> Path:
    """Write a byte-pair tokenizer of a few words, in RoBERTa's files."""
    folder.mkdir()
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["onion used in the action of cut onion"], vocab_size=300, special_tokens=SPECIAL)
    tokenizer.save_model(str(folder))
    (folder / "config.json").write_text('{"model_type": "roberta"}')
    return folder


def step(title: str, *command: object, variables: dict[str, str] | None = None) -> None:
    """Run a command; print its seconds, of the clock and of all cores, and its peak memory."""
    started = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], env=os.environ | (variables or {}))
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    busy = usage.ru_utime + usage.ru_stime
    print(f"== {title}: {took:.1f} s, CPU {busy:.1f} s, {usage.ru_maxrss / 2**20:.2f} GiB at most", flush=True)
    if status:
        raise SystemExit(f"{title} failed")


def measure(folder: Path) -> None:
    """Take all steps in a folder."""
    source, weights, labels = folder / "published.pth", folder / "r101.safetensors", folder / "labels"
    this = [sys.executable, Path(__file__), folder, "--part"]
    (folder / "kitchen").mkdir(exist_ok=True)
    actiseg_noise.build("kitchen", root=folder / "kitchen", split="val", recipe="clean", out=labels, limit=1, workers=1)
    step("write the checkpoint", *this, "write")
    step("convert", *BENCH, "convert-checkpoint", source, "--model", MODEL, "--out", weights)
    for path in (source, weights):
        print(f"{path.name}: {path.stat().st_size / 1e9:.2f} GB")
    step("compare", *this, "compare")
    words = {"ACTISEG_ROBERTA": str(write_tokenizer(folder / "words"))}
    clips = ["--manifest", labels, "--root", folder / "kitchen", "--positive-threshold", 0, "--device", "cpu"]
    which = ["--model", MODEL, "--weights", weights]
    step("predict", *BENCH, "predict", *which, *clips, "--out", folder / "masks", variables=words)


def main() -> None:
    """Measure, or take one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="an empty folder to keep; by default a temporary one")
    parser.add_argument("--part", choices=["write", "compare"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part == "write":
        write_checkpoint(given.folder / "published.pth")
    elif given.part == "compare":
        compare(given.folder / "published.pth", given.folder / "r101.safetensors")
    elif given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        measure(given.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder))


if __name__ == "__main__":
    main()
