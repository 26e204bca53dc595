"""Where a network's time and memory go: CPU seconds and kept bytes of its parts, forward and backward."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

REST = "losses, rest"


class Parts:
    """CPU seconds, forward and backward, and kept bytes of the parts of a network.

    Backward runs through the parts in the opposite order, one after the other: a part's begins when the gradient of
    what it returned is there.
    """

    def __init__(self) -> None:
        self.forward: dict[str, float] = defaultdict(float)
        self.backward: dict[str, float] = defaultdict(float)
        self.kept: dict[str, int] = defaultdict(int)
        self.into, self.current, self.since = self.forward, REST, time.process_time()

    def watch(self, name: str, owner: Any, method: str) -> None:
        """Count the calls of an object's method as a part."""
        setattr(owner, method, self.watched(name, getattr(owner, method)))

    def switch(self, name: str, into: dict[str, float]) -> None:
        """Count the seconds since the last switch for the part until now, and go on with another."""
        now = time.process_time()
        self.into[self.current] += now - self.since
        self.into, self.current, self.since = into, name, now

    def watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is counted as a part, unless it is called within another."""

        def call(*args: Any, **options: Any) -> Any:
            if self.current != REST:
                return function(*args, **options)
            self.switch(name, self.forward)
            found = function(*args, **options)
            self.switch(REST, self.forward)
            for tensor in tensors(found):
                if tensor.requires_grad:
                    tensor.register_hook(lambda _: self.switch(name, self.backward))
            return found

        return call

    @contextmanager
    def counting_kept(self) -> Iterator[None]:
        """Count the bytes that are kept for the backward pass, each storage for the part that keeps it first."""
        seen: set[int] = set()

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if not tensor.is_leaf and storage.data_ptr() not in seen:
                seen.add(storage.data_ptr())
                self.kept[self.current] += storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            yield


def tensors(found: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested tuples and lists."""
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, tuple | list):
        for part in found:
            yield from tensors(part)
