"""Where networks run: a device by name."""

from __future__ import annotations

import re

import torch

from actiseg_noise.errors import ActisegError, ActisegWarning

_DEVICE = re.compile(r"cpu|cuda(:\d+)?|mps|xpu(:\d+)?")


class NotToBeHadWarning(ActisegWarning):
    """What a training was to use is not to be had in its process, which finds that out and goes on without."""


def pick_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is CUDA where there is one.

    Raises:
        ActisegError: no device's name, or a device that this machine or this torch does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not _DEVICE.fullmatch(name):
        hint = " Did you mean cuda?" if name.lower().startswith(("gpu", "cuda", "nvidia")) else ""
        raise ActisegError(f"--device {name}: expected cpu, cuda, cuda:N or auto.{hint}")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise ActisegError(f"--device {name}: not available here ({first_line}). Use cpu or auto.") from None
    return torch.device(name)


def peak_gpu_memory_mib(device: torch.device | None = None) -> float | None:
    """Return the most memory that torch had allocated on a GPU of this process, in MiB; None where it uses none.

    Args:
        device: None for the current one.
    """
    if (device is not None and device.type != "cuda") or not torch.cuda.is_initialized():
        return None
    return torch.cuda.max_memory_allocated(device) / 2**20
