"""What stops a training on the way: said with the step and the clips, and with what is kept to go on from."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

import torch

from actiseg_bench.records import Batch
from actiseg_bench.training.checkpoint import CheckpointManager, TrainingState
from actiseg_bench.training.loading import Loaded
from actiseg_noise.errors import ActisegError


class NotFiniteError(ActisegError):
    """A loss became NaN or infinite; the message names step and clips."""


class TooLargeError(ActisegError):
    """A step that needs more memory than the device has; the message names the batch and what to change."""


def stopping_whole(
    loading: Iterator[Loaded], now: TrainingState, checkpoints: CheckpointManager | None
) -> Generator[tuple[Loaded, Batch], None, None]:
    """Yield batches; where one cannot be loaded, keep the updates before it and say how to go on."""
    try:
        for loaded in loading:
            if loaded.batch is not None:
                yield loaded, loaded.batch
    except ActisegError as error:
        if checkpoints is None:
            raise
        raise type(error)(
            f"{error} The {now.step} updates before it are in {checkpoints.save_now(now)}: the same command goes on "
            "from there when the pictures are what they were when it began."
        ) from None


def check_finite(
    read_losses: Callable[[], list[float]],
    clip_ids: Sequence[str],
    now: TrainingState,
    checkpoints: CheckpointManager | None,
) -> None:
    """Stop before an update by a loss that is no number, keeping the networks as they are.

    Raises:
        NotFiniteError: a loss that is NaN or infinite.
    """
    broken = [loss for loss in read_losses() if not math.isfinite(loss)]
    if broken:
        clips = ", ".join(clip_ids)
        kept = "" if checkpoints is None else f"; the networks before it are in {checkpoints.save_last_good(now)}"
        raise NotFiniteError(f"the loss is {broken[0]} at step {now.step}, epoch {now.epoch}, clips {clips}{kept}")


@contextmanager
def explained_shortage(
    batch: Batch, items: int, now: TrainingState, checkpoints: CheckpointManager | None
) -> Iterator[None]:
    """Say of a step that the device has no memory for what it was and what to change; the last checkpoint is kept.

    Raises:
        TooLargeError: the device has not enough memory.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        frames, _, rows, columns = batch.frames.shape[1:]
        size = f"{len(batch.frames)} × {frames} frames of {rows} × {columns}, {len(batch)} expressions"
        reason = " ".join(str(error).split(". GPU", maxsplit=1)[0].split())[:200]
        shown = ", ".join(batch.sample_ids[:3]) + ", …" * (len(batch) > 3)
        raise TooLargeError(
            f"out of memory at step {now.step}, epoch {now.epoch}, on {items} item{'s' if items > 1 else ''} "
            f"({size}; samples {shown}): {reason}. {_advice(checkpoints)}To train with less: fewer --clips, fewer "
            "--frames, --precision bf16-mixed, or a smaller --model, which is another training: use another --out"
        ) from None


def _advice(checkpoints: CheckpointManager | None) -> str:
    """Return how a training that ran out of memory can be continued as it is."""
    if checkpoints is None or checkpoints.kept is None:
        return ""
    checkpoints.finish()
    return (
        f"The checkpoint of step {checkpoints.kept} is kept in {checkpoints.path}; the same command continues from it "
        "where there is more memory: no other program on the card, or more --devices, which share a batch. "
    )
