"""How ReferFormer is compared by numbers: weights filled from their names, a drawn target, and what comes out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from actiseg_bench.models.referformer import ReferFormerNetwork
from actiseg_bench.models.referformer.criterion import Answer, published_losses
from actiseg_bench.models.referformer.matcher import Coefficients, match_costs
from actiseg_bench.models.referformer.network import Found
from actiseg_bench.models.referformer.text import Tokens

SHARED = "transformer.decoder."


def assign(costs: Tensor) -> Tensor:
    """Return the query of every object, int64 ``[M]``, for costs ``[Q, M]``: one each, the least in sum."""
    rows, columns = linear_sum_assignment(costs.detach().float().cpu().numpy())
    return torch.from_numpy(rows[columns.argsort()]).to(costs.device)


def fill(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return the values that the conformance fixture gives a parameter: normal numbers seeded by its name."""
    name = name.removeprefix(SHARED) if name.startswith(f"{SHARED}bbox_embed") else name  # one module, two names
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    drawn = np.random.Generator(np.random.PCG64(seed)).standard_normal(math.prod(shape)).astype(np.float32)
    a = drawn.reshape(shape)
    if name.endswith("running_var"):
        a = 1 + 0.1 * abs(a)
    elif name.endswith("running_mean"):
        a = 0.1 * a
    elif a.ndim <= 1:
        a = 1 + 0.05 * a if name.endswith("weight") else 0.02 * a
    else:
        a = a * (0.7 / math.sqrt(max(math.prod(shape[1:]), 1)))
    return torch.from_numpy(np.asarray(a, np.float32))


def fill_network(network: nn.Module) -> None:
    """Give every parameter and buffer of the state dict its values."""
    network.load_state_dict({name: fill(name, tuple(x.shape)) for name, x in network.state_dict().items()})


def clip(seed: int, frames: int, height: int, width: int) -> Tensor:
    """Return float ``[1, T, 3, H, W]``, as if normalised already."""
    values = np.random.Generator(np.random.PCG64(seed)).standard_normal((frames, 3, height, width))
    return torch.from_numpy(values.astype(np.float32))[None]


def unpadded(ids: Tensor) -> Tokens:
    """Return int64 ``[N, L]`` ids as tokens, none of them padding."""
    return Tokens(ids, torch.zeros_like(ids, dtype=torch.bool), 0)


def ellipse(frames: int, height: int, width: int, *, is_positive: bool) -> tuple[Tensor, Tensor]:
    """Return an ellipse that wanders through the frames, ``[T, H, W]``, and its boxes ``[T, 4]``; empty if negative."""
    y, x = np.mgrid[:height, :width]
    masks, boxes = [], []
    for t in range(frames):
        across = (x - width * (0.35 + 0.05 * t)) / (0.18 * width)
        down = (y - height * (0.55 - 0.04 * t)) / (0.22 * height)
        mask = (across**2 + down**2 <= 1) & is_positive
        masks.append(mask)
        boxes.append(_first_to_last(mask))
    return torch.from_numpy(np.stack(masks)).float(), torch.tensor(boxes, dtype=torch.float32)


def _first_to_last(mask: np.ndarray) -> list[float]:
    """Return (centre x, centre y, width, height) from first to last pixel index, over the size; zeros when empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return [0, 0, 0, 0]
    height, width = mask.shape
    x1, x2, y1, y2 = columns[0], columns[-1], rows[0], rows[-1]
    return [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]


def every_loss(
    network: ReferFormerNetwork, found: Found, masks: Tensor, boxes: Tensor, positive: float, weights: Tensor | None
) -> dict[str, float]:
    """Return the losses of all decoder layers by their published names, on full-size targets read at pixel 2, 6, 10, …

    Args:
        masks: ``[T, H, W]``. boxes: ``[T, 4]``. weights: ``[T, H, W]``.
    """
    coarse = masks[:, 2::4, 2::4]
    weigh = None if weights is None else weights[:, 2::4, 2::4][None]
    losses = {}
    last = len(found.states) - 1
    for layer in range(last + 1):
        drawn = network.draw(found, layer)
        costs = match_costs(found.logits[layer, 0], found.boxes[layer, 0], drawn[0], boxes, coarse, Coefficients())
        answer = Answer(found.logits[layer], found.boxes[layer], drawn, found.positives[layer])
        values = published_losses(
            answer, assign(costs[:, None]), boxes[None], coarse[None], torch.tensor([positive]), weigh
        )
        losses |= {name if layer == last else f"{name}_{layer}": value.item() for name, value in values.items()}
    return losses


def furthest(found: Tensor, expected: Iterable[float] | np.ndarray) -> float:
    """Return the largest difference of any element."""
    return float((found - torch.from_numpy(np.asarray(expected)).reshape(found.shape)).abs().max())
