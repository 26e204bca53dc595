"""Deformable attention by the kernels of a library, where it is installed and the device is one of theirs.

The library is ``deformops`` (https://github.com/tue-p8n/deformops, MIT; Triton kernels that are compiled at run time).
It needs Python 3.12 or 3.13, torch 2.11 and a GPU of NVIDIA's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from actiseg_bench.device import NotToBeHadWarning
from actiseg_bench.models.referformer.constants import made_once
from actiseg_bench.models.referformer.deformable import Sampler, Shapes, sample_levels
from actiseg_noise.errors import UnknownNameError

AUTO, TORCH, KERNELS = CHOICES = ("auto", "torch", "kernels")
LIBRARY = "deformops"


class NoKernelsWarning(NotToBeHadWarning):
    """Kernels were asked for and are not to be had; the training goes on by ``grid_sample``."""


def choose_sampler(name: str, device: torch.device) -> Sampler:
    """Return what reads the points of deformable attention.

    Args:
        name: ``torch``: ``grid_sample``. ``kernels``: the library's; a warning says why where they are not to be had.
            ``auto``: the library's where they are to be had.

    Raises:
        UnknownNameError: another name.
    """
    if name not in CHOICES:
        raise UnknownNameError("--deformable", name, CHOICES)
    why = "" if name == TORCH else why_no_kernels(device)
    if name == KERNELS and why:
        warnings.warn(
            f"--deformable kernels: {why}; deformable attention is computed by grid_sample", NoKernelsWarning, 2
        )
    return sample_levels if name == TORCH or why else sample_by_kernels


def why_no_kernels(device: torch.device) -> str:
    """Return why the library's kernels cannot be used on a device; empty when they can."""
    if device.type != "cuda":
        return f"the kernels of {LIBRARY} run on cuda, not on {device.type}"
    if find_spec(LIBRARY) is None:
        return f"the library {LIBRARY} is not installed (pip install {LIBRARY}; it needs Python 3.12 or 3.13)"
    return ""


def sample_by_kernels(value: Tensor, shapes: Shapes, places: Tensor, weights: Tensor) -> Tensor:
    """Return what :func:`sample_levels` returns, of the same arguments; computed in float32."""
    from deformops.registry import msda

    read: Callable[..., Tensor] = msda
    sizes, starts = level_sizes(tuple(shapes), value.device)
    return read(value.float().contiguous(), sizes, starts, places.float(), weights.float().flatten(3))


@made_once(sizes=64)
def level_sizes(shapes: tuple[tuple[int, int], ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (rows, columns) of the levels, int64 ``[levels, 2]``, and where each one begins, int64 ``[levels]``."""
    sizes = torch.tensor(shapes, device=device)
    areas = sizes.prod(1)
    return sizes, areas.cumsum(0) - areas
