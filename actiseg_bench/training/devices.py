"""Several devices on one training, a process each: a batch is dealt out, and what they find is put together.

Every process draws for the whole batch, so that its draws are those of one process, and reads its share of it alone; a
batch that is in memory is made whole and shared. So the batches, and what of them a step learns, do not depend on how
many devices there are.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from actiseg_bench.device import pick_device
from actiseg_bench.records import Batch
from actiseg_bench.training.batches import deal, step_seed
from actiseg_bench.training.config import WINDOW, RunConfig
from actiseg_bench.training.diagnosis import TrainingMonitor
from actiseg_bench.training.loading import Loaded
from actiseg_noise.borders.processes import end_with_launcher, usable_cores
from actiseg_noise.errors import ActisegError, ActisegWarning, raise_if

_LAST_WORDS_S = 5  # that the first process has to say why it ends, and to end
_LAUNCHER = "ACTISEG_LAUNCHER"  # what the first process tells those that it starts: its process id


def is_first_process() -> bool:
    """Say whether this process is the only one of a training, or the one that writes."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0


@contextmanager
def helping() -> Iterator[None]:
    """Be a process that the first one of a training started: end soon after it, also where it ended before this call.

    What breaks when the first process goes away is told by that process alone: an error of torch or its connections
    waits until this one would have ended.
    """
    launcher = os.environ.get(_LAUNCHER) if os.name == "posix" else None  # elsewhere a parent may be in between
    end_with_launcher(None if launcher is None else int(launcher))
    try:
        yield
    except RuntimeError:
        time.sleep(_LAST_WORDS_S)
        raise


def pick_devices(config: RunConfig) -> tuple[torch.device, int | list[int]]:
    """Return the kind of device of a training, and how many of them, or which one.

    Raises:
        ActisegError: a device or a number of devices that is not to be had here.
    """
    device, count, cores = pick_device(config.device), config.devices, usable_cores()
    raise_if(
        device.index is not None and count > 1,
        f"--device {config.device} names one device, --devices {count} more: give one or the other",
    )
    most = max(2, cores)  # two can be tried anywhere
    raise_if(
        device.type == "cpu" and count > most,
        f"--devices {count} on a CPU: each is a process with a network of its own, and this machine has "
        f"{cores} core{'s' * (cores > 1)} for them; give at most {most}",
    )
    train = config.train
    if train.item == WINDOW and train.window_samples is not None:
        _check_shares(count, train.clips_per_batch * train.window_samples)
    return device, count if device.index is None else [device.index]


def _check_shares(count: int, samples: int) -> None:
    """Raise ActisegError where an update has fewer samples than devices."""
    raise_if(
        samples < count,
        f"{count} devices cannot share an update of {samples} sample{'s' * (samples > 1)}: give more --clips, or fewer "
        "--devices",
    )


def make_fabric(config: RunConfig) -> Fabric:
    """Return what moves batches, scales losses and talks to other processes, which it starts.

    Raises:
        ActisegError: a device, a number of devices or a precision that is not to be had here.
    """
    device, devices = pick_devices(config)
    try:
        fabric = Fabric(accelerator=device.type, devices=devices, precision=config.precision)  # type: ignore[arg-type]
    except (ValueError, RuntimeError) as error:
        what = f"--device {device.type} --devices {config.devices} --precision {config.precision}"
        raise ActisegError(f"{what}: not available here ({str(error).splitlines()[0]})") from None
    if is_first_process():
        os.environ[_LAUNCHER] = str(os.getpid())
    fabric.launch()
    # In half precision torch prefers cuDNN's attention on some cards, which plans anew for every shape (docs/gpu.md).
    torch.backends.cuda.enable_cudnn_sdp(False)
    return fabric


class Devices:
    """The processes of a training as one of them sees them; with one process everything stays as it is.

    Attributes:
        rank, world: which process this is, of how many.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.rank, self.world = fabric.global_rank, fabric.world_size
        self._weight = 1.0
        self._hosts: Any = None

    def share(self, batch: Batch, samples: int | None = None) -> Batch:
        """Return this process's part of a batch, and remember how much of it that is.

        Args:
            samples: of the whole batch, where ``batch`` is this process's part already.

        Raises:
            ActisegError: fewer samples than processes.
        """
        if self.world == 1:
            return batch
        if samples is not None:
            self._weight = len(batch) * self.world / samples
            return batch
        _check_shares(self.world, len(batch))
        mine = deal(batch.frames_of.tolist(), self.world)
        self._weight = len(mine[self.rank]) * self.world / len(batch)
        return batch.take(mine[self.rank])

    def seed(self, seed: int, step: int) -> int:
        """Return the seed of what networks draw in a step, another one in every process."""
        return step_seed(seed, f"step of process {self.rank}" if self.rank else "step", step)

    def weigh(self, losses: Sequence[Tensor]) -> list[Tensor]:
        """Return means over this process's samples so that their mean over processes is that over the batch."""
        return list(losses) if self._weight == 1 else [loss * self._weight for loss in losses]

    def mean(self, losses: Sequence[Tensor]) -> list[Tensor]:
        """Return the losses of the whole batch, the same in all processes, for reading."""
        if self.world == 1:
            return list(losses)
        return list(self._mean(torch.stack([loss.detach() for loss in self.weigh(losses)])).unbind())

    def is_any(self, asked: bool) -> bool:
        """Return whether any process is asked; all of them get the same answer."""
        if self.world == 1:
            return asked
        flag = torch.tensor(int(asked))
        dist.all_reduce(flag, group=self._on_hosts())
        return bool(flag)

    def agree(self, loading: Iterator[Loaded]) -> Iterator[Loaded]:
        """Yield what is loaded; what one process could not load stops all of them, before the step.

        Raises:
            ActisegError: what was raised in the first process that could not load, in all of them.
        """
        while True:
            error: ActisegError | None = None
            try:
                loaded = next(loading, None)
            except ActisegError as raised:
                error = raised
            found: list[ActisegError | None] = [error]
            if self.world > 1:
                found = [None] * self.world
                dist.all_gather_object(found, error, group=self._on_hosts())
            for one in found:
                if one is not None:
                    raise one
            if loaded is None:
                return
            yield loaded

    def _on_hosts(self) -> Any:
        """Return a group of the same processes that talks without their devices, so that nothing waits for those."""
        if self._hosts is None:
            self._hosts = dist.new_group(backend="gloo")
        return self._hosts

    def gather(self, monitor: TrainingMonitor | None) -> None:
        """Let the first process have all that was counted so far."""
        if self.world == 1 or monitor is None:
            return
        counted: list[object] = [None] * self.world
        dist.all_gather_object(counted, monitor.hand_over())
        if self.rank == 0:
            for one in counted:
                monitor.take_over(one)  # type: ignore[arg-type]

    def _mean(self, values: Tensor) -> Tensor:
        found = self._fabric.all_reduce(values, reduce_op="mean")
        if not isinstance(found, Tensor):
            raise TypeError(f"expected a tensor of all processes, got {type(found).__name__}")
        return found

    def wait_for_all(self) -> None:
        """Wait until every process is here."""
        self._fabric.barrier()


def join_statistics(networks: Sequence[nn.Module], fabric: Fabric) -> None:
    """Let batch normalisation have the statistics of the whole batch, as one device has; CUDA alone can.

    Elsewhere each device normalises by its own share, which is said once.
    """
    learned = any(isinstance(part, _BatchNorm) and part.training for network in networks for part in network.modules())
    if fabric.world_size == 1 or not learned:
        return
    if fabric.device.type == "cuda":
        for network in networks:
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
    elif fabric.is_global_zero:
        warnings.warn(
            f"each of the {fabric.world_size} devices normalises by the statistics of its own share of a batch: on "
            f"{fabric.device.type} they cannot be joined, and losses differ from those of one device",
            ActisegWarning,
            stacklevel=2,
        )
