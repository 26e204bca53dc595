"""Attention as a host keeps up with: few operations, fused where the device has a kernel for it.

Weights live in :class:`torch.nn.MultiheadAttention` under their published names; what is computed from them is here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.weak import WeakTensorKeyDictionary


class Words:
    """An expression's words as attention reads them.

    Attributes:
        values: ``[N, L, C]``. keys: with their position encodings. padding: bool ``[N, L]``, None when there is none.
    """

    def __init__(self, values: Tensor, places: Tensor, padding: Tensor | None) -> None:
        self.values, self.keys, self.padding = values, values + places, padding


_KEPT: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """Return ``layer(x)``; in mixed precision a weight that does not learn is cast once, not in every call.

    Autocast keeps the casts of a step's parameters for as long as they learn, and makes those of frozen ones anew.
    """
    return F.linear(x, kept_cast(layer.weight), kept_cast(layer.bias))


def kept_cast(weight: Tensor) -> Tensor:
    """Return a frozen weight in autocast's type, as it was cast before; any other weight as it is."""
    kind = weight.device.type
    if weight.requires_grad or not torch.is_autocast_enabled(kind):
        return weight
    dtype = torch.get_autocast_dtype(kind)
    state = weight.data_ptr(), weight._version, dtype
    found = _KEPT.get(weight)
    if found is None or found[0] != state:
        with torch.inference_mode(False), torch.no_grad():
            found = state, weight.to(dtype)
        _KEPT[weight] = found
    cast: Tensor = found[1]
    return cast


def drop(x: Tensor, p: float, training: bool) -> Tensor:
    """Return ``x`` after dropout: the numbers and draws of :func:`torch.nn.functional.dropout`, in one operation."""
    return torch.native_dropout(x, p, True)[0] if training and p > 0 else x


def attend(q: Tensor, k: Tensor, v: Tensor, padding: Tensor | None, dropout: float) -> Tensor:
    """Return what every head reads, ``[N, h, Lq, d]``.

    Args:
        q: ``[N, h, Lq, d]``. k, v: ``[N, h, Lk, d]``. padding: bool ``[N, Lk]``, True where there is nothing to read.
        dropout: of the weights, 0 outside of training.
    """
    if dropout == 0 or q.is_cuda:
        mask = None if padding is None else ~padding[:, None, None]
        return F.scaled_dot_product_attention(q, k, v, mask, dropout)
    count, heads, asked, depth = q.shape  # no kernel of a CPU draws dropout
    q, k, v = (x.reshape(count * heads, -1, depth) for x in (q * depth**-0.5, k, v))
    scores = torch.bmm(q, k.transpose(1, 2))
    if padding is not None:
        hidden = padding[:, None, None].expand(-1, heads, asked, -1).flatten(0, 1)
        scores = scores.masked_fill(hidden, -torch.inf)
    return torch.bmm(drop(scores.softmax(-1), dropout, True), v).view(count, heads, asked, depth)


def attend_to_itself(attention: nn.MultiheadAttention, asked: Tensor, given: Tensor) -> Tensor:
    """Return ``[N, P, C]``: every cell reads all of them. In memory samples are side by side, as the library has it.

    Args:
        asked: cells with their position encodings, ``[N, P, C]``: what queries and keys are made of. given: the cells.
    """
    count, cells, width = asked.shape
    heads = attention.num_heads
    asking, giving = attention.in_proj_weight.split([2 * width, width])
    asking_bias, giving_bias = attention.in_proj_bias.split([2 * width, width])
    both = F.linear(asked.flatten(0, 1), asking, asking_bias).view(count, cells, 2, heads, -1)
    q, k = both.permute(2, 0, 3, 1, 4).unbind()
    v = F.linear(given.flatten(0, 1), giving, giving_bias).view(count, cells, heads, -1).transpose(1, 2)
    read = attend(q, k, v, None, attention.dropout if attention.training else 0.0)
    out = attention.out_proj
    found = F.linear(read.permute(2, 0, 1, 3).reshape(cells * count, width), out.weight, out.bias)
    return found.view(cells, count, width).transpose(0, 1)


def attend_to_words(attention: nn.MultiheadAttention, cells: Tensor, words: Words) -> Tensor:
    """Return ``[N, P, C]``: every one of many cells reads a few words.

    Where heads × words are no more than channels, no query is laid out: a head's score of a word is a linear function
    of the cell, x (Wqᵀ k), and so is what is read of it, v Wo. Both products are made once per word instead of once per
    cell, and a cell meets two matrices of ``[C, heads · words]``. The values are those of the long way.
    """
    count, length = words.values.shape[:2]
    heads, width = attention.num_heads, attention.embed_dim
    weights, biases = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    dropout = attention.dropout if attention.training else 0.0
    k, v = (
        F.linear(x.flatten(0, 1), w, b).view(count * length, heads, -1).transpose(0, 1)  # [heads, N·L, d]
        for x, w, b in zip((words.keys, words.values), weights[1:], biases[1:], strict=True)
    )
    out = attention.out_proj
    if heads * length > width:
        k, v = (x.unflatten(1, (count, length)).transpose(0, 1) for x in (k, v))
        q = F.linear(cells.flatten(0, 1), weights[0], biases[0]).view(count, -1, heads, width // heads).transpose(1, 2)
        read = attend(q, k, v, words.padding, dropout).transpose(1, 2).reshape(-1, width)
        return F.linear(read, out.weight, out.bias).view(cells.shape)
    k = k * (width // heads) ** -0.5
    asked = by_sample(torch.bmm(k, weights[0].view(heads, -1, width)), count)  # [N, heads·L, C]
    bias = by_sample((k * biases[0].view(heads, 1, -1)).sum(2, keepdim=True), count).transpose(1, 2)  # [N, 1, heads·L]
    if words.padding is not None:
        bias = bias.masked_fill(words.padding.repeat(1, heads)[:, None], -torch.inf)
    read = by_sample(torch.bmm(v, out.weight.view(width, heads, -1).permute(1, 2, 0)), count)
    scores = torch.baddbmm(bias, cells, asked.transpose(1, 2))
    shares = scores.view(count, -1, heads, length).softmax(-1)
    if dropout > 0:  # drawn in the order of heads, cells, words: the draws of fused attention's definition
        kept = torch.empty((count, heads, cells.shape[1], length), dtype=torch.bool, device=cells.device)
        shares = shares * kept.bernoulli_(1 - dropout).transpose(1, 2)
        read = read / (1 - dropout)
    return torch.baddbmm(out.bias, shares.flatten(2), read)


def by_sample(values: Tensor, count: int) -> Tensor:
    """Return ``[N, heads·L, C]`` of ``[heads, N·L, C]``."""
    heads = len(values)
    if count == 1:
        return values.reshape(1, -1, values.shape[2])
    return values.unflatten(1, (count, -1)).transpose(0, 1).reshape(count, heads * (values.shape[1] // count), -1)
