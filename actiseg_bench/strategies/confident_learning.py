"""Confident learning: samples that networks out of fold disagree with are pruned before the training begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from actiseg_bench.losses import base_loss
from actiseg_bench.records import Batch, Network, predict_view
from actiseg_bench.strategies.base import (
    OUT_OF_FOLD,
    STRATEGIES,
    OutOfFold,
    OutOfFoldOptions,
    Robustness,
    Setting,
    Step,
    Strategy,
    StrategyCard,
)

NEGATIVE, POSITIVE = 0, 1
"""The classes: whether the text names an object that takes part in its action."""


def confident_issues(probabilities: npt.NDArray[np.float64], given: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which labels are off the diagonal of the confident joint, bool ``[N]``.

    A class's threshold is the mean self-confidence of the samples that were given it; a sample counts for the most
    likely of the classes whose threshold it reaches (Northcutt, Jiang, Chuang, JAIR 2021, arXiv 1911.00068, eq. 1 and
    2). A class that no sample was given has no threshold and is not counted for.

    Args:
        probabilities: ``[N, C]``, of every class, out of sample. given: ``[N]``, the class that each sample was given.
    """
    rows = np.arange(len(given))
    counts = np.bincount(given, minlength=probabilities.shape[1])
    sums = np.bincount(given, probabilities[rows, given], probabilities.shape[1])
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    reached = np.where(probabilities >= thresholds - 1e-12, probabilities, -1.0)
    best = reached.argmax(1)
    return (reached[rows, best] >= 0) & (best != given)


def prune(found: OutOfFold) -> Tensor:
    """Return which samples are pruned, bool ``[N]``: those whose flag is off the diagonal of the confident joint."""
    positive = found.positive_scores.double().numpy()
    classes = np.stack([1 - positive, positive], 1)  # NEGATIVE, POSITIVE
    return torch.from_numpy(confident_issues(classes, found.is_positive.numpy().astype(np.int64)))


@dataclass(frozen=True)
class ConfidentLearningOptions(OutOfFoldOptions):
    """See :class:`OutOfFoldOptions`."""


@STRATEGIES.register("confident_learning")
class ConfidentLearning(Strategy):
    """The baseline on the samples that are left, and before it, out of fold, on all of them.

    The given label is the flag under the given text: whether what the text names takes part in the action that it
    tells. A wrong flag is a wrong label, and so is a text that was changed from an acting object's to another's, or
    from another's to an acting one's.

    Attributes:
        pruned: ids of the samples that are never learned from; empty where no network was asked.
    """

    card = StrategyCard(
        name="confident_learning",
        title="Confident learning",
        formula="base loss of the samples on the diagonal of the confident joint",
        source="Northcutt, Jiang, Chuang, JAIR 2021, arXiv 1911.00068, eq. 1 and 2, and §3.3, method 2: prune the "
        "off-diagonal of the confident joint",
        replaces="the samples that are learned from",
        options=ConfidentLearningOptions,
        needs=OUT_OF_FOLD,
        cost="2.5×: `folds` networks of `fold_updates` of the run's updates before it",
        hurts="where all samples have one flag: nothing is pruned; where masks are wrong: it cannot see them; hard "
        "samples are pruned with wrong ones",
        robust=Robustness(mask="pruning of samples", dice="the same samples", positive="the same samples"),
        deviations="one label of two classes, the flag under the given text, where the paper has one label of many; "
        "the samples left weigh the same, where the paper weighs their classes by the estimated joint",
    )

    options: ConfidentLearningOptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        found = setting.out_of_fold
        self._names = () if found is None else found.sample_ids
        self._remember(torch.zeros(0, dtype=torch.bool) if found is None else prune(found))

    def _remember(self, is_pruned: Tensor) -> None:
        """Take in which samples are pruned, bool ``[N]``."""
        self._is_pruned = is_pruned
        self.pruned = frozenset(name for name, gone in zip(self._names, is_pruned.tolist(), strict=True) if gone)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        losses = base_loss(predict_view(networks[0], batch), batch, self.setting.loss)
        kept = tuple(name for name in batch.sample_ids if name not in self.pruned)
        is_kept = torch.tensor([name not in self.pruned for name in batch.sample_ids], device=losses.device)
        loss = losses[is_kept].mean() if kept else 0 * losses.sum()
        return Step([loss], kept=[kept])

    def state(self) -> dict[str, Tensor]:
        """See :class:`Strategy`."""
        return {"pruned": self._is_pruned} if self._names else {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See :class:`Strategy`."""
        if self._names:
            self._remember(state["pruned"].bool())
