"""EMA teacher: a running mean of the network says which pixels' labels to keep: those that it agrees with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from actiseg_bench.losses import base_focal, combine, mean_over_pixels, weigh
from actiseg_bench.records import Batch, Network, Prediction, predict_again, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.options import Options, option
from actiseg_bench.strategies.ranges import OneOf, Uniform


def ramped(updates: int, decay: float) -> float:
    """Return min(1 - 1/(n + 1), decay) after n updates (Tarvainen & Valpola, arXiv 1703.01780, official code).

    At first the teacher is the mean of all students so far, the very first update a copy.
    """
    return min(1 - 1 / (updates + 1), decay)


def follow(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Move every parameter to decay·teacher + (1 - decay)·student (arXiv 1703.01780, section 2), in place."""
    with torch.no_grad():
        for mean, value in zip(teacher.parameters(), student.parameters(), strict=True):
            mean.copy_(decay * mean + (1 - decay) * value)


def agreement(label: Tensor, p: Tensor, confidence: float) -> Tensor:
    """Return where a label is kept, bool as ``p``: where the teacher sees the same, or is not sure of the other.

    Args:
        label: bool, whether the pixel is given as the object's. p: the teacher's probability that it is.
        confidence: how sure it must be to disagree; .5 is always.
    """
    return ((p > 0.5) == label) | (torch.maximum(p, 1 - p) < confidence)


@dataclass(frozen=True)
class EMATeacherOptions(Options):
    """See :class:`Options`."""

    decay: float = option(
        0.99,
        "of the running mean, once it has ramped up; .99, later .999, in the paper",
        at_least=0,
        below=1,
        tune=OneOf((0.9, 0.99, 0.999), "the paper's two, and .9 for short trainings"),
    )
    elsewhere: Literal["ignore", "teacher"] = option(
        "ignore",
        "what a pixel learns where the teacher disagrees: nothing, or what the teacher sees, as a soft label",
        tune=OneOf(("ignore", "teacher")),
    )
    confidence: float = option(
        0.5, "how sure the teacher must be to disagree; .5 is always", at_least=0.5, below=1, tune=Uniform(0.5, 0.95)
    )
    warmup_share: float = option(
        1 / 3,
        "share of the epochs before which all labels are kept",
        at_least=0,
        at_most=1,
        tune=Uniform(0.05, 0.75),
    )
    scored: Literal["student", "teacher"] = option(
        "student",
        "who is scored and stored: the student, as every other strategy's network, so that what is gained is not the "
        "mean itself; the paper scores the teacher",
    )


@STRATEGIES.register("ema_teacher")
class EMATeacher(Strategy):
    """The teacher sees the plain view in training mode, as in the official code, and never learns by itself.

    Raises:
        ValueError: a step before :meth:`prepare`.
    """

    card = StrategyCard(
        name="ema_teacher",
        title="EMA teacher",
        formula="2·focal where argmax p_teacher = y + 5·dice + 2·CE(positive), "
        "teacher ← decay·teacher + (1 - decay)·student",
        source="Tarvainen & Valpola, NeurIPS 2017, arXiv 1703.01780, section 2 and official code; agreement with the "
        "label as in SELF (Nguyen et al., ICLR 2020, arXiv 1910.01842)",
        replaces="the mask focal term",
        options=EMATeacherOptions,
        cost="1.3×, and the memory of a second network",
        hurts="where the first beliefs are wrong: right labels are left out, and the error is never mended",
        robust=Robustness(mask="agreement of pixels", layers="the teacher's last layer judges for all"),
        deviations="SELF filters samples by a mean of predictions over epochs, this one the pixels of every step by "
        "the mean network; there is no consistency cost between student and teacher",
        scored="the student; the teacher with scored = teacher, as in the paper",
    )

    options: EMATeacherOptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        self.teacher: nn.Module | None = None
        self._updates = 0

    def prepare(self, networks: Sequence[nn.Module]) -> None:
        """See :class:`Strategy`."""
        self.teacher = deepcopy(networks[0]).requires_grad_(False)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        if self.teacher is None:
            raise ValueError("there is no teacher: call prepare first")
        follow(self.teacher, networks[0], ramped(self._updates, self.options.decay))  # type: ignore[arg-type]
        self._updates += 1
        prediction = predict_view(networks[0], batch)
        if epoch < self.options.warmup_share * self.setting.epochs:
            return Step([self._loss(prediction, batch, batch.masks, torch.ones_like(batch.masks, dtype=torch.bool))])
        p = self._ask(self.teacher, batch, prediction)
        kept = agreement(batch.masks > 0.5, p, self.options.confidence)
        if self.options.elsewhere == "teacher":
            loss = self._loss(prediction, batch, torch.where(kept, batch.masks, p), torch.ones_like(kept))
        else:
            loss = self._loss(prediction, batch, batch.masks, kept)
        return Step([loss], trusted=kept)

    @torch.no_grad()
    def _ask(self, teacher: nn.Module, batch: Batch, prediction: Prediction) -> Tensor:
        """Return the teacher's probability that a pixel is the object's, of the query that the student answers with."""
        return predict_again(teacher.train(), batch.frames, batch, prediction).mask_logits.float().sigmoid()

    def _loss(self, prediction: Prediction, batch: Batch, target: Tensor, kept: Tensor) -> Tensor:
        """Return the mean over samples; a pixel that is not kept weighs nothing."""
        weights = self.pixel_weights(batch)
        pixels = [base_focal(layer.mask_logits, target, self.setting.loss) for layer in prediction.layers]
        masks = [mean_over_pixels(weigh(losses, weights) * kept) for losses in pixels]
        return combine(masks, prediction, batch, self.setting.loss).mean()

    def finish(self, networks: Sequence[nn.Module]) -> None:
        """See :class:`Strategy`."""
        if self.teacher is not None and self.options.scored == "teacher":
            networks[0].load_state_dict(self.teacher.state_dict())
        self.teacher = None

    def state(self) -> dict[str, Tensor]:
        """See :class:`Strategy`."""
        if self.teacher is None:
            return {}
        own = {**dict(self.teacher.named_parameters()), **dict(self.teacher.named_buffers())}
        teacher = {f"teacher.{name}": value.detach() for name, value in own.items()}
        return {"updates": torch.tensor(self._updates), **teacher}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See :class:`Strategy`."""
        if self.teacher is None:
            raise ValueError("there is no teacher: call prepare first")
        with torch.no_grad():
            for name, value in (*self.teacher.named_parameters(), *self.teacher.named_buffers()):
                value.copy_(state[f"teacher.{name}"])
        self._updates = int(state["updates"])
