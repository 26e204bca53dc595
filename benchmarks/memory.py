"""What a training step keeps on a card, computed on a CPU: ``python benchmarks/memory.py [--model NAME]``.

Counted is what a step keeps for its backward pass (``saved_tensors_hooks``; each storage once, parameters left out) of
ReferFormer on one clip of five frames with one expression, in bfloat16 (autocast), without and with
``--checkpoint-activations``. It is measured at two sizes and goes on in a straight line in the number of pixels to the
published 480 × 853. Beside it stands what does not depend on the size: parameters in float32, and gradients and AdamW's
two moments of those that learn.

What a card needs beside these are the largest temporary tensors, the copies of parameters in bfloat16, the workspace of
its libraries and what its allocator does not use. Those are not counted: they can be measured on a card alone.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models.base import MODELS, freeze
from actiseg_bench.models.referformer import ReferFormer, ReferFormerConfig, TextConfig
from actiseg_bench.records import Batch, predict_view

FRAMES, GIB = 5, 2**30


def make_network(name: str) -> ReferFormer:
    """Return a network of a bundled ReferFormer's sizes that reads words by their hash."""
    configuration: ReferFormerConfig = MODELS[name].configuration  # type: ignore[attr-defined]
    made = ReferFormer(ReferFormerConfig(blocks=configuration.blocks, text=TextConfig("words")))
    made.card = MODELS[name].card
    freeze(made)
    return made.train()


def make_batch(rows: int, columns: int) -> Batch:
    """Return one clip with one expression."""
    masks = torch.zeros(1, FRAMES, -(-rows // 4), -(-columns // 4))
    masks[..., 3:8, 4:9] = 1
    texts, frames = ["left hand used in the action of cut onion"], torch.rand(1, FRAMES, 3, rows, columns)
    owner, place = torch.zeros(1, dtype=torch.int64), (tuple(range(FRAMES)),)
    return Batch(frames, texts, owner, masks, torch.ones(1), ("0",), place, torch.eye(2, 3)[None])


def count_kept(network: ReferFormer, batch: Batch) -> int:
    """Return the bytes that a step keeps."""
    parameters = {x.untyped_storage().data_ptr() for x in (*network.parameters(), *network.buffers())}
    seen: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in parameters:
            seen[storage.data_ptr()] = storage.nbytes()
        return x

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x),
        torch.autocast("cpu", torch.bfloat16),
    ):
        answer = base_loss(predict_view(network, batch), batch, LossConfig())
    del answer
    return sum(seen.values())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="referformer-r101")
    parser.add_argument("--sizes", type=int, nargs=4, default=(96, 160, 160, 288), help="two, rows and columns each")
    parser.add_argument("--to", type=int, nargs=2, default=(480, 853))
    options = parser.parse_args()
    torch.manual_seed(0)
    network = make_network(options.model)
    rows, columns = options.to
    sizes = [tuple(options.sizes[:2]), tuple(options.sizes[2:])]
    of_parameters = sum(p.numel() * (16 if p.requires_grad else 4) for p in network.parameters())
    print(f"{options.model}, bfloat16, {FRAMES} frames: parameters, gradients, moments {of_parameters / GIB:.2f} GiB")
    for again in (False, True):
        network.use(deformable="torch", checkpoint_activations=again)
        small, large = (count_kept(network, make_batch(*size)) for size in sizes)
        (less, more) = (a * b for a, b in sizes)
        kept = small + (large - small) / (more - less) * (rows * columns - less)
        what = "computed again" if again else "kept"
        measured = ", ".join(
            f"{n / 2**20:,.0f} MiB at {a} × {b}" for (a, b), n in zip(sizes, (small, large), strict=True)
        )
        total = (kept + of_parameters) / GIB
        print(f"activations {what:14s}: {measured}; at {rows} × {columns} {kept / GIB:.1f} GiB, in all {total:.1f} GiB")


if __name__ == "__main__":
    main()
