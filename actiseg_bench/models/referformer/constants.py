"""What depends on sizes alone is made once per size and device, and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def made_once(sizes: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: what a function makes of hashable arguments is kept for the last ``sizes`` of them.

    It is made outside of inference mode and of the graph, so that a prediction may make what a training then uses.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def make(*args: P.args, **options: P.kwargs) -> R:
            with torch.inference_mode(False), torch.no_grad():
                return function(*args, **options)

        return lru_cache(maxsize=sizes)(make)  # type: ignore[return-value]

    return decorate
