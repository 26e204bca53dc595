"""Attention as a host keeps up with: few operations, fused where the device has a kernel for it.

Weights live in :class:`torch.nn.MultiheadAttention` under their published names; what is computed from them is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.weak import WeakTensorKeyDictionary

from actiseg_bench.models.referformer.constants import made_once


class Words:
    """An expression's words as attention reads them.

    Attributes:
        values: ``[N, L, C]``. keys: with their position encodings. padding: bool ``[N, L]``, None when there is none.
    """

    def __init__(self, values: Tensor, places: Tensor, padding: Tensor | None) -> None:
        self.values, self.keys, self.padding = values, values + places, padding


_KEPT: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def linear(x: Tensor, *layers: nn.Linear) -> Tensor:
    """Return what layers make of ``x``, ``[n, C]``, side by side: one product.

    Weights that do not learn are put side by side once, and cast once in mixed precision: autocast keeps the casts of
    a step's parameters for as long as they learn, and makes those of frozen ones anew.
    """
    if not _is_worth_keeping(layers):
        return F.linear(x, *_side_by_side(layers))
    weight, bias = _kept(layers)
    return torch.addmm(bias, x, weight)


def _is_worth_keeping(layers: Sequence[nn.Linear]) -> bool:
    """Return whether weights stay as they are and something is to be made of them."""
    if torch.compiler.is_compiling() or any(x.requires_grad for layer in layers for x in (layer.weight, layer.bias)):
        return False
    return len(layers) > 1 or torch.is_autocast_enabled(layers[0].weight.device.type)


def _kept(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor]:
    """Return weight ``[C, outputs]`` and bias ``[outputs]`` in autocast's type, as they were made before."""
    first = layers[0].weight
    kind = first.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else first.dtype
    state = dtype, [(x.data_ptr(), x._version) for layer in layers for x in (layer.weight, layer.bias)]
    found = _KEPT.get(first)
    if found is None or found[0] != state:
        with torch.inference_mode(False), torch.no_grad():
            weight, bias = _side_by_side(layers)
            found = state, weight.to(dtype).t(), bias.to(dtype)
        _KEPT[first] = found
    return found[1], found[2]


def _side_by_side(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor]:
    if len(layers) == 1:
        return layers[0].weight, layers[0].bias
    return torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])


def drop(x: Tensor, p: float, training: bool) -> Tensor:
    """Return ``x`` after dropout: the numbers and draws of :func:`torch.nn.functional.dropout`, in one operation."""
    return torch.native_dropout(x, p, True)[0] if training and p > 0 else x


def attend(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None, dropout: float) -> Tensor:
    """Return what every head reads, ``[N, h, Lq, d]``.

    Args:
        q: ``[N, h, Lq, d]``. k, v: ``[N, h, Lk, d]``. hidden: what :func:`hide` returns.
        dropout: of the weights, 0 outside of training.
    """
    if dropout == 0 or q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, hidden, dropout)
    count, heads, asked, depth = q.shape  # no kernel of a CPU draws dropout
    q, k, v = (x.reshape(count * heads, -1, depth) for x in (q, k, v))
    if hidden is None:
        scores = torch.bmm(q * depth**-0.5, k.transpose(1, 2))
    else:
        scores = torch.baddbmm(hidden.flatten(0, 1), q, k.transpose(1, 2), alpha=depth**-0.5)
    return torch.bmm(drop(scores.softmax(-1), dropout, True), v).view(count, heads, asked, depth)


def hide(padding: Tensor | None, heads: int, dtype: torch.dtype) -> Tensor | None:
    """Return what attention adds to scores, once for all layers: 0, and -inf where there is nothing to read.

    Args:
        padding: bool ``[N, Lk]``, True where there is nothing to read, or None.

    Returns:
        ``[N, heads, 1, Lk]`` in ``dtype``; None where there is no padding.
    """
    if padding is None:
        return None
    scores = torch.zeros((len(padding), heads, 1, padding.shape[1]), dtype=dtype, device=padding.device)
    return scores.masked_fill_(padding[:, None, None], -torch.inf)


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


class Heard(NamedTuple):
    """Words as one attention reads them where heads × words are no more than channels; see :func:`hear`.

    Attributes:
        asked, read: ``[N, heads·L, C]``: what a cell is multiplied with to score a word, and what it reads of it.
        bias: of the scores, ``[N, 1, heads·L]``; -inf where there is no word.
    """

    asked: Tensor
    bias: Tensor
    read: Tensor


def hear(attentions: Sequence[nn.MultiheadAttention], words: Words) -> list[Heard] | list[Words]:
    """Return words as each of several attentions of equal sizes reads them, made for all of them at once.

    No query is laid out: a head's score of a word is a linear function of the cell, x (Wqᵀ k), and so is what is read
    of it, v Wo. Both products are made once per word instead of once per cell, and a cell meets two matrices of
    ``[C, heads · words]``. The values are those of the long way, which longer expressions go.
    """
    count, length, width = words.values.shape
    heads, ways = attentions[0].num_heads, len(attentions)
    if heads * length > width:
        return [words] * ways
    weights = torch.stack([one.in_proj_weight for one in attentions]).view(ways, 3, width, width)
    biases = torch.stack([one.in_proj_bias for one in attentions]).view(ways, 3, width, 1)
    (asking, *giving), (asking_bias, *giving_biases) = weights.unbind(1), biases.unbind(1)
    own = channels_of_heads(heads, width, words.values.device, words.values.dtype)
    k, v = (  # a head's keys are 0 in the channels of the others, [A, N·heads·L, C]
        torch.baddbmm(bias.transpose(1, 2), given.view(1, -1, width).expand(ways, -1, -1), weight.transpose(1, 2))
        .view(ways, count, 1, length, width)
        .mul(of_heads)
        .view(ways, -1, width)
        for given, weight, bias, of_heads in zip((words.keys, words.values), giving, giving_biases, own, strict=True)
    )
    outs = torch.stack([one.out_proj.weight for one in attentions])
    bias = torch.bmm(k, asking_bias).view(ways, count, 1, -1)
    if words.padding is not None:
        bias = bias.masked_fill(words.padding.repeat(1, heads)[:, None], -torch.inf)
    asked, read = (x.view(ways, count, -1, width) for x in (torch.bmm(k, asking), torch.bmm(v, outs.transpose(1, 2))))
    return [Heard(*one) for one in zip(asked.unbind(), bias.unbind(), read.unbind(), strict=True)]


@made_once(sizes=8)
def channels_of_heads(heads: int, width: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return ``[heads, 1, C]`` twice, not 0 in a head's own channels: what keys are scaled by there, and 1."""
    own = torch.eye(heads, device=device, dtype=dtype).repeat_interleave(width // heads, 1)[:, None]
    return own * (width // heads) ** -0.5, own


def attend_to_words(attention: nn.MultiheadAttention, cells: Tensor, heard: Words | Heard) -> Tensor:
    """Return ``[N, P, C]``: every one of many cells reads a few words, which the attention was given to ``hear``."""
    dropout = attention.dropout if attention.training else 0.0
    if isinstance(heard, Words):
        return _attend_to_many_words(attention, cells, heard, dropout)
    count, size, heads = *cells.shape[:2], attention.num_heads
    scores = torch.baddbmm(heard.bias, cells, heard.asked.transpose(1, 2))
    shares, read = scores.view(count, size, heads, -1).softmax(-1), heard.read
    if dropout > 0:  # drawn in the order of heads, cells, words: the draws of fused attention's definition
        kept = torch.empty((count, heads, size, shares.shape[3]), dtype=torch.bool, device=cells.device)
        shares = shares * kept.bernoulli_(1 - dropout).transpose(1, 2)
        read = read / (1 - dropout)
    return torch.baddbmm(attention.out_proj.bias, shares.flatten(2), read)


def _attend_to_many_words(attention: nn.MultiheadAttention, cells: Tensor, words: Words, dropout: float) -> Tensor:
    """Return ``[N, P, C]``; queries, keys and values are laid out."""
    width, out = attention.embed_dim, attention.out_proj
    weights, biases = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    q, k, v = (
        F.linear(x, w, b).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
        for x, w, b in zip((cells, words.keys, words.values), weights, biases, strict=True)
    )
    hidden = hide(words.padding, attention.num_heads, q.dtype)
    read = attend(q, k, v, hidden, dropout).transpose(1, 2).reshape(-1, width)
    return F.linear(read, out.weight, out.bias).view(cells.shape)
