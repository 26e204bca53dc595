"""How well ``audit`` finds wrong labels where truth is known: ``python benchmarks/audit.py OUT --recipe flip-20``.

Builds kitchen's training split under each recipe, audits it, and judges every ranking by the manifest's clean side.
Beside the audit's own scores: chance, the loss of a plain training on the same labels, the loss out of fold, and
cleanlab's label quality where it is installed. Flags are judged where the recipe flips some:
``--recipe flag-20 --model tiny-decoder --config benchmarks/audit_decoder.toml``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

import actiseg_bench
import actiseg_noise
from actiseg_bench.auditing.boundary import reach_of
from actiseg_bench.auditing.findings import category_probabilities, noun_table
from actiseg_bench.auditing.judge import Judgement, judge
from actiseg_bench.auditing.nouns import believe
from actiseg_bench.auditing.options import FLAG, AuditOptions
from actiseg_bench.auditing.run import Audit
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.losses import base_loss
from actiseg_bench.models.base import MODELS
from actiseg_bench.records import collate
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.train import train_run
from actiseg_noise.datasets.kitchen.catalogue import CATEGORIES
from actiseg_noise.exchange.clean import move_boundary
from actiseg_noise.key import Key
from actiseg_noise.manifest.read import Manifest

Clips = Collection[str] | None
try:
    from cleanlab.rank import get_label_quality_scores
except ImportError:
    get_label_quality_scores = None
NOUN_TO_ADD = actiseg_noise.Recipe(
    "noun-20", (actiseg_noise.NoiseSpec("noun_substitution-v1", 0.2),), title="20 % noun substitution alone"
)


class GivenLoss(NamedTuple):
    """What a network says of a given label: its base loss, and how far the positive score is from the flag, 0–1."""

    loss: float
    flag: float


def given_losses(
    config: RunConfig, manifest: Path, root: Path | None, *, learned: Clips = None, judged: Clips = None
) -> dict[str, GivenLoss]:
    """Return sample_id → what a training says of the given labels.

    Args:
        learned, judged: clips that it learns from, and that it is asked about; all of both: what small-loss selection
            reads.
    """
    network = train_run(config, manifest, root, clips=learned).networks[0]
    card = MODELS[config.model].card
    shown = {"size": card.input_size, "mask_stride": card.mask_stride, "cache": False}
    data = ManifestDataset(manifest, root, clips=judged, **shown)
    found: dict[str, GivenLoss] = {}
    with torch.no_grad():
        for index in range(len(data)):
            batch = collate([data[index]])
            answer = network(batch.frames, batch.expressions, batch.frames_of)
            losses = base_loss(answer, batch, config.train.loss).tolist()
            distances = (answer.positive_logits.sigmoid() - batch.is_positive).abs().tolist()
            found |= zip(batch.sample_ids, map(GivenLoss, losses, distances), strict=True)
    return found


def losses_out_of_fold(config: RunConfig, manifest: Path, root: Path | None, done: Audit) -> dict[str, GivenLoss]:
    """Return sample_id → what the networks that did not learn from its video say, in the folds of an audit."""
    folds, found = done.answers.folds, {}
    for fold in sorted(set(folds.values())):
        learned, judged = ([name for name, one in folds.items() if (one == fold) is own] for own in (False, True))
        found |= given_losses(config, manifest, root, learned=learned, judged=judged)
    return found


def chance(names: list[Any]) -> list[float]:
    """Return a uniform per name, drawn by its address."""
    return [Key("benchmark", *name).uniform("score") for name in names]


def noun_rankings(
    done: Audit, manifest: Manifest, plain: Mapping[str, GivenLoss], *, visible: bool = False
) -> Iterator[tuple[str, Judgement]]:
    """Yield (method, how good it is) for wrong nouns, at sample level.

    Args:
        visible: leave out samples whose clean and given noun look the same in the kitchen: nobody can see them.
    """
    table = noun_table(list(manifest.iter_clips()), done.answers, done.candidates)
    pairs = {
        s.sample_id: (s.noun, s.noisy_noun) for clip in manifest.iter_clips(with_masks=False) for s in clip.samples
    }
    is_wrong = np.array([pairs[name][0] != pairs[name][1] for name in table.sample_ids])
    kept = np.array(
        [
            not visible or not wrong or _differ(*pairs[name])
            for name, wrong in zip(table.sample_ids, is_wrong, strict=True)
        ]
    )
    belief = believe(table.overlap, table.given)
    by_id = {one.sample_id: one for one in done.samples}
    found = [by_id[name] for name in table.sample_ids]
    rankings: dict[str, Any] = {
        "chance": chance([(name,) for name in table.sample_ids]),
        "loss of a plain training": [plain[name].loss for name in table.sample_ids],
        "loss out of fold": [one.loss for one in found],
        "1 - IoU out of fold": [1 - (one.iou or 0.0) for one in found],
        "confident learning (issue, then margin)": belief.margin * -1
        + np.array([bool(o.is_noun_issue) for o in found]),
        "normalised margin": 1 - belief.margin,
        "audit (1 - self-confidence)": [one.noun_score for one in found],
        "audit (within the category)": [one.within_score for one in found],
    }
    rankings |= cleanlab_rankings(*category_probabilities(table, belief.probabilities))
    for method, scores in rankings.items():
        yield method, judge(np.asarray(scores)[kept], is_wrong[kept])
    hit = [one.suggested_noun == pairs[one.sample_id][0] for one in found]
    seen = is_wrong & kept
    print(f"suggested noun is the clean one: {np.mean(np.array(hit)[seen]):.3f} of {seen.sum()} wrong nouns")


def _differ(one: str, other: str) -> bool:
    """Say whether two nouns look different in the kitchen."""
    looks = {noun: look for category in CATEGORIES for noun, look in category.looks.items()}
    return looks[one] != looks[other]


def cleanlab_rankings(probabilities: Any, given: Any) -> Mapping[str, Any]:
    """Return cleanlab's rankings of the given categories, none where it is not installed."""
    if get_label_quality_scores is None:
        return {}
    kept = probabilities / probabilities.sum(1, keepdims=True)
    return {
        f"cleanlab, {method} of the category": 1 - get_label_quality_scores(given, kept, method=method)
        for method in ("self_confidence", "normalized_margin")
    }


def flag_rankings(
    done: Audit, manifest: Manifest, plain: Mapping[str, GivenLoss], apart: Mapping[str, GivenLoss]
) -> Iterator[tuple[str, Judgement]]:
    """Yield (method, how good it is) for wrong flags, at sample level.

    Args:
        plain, apart: what a training on all labels says of them, and what networks out of fold do.
    """
    is_wrong = {s.sample_id: s.noisy_is_positive != s.is_positive for clip in manifest for s in clip.samples}
    found = done.samples
    rankings: dict[str, Any] = {
        "chance": chance([(one.sample_id,) for one in found]),
        "loss of a plain training": [plain[one.sample_id].loss for one in found],
        "|flag - positive score| of a plain training": [plain[one.sample_id].flag for one in found],
        "loss out of fold": [apart[one.sample_id].loss for one in found],
        "audit (|flag - positive score| out of fold)": [one.flag_score for one in found],
    }
    wrong = np.array([is_wrong[one.sample_id] for one in found])
    for method, scores in rankings.items():
        yield method, judge(scores, wrong)
    proposed = np.array([one.suggested_is_positive is not None for one in found])
    print(
        f"flags: {wrong.sum()} of {len(wrong)} wrong; {proposed.sum()} proposed, of which {(proposed & wrong).sum()} "
        f"are wrong; with all of them applied {(proposed != wrong).sum()} are wrong"
    )


def mask_rankings(done: Audit, manifest: Manifest) -> Iterator[tuple[str, Judgement]]:
    """Yield (method, how good it is) for wrong masks, by sample and frame."""
    truth = {(m.sample_id, m.frame_idx): m.clean_digest != m.noisy_digest for clip in manifest for m in clip.masks}
    wrong = np.array([truth[one.sample_id, one.frame_idx] for one in done.frames])
    if not wrong.any() or wrong.all():
        return
    rankings: dict[str, Any] = {"chance": chance([(one.sample_id, one.frame_idx) for one in done.frames])}
    if done.frames[0].loss is not None:
        rankings["pixel loss out of fold"] = [one.loss for one in done.frames]
        rankings["1 - IoU out of fold"] = [1 - (one.iou or 0.0) for one in done.frames]
    rankings["audit (edges)"] = [one.score or 0.0 for one in done.frames]
    for method, scores in rankings.items():
        yield method, judge(scores, wrong)


def pixel_rankings(done: Audit, manifest: Manifest, every: int = 4) -> Iterator[tuple[str, Judgement]]:
    """Yield (method, how good it is) for wrong pixels near given boundaries, of every ``every``-th mask.

    A pixel has its mask's score where given and suggested mask differ, else 0; chance has uniforms.
    """
    scores, wrong = [], []
    findings = {(one.sample_id, one.frame_idx): one for one in done.frames}
    masks = [mask for clip in manifest for mask in clip.masks if (mask.sample_id, mask.frame_idx) in findings]
    for mask in masks[::every]:
        one = findings[mask.sample_id, mask.frame_idx]
        given = mask.decode()
        reach = reach_of(given.shape)
        square = np.ones((2 * reach + 1,) * 2, np.uint8)
        raw = np.ascontiguousarray(given).view(np.uint8)
        band = (cv2.dilate(raw, square) - cv2.erode(raw, square)).view(bool)
        moved = move_boundary(given, one.move_px) if one.move_px else given
        scores.append(((given != moved) * (one.score or 0.0))[band])
        wrong.append((given != mask.decode("clean"))[band])
    truth = np.concatenate(wrong)
    if truth.any():
        yield "chance", judge(Key("benchmark").generator("pixels").random(len(truth)), truth)
        yield "audit (edges)", judge(np.concatenate(scores), truth)


def print_rankings(level: str, rankings: Iterator[tuple[str, Judgement]]) -> None:
    """Print rows of a Markdown table."""
    for method, found in rankings:
        at = " | ".join(f"{value:.2f}" for value in found.precision)
        print(f"| {level} | {method} | {found.auroc:.3f} | {found.average_precision:.3f} | {at} |", flush=True)


def main() -> None:
    """Audit kitchen under each recipe and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipe", action="append", help="a named recipe, or noun-20; repeatable")
    parser.add_argument("--weights", default="bundled", help="start weights: bundled, none or a file")
    parser.add_argument("--steps", type=int, help="updates per training; by default those of --config, else 90")
    parser.add_argument("--model", help="the model; by default tiny")
    parser.add_argument("--config", help="how to learn: a TOML file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--root", type=Path)
    parser.add_argument(
        "--check", action="append", help="what to audit; by default flag where some are wrong, else noun and mask"
    )
    given = parser.parse_args()
    for recipe in given.recipe or ["flip-20", "noun-20", "mask-15"]:
        noise = NOUN_TO_ADD if recipe == "noun-20" else recipe
        common = {"root": given.root, "workers": 1, "resume": True}
        folder = actiseg_noise.build("kitchen", recipe=noise, out=given.out / recipe, force=True, **common)
        manifest = actiseg_noise.read_manifest(folder)
        options = {name: getattr(given, name) for name in ("weights", "steps", "model", "config", "threads", "root")}
        samples = [sample for clip in manifest.iter_clips(with_masks=False) for sample in clip.samples]
        has_flags = any(sample.noisy_is_positive != sample.is_positive for sample in samples)
        checks = given.check or (["flag"] if has_flags else ["noun", "mask"])
        asked = AuditOptions(
            manifest=folder, out=given.out / f"audit-{recipe}-{given.weights}", check=checks, **options
        )
        started = time.process_time()
        done = actiseg_bench.audit(folder, asked.out, check=checks, **options)
        print(f"\n{recipe}, {given.weights} start weights: {time.process_time() - started:.0f} s of CPU")
        print("| level | ranking | AUROC | AP | P@1 % | P@5 % | P@10 % |\n|---|---|---|---|---|---|---|")
        config = asked.run_config(FLAG)
        if done.answers.nouns is not None and any(sample.noisy_noun != sample.noun for sample in samples):
            plain = given_losses(config, folder, given.root)
            print_rankings("noun, by sample", noun_rankings(done, manifest, plain))
            print_rankings("visible noun, by sample", noun_rankings(done, manifest, plain, visible=True))
        if done.answers.flags is not None and has_flags:
            plain = given_losses(config, folder, given.root)
            apart = losses_out_of_fold(config, folder, given.root, done)
            print_rankings("flag, by sample", flag_rankings(done, manifest, plain, apart))
        print_rankings("mask, by frame", mask_rankings(done, manifest))
        if done.answers.boundaries is not None:
            print_rankings("mask, by pixel", pixel_rankings(done, manifest))


if __name__ == "__main__":
    main()
