"""ResNet (arXiv 1512.03385) with bottlenecks, the stride in the 3×3 convolution, and frozen batch norm.

Names are torchvision's, so that published weights load; torchvision itself is not needed.
"""

from __future__ import annotations

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


def convolve(x: Tensor, conv: nn.Conv2d, norm: FrozenBatchNorm) -> Tensor:
    """Return convolution and norm as one convolution: the scale goes into its weight, the shift is its bias.

    Nothing between the two has to be computed, or kept for the backward pass.
    """
    scale, shift = norm.scale_and_shift()
    return F.conv2d(x, conv.weight * scale[:, None, None, None], shift, conv.stride, conv.padding)


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

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, 4·inner, H/stride, W/stride]`` for ``[N, inputs, H, W]``."""
        y = F.relu(convolve(x, self.conv1, self.bn1), inplace=True)
        y = F.relu(convolve(y, self.conv2, self.bn2), inplace=True)
        y = convolve(y, self.conv3, self.bn3)
        around = convolve(x, *self.downsample) if hasattr(self, "downsample") else x
        return F.relu(y + around, inplace=True)


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

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return res2 … res5 at strides 4, 8, 16 and 32 (sides rounded up) of ``[N, 3, H, W]``."""
        x = F.relu(convolve(x, self.conv1, self.bn1), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        found = []
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
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
