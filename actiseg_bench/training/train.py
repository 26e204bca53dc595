"""One training run: the trainer owns optimizers, schedule and data; the strategy owns loss and memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.pictures import pictures_digest
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.models.weights import load_start_weights
from actiseg_bench.records import Batch
from actiseg_bench.strategies.base import (
    FAITHFUL,
    STRATEGIES,
    OutOfFold,
    OutOfFoldOptions,
    Setting,
    Strategy,
    updates_before,
)
from actiseg_bench.strategies.options import Options
from actiseg_bench.training.batches import step_seed
from actiseg_bench.training.checkpoint import (
    CheckpointError,
    CheckpointManager,
    TrainingState,
    check_identity,
    read_tensors,
    run_identity,
    write_tensors,
)
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.devices import Devices, join_statistics, make_fabric
from actiseg_bench.training.diagnosis import PROBES, WATCHED_PROBES, Probe, TrainingMonitor
from actiseg_bench.training.failures import check_finite, explained_shortage, stopping_whole
from actiseg_bench.training.features import keep_features
from actiseg_bench.training.folds import ask_out_of_fold, draw_folds
from actiseg_bench.training.items import (
    fit_to_data,
    make_sampler,
    memory_grid,
    open_probed,
    open_training,
    open_watched,
    steps_per_epoch,
)
from actiseg_bench.training.journal import Journal
from actiseg_bench.training.loading import BatchReader, Loaded, count_workers, iter_loaded, iter_requests
from actiseg_bench.training.process import process_state
from actiseg_bench.training.progress import Curve, Progress
from actiseg_bench.training.schedule import learning_rate, make_optimizer
from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key

_LOG = logging.getLogger(__name__)

OUT_OF_FOLD_NAME = "out_of_fold.safetensors"


@dataclass(frozen=True)
class TrainOutcome:
    """What a training gives.

    Attributes:
        networks: trained networks in evaluation mode.
        losses: mean loss of every epoch, first network's first.
        steps: updates of each network, and of those that were trained before the run. train_s: seconds, loading
            included.
        oracle: what the strategy knew that a user would not, empty when nothing.
        weights: name and digest of the start weights.
        fits, selection: see :class:`TrainingMonitor`; empty when it was not asked for.
    """

    networks: list[VosModel]
    losses: list[float]
    steps: int
    train_s: float
    oracle: str
    weights: str
    fits: list[dict[str, Any]] = field(default_factory=list)
    selection: list[dict[str, Any]] = field(default_factory=list)


def make_networks(config: RunConfig, count: int, device: torch.device) -> tuple[list[VosModel], str]:
    """Return ``count`` networks with start weights and the weights' name; networks differ in their fresh parameters."""
    networks, name = [], "none"
    for i in range(count):
        seed = int.from_bytes(Key("network", config.seed, i).digest("init")[:7], "little")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = MODELS[config.model]()
        name = load_start_weights(network, config.start_weights, seed)
        networks.append(network.to(device).to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        network.use(
            deformable=config.deformable,
            checkpoint_activations=config.checkpoint_activations,
            compiled=config.compile,
        )
    return networks, name


def train_run(
    config: RunConfig,
    manifest: Path,
    root: Path | None = None,
    *,
    on_progress: Progress | None = None,
    folder: Path | None = None,
    save_every: int | None = None,
    diagnose: bool = False,
    watch: Path | None = None,
    clips: Collection[str] | None = None,
    curve: Curve | None = None,
    workers: int | None = None,
) -> TrainOutcome:
    """Train as ``config`` says on the noisy labels of ``manifest``; the process is left as it was found.

    Args:
        manifest: a manifest folder with content ``full``.
        root: where its images are; by default the dataset's usual place.
        on_progress: called after every step with (steps done, steps in all, loss).
        folder: where the run keeps what it needs to be continued: its checkpoint, and large memory of the strategy. It
            continues from a checkpoint that is there. None keeps nothing.
        save_every: steps between checkpoints; None writes one only when the loss stops being finite.
        diagnose: measure selection and memorisation on the way (``TrainOutcome.fits`` and ``selection``).
        watch: a manifest of clips that are not trained on, whose clean labels are probed with it, more often.
        clips: train on these clips alone, with nothing kept in a folder; None: on all.
        curve: where steps are logged; networks trained before the run are not.
        workers: processes that load batches, which change nothing else; None: :func:`default_workers`.

    Raises:
        PreemptedError: the process was asked to stop; a checkpoint of the step that it was at is in ``folder``.
        TooLargeError: a step needs more memory than the device has; the last checkpoint is kept.
        NotFiniteError: a loss that is NaN or infinite; the networks as they were before it are in ``folder``.
        LoadingProcessError: one of the ``workers`` died; the updates before it are in ``folder``.
        ActisegError: unknown model, strategy, option or device; a manifest without masks; missing images; clips that
            cannot share an update; a checkpoint of another run.
    """
    with process_state(config.threads):
        fabric = make_fabric(config)
        torch.set_num_threads(config.threads)  # to launch several processes sets its own number
        started = time.perf_counter()
        truth = diagnose or STRATEGIES[config.strategy].card.needs_truth
        data = open_training(config, manifest, root, diagnose=truth, clips=clips)
        config = fit_to_data(config, data)
        checkpoints = None
        if folder is not None:
            identity = run_identity(config, data.manifest.digest, pictures_digest(data.manifest, data.root))
            checkpoints = CheckpointManager(folder, identity, save_every, fabric.is_global_zero)
        steps_before = updates_before(make_options(config), config.train.steps)
        out_of_fold = train_out_of_fold(config, data, fabric, on_progress, checkpoints, workers)
        strategy = make_strategy(config, data, folder, out_of_fold)
        networks, weights = make_networks(config, strategy.card.networks, fabric.device)
        keep_features(data, networks[0])
        torch.manual_seed(step_seed(config.seed, "prepare", 0))
        strategy.prepare(networks)
        monitor = _monitor(config, data, watch, networks[0]) if diagnose else None
        report = after(on_progress, steps_before)
        losses = fit(networks, strategy, data, config, fabric, report, checkpoints, monitor, curve, workers)
        strategy.finish(networks)
        for network in networks:
            network.eval()
        took = time.perf_counter() - started + (checkpoints.seconds_before if checkpoints is not None else 0.0)
        outcome = TrainOutcome(networks, losses, steps_before + config.train.steps, took, strategy.oracle(), weights)
        return outcome if monitor is None else replace(outcome, fits=monitor.fits, selection=monitor.selection)


def _monitor(config: RunConfig, data: ManifestDataset, watch: Path | None, network: VosModel) -> TrainingMonitor:
    """Return what measures a training on the way."""
    held_out = None if watch is None else keep_features(open_watched(watch, data), network)
    probe = Probe(*open_probed(config, data), held_out=held_out)
    return TrainingMonitor(probe, config.train.steps, PROBES if held_out is None else WATCHED_PROBES)


def make_options(config: RunConfig) -> Options:
    """Return the options of a run's strategy."""
    return STRATEGIES[config.strategy].card.make_options(config.variant, config.strategy_options)


def after(on_progress: Progress | None, before: int, total: int | None = None) -> Progress | None:
    """Return the progress of a training that begins after ``before`` steps of others, of ``total`` in all.

    Args:
        total: None where nothing comes after it.
    """
    if on_progress is None or (before == 0 and total is None):
        return on_progress

    def report(done: int, steps: int, loss: float) -> None:
        on_progress(before + done, before + steps if total is None else total, loss)

    return report


def train_out_of_fold(
    config: RunConfig,
    data: ManifestDataset,
    fabric: Fabric,
    on_progress: Progress | None = None,
    checkpoints: CheckpointManager | None = None,
    workers: int | None = 0,
) -> OutOfFold | None:
    """Return what networks say of samples whose videos they did not learn from; None where the strategy needs it not.

    Each learns as the run does, with the base loss on the given labels of the other folds.

    Args:
        checkpoints: whose folder keeps it; what is there is read, not made again.

    Raises:
        ActisegError: more folds than videos. CheckpointError: a damaged file, or one of another run.
    """
    options = make_options(config)
    if not isinstance(options, OutOfFoldOptions):
        return None
    if checkpoints is not None and (checkpoints.folder / OUT_OF_FOLD_NAME).is_file():
        return _read_out_of_fold(checkpoints)
    folds = draw_folds(data, options.folds, config.seed, name=f"strategy {config.strategy!r}, option folds:")
    updates = options.updates(config.train.steps)
    total = sum(updates) + config.train.steps
    plain = replace(config, strategy="baseline", variant=FAITHFUL, strategy_options={})

    def learn(fold: int, clips: list[str]) -> VosModel:
        own = replace(plain, train=replace(plain.train, steps=updates[fold]))
        part = open_training(own, data.manifest, data.root, clips=clips)
        networks, _ = make_networks(own, 1, fabric.device)
        for one in (part, data):
            keep_features(one, networks[0])
        tell = after(on_progress, sum(updates[:fold]), total)
        fit(networks, make_strategy(own, part), part, own, fabric, tell, workers=workers)
        return networks[0]

    found: OutOfFold = fabric.broadcast(ask_out_of_fold(data, folds, learn, fabric.device))
    if checkpoints is not None and checkpoints.writes:
        tensors = {"is_positive": found.is_positive, "positive_scores": found.positive_scores}
        metadata = {"identity": checkpoints.identity, "sample_ids": found.sample_ids}
        write_tensors(checkpoints.folder / OUT_OF_FOLD_NAME, tensors, metadata)
    return found


def _read_out_of_fold(checkpoints: CheckpointManager) -> OutOfFold:
    path = checkpoints.folder / OUT_OF_FOLD_NAME
    tensors, metadata = read_tensors(path)
    check_identity(path, metadata.get("identity"), checkpoints.identity)
    try:
        found = OutOfFold(tuple(metadata["sample_ids"]), tensors["is_positive"], tensors["positive_scores"])
    except KeyError as error:
        raise CheckpointError(f"{path}: not what networks said out of fold (no {error}); remove the file") from None
    sizes = {len(part) for part in found}
    raise_if(len(sizes) > 1, f"{path}: of {sorted(sizes)} samples; remove the file", CheckpointError)
    return found


def make_strategy(
    config: RunConfig, data: ManifestDataset, folder: Path | None = None, out_of_fold: OutOfFold | None = None
) -> Strategy:
    """Return the strategy of a run, with what it may know of it."""
    epochs = config.train.steps / steps_per_epoch(data, config.train)
    setting = Setting(
        loss=config.train.loss,
        noise_rates=data.noise_rates,
        epochs=epochs,
        frames=data.frames_of_samples,
        mask_size=memory_grid(data, config.train),
        seed=config.seed,
        folder=folder,
        out_of_fold=out_of_fold,
    )
    return STRATEGIES[config.strategy](setting, config.strategy_options, config.variant)


def fit(
    networks: Sequence[nn.Module],
    strategy: Strategy,
    data: ManifestDataset,
    config: RunConfig,
    fabric: Fabric,
    on_progress: Progress | None = None,
    checkpoints: CheckpointManager | None = None,
    monitor: TrainingMonitor | None = None,
    curve: Curve | None = None,
    workers: int | None = 0,
) -> list[float]:
    """Run all steps, from the last checkpoint where there is one; return the mean loss of every epoch.

    Args:
        workers: processes that load batches; None: :func:`default_workers`.
    """
    train, devices = config.train, Devices(fabric)
    for network in networks:
        network.train()
    join_statistics(networks, fabric)
    now = TrainingState(networks, [make_optimizer(network, train) for network in networks], strategy)
    wrapped = [fabric.setup(*pair) for pair in zip(networks, now.optimizers, strict=True)]
    sampler = make_sampler(data, config)
    epoch_steps = steps_per_epoch(data, train)
    now.monitor = monitor
    journal = Journal(
        now, train.steps, devices, fabric.device, checkpoints=checkpoints, curve=curve, on_progress=on_progress
    )
    reader = BatchReader(data, config, strategy.card.views, devices.rank, devices.world)
    processes = count_workers(workers, data, config.threads)

    def load() -> Generator[tuple[Loaded, Batch], None, None]:
        requests = iter_requests(sampler, now.step, now.epoch, now.position, train.steps)
        pin = fabric.device.type == "cuda"
        batches = iter_loaded(reader, requests, processes, threads=config.threads, pin=pin)
        return stopping_whole(devices.agree(batches), now, checkpoints)

    _LOG.info(
        "%s on %s: steps %d to %d, %d loading processes",
        config.strategy,
        fabric.device,
        now.step,
        train.steps,
        processes,
    )
    with journal, closing(load()) as loading:  # what is asked for begins where the journal's checkpoint ends
        for loaded, read in loading:
            while now.epoch < loaded.request.epoch:
                now.end_epoch()
            rate = learning_rate(now.step, train, epoch_steps)
            with explained_shortage(read, len(loaded.clip_ids), now, checkpoints):
                batch = devices.share(read, loaded.samples).to(fabric.device)
                torch.manual_seed(devices.seed(config.seed, now.step))  # what a network draws has an address too
                step = strategy.step([network for network, _ in wrapped], batch, now.step / epoch_steps)
                losses = LossesOnTheirWay(devices.mean(step.losses))
                check = partial(check_finite, losses.values, loaded.clip_ids, now, checkpoints)
                descend(fabric, wrapped, devices.weigh(step.losses), rate, train.clip_norm, before_update=check)
            if monitor is not None:
                monitor.add_step(step, batch, now.epoch)
            now.advance(losses.values()[0])
            if monitor is not None:
                monitor.probe_if_due(now.step, networks[0], fabric.device)
            journal.end_step(len(loaded.clip_ids), rate)
        devices.gather(monitor)
    return [sum(epoch) / len(epoch) for epoch in now.losses]


class LossesOnTheirWay:
    """The losses of a step, copied to the host while it goes on: the one time in a step that it waits for a device.

    The copy follows the forward pass. It is read after the backward pass was launched, so that the device has work
    while the host waits.
    """

    def __init__(self, losses: Sequence[Tensor]) -> None:
        self._copy = torch.stack([loss.detach() for loss in losses]).to("cpu", non_blocking=True)
        self._copied = torch.cuda.Event() if losses[0].is_cuda else None
        if self._copied is not None:
            self._copied.record()

    def values(self) -> list[float]:
        """Return the losses as numbers, waiting for the copy."""
        if self._copied is not None:
            self._copied.synchronize()
        return self._copy.tolist()


def descend(
    fabric: Fabric,
    wrapped: Sequence[tuple[Any, Any]],
    losses: Sequence[Tensor],
    rate: float,
    clip_norm: float,
    before_update: Callable[[], None] = lambda: None,
) -> None:
    """Make one update of every network.

    Args:
        before_update: called when the first gradients are being computed and no network has changed; may raise.
    """
    for i, ((network, optimizer), loss) in enumerate(zip(wrapped, losses, strict=True)):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.zero_grad()
        fabric.backward(loss)
        if i == 0:
            before_update()
        fabric.clip_gradients(network, optimizer, max_norm=clip_norm, error_if_nonfinite=False)
        optimizer.step()
