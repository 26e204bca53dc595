"""What depends on sizes alone is made once per size and device, and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def made_once(sizes: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: what a function makes of hashable arguments is kept for the last ``sizes`` of them.

    It is made outside of inference mode and of the graph, so that a prediction may make what a training then uses. A
    compiler sees how it is made, and makes it part of the step.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def make(*args: P.args, **options: P.kwargs) -> R:
            with torch.inference_mode(False), torch.no_grad():
                return function(*args, **options)

        kept = lru_cache(maxsize=sizes)(make)

        @wraps(function)
        def look_up(*args: P.args, **options: P.kwargs) -> R:
            if torch.compiler.is_compiling():
                return function(*args, **options)
            return kept(*args, **options)  # type: ignore[arg-type]

        return look_up

    return decorate


def numbers(values: Any, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a tensor of nested sequences of numbers, made where it is to be: a compiled step moves nothing there."""
    if isinstance(values, int | float):
        return torch.full((), values, device=device, dtype=dtype)
    return torch.stack([numbers(value, device, dtype) for value in values])
