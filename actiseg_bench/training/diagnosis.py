"""What a training does with wrong labels, measured from outside: strategies never get it.

The manifest knows which labels are wrong. *Selection*: of what a strategy believes, how much is right, and of what is
right, how much it believes. *Memorisation*: how well the networks fit the labels they were given, and the clean ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.noise_rates import WRONG_BELOW
from actiseg_bench.records import Batch, ClipItem, collate
from actiseg_bench.strategies.base import Step

PROBES = 5
WATCHED_PROBES = 12
PROBED_CLIPS = 16
HELD_OUT_EVERY = 2


@dataclass
class LabelCounts:
    """Counts of believed and right labels, of all, and of pairs of a wrong and a right one by who was believed less."""

    believed: int = 0
    right: int = 0
    both: int = 0
    all: int = 0
    pairs: int = 0
    in_order: float = 0.0

    def add(self, believed: Tensor, right: Tensor) -> None:
        """Count bool tensors of one shape."""
        self.believed += int(believed.sum())
        self.right += int(right.sum())
        self.both += int((believed & right).sum())
        self.all += right.numel()

    def add_ranking(self, doubts: Tensor, right: Tensor) -> None:
        """Count the pairs of a wrong and a right label, ``[N]`` each: in order where the wrong one is doubted more."""
        wrong, sound = doubts[~right], doubts[right]
        apart = wrong[:, None] - sound[None]
        self.pairs += apart.numel()
        self.in_order += float((apart > 0).sum()) + 0.5 * float((apart == 0).sum())

    def join(self, other: LabelCounts) -> None:
        """Add what others counted."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def to_json(self) -> dict[str, float | None]:
        """Return what was counted of "this label is clean", each in [0, 1], None where nothing defines it.

        ``precision``, ``recall``; ``base_rate``, the precision of believing everything; and where there was a ranking
        ``auroc``, the chance that of a wrong and a right label the wrong one is doubted more.
        """
        found = {
            "precision": self.both / self.believed if self.believed else None,
            "recall": self.both / self.right if self.right else None,
            "base_rate": self.right / self.all if self.all else None,
        }
        return {**found, "auroc": self.in_order / self.pairs} if self.pairs else found


@dataclass
class EpochSelection:
    """Counts over the steps of one epoch: of whole samples, and of mask pixels."""

    samples: LabelCounts = field(default_factory=LabelCounts)
    pixels: LabelCounts = field(default_factory=LabelCounts)

    def add(self, step: Step, batch: Batch) -> None:
        """Count what a step believed; ``batch.agrees`` says where labels are right.

        A ranking is judged among the samples of one step that are given as positive, and among its negatives.
        """
        if batch.agrees is None:
            return
        if step.trusted is not None:
            self.pixels.add(step.trusted, batch.agrees)
        right = right_samples(batch.masks > 0.5, batch.agrees)
        for kept in step.kept or ():
            names = set(kept)
            self.samples.add(torch.tensor([name in names for name in batch.sample_ids]).to(right.device), right)
        for doubts in step.ranked or ():
            for flag in (batch.is_positive > 0.5, batch.is_positive <= 0.5):
                self.samples.add_ranking(doubts[flag], right[flag])

    def to_json(self) -> dict[str, dict[str, float | None]]:
        """Return what was counted, by unit; a unit that no step reported is left out."""
        found = {"samples": self.samples, "pixels": self.pixels}
        return {name: tally.to_json() for name, tally in found.items() if tally.believed}


def right_samples(given: Tensor, agrees: Tensor) -> Tensor:
    """Return which samples' labels are right as wholes, bool ``[N]``, of given masks and where they agree.

    Where a given pixel agrees it is the clean one, elsewhere the other: right is an IoU with that mask of at least one
    half, as ``ManifestDataset.noise_rates`` counts. Of a sample that is misnamed no pixel agrees.
    """
    return _iou(given, given == agrees) >= WRONG_BELOW


def probed_places(count: int, clips: int = PROBED_CLIPS) -> list[int]:
    """Return which of ``count`` training clips are probed: at most ``clips``, evenly spread."""
    places: list[int] = torch.linspace(0, count - 1, min(clips, count)).round().long().tolist()
    return places


class Probe:
    """Fits to the given and to the clean labels of a few training clips, the same ones every time.

    Of samples whose label is wrong (of all, where none is): mean IoU of the prediction from the given text with the
    given mask, and of the prediction from the clean text with the clean mask. Positives alone, by the given or by the
    clean flag. Where there are clips to watch that are not trained on, the same of their clean labels.
    """

    def __init__(
        self,
        given: ManifestDataset,
        clean: ManifestDataset,
        clips: int = PROBED_CLIPS,
        *,
        held_out: ManifestDataset | None = None,
    ) -> None:
        places = probed_places(len(given), clips)
        self._given, self._clean = ([data[i] for i in places] for data in (given, clean))
        pairs = zip(self._given, self._clean, strict=True)
        self._counted = [(one.is_positive | two.is_positive) & ~_equal(one, two) for one, two in pairs]
        if not any(mask.any() for mask in self._counted):
            self._counted = [item.is_positive for item in self._given]
        self._held_out = [] if held_out is None else [held_out[i] for i in range(0, len(held_out), HELD_OUT_EVERY)]

    @torch.no_grad()
    def __call__(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Return ``fit_given``, ``fit_clean`` and, where clips are watched, ``held_out``, each in [0, 1].

        The network is left in the mode it was in.
        """
        was_training = network.training
        network.eval()
        found = {}
        probed = {"fit_given": (self._given, self._counted), "fit_clean": (self._clean, self._counted)}
        if self._held_out:
            probed["held_out"] = self._held_out, [item.is_positive for item in self._held_out]
        for name, (items, all_counted) in probed.items():
            ious = []
            for item, counted in zip(items, all_counted, strict=True):
                if counted.any():
                    batch = collate([item.take(counted.nonzero().flatten().tolist())]).to(device)
                    predicted = network(batch.frames, batch.expressions, batch.frames_of).mask_logits > 0
                    ious.append(_iou(predicted, batch.masks > 0.5))
            found[name] = float(torch.cat(ious).mean()) if ious else None
        network.train(was_training)
        return found


def _equal(one: ClipItem, two: ClipItem) -> Tensor:
    """Return which samples of two readings of a clip have the same text and masks, bool ``[K]``."""
    texts = torch.tensor([a == b for a, b in zip(one.expressions, two.expressions, strict=True)])
    return texts & one.masks.eq(two.masks).flatten(1).all(1)


def _iou(predicted: Tensor, given: Tensor) -> Tensor:
    """Return the IoU of every sample over all its frames, ``[N]``; two empty masks are 1."""
    both, either = ((predicted & given).flatten(1).sum(1), (predicted | given).flatten(1).sum(1))
    return torch.where(either > 0, both / either.clamp_min(1), torch.ones_like(both, dtype=torch.float))


class TrainingMonitor:
    """Measures one training on the way: selection step by step, a probe at evenly spaced steps.

    Attributes:
        selection: per epoch. fits: one entry per probe, with its step.
    """

    def __init__(self, probe: Probe | None, steps: int, probes: int = PROBES) -> None:
        self._probe = probe
        self._when = {round(steps * (i + 1) / probes) for i in range(probes)}
        self._epochs: list[EpochSelection] = []
        self.fits: list[dict[str, float | None]] = []

    def add_step(self, step: Step, batch: Batch, epoch: int) -> None:
        """Count a step of an epoch."""
        while len(self._epochs) <= epoch:
            self._epochs.append(EpochSelection())
        self._epochs[epoch].add(step, batch)

    def probe_if_due(self, done: int, network: nn.Module, device: torch.device) -> None:
        """Probe the network when it is time."""
        if self._probe is not None and done in self._when:
            self.fits.append({"step": done, **self._probe(network, device)})

    def state(self) -> dict[str, Any]:
        """Return what was measured so far as JSON values: ``load_state``'s inverse."""
        return {"fits": list(self.fits), "epochs": [asdict(epoch) for epoch in self._epochs]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state`` returned."""
        self.fits = [dict(fit) for fit in state["fits"]]
        self._epochs = [
            EpochSelection(LabelCounts(**epoch["samples"]), LabelCounts(**epoch["pixels"])) for epoch in state["epochs"]
        ]

    def hand_over(self) -> list[EpochSelection]:
        """Return what was counted so far, for another process's ``take_over``, and begin again at nothing."""
        counted, self._epochs = self._epochs, []
        return counted

    def take_over(self, counted: Sequence[EpochSelection]) -> None:
        """Add what another process counted, epoch by epoch."""
        while len(self._epochs) < len(counted):
            self._epochs.append(EpochSelection())
        for mine, theirs in zip(self._epochs, counted, strict=False):
            mine.samples.join(theirs.samples)
            mine.pixels.join(theirs.pixels)

    @property
    def selection(self) -> list[dict[str, dict[str, float | None]]]:
        """Return what was counted, per epoch and by unit."""
        return [epoch.to_json() for epoch in self._epochs]
