"""What a step asks of the host: ``python benchmarks/dispatches.py [--before COMMIT]``.

Counted are the operations that torch dispatches on CPU tensors (a ``TorchDispatchMode``), and what of them computes:
views make no kernel. A step is forward, loss and backward of ``referformer-r50`` on one clip of five frames; each with
one expression and with five, after one that made the constants of that size. A prediction is the forward pass as the
tree predicts: before without gradients, now in inference mode, in which torch hands a linear layer on as one operation.
Weights are drawn and the frames are small (64 × 96): the count hardly depends on either. Words stand for RoBERTa's
vocabulary, at its sizes. A fused attention that draws dropout is several operations on a CPU and one on a GPU.

Seconds are CPU seconds of one thread at an eighth of 480 × 854 (60 × 107), least of the rounds, of the tree before and
then of this one. At this size arithmetic is nearly all of them: what the host alone takes does not show on a CPU.

``--by-module`` says what the forward and the backward pass of each part dispatch, views apart. ``detach`` is among
the views: autograd makes one for every parameter that learns, and, where a mode watches, for outputs that it keeps.

``kept`` is what a step keeps for its backward pass, each storage once, without and with ``--checkpoint-activations``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from before import BEFORE, NOW, unpack
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models.referformer import ReferFormer, ReferFormerConfig, TextConfig
from actiseg_bench.records import Batch, predict_view

PARTS = (  # title, submodule, method; of a tree that lacks a method the others count
    ("text", "", "read"),
    ("backbone", "backbone.0", "forward"),
    ("fusion", "", "fuse"),
    ("encoder", "transformer", "encode"),
    ("decoder", "transformer", "decode"),
    ("pixel decoder", "", "mask_features"),
    ("matching", "", "match"),
    ("mask heads", "", "draw"),
    ("mask heads", "", "draw_layers"),
)
SMALL, EIGHTH, FRAMES = (64, 96), (60, 107), 5
REST, BACKWARD, PART = "losses, rest", "backward", "part"


def mark_graph(answer: Any, name: str) -> None:
    """Say at every node of the backward pass that leads to an answer, and has no part yet, which part made it."""
    leaves = tree_leaves(answer)
    leaves += [x for leaf in leaves if hasattr(leaf, "keys") for x in vars(leaf).values()]  # words, no tuple
    nodes = [x.grad_fn for x in leaves if isinstance(x, Tensor)]
    while nodes:
        node = nodes.pop()
        if node is not None and PART not in node.metadata:
            node.metadata[PART] = name
            nodes += [following for following, _ in node.next_functions]


def measure(rounds: int, kept_size: tuple[int, int]) -> dict[str, Any]:  # noqa: PLR0915 — what is counted, in a row
    """Return the figures of the code that is imported."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = ReferFormer(ReferFormerConfig(text=TextConfig("words")))
    for name in ("text_encoder", "backbone.0.body.conv1", "backbone.0.body.layer1"):
        network.get_submodule(name).requires_grad_(False)

    predicting = torch.inference_mode if hasattr(network, "use") else torch.no_grad  # as that tree predicts

    def batch_of(samples: int, size: tuple[int, int]) -> Batch:
        masks = torch.zeros(samples, FRAMES, *(-(-side // 4) for side in size))
        masks[..., 3:8, 4:9] = 1
        texts = [f"left hand used in the action of cut onion{' now' * i}" for i in range(samples)]
        names, places = tuple(map(str, range(samples))), (tuple(range(FRAMES)),) * samples
        owners = torch.zeros(samples, dtype=torch.int64)
        frames = torch.rand(1, FRAMES, 3, *size)
        return Batch(frames, texts, owners, masks, torch.ones(samples), names, places, torch.eye(2, 3)[None])

    class Counting(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.part, self.found, self.computing = REST, Counter[str](), 0
            self.by_module: dict[str, list[int]] = {}

        def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), options: Any = None) -> Any:
            self.found[self.part] += 1
            returned = function._schema.returns
            computes = not any(one.alias_info and not one.alias_info.is_write for one in returned)
            self.computing += computes
            is_backward = self.part == BACKWARD
            node = torch._C._current_autograd_node() if is_backward else None
            part = self.part if not is_backward else node.metadata.get(PART, REST) if node is not None else REST
            self.by_module.setdefault(part, [0] * 4)[2 * is_backward + computes] += 1
            return function(*given, **(options or {}))

    def train(batch: Batch, counting: Any = None) -> None:
        network.train().zero_grad()
        loss = base_loss(predict_view(network, batch), batch, LossConfig()).mean()
        if counting is not None:
            counting.part = BACKWARD
        loss.backward()

    def predict(batch: Batch, counting: Any = None) -> None:
        with predicting():
            network.eval()(batch.frames, batch.expressions, batch.frames_of)

    def count(way: Callable[..., None], batch: Batch) -> dict[str, Any]:
        way(batch)
        counting, restore = Counting(), []
        for name, path, method in PARTS:
            owner = network.get_submodule(path)
            if not hasattr(owner, method):
                continue
            inner = getattr(owner, method)

            def watched(*given: Any, _name: str = name, _inner: Any = inner, **options: Any) -> Any:
                outer, counting.part = counting.part, _name
                found = _inner(*given, **options)
                mark_graph(found, _name)
                counting.part = outer
                return found

            setattr(owner, method, watched)
            restore.append((owner, method))
        with counting:
            way(batch, counting)
        for owner, method in restore:
            delattr(owner, method)
        figures = {"all": sum(counting.found.values()), "computing": counting.computing}
        return {"parts": dict(counting.found), "by_module": counting.by_module, **figures}

    def seconds(way: Callable[..., None], batch: Batch) -> float:
        way(batch)
        taken = []
        for _ in range(rounds):
            start = time.process_time()
            way(batch)
            taken.append(time.process_time() - start)
        return min(taken)

    def kept(batch: Batch) -> int:
        seen: dict[int, int] = {}

        def keep(x: Tensor) -> Tensor:
            if not x.is_leaf:
                seen[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            answer = base_loss(predict_view(network.train(), batch), batch, LossConfig())
        del answer
        return sum(seen.values())

    found: dict[str, Any] = {}
    for title, way in (("training", train), ("prediction", predict)):
        for samples in (1, 5):
            found[f"{title}, {samples}"] = count(way, batch_of(samples, SMALL))
            if rounds:
                found[f"{title}, {samples}"]["seconds"] = seconds(way, batch_of(samples, EIGHTH))
    if kept_size[0]:
        found["kept"] = [kept(batch_of(1, kept_size))]
        if hasattr(network, "use"):
            network.use(checkpoint_activations=True)
            found["kept"].append(kept(batch_of(1, kept_size)))
    return found


def measure_in(tree: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of a tree, in a process of its own."""
    arguments = ["--inside", "--rounds", str(options.rounds), "--kept", *map(str, options.kept)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, __file__, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    loaded: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return loaded


def print_modules(before: dict[str, list[int]], now: dict[str, list[int]]) -> None:
    """Print what the parts dispatch in both passes."""
    titles = ("forward: views", "computing", "backward: views", "computing")
    print(f"{'by module':16s} " + " ".join(f"{title:>16s}" for title in titles))
    for name in dict.fromkeys([*before, *now]):
        pairs = zip(before.get(name, [0] * 4), now.get(name, [0] * 4), strict=True)
        print(f"{name:16s} " + " ".join(f"{f'{old:,d} → {new:,d}':>16s}" for old, new in pairs))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default=BEFORE, help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="of seconds; 0 counts alone")
    parser.add_argument("--kept", type=int, nargs=2, default=(120, 214), help="frame size of what is kept; 0 0: none")
    parser.add_argument("--by-module", action="store_true", help="forward and backward of every part, views apart")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options.rounds, tuple(options.kept))))
        return
    with tempfile.TemporaryDirectory() as folder:
        before = measure_in(unpack(options.before, Path(folder)), options)
    now = measure_in(NOW, options)
    for title in (name for name in now if name != "kept"):
        old, new = before[title], now[title]
        print(f"\n{title} expression{'s' if title.endswith('5') else ''}: operations, {options.before} and now")
        names = dict.fromkeys([*old["parts"], *new["parts"]])
        for name in names:
            print(f"{name:16s} {old['parts'].get(name, 0):7,d} {new['parts'].get(name, 0):7,d}")
        if options.by_module:
            print_modules(old["by_module"], new["by_module"])
        for name in ("all", "computing"):
            print(f"{name:16s} {old[name]:7,d} {new[name]:7,d}  {new[name] / old[name]:.2f}")
        if options.rounds:
            was, takes = old["seconds"], new["seconds"]
            print(f"{'CPU seconds':16s} {was:7.2f} {takes:7.2f}  {takes / was:.2f}")
    if options.kept[0]:
        old, plain, again = (f"{value / 2**20:,.0f} MiB" for value in (*before["kept"], *now["kept"]))
        print(f"\nkept by a step on 5 × {options.kept[0]} × {options.kept[1]}: before {old}, now {plain},")
        print(f"with activations computed again {again}")


if __name__ == "__main__":
    main()
