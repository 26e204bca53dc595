"""Is ``kitchen`` a fair playground? Does a network need pixels, noun and narration to answer, and is each used?

Trains the baseline on the clean labels (``--train STEPS``) or takes a finished run (``--run DIR``), then scores it on
``val`` with parts of the input taken away or exchanged, beside guessers that never see a picture::

    python benchmarks/kitchen_fairness.py --markdown          # the block of docs/kitchen.md
    python benchmarks/kitchen_fairness.py --run runs/quick-v1/clean/tiny/baseline-faithful/seed0 --json out/fair.json

Exit code 1 when one of the checks fails.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from fairness.guessers import guess_all
from fairness.inputs import Judge, take_away
from fairness.page import BEGIN, END, checks, render
from fairness.swaps import iter_swaps, swap_shares
from safetensors.torch import load_file

import actiseg_noise
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.grid.protocols import load_protocol
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.results.result import CHECKPOINT_NAME, RESULT_NAME, read_result
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.train import train_run
from actiseg_noise.errors import ActisegError, raise_if


class Trained(NamedTuple):
    """A network and a line that says what it is."""

    model: VosModel
    words: str


def load_run(folder: Path) -> Trained:
    """Return the network of a finished run that kept its weights.

    Raises:
        ActisegError: no such run, or one without a checkpoint.
    """
    result = read_result(folder / RESULT_NAME)
    path = folder / CHECKPOINT_NAME
    raise_if(not path.is_file(), f"{path}: the run kept no weights; make it with actiseg-bench run … --keep-weights")
    model = MODELS[result.model]()
    model.load_state_dict(load_file(path))
    words = f"`{result.model}`, {result.strategy} on {result.track.name}, {result.cost.steps} updates"
    made = result.provenance
    start = f"{made.start_weights}:{made.start_weights_digest}" if made.start_weights else "none"
    return Trained(model, f"{words}, seed {result.seed}, start weights `{start}`")


def train(options: argparse.Namespace) -> Trained:
    """Return the baseline trained on the clean labels of ``train`` as the first quick protocol does."""
    protocol = load_protocol("quick-v1")
    steps = {} if options.train is None else {"steps": options.train}
    config = RunConfig.from_dict(
        {
            "start_weights": options.start_weights,
            "seed": options.seed,
            "threads": options.threads,
            "device": "cpu",
            "train": dict(protocol.train) | steps,
        }
    )
    outcome = train_run(config, build(options, "train"), options.root)
    words = f"`{config.model}`, {config.strategy} on clean, {outcome.steps} updates, seed {config.seed}"
    return Trained(outcome.networks[0], f"{words}, start weights `{outcome.weights}`")


def build(options: argparse.Namespace, split: str) -> Path:
    """Return the clean manifest of a split, built if it is not there."""
    out = options.out / split / "clean-s0"
    return actiseg_noise.build(
        "kitchen", root=options.root, split=split, recipe="clean", out=out, resume=True, force=True
    )


def report_on(trained: Trained, options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures of one network."""
    card = trained.model.card
    manifest = build(options, "val")
    data = ManifestDataset(manifest, options.root, size=card.input_size, mask_stride=card.mask_stride, labels="clean")
    judge = Judge(trained.model.eval(), data)
    report = take_away(judge) | {"noun swaps": swap_shares(list(iter_swaps(judge))), "guessers": guess_all()}
    made = {"network": trained.words, "manifest": data.manifest.digest, "clips": len(data)}
    return report | {"checks": checks(report), "made by": made}


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", type=Path, metavar="DIR", help="a finished run made with --keep-weights")
    source.add_argument("--train", type=int, metavar="STEPS", help="train for so long [default: as quick does]")
    parser.add_argument("--start-weights", default="bundled", help="bundled, none, or a safetensors file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--root", type=Path, help="where kitchen is drawn")
    parser.add_argument("--out", type=Path, default=Path("out/kitchen_fairness"), help="where manifests go")
    parser.add_argument("--markdown", action="store_true", help="print the block of docs/kitchen.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")
    return parser.parse_args()


def main() -> int:
    """Print the report; return 1 when a check fails."""
    options = parse()
    torch.set_num_threads(options.threads)
    report = report_on(load_run(options.run) if options.run else train(options), options)
    page = render(report)
    print(f"{BEGIN}\n{page}\n{END}" if options.markdown else page)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0 if all(report["checks"].values()) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ActisegError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
