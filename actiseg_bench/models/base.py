"""What every bundled model provides, and the registry of models."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from actiseg_bench.models.compiling import NotCompiledWarning
from actiseg_bench.records import AuxiliaryHeads, Prediction, Targets, resize_frames
from actiseg_noise.errors import ActisegError
from actiseg_noise.registry import Registry


@dataclass(frozen=True)
class ModelCard:
    """What a model is.

    Attributes:
        input_size: (rows, columns) that frames are resized to, or their short side; None keeps their size.
        mask_stride: input pixels per mask pixel.
        positive_threshold: a positive score below it empties the object's mask in every frame.
        start_weights: name of the bundled start weights, None when there are none.
        fresh: submodules (of linear layers) that start weights do not carry: they start from the run's seed.
        frozen: submodules that stay as start weights have them.
        train_size: what frames are resized to in training, before augmentation; None is ``input_size``.
        optional: submodules that start weights may lack; they then stay as the run's seed drew them.
        positive_head: which of them the positive score alone comes from: without it a network is used without scores.
        decides: submodules that decide whether an object takes part, and nothing else; empty where a card does not say.
        max_frames: of a clip that is predicted at once; longer ones are predicted in pieces. None: no bound.
        frame_samples: frames × samples of one forward pass of a prediction at the most. None: no bound.
        splits_samples: the model keeps to ``frame_samples`` itself where a clip has more, and encodes its frames once.
        keeps_features: the image encoder is frozen, and the model takes what ``encode`` makes of a clip's frames in the
            place of them, so that it is computed once.
    """

    name: str
    summary: str
    source: str
    input_size: tuple[int, int] | int | None
    mask_stride: int
    positive_threshold: float
    start_weights: str | None
    fresh: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    train_size: tuple[int, int] | int | None = None
    optional: tuple[str, ...] = ()
    positive_head: str | None = None
    decides: tuple[str, ...] = ()
    max_frames: int | None = None
    frame_samples: int | None = None
    splits_samples: bool = False
    keeps_features: bool = False


class VosModel(nn.Module):
    """A referring video object segmentation network: frames and expressions in, masks and a positive score out."""

    card: ModelCard
    heads: AuxiliaryHeads | None = None
    auxiliary: nn.ModuleList

    @abstractmethod
    def forward(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        """Segment every sample.

        Args:
            frames: float ``[B, T, 3, H, W]``, RGB in [0, 1].
            expressions: N referring texts, one per sample.
            frames_of: int64 ``[N]``: which of the B sequences each sample is on, ascending. A sequence is encoded
                once, whatever the number of its samples.
            targets: the labels, in training: a model with several queries answers with the one that fits them best.
        """

    def encode(self, frames: Tensor) -> Tensor:
        """Return the features of frames ``[B, T, 3, H, W]`` that ``forward`` takes in their place, ``[B, T, C, h, w]``.

        The same in training and in evaluation, and nothing of the model changes.

        Raises:
            ActisegError: the model's card does not say that it ``keeps_features``.
        """
        raise ActisegError(f"model {self.card.name!r} keeps no features")

    def resize(self, frames: Tensor, size: tuple[int, int]) -> Tensor:
        """Return what ``forward`` takes for frames, ``[B, T, C, H, W]``, in another size (rows, columns), bilinear."""
        return resize_frames(frames, size)

    def use(self, *, deformable: str = "auto", checkpoint_activations: bool = False, compiled: bool = False) -> None:
        """Compute the same in another way: what is faster or smaller on the device that the parameters are on.

        Args:
            deformable: what reads the points of deformable attention: ``torch``, ``kernels`` of a library, or ``auto``.
            checkpoint_activations: keep less for the backward pass, and compute it again. Models without such parts
                stay as they are.
            compiled: let torch compile what a training step computes; see :mod:`actiseg_bench.models.compiling`. A
                model without such a form says so and stays as it is.
        """
        if compiled:
            warnings.warn(
                f"--compile: model {self.card.name!r} has no compiled form; it trains without", NotCompiledWarning, 2
            )

    def make_head(self, *, anew: bool) -> nn.Module:
        """Return a copy of the model's own mask head, or one drawn ``anew``, for models that can grow some.

        Raises:
            ActisegError: the model cannot.
        """
        raise ActisegError(f"model {self.card.name!r} has no auxiliary mask heads, which this strategy trains with")

    def add_heads(self, heads: AuxiliaryHeads) -> None:
        """Grow mask heads whose logits are ``Prediction.auxiliary`` in training mode.

        Raises:
            ActisegError: the model cannot.
        """
        made = [self.make_head(anew=heads.init_std is None) for _ in range(heads.count)]
        self.auxiliary = nn.ModuleList(made).to(next(self.parameters()).device)
        self.heads = heads
        if heads.init_std is not None:
            for parameter in self.auxiliary.parameters():
                parameter.data += heads.init_std * torch.randn_like(parameter)

    def let_heads_learn(self, learning: bool) -> None:
        """Give the auxiliary heads' parameters gradients or not."""
        self.auxiliary.requires_grad_(learning)

    def drop_heads(self) -> None:
        """Take the auxiliary heads away."""
        if self.heads is not None:
            self.heads = None
            del self.auxiliary


MODELS: Registry[type[VosModel]] = Registry("model", "actiseg_bench.models", "actiseg.models", ("card",))


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def reset_fresh(model: VosModel, seed: int) -> None:
    """Re-initialise the parameters that start weights do not carry, from ``seed`` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in model.card.fresh:
            for module in model.get_submodule(name).modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()


def freeze(model: VosModel) -> None:
    """Stop the gradients of the submodules that the card calls frozen."""
    for name in model.card.frozen:
        model.get_submodule(name).requires_grad_(False)
