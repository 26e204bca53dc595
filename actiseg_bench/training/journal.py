"""What a training keeps of itself step by step: curve, progress, checkpoints; and where it stops if asked."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

import torch

from actiseg_bench.device import peak_gpu_memory_mib
from actiseg_bench.training.checkpoint import CheckpointManager, TrainingState
from actiseg_bench.training.devices import Devices
from actiseg_bench.training.progress import Curve, Pace, Progress, StepRecord
from actiseg_noise.borders.preemption import PreemptedError, deferred, preemption


class Journal:
    """Called at the end of every step. A context manager: inside it, a stop that the system asks for waits for a step.

    Args:
        now: the training. steps: how many it has in all. device: where this process's part of it runs.
        checkpoints, curve, on_progress: None keeps, logs, tells nothing.
    """

    def __init__(
        self,
        now: TrainingState,
        steps: int,
        devices: Devices,
        device: torch.device,
        *,
        checkpoints: CheckpointManager | None = None,
        curve: Curve | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        self._now, self._steps, self._devices, self._device = now, steps, devices, device
        self._checkpoints, self._curve, self._on_progress = checkpoints, curve, on_progress
        self._pace = Pace()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Continue from the checkpoint, where there is one."""
        with ExitStack() as stack:
            stack.enter_context(deferred())
            if self._checkpoints is not None:
                stack.enter_context(self._checkpoints)
                self._checkpoints.restore(self._now)
                self._devices.wait_for_all()  # they share a strategy's memory: all restore before one continues
            if self._devices.rank and self._now.monitor is not None:
                self._now.monitor.hand_over()  # the first process has restored it for all
            if self._curve is not None:
                self._curve.begin(self._now.step)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def end_step(self, items: int, rate: float) -> None:
        """Log the step that was just counted, keep it where that is due, and stop after it if asked.

        Args:
            items: of the whole batch. rate: learning rate.

        Raises:
            PreemptedError: the system asked to stop; the checkpoint is whole. ActisegError: one cannot be written.
        """
        now, loss = self._now, self._now.losses[-1][-1]
        if self._curve is not None:
            speed, memory = self._pace.count(items), peak_gpu_memory_mib(self._device)
            self._curve.add(StepRecord(now.step, now.epoch, loss, rate, speed, memory))
        if self._on_progress is not None:
            self._on_progress(now.step, self._steps, loss)
        is_stopped = self._devices.is_any(bool(preemption()))
        if self._checkpoints is not None and (self._checkpoints.is_due(now.step) or is_stopped):
            self._save(self._checkpoints)
            if is_stopped:
                self._checkpoints.finish()
        if is_stopped:
            raise PreemptedError(f"{preemption() or 'another process'} after step {now.step} of {self._steps}")

    def _save(self, checkpoints: CheckpointManager) -> None:
        """Begin to write a checkpoint of what all processes have; none goes on before it is copied."""
        self._devices.gather(self._now.monitor)
        if self._curve is not None:
            self._curve.flush()
        checkpoints.keep(self._now)
        self._devices.wait_for_all()
