"""What a training changes in its process, put back as it was."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

_GIVEN_BACK_S = 0.5


@contextmanager
def process_state(threads: int | None = None) -> Iterator[None]:
    """Leave the process as it was found, after an error too.

    Kept are torch's CPU threads, the default generators (torch's on every device that was in use, numpy's, Python's),
    torch's switches of determinism and precision, environment variables, and the garbage collector's thresholds. A
    group of processes that was joined inside is left again.

    Args:
        threads: CPU threads of torch inside; None leaves them.
    """
    with ExitStack() as stack:
        for restore, value in list(_state()):
            stack.callback(restore, value)
        stack.callback(_restore_environment, dict(os.environ))
        if threads is not None:
            torch.set_num_threads(threads)
        yield


def _state() -> Iterator[tuple[Callable[[Any], Any], Any]]:
    """Yield what restores a part of the process, and what it was."""
    yield torch.set_num_threads, torch.get_num_threads()
    yield torch.set_rng_state, torch.get_rng_state()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        yield torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()
    else:
        yield _seed_new_devices, torch.initial_seed()
    yield np.random.set_state, np.random.get_state()  # noqa: NPY002 — the default generator is what is kept
    yield random.setstate, random.getstate()
    yield _restore_determinism, _determinism()
    yield torch.set_float32_matmul_precision, torch.get_float32_matmul_precision()
    yield torch.backends.cuda.enable_cudnn_sdp, torch.backends.cuda.cudnn_sdp_enabled()
    yield torch.set_default_dtype, torch.get_default_dtype()
    yield torch.set_grad_enabled, torch.is_grad_enabled()
    for name in ("benchmark", "deterministic"):
        yield _setter(torch.backends.cudnn, name), getattr(torch.backends.cudnn, name)
    yield _leave_group, dist.is_available() and dist.is_initialized()
    yield _restore_collector, (gc.isenabled(), gc.get_threshold())


def _seed_new_devices(seed: int) -> None:
    """Seed the generators of devices that came into use meanwhile, as torch would have done on their first use."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def _leave_group(was_joined: bool) -> None:
    """Leave the group that was joined meanwhile.

    A thread of torch's gives back the tensors of the last exchange, for which it needs Python's lock; whoever lets go
    of the group waits for that thread and holds the lock. So it is given the time to end first (seen with torch 2.13:
    a process that never ended).
    """
    if not was_joined and dist.is_available() and dist.is_initialized():
        time.sleep(_GIVEN_BACK_S)
        dist.destroy_process_group()


def _setter(owner: Any, name: str) -> Callable[[Any], None]:
    """Return what sets an attribute."""
    return lambda value: setattr(owner, name, value)


def _restore_determinism(was: tuple[bool, bool]) -> None:
    if _determinism() != was:  # to set it takes a second: torch imports its compiler for that
        enabled, warns = was
        torch.use_deterministic_algorithms(enabled, warn_only=warns)


def _determinism() -> tuple[bool, bool]:
    """Return whether algorithms are deterministic, and whether others are only warned of."""
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _restore_collector(was: tuple[bool, tuple[int, int, int]]) -> None:
    enabled, thresholds = was
    gc.set_threshold(*thresholds)
    if enabled:
        gc.enable()
    else:
        gc.disable()


def _restore_environment(was: dict[str, str]) -> None:
    """Set changed variables back, and take away those that are new."""
    for name in os.environ.keys() - was.keys():
        del os.environ[name]
    for name, value in was.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
