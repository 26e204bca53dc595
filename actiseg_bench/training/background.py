"""A file written beside a training: a copy of what it holds, and the thread that writes it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

import torch
from torch import Tensor

from actiseg_noise.errors import ActisegError, ActisegWarning


class BackgroundWriter:
    """A thread that writes one file at a time. What it fails at is raised by the next call, whichever that is."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    def start(self, write: Callable[[], None]) -> None:
        """Begin to write, as soon as the file before is whole."""
        self.wait()
        self._pending = self._pool.submit(write)

    def check(self) -> None:
        """Raise what the last write failed at, if it has ended."""
        if self._pending is not None and self._pending.done():
            self.wait()

    def wait(self) -> None:
        """Wait for the last write, and raise what it failed at; once."""
        if self._pending is not None:
            wait([self._pending])  # Ctrl-C here leaves it pending
            pending, self._pending = self._pending, None
            pending.result()

    def close(self, *, is_heard: bool) -> None:
        """Wait for the last write and end the thread.

        Args:
            is_heard: raise what it failed at; else warn of it, beside the error that is on its way.
        """
        self._pool.shutdown()
        try:
            self.wait()
        except ActisegError as error:
            if is_heard:
                raise
            warnings.warn(str(error), ActisegWarning, stacklevel=2)


def copy_to_host(tensors: Mapping[str, Tensor], earlier: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies in the host's memory that nothing else changes, all of them made when this returns.

    Args:
        earlier: copies that nobody needs any more, whose memory is used again: fresh memory costs more than to copy.
    """
    copies = {}
    for name, value in tensors.items():
        place = earlier.get(name)
        if place is None or (place.shape, place.dtype) != (value.shape, value.dtype):
            place = torch.empty(value.shape, dtype=value.dtype, pin_memory=value.is_cuda)
        copies[name] = place.copy_(value.detach(), non_blocking=value.is_cuda)
    for device in {value.device for value in tensors.values() if value.is_cuda}:
        torch.cuda.synchronize(device)
    return copies
