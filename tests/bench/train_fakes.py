"""A batch small enough to read, for losses, strategies and models."""

from __future__ import annotations

import torch
from torch import Tensor

from actiseg_bench.records import Batch, ClipItem, Prediction, Targets, collate

NOUNS = ("onion", "knife", "left hand")


def make_item(clip: str = "a", frames_id: str | None = None, *, frames: int = 3, size: int = 16) -> ClipItem:
    """One clip of three samples; the onion and the hand are positive, each a square in its own corner."""
    random = torch.Generator().manual_seed(sum(map(ord, frames_id or clip)))
    masks = torch.zeros(3, frames, size // 2, size // 2, dtype=torch.uint8)
    masks[0, :, :3, :3] = 255
    masks[2, :, -3:, -3:] = 255
    return ClipItem(
        clip_id=clip,
        frames_id=frames_id or clip,
        frame_idx=tuple(range(frames)),
        canvas=(2 * size, 2 * size),
        frames=torch.randint(0, 256, (frames, 3, size, size), dtype=torch.uint8, generator=random),
        sample_ids=tuple(f"{clip}/{k}" for k in (1, 2, 3)),
        object_ids=(1, 2, 3),
        expressions=tuple(f"{noun} used in the action of cut onion" for noun in NOUNS),
        masks=masks,
        is_positive=torch.tensor([True, False, True]),
    )


def make_batch() -> Batch:
    return collate([make_item("a"), make_item("b")])


class Fixed:
    """A network that gives the same logits whatever it is asked; they are its parameters."""

    def __init__(self, logits: Tensor, positive: Tensor) -> None:
        self.logits, self.positive = logits.requires_grad_(), positive.requires_grad_()

    def __call__(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        return Prediction(self.logits, self.positive)
