"""The network by its published names: backbone, text, transformer, pixel decoder, and the heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from actiseg_bench.models.base import VosModel
from actiseg_bench.models.referformer.attention import Heard, Words, attend_to_words, drop, hear
from actiseg_bench.models.referformer.backbone import Backbone
from actiseg_bench.models.referformer.config import ALWAYS, LEVELS, ReferFormerConfig
from actiseg_bench.models.referformer.criterion import of_queries
from actiseg_bench.models.referformer.deformable import Shapes, set_sampler
from actiseg_bench.models.referformer.kernels import choose_sampler
from actiseg_bench.models.referformer.mask_head import MLP, Controller, draw_masks
from actiseg_bench.models.referformer.pixel_decoder import PixelDecoder
from actiseg_bench.models.referformer.positions import level_positions, pixel_positions
from actiseg_bench.models.referformer.text import Placed, Tokens, build_encoder, place_words, read_words
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

    def forward(self, cells: Tensor, heard: Words | Heard) -> Tensor:
        """Return ``[N, P, C]`` for the same."""
        return cells * attend_to_words(self.multihead_attn, cells, heard)


class Resizer(nn.Module):
    """From the text encoder's width to the network's."""

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__()
        self.fc = nn.Linear(config.text.width, config.width)
        self.layer_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[…, width]``."""
        x = self.layer_norm(self.fc(x.flatten(0, -2))).view(*x.shape[:-1], -1)
        return drop(x, self.dropout.p, self.training)


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

    def use(self, *, deformable: str = "auto", checkpoint_activations: bool = False, compiled: bool = False) -> None:
        """See :class:`VosModel`.

        Raises:
            UnknownNameError: another word for ``deformable``.
        """
        set_sampler(self, choose_sampler(deformable, self.query_embed.weight.device))
        self.transformer.checkpoint_activations = checkpoint_activations
        self.pixel_decoder.checkpoint_activations = checkpoint_activations
        self.compiled = compiled

    def find(self, frames: Tensor, tokens: Tokens, frames_of: Tensor) -> Found:
        """Return what every query of every decoder layer finds, but for its mask, which :meth:`draw` draws.

        Args:
            frames: float ``[B, T, 3, H, W]``, normalised. tokens: of N expressions.
            frames_of: int64 ``[N]``: the sequence of each sample. A sequence goes through the backbone once.
        """
        return self.find_in(self.see(frames), self.place(tokens), frames_of, (frames.shape[-2], frames.shape[-1]))

    def see(self, frames: Tensor) -> list[Tensor]:
        """Return what does not depend on words: res2 and the encoder's levels, ``[B, T, C, h, w]`` each."""
        return [x.unflatten(0, (-1, frames.shape[1])) for x in self.project(frames.flatten(0, 1))]

    def place(self, tokens: Tokens, *, multiple: int = 1) -> Placed:
        """Return tokens on the network's device; see :func:`place_words`."""
        return place_words(tokens, self.config.width, self.query_embed.weight.device, multiple=multiple)

    def find_in(self, seen: list[Tensor], text: Placed, frames_of: Tensor, size: tuple[int, int]) -> Found:
        """Return :meth:`find` of what :meth:`see` saw in frames of a size (rows, columns)."""
        count, time = len(frames_of), seen[0].shape[1]
        words, sentence = self.read(text)
        pyramid = [of_samples(x, frames_of) for x in seen]
        shapes: Shapes = [(x.shape[-2], x.shape[-1]) for x in pyramid[1:]]
        heard, *heard_by_levels = hear([self.fusion_module.multihead_attn, *self.pixel_decoder.attentions()], words)
        cells = self.fuse(pyramid[1:], heard)
        places = level_positions(tuple(shapes), self.config.width, cells.device)
        memory = self.transformer.encode(cells, places, shapes)
        decoded = self.transformer.decode(sentence.repeat_interleave(time, 0), self.query_embed.weight, memory, shapes)
        features = self.mask_features(pyramid[0], memory, shapes, heard_by_levels)
        states, boxes = (x.unflatten(1, (count, time)) for x in decoded)
        logits = score_layers(self.class_embed, states)
        return Found(states, boxes, logits, self.positives(states), features, size)

    def read(self, text: Placed) -> tuple[Words, Tensor]:
        """Return words and sentence features ``[N, C]``."""
        words, sentence = read_words(self.text_encoder, text.ids, text.places, text.padding)
        return Words(self.resizer(words), text.positions, text.padding), self.resizer(sentence)

    def project(self, pictures: Tensor) -> list[Tensor]:
        """Return res2 and the encoder's levels, ``[n, C, h, w]`` each, of pictures ``[n, 3, H, W]``."""
        fine, *coarse = self.backbone(pictures)
        return [fine, *(project(x) for project, x in zip(self.input_proj, (*coarse, coarse[-1]), strict=True))]

    def fuse(self, levels: list[Tensor], heard: Words | Heard) -> Tensor:
        """Return the encoder's cells ``[N·T, S, C]``, words in them, of levels ``[N, T, C, h, w]``."""
        count, time = levels[0].shape[:2]
        cells = torch.cat([x.flatten(3) for x in levels], 3).transpose(2, 3)  # [N, T, S, C]
        return self.fusion_module(cells.flatten(1, 2), heard).view(count * time, -1, self.config.width)

    def mask_features(
        self, res2: Tensor, memory: Tensor, shapes: Shapes, heard: Sequence[Words] | Sequence[Heard]
    ) -> Tensor:
        """Return ``[N, T, mask_width, h, w]`` at stride 4, from res2 and the memory at strides 8, 16 and 32."""
        lead = res2.shape[:2]
        cells = memory.view(*lead, *memory.shape[1:]).transpose(2, 3).split([h * w for h, w in shapes], 3)
        levels = [res2, *(x.unflatten(3, shape) for x, shape in zip(cells[: LEVELS - 1], shapes, strict=False))]
        sizes = [x.shape[-2:] for x in levels]
        width, device = self.config.width, res2.device
        maps = [pixel_positions(h, w, width, device).T.unflatten(1, (h, w)) for h, w in sizes]
        found: Tensor = self.pixel_decoder(levels, maps, heard)
        return found

    def positives(self, states: Tensor) -> Tensor:
        """Return the positive logits ``[L, N]`` of ``[L, N, T, Q, C]``: of the mean state of a clip."""
        if not self.config.positive_head:
            return states.new_full(states.shape[:2], ALWAYS)
        return score_layers(self.positive_cls_embed, states.mean((2, 3)))

    def draw_layers(self, found: Found, queries: Tensor, controller: Controller | None = None) -> Tensor:
        """Return the mask logits of one query per layer and sample, ``[L, N, T, h, w]``; arguments as for ``draw``.

        Args:
            queries: int64 ``[L, N]``.
        """
        states, boxes = of_layers(found.states, queries), of_layers(found.boxes, queries)
        return self._draw(found, states, boxes[..., :2].detach(), controller)

    def _draw(self, found: Found, states: Tensor, centres: Tensor, controller: Controller | None) -> Tensor:
        """Return mask logits ``[K, N, T, h, w]`` of states ``[K, N, T, C]`` and centres ``[K, N, T, 2]``."""
        states, centres = (x.permute(1, 2, 0, 3).flatten(0, 1) for x in (states, centres))
        written = (controller or self.controller).parameters_of(states)
        masks = draw_masks(found.features.flatten(0, 1), written, centres, found.size)
        return masks.unflatten(0, found.features.shape[:2]).permute(2, 0, 1, 3, 4)

    def draw(
        self, found: Found, layer: int, queries: Tensor | None = None, controller: Controller | None = None
    ) -> Tensor:
        """Return a layer's mask logits: of all queries ``[N, T, Q, h, w]``, or of one per sample ``[N, T, h, w]``.

        Args:
            queries: int64 ``[N]``. controller: another than the network's own.
        """
        if queries is not None:
            one = found._replace(states=found.states[layer][None], boxes=found.boxes[layer][None])
            return self.draw_layers(one, queries[None], controller)[0]
        states, centres = found.states[layer], found.boxes[layer, ..., :2].detach()
        drawn = self._draw(found, states.permute(2, 0, 1, 3), centres.permute(2, 0, 1, 3), controller)
        return drawn.permute(1, 2, 0, 3, 4)

    def draw_all(self, found: Found) -> Tensor:
        """Return the mask logits of all queries of all layers, ``[L, N, T, Q, h, w]``."""
        layers, queries = found.states.shape[0], found.states.shape[3]
        states, centres = (
            x.permute(0, 3, 1, 2, 4).flatten(0, 1) for x in (found.states, found.boxes[..., :2].detach())
        )
        drawn = self._draw(found, states, centres, None)
        return drawn.unflatten(0, (layers, queries)).permute(0, 2, 3, 1, 4, 5)


def of_samples(values: Tensor, frames_of: Tensor) -> Tensor:
    """Return the sequence of every sample, ``[N, …]`` of ``[B, …]``; the only one is not copied for its only sample."""
    return values if len(values) == len(frames_of) == 1 else values[frames_of]


def of_layers(values: Tensor, queries: Tensor) -> Tensor:
    """Return a query's values of every layer and sample, ``[L, N, T, …]`` of ``[L, N, T, Q, …]``."""
    return of_queries(values.flatten(0, 1), queries.flatten()).unflatten(0, queries.shape)


def score_layers(scores: nn.ModuleList, states: Tensor) -> Tensor:
    """Return ``[L, …]``: what the score of every layer says of its states ``[L, …, C]``."""
    weights = torch.cat([score.get_parameter("weight") for score in scores])[..., None]  # [L, C, 1]
    biases = torch.cat([score.get_parameter("bias") for score in scores])[:, None, None]
    return torch.baddbmm(biases, states.flatten(1, -2), weights).view(states.shape[:-1])
