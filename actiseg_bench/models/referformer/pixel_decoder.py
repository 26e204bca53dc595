"""The cross-modal feature pyramid: from memory and res2 to mask features at stride 4, with words at each level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer.attention import Heard, Words, attend_to_itself, attend_to_words
from actiseg_bench.models.referformer.config import ReferFormerConfig
from actiseg_bench.models.referformer.constants import made_once
from actiseg_bench.models.referformer.transformer import FeedForward, maybe_again

REDUCTIONS = (8, 4, 2, 1)  # of res2 … res5: self-attention always runs at about stride 32
GROUP = 32  # channels that share a norm: 8 groups of 256 channels, as published


class NormedConv(nn.Conv2d):
    """A convolution without bias, then group norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.GroupNorm(max(1, outputs // GROUP), outputs)
        nn.init.kaiming_uniform_(self.weight, a=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, outputs, H, W]``."""
        return self.norm(super().forward(x))


class VisionLanguageBlock(FeedForward):
    """Self-attention over all frames of a clip at reduced resolution, attention to the words, feed-forward.

    Args:
        reduction: rows and columns are divided by it for self-attention, and at least one of each stays.
    """

    def __init__(self, config: ReferFormerConfig, reduction: int) -> None:
        super().__init__(config.width, config.feedforward, config.dropout)
        self.reduction = reduction
        self.self_attn = nn.MultiheadAttention(config.width, config.heads, config.dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(config.width, config.heads, config.dropout, batch_first=True)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.norm3 = nn.LayerNorm(config.width)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x: Tensor, places: Tensor, heard: Words | Heard) -> Tensor:
        """Return ``[N, T, C, h, w]`` for the same, with position encodings ``[C, h, w]`` of a frame."""
        size = (x.shape[3], x.shape[4])
        cells, places = x.flatten(3).transpose(2, 3), places.flatten(1).T  # [N, T, P, C] and [P, C]
        cells = self.norm1(cells + self.drop(self.attend_to_itself(cells, places, size)))
        read = attend_to_words(self.multihead_attn, (cells + places).flatten(1, 2), heard)
        cells = self.norm2(cells + self.drop(read).view(cells.shape))
        return self.norm3(self.feed(cells)).transpose(2, 3).unflatten(3, size)

    def attend_to_itself(self, cells: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
        """Return ``[N, T, P, C]``: what self-attention adds, computed on fewer cells and resized back.

        Args:
            cells: ``[N, T, P, C]``, row by row. places: their position encodings, ``[P, C]``.
            size: (rows, columns) of the cells.
        """
        rows, columns = (max(1, side // self.reduction) for side in size)
        if self.reduction > 1:
            fewer = fewer_cells(size, (rows, columns), cells.device)
            cells, places = cells.index_select(2, fewer), places.index_select(0, fewer)
        found = attend_to_itself(self.self_attn, (cells + places).flatten(1, 2), cells.flatten(1, 2))
        if self.reduction == 1:
            return found.view(cells.shape)
        few = found.reshape(-1, rows, columns, found.shape[2]).permute(0, 3, 1, 2)
        resized = F.interpolate(few, size, mode="bilinear", align_corners=False)
        return resized.flatten(2).transpose(1, 2).unflatten(0, cells.shape[:2])


@made_once(sizes=256)
def fewer_cells(size: tuple[int, int], few: tuple[int, int], device: torch.device) -> Tensor:
    """Return which cells of a map stand for it where there are fewer rows and columns, int64 ``[few]``: the nearest."""
    cells = torch.arange(size[0] * size[1], device=device, dtype=torch.float32).view(1, 1, *size)
    return F.interpolate(cells, few, mode="nearest").flatten().long()


class PixelDecoder(nn.Module):
    """From stride 32 to stride 4: the level's own features, its words, plus the level below, a convolution.

    Attributes:
        checkpoint_activations: the levels' blocks keep nothing for the backward pass but their input.
    """

    checkpoint_activations = False

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__()
        inputs = (config.stages[0], config.width, config.width, config.width)
        for level, (channels, reduction) in enumerate(zip(inputs, REDUCTIONS, strict=True), 1):
            self.add_module(f"adapter_{level}", NormedConv(channels, config.width, 1))
            self.add_module(f"layer_{level}", NormedConv(config.width, config.width, 3))
            self.add_module(f"cross_attn_{level}", VisionLanguageBlock(config, reduction))
        self.mask_features = nn.Conv2d(config.width, config.mask_width, 3, padding=1)
        nn.init.kaiming_uniform_(self.mask_features.weight, a=1)
        nn.init.zeros_(self.mask_features.bias)  # type: ignore[arg-type]

    def attentions(self) -> list[nn.MultiheadAttention]:
        """Return the levels' attentions to words."""
        blocks = (self.get_submodule(f"cross_attn_{level}") for level in range(1, 1 + len(REDUCTIONS)))
        return [block.multihead_attn for block in blocks]  # type: ignore[misc]

    def forward(self, levels: list[Tensor], places: list[Tensor], heard: Sequence[Words] | Sequence[Heard]) -> Tensor:
        """Return mask features ``[N, T, mask_width, h, w]``.

        Args:
            levels: res2 of the backbone, then memory at strides 8, 16 and 32, ``[N, T, C, h, w]`` each.
            places: position encodings of their frames, ``[C, h, w]`` each.
            heard: words, as each of ``attentions`` hears them.
        """
        coarse: Tensor | None = None
        for level in (4, 3, 2, 1):
            x, place = levels[level - 1], places[level - 1]
            size = x.shape[:2]
            x = self.get_submodule(f"adapter_{level}")(x.flatten(0, 1)).unflatten(0, size)
            block = self.get_submodule(f"cross_attn_{level}")
            x = maybe_again(self.checkpoint_activations, block, x, place, heard[level - 1]).flatten(0, 1)
            if coarse is not None:
                x = x + F.interpolate(coarse, x.shape[-2:], mode="nearest")
            coarse = F.relu(self.get_submodule(f"layer_{level}")(x))
        return self.mask_features(coarse).unflatten(0, levels[0].shape[:2])
