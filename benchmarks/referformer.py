"""Time and memory of ReferFormer with ResNet-50, and where they go: ``python benchmarks/referformer.py``.

A step is forward, losses and backward of one expression on T frames of 240×426 pixels; the parameters learn that
learn in training; matching and the masks of all four decoder layers are in it. Weights are drawn, not loaded: time does
not depend on them. Seconds are CPU seconds of all threads, medians over rounds; where other programs want the same
cores, threads wait for each other and those seconds count: take ``--threads 1`` there.
Memory is the growth of the process beyond what it held before the step, at its peak. ``kept`` is what each part keeps
for the backward pass.

Mask heads are held against the published way, written from its description: mask features copied for every query, the
coordinates relative to its box laid out beside them, and one grouped convolution per layer. They take turns; a ratio is
the median over rounds. Feed-forward parts have ReLU after dropout; what the usual order keeps, whose values are the
same, is printed beside it.

With ``--device cuda``: frames per second at the published size, 5 frames at a short side of 480 pixels, in float32 and
bfloat16, and the largest difference to the CPU.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch
from network_parts import REST, Parts
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models.referformer import ReferFormer, ReferFormerConfig, TextConfig
from actiseg_bench.models.referformer.mask_head import STRIDE, Controller, draw_masks
from actiseg_bench.models.referformer.transformer import FeedForward
from actiseg_bench.records import Batch, predict_view

CONFIG = ReferFormerConfig(text=TextConfig("words"))  # RoBERTa-base's sizes without its vocabulary
FROZEN = ("text_encoder", "backbone.0.body.conv1", "backbone.0.body.layer1")
EXPRESSION = "left hand used in the action of cut onion"
SIZE, GPU_SIZE = (240, 426), (480, 854)
PARITY = 1e-3
MIB = 2**20


def make_network() -> ReferFormer:
    """Return a network in training; what start weights would freeze does not learn."""
    torch.manual_seed(0)
    network = ReferFormer(CONFIG).train()
    for name in FROZEN:
        network.get_submodule(name).requires_grad_(False)
    return network


def watch_parts(network: ReferFormer) -> Parts:
    """Return the network's parts, from now on counted."""
    parts, transformer = Parts(), network.transformer
    for name, owner, method in (
        ("text", network, "read"),
        ("backbone", network.backbone, "forward"),
        ("projection, fusion", network, "fuse"),
        ("encoder", transformer, "encode"),
        ("decoder", transformer, "decode"),
        ("pixel decoder", network, "mask_features"),
        ("matching", network, "match"),
        ("mask heads", network, "draw"),
    ):
        parts.watch(name, owner, method)
    return parts


def make_batch(time_: int, size: tuple[int, int]) -> Batch:
    """Return one expression on drawn frames, its object a rectangle."""
    cells = [-(-side // STRIDE) for side in size]
    masks = torch.zeros(1, time_, *cells)
    masks[..., cells[0] // 3 : cells[0] // 2, cells[1] // 3 : cells[1] // 2] = 1
    frames = torch.rand(1, time_, 3, *size, generator=torch.Generator().manual_seed(0))
    index = (tuple(range(time_)),)
    return Batch(frames, [EXPRESSION], torch.tensor([0]), masks, torch.ones(1), ("a/1",), index, torch.eye(2, 3)[None])


def peak_bytes(function: Callable[[], Any]) -> int:
    """Return how far the process grows beyond what it holds now."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    function()
    return resident("VmHWM") - before


def resident(name: str) -> int:
    """Return a figure of this process's memory in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def seconds(function: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def measure_step(network: ReferFormer, parts: Parts, frames: int, rounds: int) -> None:
    """Print the cost of a step, part by part."""
    batch, config = make_batch(frames, SIZE), LossConfig()

    def step(backward: bool = True) -> None:
        parts.switch(REST, parts.forward)
        loss = base_loss(predict_view(network, batch), batch, config).sum()
        parts.switch(REST, parts.backward)
        if backward:
            loss.backward()
        parts.switch(REST, defaultdict(float))
        network.zero_grad()

    def memory() -> tuple[int, int]:
        with parts.counting_kept():
            parts.kept.clear()
            step(backward=False)
        return sum(parts.kept.values()), peak_bytes(step)

    step()
    with dropout_after_relu():
        plain = memory()
    kept, peak = memory()
    found = []
    for _ in range(rounds):
        parts.forward, parts.backward = defaultdict(float), defaultdict(float)
        step()
        found.append((parts.forward, parts.backward))
    names = [*dict.fromkeys(name for forward, _ in found for name in forward if name != REST), REST]
    print(f"\nResNet-50, {frames} × 3 × {SIZE[0]} × {SIZE[1]}: peak {peak / MIB:.0f} MiB beyond the network")
    print(f"{'part':20s} {'forward':>9s} {'backward':>9s} {'share':>7s} {'kept':>10s}")
    forward, backward = ({name: median(f[side].get(name, 0.0) for f in found) for name in names} for side in (0, 1))
    total = sum(forward.values()) + sum(backward.values())
    for name in names:
        share = 100 * (forward[name] + backward[name]) / total
        held = parts.kept.get(name, 0) / MIB
        print(f"{name:20s} {forward[name]:7.2f} s {backward[name]:7.2f} s {share:5.1f} % {held:6.0f} MiB")
    print(f"{'all':20s} {sum(forward.values()):7.2f} s {sum(backward.values()):7.2f} s   100 % {kept / MIB:6.0f} MiB")
    print(f"dropout after ReLU instead: kept {plain[0] / MIB:.0f} MiB, peak {plain[1] / MIB:.0f} MiB")


@contextmanager
def dropout_after_relu() -> Iterator[None]:
    """Let feed-forward parts do it in the usual order, which gives the same values."""
    ours = FeedForward.feed

    def feed(self: Any, x: Tensor) -> Tensor:
        return x + self.dropout(self.linear2(self.dropout(F.relu(self.linear1(x)))))

    FeedForward.feed = feed  # type: ignore[method-assign]
    yield
    FeedForward.feed = ours  # type: ignore[method-assign]


def draw_published(
    features: Tensor, written: list[tuple[Tensor, Tensor]], centres: Tensor, size: tuple[int, int]
) -> Tensor:
    """Draw masks as the published code does; arguments and answer of :func:`draw_masks`."""
    count, _, height, width = features.shape
    queries = centres.shape[1]
    y = torch.arange(height).float()[:, None].expand(-1, width) * STRIDE + STRIDE // 2
    x = torch.arange(width).float().expand(height, -1) * STRIDE + STRIDE // 2
    pixels = centres * torch.tensor([size[1], size[0]])
    ways = pixels[..., None, None] - torch.stack([x, y])  # [n, K, 2, h, w]
    copied = features[:, None].expand(-1, queries, -1, -1, -1)
    cells = torch.cat([copied, ways], 2).reshape(1, -1, height, width)
    for number, (weight, bias) in enumerate(written):
        kernels = weight.flatten(0, 2)[:, :, None, None]
        cells = F.conv2d(F.relu(cells) if number else cells, kernels, bias.flatten(), groups=count * queries)
    return cells.view(count, queries, height, width)


def compare(title: str, ways: dict[str, Callable[[], Any]], rounds: int) -> None:
    """Print what two ways of one thing cost, taking turns; the second is the yardstick."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in list(ways)[:: 1 - 2 * (number % 2)]:
            taken[name].append(seconds(ways[name]))
    peaks = [peak_bytes(way) for way in ways.values()]
    print(f"\n{title}")
    for (name, found), peak in zip(taken.items(), peaks, strict=True):
        print(f"{name:20s} {1e3 * median(found[1:]):7.0f} ms {peak / MIB:7.0f} MiB")
    ours, other = taken.values()
    ratio = median(b / a for a, b in zip(ours[1:], other[1:], strict=True))
    print(f"{'ratio':20s} {ratio:7.2f} ×  {peaks[1] / peaks[0]:7.2f} ×")


def measure_masks(frames: int, rounds: int) -> None:
    """Print what all queries' masks of one decoder layer cost, against the published way."""
    drawn = torch.Generator().manual_seed(0)
    cells, lead = [-(-side // STRIDE) for side in SIZE], (frames, CONFIG.queries)
    features = torch.randn(frames, CONFIG.mask_width, *cells, generator=drawn, requires_grad=True)
    states = torch.randn(*lead, CONFIG.width, generator=drawn)
    written = [
        (w.detach().requires_grad_(), b.detach().requires_grad_()) for w, b in Controller(CONFIG).parameters_of(states)
    ]
    given = features, written, torch.rand(*lead, 2, generator=drawn), SIZE
    with torch.no_grad():
        found, expected = draw_masks(*given), draw_published(*given)
    apart = float((found - expected).abs().max() / expected.abs().max())
    ways = {
        "ours": lambda: draw_masks(*given).square().mean().backward(),
        "published": lambda: draw_published(*given).square().mean().backward(),
    }
    compare(
        f"Mask heads, {frames} × {CONFIG.queries} queries, forward and backward (differ by {apart:.0e})", ways, rounds
    )


def measure_device(network: ReferFormer, device: str, rounds: int) -> None:
    """Print frames per second on a device and the largest difference to the CPU."""
    small, batch = make_batch(2, SIZE), make_batch(5, GPU_SIZE).to(device)
    torch.backends.cudnn.allow_tf32 = False
    with torch.no_grad():
        network.eval().to("cpu")
        here = network(small.frames, small.expressions, small.frames_of)
        network.to(device)
        there = network(small.frames.to(device), small.expressions, small.frames_of.to(device), None)
    apart = max(float((a.cpu() - b).abs().max()) for a, b in zip(there[:2], here[:2], strict=True))
    print(
        f"\n{device}: differs from the CPU by {apart:.1e} at most  {'met' if apart < PARITY else 'MISSED'} ({PARITY})"
    )
    torch.backends.cudnn.allow_tf32 = True
    for title, kind in (("float32", None), ("bfloat16", torch.bfloat16)):

        def predict(kind: Any = kind) -> None:
            with torch.no_grad(), torch.autocast(device, kind, enabled=kind is not None):
                network.eval()(batch.frames, batch.expressions, batch.frames_of)

        def step(kind: Any = kind) -> None:
            with torch.autocast(device, kind, enabled=kind is not None):
                loss = base_loss(predict_view(network.train(), batch), batch, LossConfig()).sum()
            loss.backward()

        for name, function in (("prediction", predict), ("training step", step)):
            rate = 5 / median(wall_seconds(function) for _ in range(rounds + 2))
            print(f"{name:20s} {title:10s} {rate:7.1f} frames/s at 5 × {GPU_SIZE[0]} × {GPU_SIZE[1]}")
    print(f"peak {torch.cuda.max_memory_allocated() / MIB:.0f} MiB")


def wall_seconds(function: Callable[[], None]) -> float:
    """Return the seconds of a call on a GPU, waiting for it."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = make_network()
    if options.device != "cpu":
        measure_device(network, options.device, options.rounds)
        return
    for frames in options.frames:
        measure_masks(frames, options.rounds)
    parts = watch_parts(network)
    for frames in options.frames:
        measure_step(network, parts, frames, options.rounds)
    print("\nOn a GPU: not run here; python benchmarks/referformer.py --device cuda")


if __name__ == "__main__":
    main()
