"""Words to numbers: tokenizers, and the RoBERTa that reads their ids, through the library ``transformers``."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer.attention import attend, drop, hide, linear
from actiseg_bench.models.referformer.config import TextConfig
from actiseg_bench.models.referformer.positions import positions_of_lengths
from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    from torch import nn

VARIABLE = "ACTISEG_ROBERTA"
HUB_ID = "FacebookAI/roberta-base"
START, PAD, END, SPECIAL = 0, 1, 2, 3
_PATIENCE_S = 5


class LongExpressionWarning(UserWarning):
    """Expressions longer than the text encoder reads were cut."""


class Tokens(NamedTuple):
    """Ids of N expressions.

    Attributes:
        ids: int64 ``[N, L]``, ``PAD`` after the end. padding: bool ``[N, L]``, True there.
        cut: how many expressions were longer than the limit.
    """

    ids: Tensor
    padding: Tensor
    cut: int


def need_transformers() -> Any:
    """Return the library.

    Raises:
        ActisegError: it is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise ActisegError(
            'ReferFormer\'s text encoder needs the library transformers: pip install "actiseg-nl[referformer]"'
        ) from None
    return transformers


def build_encoder(config: TextConfig) -> nn.Module:
    """Return an untrained RoBERTa of these sizes, by the published names."""
    transformers = need_transformers()
    sizes = transformers.RobertaConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.feedforward,
        max_position_embeddings=config.positions,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=START,
        pad_token_id=PAD,
        eos_token_id=END,
    )
    encoder: nn.Module = transformers.RobertaModel(sizes)
    return encoder


class Placed(NamedTuple):
    """Expressions as a network reads them, on its device.

    Attributes:
        ids: int64 ``[N, L]``. places: int64 ``[N, L]``, RoBERTa's numbers of positions. positions: what attention adds
            to words as keys, float ``[N, L, width]``. padding: bool ``[N, L]``, None where there is none.
    """

    ids: Tensor
    places: Tensor
    positions: Tensor
    padding: Tensor | None


def place_words(tokens: Tokens, width: int, device: torch.device, *, multiple: int = 1) -> Placed:
    """Return expressions on a device; all that has to be known of them on the host is found here.

    Args:
        width: channels of their positions. multiple: as many ids as a multiple of it, so that there are few shapes, and
            a padding whether there is some or not; 1 adds nothing.
    """
    lengths = tuple(row.count(False) for row in tokens.padding.tolist())
    length = -(-tokens.ids.shape[1] // multiple) * multiple
    ids = (
        F.pad(tokens.ids, (0, length - tokens.ids.shape[1]), value=PAD) if length > tokens.ids.shape[1] else tokens.ids
    )
    places = torch.tensor([[*range(PAD + 1, n + PAD + 1), *[PAD] * (length - n)] for n in lengths], device=device)
    padding = None if min(lengths) == length and multiple == 1 else places == PAD
    return Placed(ids.to(device), places, positions_of_lengths(lengths, length, width, device), padding)


def read_words(encoder: Any, ids: Tensor, places: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what a RoBERTa reads: hidden states of the words ``[N, L, C]``, and its pooled first ones ``[N, C]``.

    The library's own forward pass has the same values; it makes masks and views that this one does without.

    Args:
        ids, places, padding: see :class:`Placed`.
    """
    count, length = ids.shape
    training, embeddings = encoder.training, encoder.embeddings
    x = F.embedding(ids, embeddings.word_embeddings.weight) + embeddings.token_type_embeddings.weight[0]
    x = embeddings.LayerNorm(x + F.embedding(places, embeddings.position_embeddings.weight))
    x = drop(x, embeddings.dropout.p, training).flatten(0, 1)
    hidden = hide(padding, encoder.config.num_attention_heads, x.dtype)
    for layer in encoder.encoder.layer:
        x = _read_layer(layer, x, count, hidden, training)
    pooled = torch.tanh(linear(x.view(count, length, -1)[:, 0], encoder.pooler.dense))
    return x.view(count, length, -1), pooled


def _read_layer(layer: Any, x: Tensor, count: int, hidden: Tensor | None, training: bool) -> Tensor:
    """Return ``[N·L, C]`` of the next layer."""
    asking, out, feed = layer.attention.self, layer.attention.output, layer.output
    shape = count, -1, 3, asking.num_attention_heads, asking.attention_head_size
    q, k, v = linear(x, asking.query, asking.key, asking.value).view(shape).permute(2, 0, 3, 1, 4).unbind()
    read = attend(q, k, v, hidden, asking.dropout.p if training else 0.0).transpose(1, 2).reshape(x.shape)
    x = out.LayerNorm(drop(linear(read, out.dense), out.dropout.p, training) + x)
    inner = F.gelu(linear(x, layer.intermediate.dense))
    return feed.LayerNorm(drop(linear(inner, feed.dense), feed.dropout.p, training) + x)


@lru_cache(maxsize=2)
def load_tokenizer(source: str) -> Any:
    """Return RoBERTa's byte-pair tokenizer of a local folder or a hub id.

    The hub is asked only for what its cache on this machine lacks.

    Raises:
        ActisegError: neither there nor in the cache nor to be had from the hub; or another kind of tokenizer.
    """
    made = need_transformers().AutoTokenizer
    try:
        tokenizer = made.from_pretrained(source, local_files_only=True)
    except (OSError, ValueError) as error:
        tokenizer = None if Path(source).exists() or Path(source).is_absolute() else _from_hub(made, source)
        if tokenizer is None:
            raise ActisegError(_not_to_be_had(source)) from error
    special = tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id
    if special != (START, PAD, END):
        raise ActisegError(
            f"the tokenizer {source!r} is not RoBERTa's: its ids of start, padding and end are {special}, expected "
            f"{(START, PAD, END)}; point --text-encoder (or the variable {VARIABLE}) to RoBERTa-base's files"
        )
    return tokenizer


def _from_hub(made: Any, source: str) -> Any | None:
    if not _hub_answers():
        return None
    try:
        return made.from_pretrained(source)
    except (OSError, ValueError):
        return None


def _hub_answers() -> bool:
    """Return whether the hub can be connected to; its library tries ten times, with a line for each, for a minute."""
    from huggingface_hub.constants import ENDPOINT

    hub = urlsplit(ENDPOINT)
    if getproxies() or hub.hostname is None:
        return True  # how to get there is for the library to find out
    try:
        with socket.create_connection((hub.hostname, hub.port or (80 if hub.scheme == "http" else 443)), _PATIENCE_S):
            return True
    except OSError:
        return False


def _not_to_be_had(source: str) -> str:
    where = "there are no such files in it" if Path(source).is_dir() else "no such folder, and the hub did not give it"
    return (
        f"the tokenizer {source!r} is not to be had: {where}. Point --text-encoder (or the variable {VARIABLE}) to a "
        "folder with RoBERTa-base's vocab.json, merges.txt and config.json; its weights are not needed, a ReferFormer "
        "checkpoint carries them."
    )


def tokenize(expressions: Sequence[str], config: TextConfig) -> Tokens:
    """Return the ids of expressions, lower-cased and with single spaces, cut where the encoder has no more positions.

    Cut ones are counted and said, once per place in the code, as a :class:`LongExpressionWarning`.
    """
    cleaned = [" ".join(text.lower().split()) for text in expressions]
    rows = _word_ids(cleaned, config) if config.tokenizer == "words" else _roberta_ids(cleaned, config)
    limit = config.positions - 2
    cut = sum(len(row) > limit for row in rows)
    if cut:
        longest = max(map(len, rows))
        warnings.warn(
            f"{cut} of {len(rows)} expressions are longer than the {limit} tokens that the text encoder reads (the "
            f"longest has {longest}); they are cut",
            LongExpressionWarning,
            stacklevel=2,
        )
        rows = [row if len(row) <= limit else [*row[: limit - 1], END] for row in rows]
    length = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (length - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return Tokens(ids, torch.arange(length) >= lengths[:, None], cut)


def _roberta_ids(texts: list[str], config: TextConfig) -> list[list[int]]:
    source = os.environ.get(VARIABLE) or HUB_ID
    tokenizer = load_tokenizer(source)
    if len(tokenizer) > config.vocabulary:
        raise ActisegError(
            f"the tokenizer {source!r} has {len(tokenizer)} tokens, expected at most the {config.vocabulary} of the "
            f"text encoder; point --text-encoder (or the variable {VARIABLE}) to RoBERTa-base's files"
        )
    rows: list[list[int]] = tokenizer(texts, verbose=False)["input_ids"]
    return rows


def _word_ids(texts: list[str], config: TextConfig) -> list[list[int]]:
    return [[START, *(word_id(word, config.vocabulary) for word in text.split()), END] for text in texts]


def word_id(word: str, vocabulary: int) -> int:
    """Return a word's id, from its hash: no word is unknown, and two may share one."""
    number = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
    return SPECIAL + number % (vocabulary - SPECIAL)
