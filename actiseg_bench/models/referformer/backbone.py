"""ResNet (arXiv 1512.03385) with bottlenecks, the stride in the 3×3 convolution, and frozen batch norm.

Names are torchvision's, so that published weights load; torchvision itself is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

EPS = 1e-5


class FrozenBatchNorm(nn.Module):
    """Batch norm whose statistics and affine parameters never change: a scale and a shift per channel."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return float ``[C]`` each."""
        scale = self.weight * (self.running_var + EPS).rsqrt()
        return scale, self.bias - self.running_mean * scale


class Folded(NamedTuple):
    """A convolution with the norm that follows it: the scale is in its weight, the shift is its bias.

    Nothing between the two has to be computed, or kept for the backward pass.
    """

    weight: Tensor
    bias: Tensor
    stride: Any
    padding: Any

    def __call__(self, x: Tensor) -> Tensor:
        """Return the convolution's answer after the norm."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class _Scaled(torch.autograd.Function):
    """Weights times what does not learn, all of them at once."""

    @staticmethod
    def forward(ctx: Any, scales: list[Tensor], *weights: Tensor) -> tuple[Tensor, ...]:
        """Return the products."""
        ctx.scales = scales
        return tuple(torch._foreach_mul(weights, scales))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        """Return the gradients of the weights."""
        return None, *torch._foreach_mul(gradients, ctx.scales)


class Folding:
    """The folded convolutions of a network; what does not change between two calls is not computed again."""

    def __init__(self) -> None:
        self._norms: tuple[Any, list[Tensor], list[Tensor]] | None = None
        self._frozen: tuple[Any, list[Tensor]] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Folding:
        """Return one that has computed nothing yet."""
        return Folding()

    def fold(self, pairs: list[tuple[nn.Conv2d, FrozenBatchNorm]]) -> list[Folded]:
        """Return the folded form of convolutions and their norms; a compiler is to see all of it, and nothing kept."""
        if torch.compiler.is_compiling():
            return [fold_one(conv, norm) for conv, norm in pairs]
        buffers = [buffer for _, norm in pairs for buffer in norm.buffers()]
        key = _states(buffers)
        if self._norms is None or self._norms[0] != key:
            with torch.inference_mode(False), torch.no_grad():
                made = [norm.scale_and_shift() for _, norm in pairs]
            self._norms = key, [scale[:, None, None, None] for scale, _ in made], [shift for _, shift in made]
            self._frozen = None
        _, scales, shifts = self._norms
        weights = self._scale([conv.weight for conv, _ in pairs], scales)
        return [
            Folded(weight, shift, conv.stride, conv.padding)
            for weight, shift, (conv, _) in zip(weights, shifts, pairs, strict=True)
        ]

    def _scale(self, weights: list[Tensor], scales: list[Tensor]) -> list[Tensor]:
        """Return the scaled weights; those that need no gradient as they were made before."""
        learning = [w.requires_grad and torch.is_grad_enabled() for w in weights]
        fixed = [i for i, learns in enumerate(learning) if not learns]
        free = [i for i, learns in enumerate(learning) if learns]
        found = list(weights)
        if fixed:
            kind = weights[0].device.type
            dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weights[0].dtype
            key = dtype, _states([weights[i] for i in fixed])
            if self._frozen is None or self._frozen[0] != key:
                with torch.inference_mode(False), torch.no_grad():
                    made = torch._foreach_mul([weights[i] for i in fixed], [scales[i] for i in fixed])
                self._frozen = key, [weight.to(dtype) for weight in made]
            for i, weight in zip(fixed, self._frozen[1], strict=True):
                found[i] = weight
        if free:
            made = _Scaled.apply([scales[i] for i in free], *[weights[i] for i in free])
            for i, weight in zip(free, made, strict=True):
                found[i] = weight
        return found


def fold_one(conv: nn.Conv2d, norm: FrozenBatchNorm) -> Folded:
    """Return the folded form of a convolution and its norm."""
    scale, shift = norm.scale_and_shift()
    return Folded(conv.weight * scale[:, None, None, None], shift, conv.stride, conv.padding)


def _states(tensors: list[Tensor]) -> list[tuple[int, int]]:
    """Return what tells whether tensors are those that they were: where they lie, and how often they were written."""
    return [(x.data_ptr(), x._version) for x in tensors]


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1, around an identity or a 1×1 projection."""

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = inner * 4
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = FrozenBatchNorm(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = FrozenBatchNorm(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = FrozenBatchNorm(outputs)
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenBatchNorm(outputs))

    def pairs(self) -> Iterator[tuple[nn.Conv2d, FrozenBatchNorm]]:
        """Yield its convolutions with their norms: three, and the projection where there is one."""
        yield from ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3))
        if hasattr(self, "downsample"):
            yield self.downsample[0], self.downsample[1]  # type: ignore[misc]

    def forward(self, x: Tensor, first: Folded, second: Folded, third: Folded, around: Folded | None = None) -> Tensor:
        """Return ``[N, 4·inner, H/stride, W/stride]`` for ``[N, inputs, H, W]`` and its convolutions, folded."""
        y = F.relu(first(x), inplace=True)
        y = F.relu(second(y), inplace=True)
        y = third(y)
        return F.relu(y.add_(x if around is None else around(x)), inplace=True)


class ResNet(nn.Module):
    """The four stages; ``body`` of the published backbone.

    Args:
        blocks: bottlenecks per stage. stem: channels of the first convolution.
    """

    def __init__(self, blocks: tuple[int, int, int, int], stem: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = FrozenBatchNorm(stem)
        inputs = stem
        for stage, count in enumerate(blocks):
            inner, stride = stem * 2**stage, 1 if stage == 0 else 2
            first = Bottleneck(inputs, inner, stride)
            inputs = inner * 4
            rest = [Bottleneck(inputs, inner, 1) for _ in range(count - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(first, *rest))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

        self._folding = Folding()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return res2 … res5 at strides 4, 8, 16 and 32 (sides rounded up) of ``[N, 3, H, W]``."""
        stages = [list(self.get_submodule(f"layer{stage}").children()) for stage in range(1, 5)]
        of_blocks = [list(block.pairs()) for stage in stages for block in stage]  # type: ignore[operator]
        folded = iter(self._folding.fold([(self.conv1, self.bn1), *(pair for pairs in of_blocks for pair in pairs)]))
        x = F.max_pool2d(F.relu(next(folded)(x), inplace=True), 3, 2, 1)
        counts = iter(map(len, of_blocks))
        found = []
        for stage in stages:
            for block in stage:
                x = block(x, *(next(folded) for _ in range(next(counts))))
            found.append(x)
        return found


class Backbone(nn.Module):
    """Holds the ResNet under its published name."""

    def __init__(self, blocks: tuple[int, int, int, int], stem: int) -> None:
        super().__init__()
        self.body = ResNet(blocks, stem)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See :class:`ResNet`."""
        return self.body(x)
