"""What an update costs in the first protocols and in the second ones: CPU time of one thread, side by side.

    python benchmarks/protocol_steps.py --manifest M [--updates 180]

Loading is part of it; the first half of the updates, in which clips are read for the first time, is not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from actiseg_bench.grid.protocols import load_protocol
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.train import train_run


def milliseconds(name: str, manifest: Path, updates: int) -> float:
    """Return the CPU time of an update of the baseline under a protocol, in ms."""
    protocol = load_protocol(name)
    keys = {**protocol.train, "steps": updates}
    config = RunConfig.from_dict({"model": protocol.model, "threads": 1, "device": "cpu", "train": keys})
    times: list[float] = []
    train_run(config, manifest, on_progress=lambda *_: times.append(time.process_time()))
    half = updates // 2
    return 1e3 * (times[-1] - times[half - 1]) / (updates - half)


def main() -> None:
    """Print both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True, help="labels of kitchen's train split")
    parser.add_argument("--updates", type=int, default=180)
    options = parser.parse_args()
    first, second = (milliseconds(name, options.manifest, options.updates) for name in ("quick-v1", "quick"))
    print(f"quick-v1 {first:.0f} ms, quick-v2 {second:.0f} ms of CPU an update: {first / second:.1f} times as many")


if __name__ == "__main__":
    main()
