"""``audit``: train out of fold, ask, and rank what is likely wrong.

folds/<check>-<k>.safetensors   what the networks that did not learn from fold k say of it; finished folds are kept
samples.csv, frames.csv         every label with its scores
corrections.csv                 what the suspected ones should be, for ``actiseg-noise clean``
worst.png                       a contact sheet
audit.json                      what was audited, and how
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from actiseg_bench.auditing.answers import Candidates, choose_candidates, iter_flag_answers, iter_noun_answers
from actiseg_bench.auditing.boundary import BoundaryBelief, gradient, judge_mask
from actiseg_bench.auditing.findings import Answers, FrameFinding, SampleFinding, find
from actiseg_bench.auditing.options import FLAG, MASK, NOUN, AuditOptions
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.pictures import pictures_digest
from actiseg_bench.device import pick_device
from actiseg_bench.models.base import MODELS
from actiseg_bench.training.checkpoint import check_identity, read_tensors, run_identity, write_tensors
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.folds import draw_folds
from actiseg_bench.training.process import process_state
from actiseg_bench.training.progress import Progress
from actiseg_bench.training.train import train_run
from actiseg_noise.errors import raise_if
from actiseg_noise.manifest.info import check_no_manifest
from actiseg_noise.manifest.read import Manifest, read_manifest

_STACKED = ("overlap", "iou", "loss")


@dataclass(frozen=True)
class Audit:
    """A finished audit.

    Attributes:
        path: its folder. about: what ``audit.json`` says.
        samples: one finding per (clip, object), worst first. frames: one per sample and visible frame, worst first.
        answers, candidates: what they were made of: what networks and pictures said, and the nouns that were compared.
    """

    path: Path
    about: dict[str, Any]
    samples: list[SampleFinding]
    frames: list[FrameFinding]
    answers: Answers
    candidates: Candidates

    @property
    def corrections(self) -> Path:
        """Return the file for ``actiseg-noise clean``."""
        from actiseg_bench.auditing.files import CORRECTIONS

        return self.path / CORRECTIONS


def run_audit(options: AuditOptions, on_progress: Progress | None = None) -> Audit:
    """Audit a manifest; see :func:`actiseg_bench.audit`."""
    from actiseg_bench.auditing.files import write_audit

    check_no_manifest(options.out)
    manifest = read_manifest(options.manifest)
    check_auditable(manifest, options.checks)
    plain = ManifestDataset(manifest, options.root, targets="all", mask_stride=1, cache=False)
    trained = [what for what in options.checks if what != MASK]
    folds = draw_folds(plain, options.folds, options.seed) if trained else dict.fromkeys(plain.clip_ids, 0)
    candidates = choose_candidates(manifest)
    steps = _Steps(len(trained) * options.folds, on_progress)
    answers = Answers(folds)
    for what in trained:
        for fold in range(options.folds):
            answers.add(what, _fold_answers(options, manifest, what, fold, folds, candidates, steps.next()))
    if MASK in options.checks:
        answers.boundaries = dict(iter_boundaries(plain))
    samples, frames = find(manifest, plain.clip_ids, answers, candidates)
    about = _about(options, manifest, folds, candidates)
    write_audit(options.out, manifest, plain, samples, frames, about, worst=options.worst)
    return Audit(options.out, about, samples, frames, answers, candidates)


def check_auditable(manifest: Manifest, checks: tuple[str, ...]) -> None:
    """Refuse what a check cannot be made of.

    Raises:
        ActisegError: one category alone, for nouns; no sample given as positive or none as negative, for flags.
    """
    table = manifest.table("samples", ["noisy_is_positive", "noisy_category_id"])
    flags, categories = (table.column(name).to_pylist() for name in table.column_names)
    raise_if(not flags, f"{manifest.path}: the manifest has no sample; there is nothing to audit")
    others = {one: "".join(f" --check {name}" for name in checks if name != one) for one in checks}
    raise_if(
        NOUN in checks and len(manifest.vocabulary.category_ids) < 2,
        f"{manifest.path}: one category alone, {sorted(set(categories))}: a noun cannot be told from others. "
        f"Audit the rest with{others.get(NOUN) or ' --check mask'}",
    )
    for is_positive, word in ((True, "positive"), (False, "negative")):
        raise_if(
            FLAG in checks and is_positive not in flags,
            f"{manifest.path}: none of {len(flags):,} samples is given as {word}, so nothing can be learned about that "
            f"flag. Audit the rest with{others.get(FLAG) or ' --check mask'}",
        )


class _Steps:
    """Progress of several trainings as one."""

    def __init__(self, trainings: int, on_progress: Progress | None) -> None:
        self._trainings, self._begun, self._on_progress = trainings, 0, on_progress

    def next(self) -> Progress:
        """Return the progress of the next training."""
        before, self._begun = self._begun, self._begun + 1

        def report(done: int, total: int, loss: float) -> None:
            if self._on_progress is not None:
                self._on_progress(before * total + done, self._trainings * total, loss)

        return report


def _fold_answers(
    options: AuditOptions,
    manifest: Manifest,
    what: str,
    fold: int,
    folds: dict[str, int],
    candidates: Candidates,
    on_progress: Progress,
) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    """Return clip_id → name → array, from the folder where the fold is finished."""
    config = options.run_config(what)
    learned = [clip_id for clip_id, other in folds.items() if other != fold]
    judged = [clip_id for clip_id, other in folds.items() if other == fold]
    identity = run_identity(config, manifest.digest, pictures_digest(manifest, options.root))
    identity |= {"check": what, "fold": [fold, options.folds], "nouns": list(candidates.nouns)}
    path = options.out / "folds" / f"{what}-{fold}.safetensors"
    if path.is_file():
        tensors, metadata = read_tensors(path)
        check_identity(path, metadata.get("identity"), identity)
    else:
        how: dict[str, Any] = {"on_progress": on_progress, "clips": learned, "workers": options.workers}
        network = train_run(config, options.manifest, options.root, **how).networks[0]
        data = _judged_data(config, manifest, options.root, judged)
        with process_state(config.threads):
            tensors = dict(_ask(config, network, data, what, candidates))
        write_tensors(path, tensors, {"identity": identity})
    found: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    for name, tensor in tensors.items():
        clip_id, _, measure = name.rpartition("\n")
        found.setdefault(clip_id, {})[measure] = tensor.numpy()
    return found


def _judged_data(config: RunConfig, manifest: Manifest, root: Path | None, clips: list[str]) -> ManifestDataset:
    """Return the given labels of some clips as the model sees them."""
    card = MODELS[config.model].card
    targets = config.train.targets
    return ManifestDataset(
        manifest, root, size=card.input_size, mask_stride=card.mask_stride, targets=targets, clips=clips, cache=False
    )


def _ask(
    config: RunConfig, network: Any, data: ManifestDataset, what: str, candidates: Candidates
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (clip_id, newline, measure) → what a network says."""
    device = pick_device(config.device)
    network.to(device)
    if what == FLAG:
        for clip_id, scores in iter_flag_answers(network, data, device):
            yield f"{clip_id}\npositive", torch.from_numpy(scores)
        return
    for clip_id, answer in iter_noun_answers(network, data, candidates.nouns, device):
        for measure in _STACKED:
            yield f"{clip_id}\n{measure}", torch.from_numpy(np.ascontiguousarray(getattr(answer, measure)))


def iter_boundaries(data: ManifestDataset) -> Iterator[tuple[tuple[str, int], BoundaryBelief]]:
    """Yield (sample_id, frame_idx) → what the picture says of the given mask's boundary, where it can say something.

    Args:
        data: pictures and masks in their own size (``size=None``, ``mask_stride=1``, ``targets="all"``).
    """
    for index in range(len(data)):
        item = data[index]
        scale = item.canvas[0] / item.frames.shape[2]  # pictures may be larger than their masks
        for t, frame_idx in enumerate(item.frame_idx):
            steepness = gradient(item.frames[t].permute(1, 2, 0).contiguous().numpy())
            masks = item.masks[:, t].numpy() > 127
            anything = masks.any(0)
            for sample_id, mask in zip(item.sample_ids, masks, strict=True):
                belief = judge_mask(steepness, mask, anything & ~mask) if mask.any() else None
                if belief is not None:
                    yield (sample_id, frame_idx), belief._replace(move_px=round(belief.move_px * scale))


def _about(options: AuditOptions, manifest: Manifest, folds: dict[str, int], candidates: Candidates) -> dict[str, Any]:
    from actiseg_noise.version import tool_version

    return {
        "tool_version": tool_version(),
        "manifest": {"name": manifest.info.name, "digest": manifest.digest},
        "checks": list(options.checks),
        "folds": options.folds,
        "clips_per_fold": [list(folds.values()).count(fold) for fold in range(options.folds)],
        "configs": {what: options.run_config(what).to_dict() for what in options.checks if what != MASK},
        "candidates": len(candidates.nouns),
    }
