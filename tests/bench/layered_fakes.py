"""A network of two decoder layers with a loss of its own and chosen queries, small enough to add up by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actiseg_bench.losses import LossConfig
from actiseg_bench.records import AuxiliaryHeads, Batch, NoiseRates, Prediction, Targets
from actiseg_bench.strategies.base import Setting

LABELS = [[0.0, 1.0], [0.0, 0.0]]  # two samples of one frame of 1 × 2 pixels
POSITIVE = [1.0, 0.0]
LAST, EARLY = [[0.8, 0.3], [0.4, 0.1]], [[0.6, 0.55], [0.2, 0.7]]
STRONG_LAST, STRONG_EARLY = [[0.7, 0.4], [0.3, 0.2]], [[0.45, 0.6], [0.35, 0.9]]
HEAD = [[0.7, 0.4], [0.3, 0.2]]
LAST_SCORES, EARLY_SCORES = [0.9, 0.2], [0.7, 0.4]
OWN = [0.25, 0.5]
QUERIES = [[3, 1], [0, 2]]


def maps(p: list[list[float]]) -> Tensor:
    """Return probabilities of every sample's pixels as ``[2, 1, 1, 2]``."""
    return torch.tensor(p)[:, None, None]


def two_samples() -> Batch:
    """Return the batch of ``LABELS``: one clip, two views."""
    frames = torch.zeros(1, 1, 3, 2, 4)
    return Batch(
        frames=frames,
        expressions=["onion used in the action of cut onion", "knife used in the action of cut onion"],
        frames_of=torch.tensor([0, 0]),
        masks=maps(LABELS),
        is_positive=torch.tensor(POSITIVE),
        sample_ids=("a/1", "a/2"),
        frame_idx=((0,), (0,)),
        affine=torch.eye(2, 3)[None],
        strong=frames + 1,
    )


def two_sample_setting(loss: LossConfig | None = None) -> Setting:
    """Return what a run on :func:`two_samples` is told: two epochs, no label is wrong."""
    frames: dict[str, tuple[int, ...]] = {"a/1": (0,), "a/2": (0,)}
    return Setting(loss or LossConfig(), noise_rates=NoiseRates(), epochs=2, frames=frames, mask_size=(1, 2))


class Layered(nn.Module):
    """Answers with its parameters: both layers of the plain view, of the strong one, and its own loss.

    Attributes:
        asked: the targets of every call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last, self.early = nn.Parameter(maps(LAST).logit()), nn.Parameter(maps(EARLY).logit())
        self.strong_last = nn.Parameter(maps(STRONG_LAST).logit())
        self.strong_early = nn.Parameter(maps(STRONG_EARLY).logit())
        self.last_scores = nn.Parameter(torch.tensor(LAST_SCORES).logit())
        self.early_scores = nn.Parameter(torch.tensor(EARLY_SCORES).logit())
        self.own = nn.Parameter(torch.tensor(OWN))
        self.head: nn.Parameter | None = None
        self.asked: list[Targets | None] = []

    def forward(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        self.asked.append(targets)
        strong = bool(frames.max() > 0)
        early = Prediction(self.strong_early if strong else self.early, self.early_scores)
        last = self.strong_last if strong else self.last
        auxiliary = None if self.head is None else self.head[None]
        return Prediction(last, self.last_scores, auxiliary, (early,), self.own, torch.tensor(QUERIES))

    def add_heads(self, heads: AuxiliaryHeads) -> None:
        self.head = nn.Parameter(maps(HEAD).logit())

    def let_heads_learn(self, learning: bool) -> None:
        pass
