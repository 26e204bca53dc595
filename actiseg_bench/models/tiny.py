"""``tiny``: a compact referring video object segmentation network that trains on two CPU cores in seconds.

Data flow, for B clips of T frames and N samples (each one clip's expression)::

    frames ─ encoder (temporal shift) ─→ context [B,T,64,h/2,w/2] ─ up ─→ mask features [B,T,16,h,w]
    words ─ self-attention ─→ referent, action                                        [N,64] each
    referent ─ controller ─→ dynamic 1×1 convolutions over mask features and coordinates ─→ object logits
    pool(context, object) ─ look ┐
    action ─────────────── words ┴→ positive logit ─ gate ─→ shuts the mask of a negative object

The mask controller is ReferFormer's idea (arXiv 2201.00487): the text writes the weights of a small convolution.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from hashlib import blake2b

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.base import MODELS, ModelCard, VosModel
from actiseg_bench.records import Prediction, Targets

BUCKETS = 2048
MAX_WORDS = 20
TEXT_DIM = 64
CONTEXT_DIM = 48
MASK_DIM = 24
DYNAMIC_DIM = 12
ACTION_DIM = 48
GATE = 3.0


@lru_cache(maxsize=65536)
def word_bucket(word: str) -> int:
    """Return the embedding row of a word, in [1, BUCKETS): a hash, so that no word is unknown; 0 is padding."""
    return 1 + int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") % (BUCKETS - 1)


def tokenize(expressions: list[str]) -> Tensor:
    """Return int64 ``[N, L]`` word buckets, lower-cased, cut at ``MAX_WORDS``, padded with 0."""
    rows = [[word_bucket(word) for word in text.lower().split()[:MAX_WORDS]] or [1] for text in expressions]
    length = max(map(len, rows))
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])


class TextEncoder(nn.Module):
    """One self-attention layer over the whole expression, read out twice: the referent and the action."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(BUCKETS, TEXT_DIM, padding_idx=0)
        self.places = nn.Embedding(MAX_WORDS, TEXT_DIM)
        self.layer = nn.TransformerEncoderLayer(TEXT_DIM, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.readout = nn.Linear(TEXT_DIM, 2)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return (referent, action), float ``[N, 64]`` each, for int64 ``[N, L]`` tokens."""
        padding = tokens == 0
        words = self.words(tokens) + self.places.weight[: tokens.shape[1]]
        mixed = words + self.layer(words, src_key_padding_mask=padding)
        weights = self.readout(mixed).masked_fill(padding[..., None], -1e4).softmax(1)
        referent, action = torch.einsum("nlk,nlc->knc", weights, mixed)
        return referent, action


def shift_in_time(x: Tensor, frames: int, share: int = 8) -> Tensor:
    """Move 1/share of the channels one frame forth and 1/share one frame back; ``x`` is ``[B·T, C, h, w]``."""
    clips = x.unflatten(0, (-1, frames))
    fold = x.shape[1] // share
    zero = torch.zeros_like(clips[:, :1, :fold])
    forth = torch.cat([zero, clips[:, :-1, :fold]], 1)
    back = torch.cat([clips[:, 1:, fold : 2 * fold], zero], 1)
    return torch.cat([forth, back, clips[:, :, 2 * fold :]], 2).flatten(0, 1)


def conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Return convolution, batch norm, ReLU."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class ConvolutionBlock(nn.Module):
    """A residual block whose input is shifted in time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Return the same shape, ``[B·T, C, h, w]``."""
        return F.relu(x + self.second(self.first(shift_in_time(x, frames))))


class Encoder(nn.Module):
    """Frames to context at stride 4 and mask features at stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 2), conv(16, 24))
        self.down4 = conv(24, CONTEXT_DIM, 2)
        self.block4 = ConvolutionBlock(CONTEXT_DIM)
        self.down8 = conv(CONTEXT_DIM, 96, 2)
        self.block8 = nn.ModuleList([ConvolutionBlock(96)])
        self.top = nn.Conv2d(96, CONTEXT_DIM, 1)
        self.fuse = conv(CONTEXT_DIM, CONTEXT_DIM)
        self.up = nn.Conv2d(CONTEXT_DIM, 24, 1)
        self.masks = nn.Sequential(conv(24, 24), nn.Conv2d(24, MASK_DIM, 1))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return (context ``[B, T, 64, H/4, W/4]``, mask features ``[B, T, 16, H/2, W/2]``)."""
        clips, time = frames.shape[:2]
        x2 = self.stem(frames.flatten(0, 1) * 2 - 1)
        x4 = self.block4(self.down4(x2), time)
        x8 = self.down8(x4)
        for block in self.block8:
            x8 = block(x8, time)
        x4 = self.fuse(x4 + F.interpolate(self.top(x8), x4.shape[-2:], mode="bilinear"))
        fine = self.masks(x2 + F.interpolate(self.up(x4), x2.shape[-2:], mode="bilinear"))
        return x4.unflatten(0, (clips, time)), fine.unflatten(0, (clips, time))


class MaskController(nn.Module):
    """Writes the weights of three 1×1 convolutions from a query and runs them (ReferFormer's dynamic mask head)."""

    def __init__(self, query_dim: int = TEXT_DIM) -> None:
        super().__init__()
        self.query_dim = query_dim
        self.sizes = ((MASK_DIM + 2, DYNAMIC_DIM), (DYNAMIC_DIM, DYNAMIC_DIM), (DYNAMIC_DIM, 1))
        total = sum((inputs + 1) * outputs for inputs, outputs in self.sizes)
        self.write = nn.Sequential(nn.Linear(query_dim, 128), nn.ReLU(), nn.Linear(128, total))

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        """Return logits ``[K, P]`` of ``K`` queries ``[K, 64]`` over one clip's features ``[18, P]``."""
        (first, bias), *rest = self.weights(queries)
        x = torch.addmm(bias.flatten()[:, None], first.flatten(0, 1), features).unflatten(0, bias.shape)
        for weight, bias in rest:
            x = torch.baddbmm(bias[..., None], weight, F.relu(x, inplace=True))
        return x[:, 0]

    def weights(self, queries: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return (weight ``[K, out, in]``, bias ``[K, out]``) of every layer."""
        shapes = [n for inputs, outputs in self.sizes for n in (inputs * outputs, outputs)]
        parts = self.write(queries).split(shapes, 1)
        pairs = zip(parts[::2], parts[1::2], self.sizes, strict=True)
        return [(weight.unflatten(1, (outputs, inputs)), bias) for weight, bias, (inputs, outputs) in pairs]


def coordinates(height: int, width: int) -> Tensor:
    """Return (x, y) of every pixel in [-1, 1], float ``[2, H, W]``."""
    y = torch.linspace(-1, 1, height)[:, None].expand(height, width)
    x = torch.linspace(-1, 1, width)[None, :].expand(height, width)
    return torch.stack([x, y])


def flatten_frames(fine: Tensor) -> Tensor:
    """Return mask features ``[B, T, C, h, w]`` with the coordinates as two more channels, ``[B, C + 2, T·h·w]``."""
    clips, time, _, height, width = fine.shape
    place = coordinates(height, width).to(fine).expand(clips, time, 2, height, width)
    return torch.cat([fine, place], 2).transpose(1, 2).flatten(2)


class Decide(nn.Module):
    """Do the action as seen and the action as narrated belong together? Sees both, their product and its sum."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3 * ACTION_DIM + 1, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, look: Tensor, words: Tensor) -> Tensor:
        """Return the positive logit, ``[N]``, for ``[N, 48]`` each."""
        look, words = (F.normalize(x, dim=1) * ACTION_DIM**0.5 for x in (look, words))
        product = look * words
        agreement = product.sum(1, keepdim=True) / ACTION_DIM**0.5
        return self.layers(torch.cat([look, words, product, agreement], 1))[:, 0]


class ActionHead(nn.Module):
    """What is done to the object, as seen and as narrated, in one space; and whether the two belong together."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Linear(2 * CONTEXT_DIM, 128), nn.ReLU(), nn.Linear(128, ACTION_DIM))
        self.words = nn.Sequential(nn.Linear(TEXT_DIM, 128), nn.ReLU(), nn.Linear(128, ACTION_DIM))
        self.decide = Decide()


def gate(positive: Tensor) -> Tensor:
    """Return what the positive logits ``[N]`` add to mask logits: 0 for a sure positive, far below for a negative.

    GATE · log sigmoid(positive). The mask loss does not reach the positive head through it: an empty target would
    otherwise be learned by calling everything negative.
    """
    return GATE * F.logsigmoid(positive.detach())


def pool(context: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted means of one clip's ``[P, C]`` under ``K`` maps ``[K, P]``, as ``[K, C]``."""
    return weight @ context / weight.sum(1, keepdim=True).clamp_min(1e-3)


@MODELS.register("tiny")
class Tiny(VosModel):
    """The bundled model of the quick protocol."""

    card = ModelCard(
        name="tiny",
        summary="compact referring VOS network with a dynamic mask controller and temporal shift",
        source="this project; mask controller after ReferFormer (arXiv 2201.00487), temporal shift (arXiv 1811.08383)",
        input_size=(96, 160),
        mask_stride=2,
        positive_threshold=0.5,
        start_weights="tiny",
        fresh=("action.decide",),
        frozen=("text",),
        decides=("action.decide",),
    )

    def __init__(self) -> None:
        super().__init__()
        self.text = TextEncoder()
        self.encoder = Encoder()
        self.controller = MaskController()
        self.action = ActionHead()

    def forward(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        """See :class:`VosModel`."""
        logits, auxiliary, look, words = self.look_and_words(frames, expressions, frames_of)
        positive = self.action.decide(look, words)
        shut = gate(positive)[:, None, None, None]
        return Prediction(logits + shut, positive, None if auxiliary is None else auxiliary + shut)

    def look_and_words(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """Return (object logits, those of auxiliary heads, the action as seen, the action as narrated).

        Logits are ``[N, T, h, w]`` and ``[A, N, T, h, w]``, actions ``[N, 48]``.
        """
        referent, action = self.text(tokenize(expressions).to(frames.device))
        context, fine = self.see(frames)
        sizes = torch.bincount(frames_of, minlength=len(frames)).tolist()
        features = flatten_frames(fine)
        size = (fine.shape[1], *fine.shape[-2:])
        query = self.query(referent, action)
        logits = self.object_logits(self.controller, query, features, sizes).unflatten(1, size)
        seen = self.surroundings(logits.detach(), context, sizes)
        auxiliary = self.auxiliary_logits(query, features, sizes, size)
        return logits, auxiliary, self.action.look(seen), self.action.words(action)

    def see(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return (context, mask features) of ``[B, T, 3, H, W]``; see :class:`Encoder`."""
        seen: tuple[Tensor, Tensor] = self.encoder(frames)
        return seen

    def query(self, referent: Tensor, action: Tensor) -> Tensor:
        """Return what the mask controller reads of the text, ``[N, 64]``: the referent alone."""
        return referent

    def auxiliary_logits(
        self, query: Tensor, features: Tensor, sizes: list[int], size: tuple[int, ...]
    ) -> Tensor | None:
        """Return the logits of the auxiliary heads on perturbed features; None without heads or outside training."""
        if self.heads is None or not self.training:
            return None
        learned, place = features[:, :MASK_DIM].unflatten(2, (size[0], -1)), features[:, MASK_DIM:]
        found = []
        for head in self.auxiliary:
            perturbed = torch.cat([self.heads.perturb(learned).flatten(2), place], 1)
            found.append(self.object_logits(head, query, perturbed, sizes).unflatten(1, size))
        return torch.stack(found)

    def make_head(self, *, anew: bool) -> nn.Module:
        """See :class:`VosModel`."""
        return MaskController(self.controller.query_dim) if anew else deepcopy(self.controller)

    def object_logits(self, controller: nn.Module, query: Tensor, features: Tensor, sizes: list[int]) -> Tensor:
        """Return a controller's logits of every query, ``[N, T·h·w]``, before the action has a say."""
        return torch.cat([controller(q, f) for q, f in zip(query.split(sizes), features, strict=True)])

    def surroundings(self, logits: Tensor, context: Tensor, sizes: list[int]) -> Tensor:
        """Return ``[N, 128]``: the context pooled over each object and over the object grown by two cells."""
        where = F.avg_pool2d(logits.sigmoid(), 2, ceil_mode=True)  # the context's sides are rounded up, too
        around = F.avg_pool2d(where, 5, 1, 2)
        cells = context.permute(0, 1, 3, 4, 2).flatten(1, 3)
        split = zip(cells, where.flatten(1).split(sizes), around.flatten(1).split(sizes), strict=True)
        return torch.cat([torch.cat([pool(c, w), pool(c, a)], 1) for c, w, a in split])
