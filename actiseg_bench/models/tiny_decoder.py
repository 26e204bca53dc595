"""``tiny-decoder``: ``tiny`` behind a frozen image encoder, whose features of a clip are computed once and kept.

What SAM-based models do: a strong encoder stays as it is, and a small decoder learns the task. Start weights are those
of ``tiny``, so the encoder knows images and the text encoder words; the mask controller and the positive head start at
random, so masks have to be learned from the labels at hand, right or wrong. The controller reads the action beside the
referent: a network that can tell two narrations apart can learn a wrong label by heart, as large ones do.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.base import MODELS, ModelCard
from actiseg_bench.models.tiny import CONTEXT_DIM, TEXT_DIM, MaskController, Tiny


@MODELS.register("tiny-decoder")
class TinyDecoder(Tiny):
    """The bundled model of the second protocols: ``frames`` are pictures, or what :meth:`encode` made of them."""

    card = ModelCard(
        name="tiny-decoder",
        summary="tiny behind its frozen image encoder: text encoder, mask controller and positive head learn",
        source="this project; a frozen encoder before a light decoder after SAM (arXiv 2304.02643)",
        input_size=(96, 160),
        mask_stride=2,
        positive_threshold=0.5,
        start_weights="tiny",
        fresh=("controller", "action.decide"),
        frozen=("encoder",),
        decides=("action.decide",),
        keeps_features=True,
    )

    def __init__(self) -> None:
        super().__init__()
        self.controller = MaskController(2 * TEXT_DIM)
        self.train()  # whoever encodes before the first step must not move the encoder's statistics

    def train(self, mode: bool = True) -> TinyDecoder:
        """Set the mode of all but the encoder, whose statistics stay."""
        super().train(mode)
        self.encoder.eval()
        return self

    @torch.no_grad()
    def encode(self, frames: Tensor) -> Tensor:
        """Return the features of frames ``[B, T, 3, H, W]``: float16 ``[B, T, 36, H/2, W/2]``, 24 fine, 12 context.

        Four neighbours of the context, which has half the resolution, lie one behind the other in the channels. Sides
        of the frames are multiples of 4, as those of ``card.input_size`` are.
        """
        context, fine = self.encoder(frames)
        return torch.cat([fine, F.pixel_shuffle(context, 2)], 2).half()

    def resize(self, frames: Tensor, size: tuple[int, int]) -> Tensor:
        """See :class:`VosModel`; of features, each part in its own resolution. ``size`` is even."""
        if frames.shape[2] == 3:
            return super().resize(frames, size)
        context, fine = self.see(frames)
        context = super().resize(context, (size[0] // 2, size[1] // 2))
        return torch.cat([super().resize(fine, size), F.pixel_shuffle(context, 2)], 2)

    def see(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Tiny`; of features, what they were made of, but for rounding to float16."""
        if frames.shape[2] == 3:
            with torch.no_grad():
                context, fine = (maps.half().float() for maps in self.encoder(frames))
            return context, fine
        fine, context = frames.float().split([frames.shape[2] - CONTEXT_DIM // 4, CONTEXT_DIM // 4], 2)
        return F.pixel_unshuffle(context, 2), fine

    def query(self, referent: Tensor, action: Tensor) -> Tensor:
        """Return what the mask controller reads of the text, ``[N, 128]``: referent and action."""
        return torch.cat([referent, action], 1)
