"""The network by its published names: backbone, text, transformer, pixel decoder, and the heads."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from actiseg_bench.models.base import VosModel
from actiseg_bench.models.referformer.backbone import Backbone
from actiseg_bench.models.referformer.config import ALWAYS, LEVELS, ReferFormerConfig
from actiseg_bench.models.referformer.criterion import of_queries
from actiseg_bench.models.referformer.deformable import Shapes
from actiseg_bench.models.referformer.mask_head import MLP, Controller, draw_masks
from actiseg_bench.models.referformer.pixel_decoder import PixelDecoder, Words
from actiseg_bench.models.referformer.positions import pixel_positions, word_positions
from actiseg_bench.models.referformer.text import Tokens, build_encoder
from actiseg_bench.models.referformer.transformer import Transformer

GROUP = 8  # channels that share a norm: 32 groups of 256 channels, as published
PRIOR = 0.01


class Found(NamedTuple):
    """What L decoder layers say of N samples with T frames and Q queries.

    Attributes:
        states: ``[L, N, T, Q, C]``. boxes: ``[L, N, T, Q, 4]``, centre, width and height in [0, 1].
        logits: query scores ``[L, N, T, Q]``. positives: ``[L, N]``.
        features: mask features ``[N, T, mask_width, h, w]`` at stride 4.
        size: (rows, columns) of the frames.
    """

    states: Tensor
    boxes: Tensor
    logits: Tensor
    positives: Tensor
    features: Tensor
    size: tuple[int, int]


class Score(nn.Linear):
    """A linear layer of one output that at first says "1 in 100" of everything (arXiv 1708.02002, section 4.1)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 1)

    def reset_parameters(self) -> None:
        """Start the weight as usual, the bias at the prior."""
        super().reset_parameters()
        nn.init.constant_(self.bias, -math.log((1 - PRIOR) / PRIOR))


class Fusion(nn.Module):
    """Every pixel attends to the words and is multiplied by what it finds."""

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(config.width, config.heads, batch_first=True)

    def forward(self, cells: Tensor, words: Words) -> Tensor:
        """Return ``[N, P, C]`` for the same."""
        found = self.multihead_attn(cells, words.keys, words.values, key_padding_mask=words.padding, need_weights=False)
        return cells * found[0]


class Resizer(nn.Module):
    """From the text encoder's width to the network's."""

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__()
        self.fc = nn.Linear(config.text.width, config.width)
        self.layer_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[…, width]``."""
        return self.dropout(self.layer_norm(self.fc(x)))


def box_head(width: int, *, first: bool) -> MLP:
    """Return a head that refines a box; at first it changes nothing, and the first one makes a small box."""
    head = MLP(width, width, 4, 3)
    last: nn.Linear = head.layers[-1]  # type: ignore[assignment]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    if first:
        nn.init.constant_(last.bias[2:], -2.0)
    return head


def input_projection(inputs: int, width: int, kernel: int) -> nn.Sequential:
    """Return the projection of a backbone level to the transformer's width; a 3×3 one halves rows and columns."""
    conv = nn.Conv2d(inputs, width, kernel, stride=1 + kernel // 2, padding=kernel // 2)
    nn.init.xavier_uniform_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return nn.Sequential(conv, nn.GroupNorm(width // GROUP, width))


class ReferFormerNetwork(VosModel):
    """Submodules, and what they compute; what is learned from it is :class:`ReferFormer`'s."""

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__()
        self.config, width, layers = config, config.width, config.decoder_layers
        self.backbone = nn.Sequential(Backbone(config.blocks, config.stem))
        self.text_encoder = build_encoder(config.text)
        self.resizer = Resizer(config)
        kernels = (1, 1, 1, 3)
        inputs = (*config.stages[1:], config.stages[3])
        self.input_proj = nn.ModuleList(input_projection(i, width, k) for i, k in zip(inputs, kernels, strict=True))
        self.fusion_module = Fusion(config)
        self.transformer = Transformer(config)
        self.query_embed = nn.Embedding(config.queries, width)
        self.class_embed = nn.ModuleList(Score(width) for _ in range(layers))
        self.bbox_embed = nn.ModuleList(box_head(width, first=layer == 0) for layer in range(layers))
        self.transformer.decoder.bbox_embed = self.bbox_embed  # one module, two names, as published
        if config.positive_head:
            self.positive_cls_embed = nn.ModuleList(Score(width) for _ in range(layers))
        self.pixel_decoder = PixelDecoder(config)
        self.controller = Controller(config)

    def find(self, frames: Tensor, tokens: Tokens, frames_of: Tensor) -> Found:
        """Return what every query of every decoder layer finds, but for its mask, which :meth:`draw` draws.

        Args:
            frames: float ``[B, T, 3, H, W]``, normalised. tokens: of N expressions.
            frames_of: int64 ``[N]``: the sequence of each sample. A sequence goes through the backbone once.
        """
        count, time = len(frames_of), frames.shape[1]
        words, sentence = self.read(tokens)
        pyramid = self.backbone(frames.flatten(0, 1))
        levels, places, shapes = self.fuse(pyramid, words, frames_of, time)
        memory = self.transformer.encode(levels, places, shapes)
        decoded = self.transformer.decode(sentence.repeat_interleave(time, 0), self.query_embed.weight, memory, shapes)
        features = self.mask_features(pyramid[0], memory, places, shapes, words, frames_of, time)
        states, boxes = (x.unflatten(1, (count, time)) for x in decoded)
        logits = torch.stack([score(x)[..., 0] for score, x in zip(self.class_embed, states, strict=True)])
        return Found(states, boxes, logits, self.positives(states), features, tuple(frames.shape[-2:]))  # type: ignore[arg-type]

    def read(self, tokens: Tokens) -> tuple[Words, Tensor]:
        """Return words and sentence features ``[N, C]``; ids and padding are moved to the network's device."""
        device = self.query_embed.weight.device
        ids, padding = tokens.ids.to(device), tokens.padding.to(device)
        read = self.text_encoder(input_ids=ids, attention_mask=(~padding).long())
        words = self.resizer(read.last_hidden_state)
        return Words(words, word_positions(padding, self.config.width), padding), self.resizer(read.pooler_output)

    def fuse(
        self, pyramid: list[Tensor], words: Words, frames_of: Tensor, time: int
    ) -> tuple[list[Tensor], list[Tensor], Shapes]:
        """Return the encoder's levels ``[N·T, cells, C]``, position encodings ``[cells, C]``, and (rows, columns)."""
        levels, places, shapes = [], [], []
        for project, picture in zip(self.input_proj, (*pyramid[1:], pyramid[3]), strict=True):
            x = project(picture)
            height, width = x.shape[-2:]
            cells = x.flatten(2).transpose(1, 2).unflatten(0, (-1, time))[frames_of]  # [N, T, cells, C]
            cells = self.fusion_module(cells.flatten(1, 2), words)
            levels.append(cells.unflatten(1, (time, -1)).flatten(0, 1))
            places.append(pixel_positions(height, width, self.config.width, x.device))
            shapes.append((height, width))
        return levels, places, shapes

    def mask_features(
        self,
        res2: Tensor,
        memory: Tensor,
        places: list[Tensor],
        shapes: Shapes,
        words: Words,
        frames_of: Tensor,
        time: int,
    ) -> Tensor:
        """Return ``[N, T, mask_width, h, w]`` at stride 4, from res2 and the memory at strides 8, 16 and 32."""
        pictures = [res2.unflatten(0, (-1, time))[frames_of]]
        for cells, shape in list(zip(memory.split([h * w for h, w in shapes], 1), shapes, strict=True))[: LEVELS - 1]:
            pictures.append(cells.transpose(1, 2).unflatten(2, shape).unflatten(0, (-1, time)))
        height, width = res2.shape[-2:]
        fine = pixel_positions(height, width, self.config.width, res2.device)
        flat = [fine, *places[: LEVELS - 1]]
        maps = [p.T.unflatten(1, x.shape[-2:]) for p, x in zip(flat, pictures, strict=True)]
        found: Tensor = self.pixel_decoder(pictures, maps, words)
        return found

    def positives(self, states: Tensor) -> Tensor:
        """Return the positive logits ``[L, N]`` of ``[L, N, T, Q, C]``: of the mean state of a clip."""
        if not self.config.positive_head:
            return states.new_full(states.shape[:2], ALWAYS)
        means = states.mean((2, 3))
        return torch.stack([score(x)[..., 0] for score, x in zip(self.positive_cls_embed, means, strict=True)])

    def draw(
        self, found: Found, layer: int, queries: Tensor | None = None, controller: Controller | None = None
    ) -> Tensor:
        """Return a layer's mask logits: of all queries ``[N, T, Q, h, w]``, or of one per sample ``[N, T, h, w]``.

        Args:
            queries: int64 ``[N]``. controller: another than the network's own.
        """
        states, centres = found.states[layer], found.boxes[layer, ..., :2].detach()
        if queries is not None:
            states, centres = (of_queries(x, queries)[:, :, None] for x in (states, centres))
        written = (controller or self.controller).parameters_of(states.flatten(0, 1))
        masks = draw_masks(found.features.flatten(0, 1), written, centres.flatten(0, 1), found.size)
        masks = masks.unflatten(0, states.shape[:2])
        return masks if queries is None else masks[:, :, 0]
