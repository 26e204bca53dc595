"""Checkpoints: a training on its way and trained networks, in safetensors with everything that made them.

Nothing is ever unpickled. A file names the configuration and the labels that it belongs to; one of another training is
refused. A training that writes one goes on meanwhile: a thread writes a copy of its state.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.models.weights import load_own_state, own_state
from actiseg_bench.strategies.base import Strategy
from actiseg_bench.tensors import TensorFileError, content_digest, read_safetensors, write_safetensors
from actiseg_bench.training.background import BackgroundWriter, copy_to_host
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.diagnosis import TrainingMonitor
from actiseg_noise.borders.text import check_file, parse_json
from actiseg_noise.errors import ActisegError, ActisegWarning, raise_if

_LOG = logging.getLogger(__name__)

TRAINING_NAME = "training.safetensors"
LAST_GOOD_NAME = "last_good.safetensors"
FORMAT = "1"
MOST_THREADS = 1024
MOST_COPIED = 8 * 2**30  # bytes of a state that is copied to be written beside the training
FREE = ("devices",)  # keys of a configuration that decide where a training runs, not what comes of it
_LONGEST_SHOWN = 24
_IMAGES = "images"
_MISFITS = (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, RecursionError, ActisegError)
_NAME, _OLD_NAME = "metadata", "said"  # files of an older tree have the second
_DIGEST = "digest"


class CheckpointError(ActisegError):
    """A checkpoint that cannot be read, or that belongs to something else."""


class TrainingState:
    """How far a training is.

    Attributes:
        step: updates made. epoch, position: epochs begun before this one, and batches of this one that were used.
        losses: loss of every step, epoch by epoch. monitor: what measures the training on the way, None for nothing.
    """

    def __init__(
        self, networks: Sequence[nn.Module], optimizers: Sequence[torch.optim.Optimizer], strategy: Strategy
    ) -> None:
        self.networks, self.optimizers, self.strategy = networks, optimizers, strategy
        self.step = self.epoch = self.position = 0
        self.losses: list[list[float]] = []
        self.monitor: TrainingMonitor | None = None

    def advance(self, loss: float) -> None:
        """Count an update."""
        while len(self.losses) <= self.epoch:
            self.losses.append([])
        self.losses[self.epoch].append(loss)
        self.step += 1
        self.position += 1

    def end_epoch(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.position = 0

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on."""
        found = dict(network_tensors(self.networks))
        for i, optimizer in enumerate(self.optimizers):
            for place, values in optimizer.state_dict()["state"].items():
                found |= {f"optimizer.{i}.{place}.{name}": value for name, value in values.items()}
        return found | {f"strategy.{name}": value for name, value in self.strategy.state().items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what ``tensors`` returned."""
        for i, network in enumerate(self.networks):
            load_own_state(network, _below(tensors, f"network.{i}."))
        for i, optimizer in enumerate(self.optimizers):
            whole = optimizer.state_dict()
            places: dict[int, dict[str, Tensor]] = {}
            for name, value in _below(tensors, f"optimizer.{i}.").items():
                place, _, slot = name.partition(".")
                places.setdefault(int(place), {})[slot] = value
            optimizer.load_state_dict(whole | {"state": places})
            _check_shapes(optimizer)
        self.strategy.load_state(_below(tensors, "strategy."))

    def load_progress(self, metadata: Mapping[str, Any]) -> None:
        """Restore how far a training was.

        Raises:
            KeyError, TypeError, ValueError: the metadata does not say it.
        """
        monitored = metadata.get("monitor", metadata.get("watch"))  # an older tree's name
        if self.monitor is not None and monitored is not None:
            self.monitor.load_state(monitored)
        counts = [metadata[name] for name in ("step", "epoch", "position")]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"step, epoch and position are {counts}")
        self.step, self.epoch, self.position = counts
        self.losses = [list(map(float, epoch)) for epoch in metadata["losses"]]


class CheckpointManager:
    """Where a training leaves its checkpoints. A context manager: what is being written is whole at the end.

    Args:
        identity: what decides the run; a checkpoint with another one is refused.
        every: steps between checkpoints; None: only what ``keep`` and ``save_last_good`` are called for.
        writes: of several processes on one training, one writes and all read.

    Attributes:
        kept: the step of the checkpoint that is there, or being written; None for no checkpoint.
        seconds_before: what the training had taken when the checkpoint that it continues from was written.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], every: int | None = None, writes: bool = True) -> None:
        self.folder, self.identity, self.every, self.writes = folder, identity, every, writes
        self.kept: int | None = None
        self.seconds_before = 0.0
        self._began = time.perf_counter()
        self._copies: dict[str, Tensor] = {}
        self._writer = BackgroundWriter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._writer.close(is_heard=kind is None)

    @property
    def path(self) -> Path:
        """Return the checkpoint that a training continues from."""
        return self.folder / TRAINING_NAME

    def restore(self, state: TrainingState) -> None:
        """Continue from the checkpoint, when there is one.

        Raises:
            CheckpointError: it is damaged, or of another run; the message says what differs.
        """
        if not self.path.is_file():
            return
        tensors, metadata = read_tensors(self.path)
        check_identity(self.path, metadata.get("identity"), self.identity)
        try:
            state.load(tensors)
            state.load_progress(metadata)
            self.seconds_before = float(metadata.get("seconds", 0.0))  # files of an older tree do not say it
        except _MISFITS as error:
            raise CheckpointError(
                f"{self.path}: not the state of this training ({_one_line(error)}). Remove the file to start over."
            ) from None
        self.kept = state.step
        _LOG.info("continuing from %s, step %d", self.path, state.step)

    def is_due(self, step: int) -> bool:
        """Return whether a checkpoint is to be written after ``step`` updates.

        Raises:
            ActisegError: the one before could not be written.
        """
        self._writer.check()
        return self.every is not None and step % self.every == 0

    def keep(self, state: TrainingState) -> None:
        """Copy the state and let the copy be written, beside what comes next; the one before is whole by then.

        Raises:
            ActisegError: the one before could not be written; this one's failure is raised by the next call.
        """
        self._write(self.path, state)
        self.kept = state.step

    def save_now(self, state: TrainingState) -> Path:
        """Write a checkpoint that is whole when this returns; return where."""
        self.keep(state)
        self.finish()
        return self.path

    def save_last_good(self, state: TrainingState) -> Path:
        """Write the state before an update that must not be made; return where."""
        path = self.folder / LAST_GOOD_NAME
        self._write(path, state)
        self.finish()
        return path

    def finish(self) -> None:
        """Wait until what is being written is whole.

        Raises:
            ActisegError: it could not be written.
        """
        self._writer.wait()

    def _write(self, path: Path, state: TrainingState) -> None:
        if not self.writes:
            return
        metadata: dict[str, Any] = {name: getattr(state, name) for name in ("step", "epoch", "position")}
        metadata |= {"losses": [list(epoch) for epoch in state.losses], "identity": self.identity}
        metadata["seconds"] = self.seconds_before + time.perf_counter() - self._began
        if state.monitor is not None:
            metadata["monitor"] = state.monitor.state()
        tensors = state.tensors()
        self.finish()
        if sum(value.nbytes for value in tensors.values()) > MOST_COPIED:
            write_tensors(path, tensors, metadata)
            return
        copies = self._copies = copy_to_host(tensors, self._copies)
        _LOG.info("checkpoint of step %d: %s", state.step, path)
        self._writer.start(lambda: write_tensors(path, copies, metadata))


def _check_shapes(optimizer: torch.optim.Optimizer) -> None:
    """Raise ValueError where an optimizer remembers numbers of another shape than the parameter's."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
                raise ValueError(f"{name} of the optimizer has shape {list(value.shape)}, not {list(parameter.shape)}")


def check_identity(path: Path, found: Any, wanted: dict[str, Any]) -> None:
    """Raise CheckpointError, saying what differs, unless the file at ``path`` is of this run.

    Files of earlier versions have no digest of the pictures, and are taken as they are. On how many devices a training
    ran does not matter.
    """
    if isinstance(found, dict) and _IMAGES not in found:
        wanted = {name: value for name, value in wanted.items() if name != _IMAGES}
    free = {f"config.{name}" for name in FREE}
    differ = sorted((one for one in _differences(found, wanted) if one[0] not in free), key=lambda one: one[0])
    if differ:
        named = ", ".join(f"{name} ({_brief(there)} there, {_brief(here)} here)" for name, there, here in differ)
        raise CheckpointError(
            f"{path}: of another training; these differ: {named}. Use another --out, or remove {path.name} to start "
            "over."
        )


def run_identity(config: RunConfig, manifest: str, images: str | None = None) -> dict[str, Any]:
    """Return what decides a training, as JSON values: configuration, digests of the labels and of the pictures.

    Args:
        images: None where networks are kept without their training, whose pictures another file names.
    """
    identity: dict[str, Any] = json.loads(json.dumps({"config": config.to_dict(), "manifest": manifest}))
    return identity if images is None else {**identity, _IMAGES: images}


def save_networks(path: Path, networks: Sequence[nn.Module], config: RunConfig, manifest: str) -> None:
    """Write trained networks with what made them."""
    write_tensors(path, dict(network_tensors(networks)), {"identity": run_identity(config, manifest)})


def load_networks(path: Path, model: str | None = None) -> tuple[list[VosModel], RunConfig, str]:
    """Return trained networks in evaluation mode, their configuration, and the digest of their labels.

    Args:
        model: the model that is expected; None takes the file's.

    Raises:
        CheckpointError: no checkpoint of this program, a damaged one, or one of another model.
    """
    tensors, metadata = read_tensors(path)
    try:
        config = RunConfig.from_dict(metadata["identity"]["config"])
        manifest = str(metadata["identity"]["manifest"])
    except KeyError as error:
        raise CheckpointError(f"{path}: the checkpoint does not say what made it (no {error})") from None
    except _MISFITS as error:
        raise CheckpointError(f"{path}: not the configuration of a training ({_one_line(error)})") from None
    if model not in (None, config.model):
        raise CheckpointError(f"{path}: a checkpoint of model {config.model!r}, expected one of {model!r}")
    raise_if(
        type(config.threads) is not int or not 1 <= config.threads <= MOST_THREADS,
        f"{path}: config.threads: expected a whole number from 1 to {MOST_THREADS}, found {config.threads!r}",
        CheckpointError,
    )
    raise_if(
        not isinstance(config.model, str) or config.model not in MODELS,
        f"{path}: a checkpoint of model {config.model!r}, which is not installed. Known: {', '.join(MODELS)}",
        CheckpointError,
    )
    if "step" in metadata:  # of a training on its way; networks that are kept say what made them alone
        made = f"{metadata['step']} of {config.train.steps} updates"
        warnings.warn(f"{path}: of a training that has not ended: {made}", ActisegWarning, 2)
    networks = []
    for i in range(_count_networks(tensors, path)):
        network = MODELS[config.model]()
        try:
            load_own_state(network, _below(tensors, f"network.{i}."))
        except _MISFITS as error:
            raise CheckpointError(f"{path}: not the parameters of model {config.model!r}: {error}") from None
        networks.append(network.eval())
    return networks, config, manifest


def _count_networks(tensors: Mapping[str, Tensor], path: Path) -> int:
    """Return how many networks a file holds.

    Raises:
        CheckpointError: none, or they are not numbered from 0 on.
    """
    numbers = {name.split(".")[1] for name in tensors if name.startswith("network.")}
    raise_if(not numbers, f"{path}: no network in the file", CheckpointError)
    wanted = {str(number) for number in range(len(numbers))}
    raise_if(
        numbers != wanted,
        f"{path}: expected networks numbered from 0, found {', '.join(sorted(numbers - wanted))[:60]!r}",
        CheckpointError,
    )
    return len(numbers)


def network_tensors(networks: Sequence[nn.Module]) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, value) of every parameter and buffer, ``network.<i>.<name>``, once where it has several names."""
    for i, network in enumerate(networks):
        yield from ((f"network.{i}.{name}", value) for name, value in own_state(network).items())


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors, their metadata and a digest of both, whole or not at all.

    Raises:
        ActisegError: the file cannot be written.
    """
    texts = {"format": FORMAT, _NAME: json.dumps(dict(metadata), sort_keys=True)}
    values = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_safetensors(path, values, {**texts, _DIGEST: content_digest(values, texts)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a file and their metadata.

    Raises:
        CheckpointError: no file, a damaged one, or one that this program did not write.
    """
    check_file(path, "checkpoint", CheckpointError)
    try:
        tensors, texts = read_safetensors(path)
    except TensorFileError as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error}); it may be truncated") from None
    raise_if(
        texts.get("format") != FORMAT,
        f"{path}: not a checkpoint of this program (its format is {texts.get('format')!r}, expected {FORMAT!r})",
        CheckpointError,
    )
    written = texts.pop(_DIGEST, None)  # files of an older tree have none
    raise_if(
        written is not None and written != content_digest(tensors, texts),
        f"{path}: damaged, its bytes are not those that were written. Restore a copy, or remove {path.name} to start "
        "over.",
        CheckpointError,
    )
    text = texts.get(_NAME, texts.get(_OLD_NAME))
    if text is None:
        raise CheckpointError(f"{path}: the checkpoint does not say what made it (no {_NAME!r} in its header)")
    metadata = parse_json(text, f"{path}: {_NAME} in its header", CheckpointError)
    raise_if(not isinstance(metadata, dict), f"{path}: {_NAME} in its header: expected a JSON object", CheckpointError)
    return tensors, metadata


def _one_line(error: Exception) -> str:
    """Return the kind and the first line of an error."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:200]}"


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries whose names start with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _brief(value: Any) -> str:
    """Return a JSON value in a few characters, as a message shows it."""
    text = value if isinstance(value, str) else "nothing" if value is None else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _differences(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted name, old, new) wherever two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() | new.keys():
            yield from _differences(old.get(name), new.get(name), f"{where}.{name}".lstrip("."))
    elif old != new:
        yield where or "everything", old, new
