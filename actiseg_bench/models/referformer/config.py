"""What a ReferFormer is made of; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TextConfig:
    """The text encoder: a RoBERTa (arXiv 1907.11692); the defaults are RoBERTa-base.

    Attributes:
        tokenizer: ``roberta`` (byte-pair encoding, needs vocabulary files) or ``words`` (whole words by their hash).
        vocabulary, width, layers, heads, feedforward: sizes. positions: the longest expression has two tokens less.
        dropout: of hidden states and attention, in training.
    """

    tokenizer: str = "roberta"
    vocabulary: int = 50265
    width: int = 768
    layers: int = 12
    heads: int = 12
    feedforward: int = 3072
    positions: int = 514
    dropout: float = 0.1


@dataclass(frozen=True)
class ReferFormerConfig:
    """Sizes of the network.

    Attributes:
        blocks: bottlenecks per stage of the backbone: (3, 4, 6, 3) is ResNet-50, (3, 4, 23, 3) ResNet-101.
        stem: channels of its first convolution; res2 … res5 have 4, 8, 16 and 32 times as many.
        width: channels everywhere else. heads: of every attention.
        feedforward: of transformer and pixel decoder. dropout: in both.
        points: sampled per head and level by deformable attention.
        queries: per frame.
        mask_width: channels of the mask features. controller_layers, controller_width: of the dynamic convolutions.
        positive_head: ActionVOS's; ReferFormer itself has none, and its positive logits are all ``ALWAYS``.
    """

    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    stem: int = 64
    width: int = 256
    heads: int = 8
    encoder_layers: int = 4
    decoder_layers: int = 4
    feedforward: int = 2048
    dropout: float = 0.1
    points: int = 4
    queries: int = 5
    mask_width: int = 256
    controller_layers: int = 3
    controller_width: int = 8
    positive_head: bool = True
    text: TextConfig = field(default_factory=TextConfig)

    @property
    def stages(self) -> tuple[int, int, int, int]:
        """Return the channels of res2 … res5."""
        return self.stem * 4, self.stem * 8, self.stem * 16, self.stem * 32


LEVELS = 4  # res3, res4, res5, and res5 at stride 64
RESNET_101 = (3, 4, 23, 3)
ALWAYS = 20.0  # the positive logit of a network without the head: no object is emptied
