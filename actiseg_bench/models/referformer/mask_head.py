"""Dynamic mask heads (CondInst, arXiv 2003.05664): a state writes small convolutions, and they draw its mask."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer.config import ReferFormerConfig
from actiseg_bench.models.referformer.constants import made_once

STRIDE = 4


class MLP(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, inputs: int, inner: int, outputs: int, count: int) -> None:
        super().__init__()
        sizes = [inputs, *[inner] * (count - 1), outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[…, outputs]``."""
        lead, x = x.shape[:-1], x.flatten(0, -2)
        for layer in self.layers[:-1]:
            x = F.relu(layer(x), inplace=True)
        return self.layers[-1](x).unflatten(0, lead)


def controller_sizes(config: ReferFormerConfig) -> list[tuple[int, int]]:
    """Return (inputs, outputs) of every dynamic convolution; the first also reads two relative coordinates."""
    inner = config.controller_width
    middle = [(inner, inner)] * (config.controller_layers - 2)
    return [(config.mask_width + 2, inner), *middle, (inner, 1)]


class Controller(MLP):
    """Writes the dynamic convolutions of a state."""

    def __init__(self, config: ReferFormerConfig) -> None:
        self.sizes = controller_sizes(config)
        total = sum((inputs + 1) * outputs for inputs, outputs in self.sizes)
        super().__init__(config.width, config.width, total, 3)
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def parameters_of(self, states: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return (weight ``[…, outputs, inputs]``, bias ``[…, outputs]``) of every convolution for ``[…, C]`` states.

        The published order: all weights, then all biases.
        """
        weights = [inputs * outputs for inputs, outputs in self.sizes]
        biases = [outputs for _, outputs in self.sizes]
        parts = self(states).split([*weights, *biases], -1)
        shaped = [w.unflatten(-1, (o, i)) for w, (i, o) in zip(parts, self.sizes, strict=False)]
        return list(zip(shaped, parts[len(weights) :], strict=True))


def draw_masks(
    features: Tensor, written: list[tuple[Tensor, Tensor]], centres: Tensor, size: tuple[int, int]
) -> Tensor:
    """Return mask logits ``[n, K, h, w]`` of K states per frame.

    The first convolution reads the features and the way from each pixel to the state's box centre. Neither is laid out
    per state: features meet all K states in one product, and the way is a row of x and a column of y.

    Args:
        features: ``[n, C, h, w]`` of n frames at stride 4.
        written: :meth:`Controller.parameters_of` the states ``[n, K, …]``.
        centres: (x, y) of the states' boxes in [0, 1] of the picture, ``[n, K, 2]``.
        size: (rows, columns) of the picture in pixels.
    """
    count, channels, height, width = features.shape
    (first, bias), *rest = written
    states, inner = bias.shape[1:]
    x = torch.bmm(first[..., :channels].flatten(1, 2), features.flatten(2)).view(count, states, inner, height, width)
    across, down = first[..., channels:].unbind(-1)  # what the first convolution does with x and y, [n, K, inner]
    centre_x, centre_y = centres.unsqueeze(-1).unbind(2)  # [n, K, 1]
    across = across[..., None] * relative(centre_x, width, size[1])[:, :, None]
    down = torch.addcmul(bias[..., None], down[..., None], relative(centre_y, height, size[0])[:, :, None])
    x = x + across[..., None, :]
    x = x.add_(down[..., None]).view(count * states, inner, height * width)
    for weight, bias in rest:
        x = torch.baddbmm(bias.flatten(0, 1)[..., None], weight.flatten(0, 1), F.relu(x, inplace=True))
    return x.view(count, states, height, width)


def relative(centre: Tensor, cells: int, pixels: int) -> Tensor:
    """Return ``[…, cells]``: how many pixels the centre ``[…, 1]`` lies beyond the middle of each cell."""
    return centre * pixels - middles(cells, centre.device, centre.dtype)


@made_once(sizes=256)
def middles(cells: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the middle of every cell in pixels, ``[cells]``."""
    return torch.arange(cells, device=device, dtype=dtype) * STRIDE + STRIDE // 2
