"""What a step computes, compiled by torch: fewer, larger operations, and on CUDA one launch for all of them.

A function is compiled for every shape of its tensors that it meets (``dynamic=False``): on CUDA its kernels are
recorded as a graph and launched together, and a graph has one shape. So a training that is compiled draws few sizes
(``ScaleConfig.multiple``). What torch cannot compile here is said once and computed as it is.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from actiseg_bench.device import NotToBeHadWarning

R = TypeVar("R")
BACKEND = "inductor"
SWITCHES = ("TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE")
SHAPES = 64  # that a function is compiled for; further ones are computed as they are


class NotCompiledWarning(NotToBeHadWarning):
    """A training was to be compiled and cannot be here; it goes on without."""


class Compiled:
    """A function of tensors, compiled when it is first called; where that fails it is called as it is from then on.

    What it draws is what it draws as it is. Its results are copies: a graph writes into the same memory again.
    """

    def __init__(self, function: Callable[..., R]) -> None:
        self._function, self._is_off = function, False
        self._compiled: Callable[..., R] | None = None
        self._shapes: set[tuple[Any, ...]] = set()

    def __call__(self, *given: Any) -> Any:
        """Return the function's result."""
        shapes = tuple(tuple(x.shape) for x in tree_leaves(given) if isinstance(x, Tensor))
        if self._is_off or (shapes not in self._shapes and len(self._shapes) == SHAPES):
            return self._function(*given)
        self._shapes.add(shapes)
        if self._compiled is None:
            if _is_switched_off():
                return self._go_on_without(f"{' or '.join(SWITCHES)} switches that off")(*given)
            self._compiled = compile_function(self._function)
        try:
            with _many_shapes(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what torch says of its own insides
                found = self._compiled(*given)
        except _failures() as error:
            return self._go_on_without(_why(error))(*given)
        return tree_map_only(Tensor, Tensor.clone, found)

    def _go_on_without(self, why: str) -> Callable[..., Any]:
        """Say why the function is not compiled, and return it as it is."""
        self._is_off = True
        message = f"--compile: torch cannot compile here ({why}); the training goes on without"
        warnings.warn(message, NotCompiledWarning, 3)
        return self._function


def _is_switched_off() -> bool:
    """Return whether the environment tells torch to compile nothing, which it then does without a word."""
    return any(os.environ.get(name) == "1" for name in SWITCHES)


def _why(error: Exception) -> str:
    """Return in one line what torch, or its compiler, says first: not how it was called, nor how more is printed."""
    text = str(error).partition("Set TORCHDYNAMO_VERBOSE")[0]
    output = text.partition("Output:")[2] or text
    errors = [line for line in output.splitlines() if "error:" in line]
    return " ".join((errors[0] if errors else output).split())[:200] or type(error).__name__


def compile_function(function: Callable[..., R]) -> Callable[..., R]:
    """Return a function that is compiled for every shape; random draws are those of the function itself."""
    own = {"options": {"fallback_random": True, "triton.cudagraphs": True}} if BACKEND == "inductor" else {}
    return torch.compile(function, fullgraph=True, dynamic=False, backend=BACKEND, **own)  # type: ignore[call-overload]


def _many_shapes() -> Any:
    """Return a context in which functions are compiled for more shapes than torch's default of 8.

    A shape may be compiled several times: for networks that differ, or learn with and without auxiliary heads.
    """
    from torch._dynamo import config

    name = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
    return config.patch(name, 4 * SHAPES)


def _failures() -> tuple[type[Exception], ...]:
    """Return what torch raises where it cannot compile a function, or has no compiler for its own code."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    return TorchDynamoException, InvalidCxxCompiler, CppCompileError
