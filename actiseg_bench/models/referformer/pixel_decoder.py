"""The cross-modal feature pyramid: from memory and res2 to mask features at stride 4, with words at each level."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer.attention import Words, attend_to_itself, attend_to_words
from actiseg_bench.models.referformer.config import ReferFormerConfig
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

    def forward(self, x: Tensor, places: Tensor, words: Words) -> Tensor:
        """Return ``[N, T, C, h, w]`` for the same, with position encodings ``[C, h, w]`` of a frame."""
        frames, _, height, width = x.shape[1:]
        cells = tokens(x)
        cells = self.norm1(cells + self.drop(tokens(self.attend_to_itself(x, places))))
        asked = (cells.unflatten(1, (frames, -1)) + places.flatten(1).T).flatten(1, 2)
        cells = self.norm2(cells + self.drop(attend_to_words(self.multihead_attn, asked, words)))
        cells = self.norm3(self.feed(cells))
        return cells.transpose(1, 2).unflatten(2, (frames, height, width)).transpose(1, 2)

    def attend_to_itself(self, x: Tensor, places: Tensor) -> Tensor:
        """Return ``[N, T, C, h, w]``: what self-attention adds, computed on fewer cells and resized back."""
        count, frames, _, *size = x.shape
        few = [max(1, side // self.reduction) for side in size]
        asked, given = x + places, x
        if self.reduction > 1:
            asked, given = (F.interpolate(y.flatten(0, 1), few, mode="nearest") for y in (asked, given))
            asked, given = (y.unflatten(0, (count, frames)) for y in (asked, given))
        asked, given = tokens(asked), tokens(given)
        found = attend_to_itself(self.self_attn, asked, given)
        found = found.transpose(1, 2).unflatten(2, (frames, *few)).transpose(1, 2)
        if self.reduction == 1:
            return found
        resized = F.interpolate(found.flatten(0, 1), size, mode="bilinear", align_corners=False)
        return resized.unflatten(0, (count, frames))


def tokens(x: Tensor) -> Tensor:
    """Return ``[N, T·h·w, C]`` of ``[N, T, C, h, w]``."""
    return x.transpose(1, 2).flatten(2).transpose(1, 2)


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

    def forward(self, levels: list[Tensor], places: list[Tensor], words: Words) -> Tensor:
        """Return mask features ``[N, T, mask_width, h, w]``.

        Args:
            levels: res2 of the backbone, then memory at strides 8, 16 and 32, ``[N, T, C, h, w]`` each.
            places: position encodings of their frames, ``[C, h, w]`` each.
        """
        coarse: Tensor | None = None
        for level in (4, 3, 2, 1):
            x, place = levels[level - 1], places[level - 1]
            size = x.shape[:2]
            x = self.get_submodule(f"adapter_{level}")(x.flatten(0, 1)).unflatten(0, size)
            block = self.get_submodule(f"cross_attn_{level}")
            x = maybe_again(self.checkpoint_activations, block, x, place, words).flatten(0, 1)
            if coarse is not None:
                x = x + F.interpolate(coarse, x.shape[-2:], mode="nearest")
            coarse = F.relu(self.get_submodule(f"layer_{level}")(x))
        return self.mask_features(coarse).unflatten(0, levels[0].shape[:2])
