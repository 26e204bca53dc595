"""The labels of a training as its configuration wants to see them: items, sizes, batches."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.scales import largest_whole
from actiseg_bench.data.sizes import Size, grid_size
from actiseg_bench.models.base import MODELS
from actiseg_bench.training.batches import EpochSampler
from actiseg_bench.training.config import WINDOW, RunConfig, TrainConfig
from actiseg_bench.training.windows import WindowSampler, count_batches, list_items
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.read import Manifest

FRAMES = 5  # of a clip, where clips differ in length: ActionVOS's training shows five


def open_training(
    config: RunConfig,
    manifest: Path | Manifest,
    root: Path | None = None,
    *,
    diagnose: bool = False,
    clips: Collection[str] | None = None,
) -> ManifestDataset:
    """Return the noisy labels of ``manifest``, in the resolution that the augmentation starts from.

    Args:
        clips: these clips alone; None: all.

    Raises:
        ActisegError: no clip with a sample; whole clips of several sizes in one update; action-guided weights of a
            manifest that has no flags to make them of.
    """
    card, train = MODELS[config.model].card, config.train
    data = ManifestDataset(
        manifest,
        root,
        size=card.input_size if card.train_size is None else card.train_size,
        mask_stride=card.mask_stride,
        whole=True,
        fine=train.augment.scales is not None,
        targets=train.targets,
        diagnose=diagnose,
        weigh_actions=train.action_weights,
        clips=clips,
    )
    if card.keeps_features:
        _check_kept(config)
    if not len(data):
        raise ActisegError(
            f"{data.manifest.path}: the manifest has no clip with a sample; there is nothing to train on"
        )
    if len(data.sizes) > 1 and train.clips_per_batch > 1 and train.item != WINDOW:
        (rows, columns), (most, widest) = data.sizes[0], data.sizes[-1]
        raise ActisegError(
            f"{data.manifest.path}: model {config.model!r} sees its clips in {len(data.sizes)} sizes, from {rows} × "
            f"{columns} to {most} × {widest}, and clips of one update must have one: pass --clips 1"
        )
    return data


def _check_kept(config: RunConfig) -> None:
    """Refuse what features that are computed once cannot show."""
    augment = config.train.augment
    asked = {"[train.augment.scales]": augment.scales, "[train.augment.distort]": augment.distort}
    given = [name for name, value in asked.items() if value is not None]
    given += ['item = "window"'] if config.train.item == WINDOW else []
    if given:
        raise ActisegError(
            f"model {config.model!r} keeps the features of whole clips, and {', '.join(given)} would show others: "
            "leave it out, or choose another model"
        )


def open_probed(config: RunConfig, data: ManifestDataset) -> tuple[ManifestDataset, ManifestDataset]:
    """Return the given and the clean labels of a training at the model's mask resolution, as its probe reads them."""
    frames = config.train.frames_per_clip if config.train.item == WINDOW else None

    def again(labels: str) -> ManifestDataset:
        return ManifestDataset(
            data.manifest,
            data.root,
            size=data.size,
            mask_stride=data.mask_stride,
            whole=True,
            labels=labels,
            targets=data.targets,
            frames=frames,
            clips=data.clip_ids,
        ).like(data)

    is_plain = frames is None and config.train.augment.scales is None
    return data if is_plain else again("noisy"), again("clean")


def open_watched(manifest: Path, data: ManifestDataset) -> ManifestDataset:
    """Return the clean labels of clips that a training is watched on, as its model reads them."""
    seen = {"size": data.size, "mask_stride": data.mask_stride, "whole": True}
    return ManifestDataset(manifest, data.root, labels="clean", **seen)  # type: ignore[arg-type]


def fit_to_data(config: RunConfig, data: ManifestDataset) -> RunConfig:
    """Return the configuration with what depends on the data: as many steps as its epochs take, and frames per clip.

    Where clips differ in length and all frames were to be shown, it shows ``FRAMES`` of each.
    """
    train = config.train
    if train.epochs is not None:
        train = replace(train, steps=max(1, math.ceil(train.epochs * steps_per_epoch(data, train))))
    if train.frames_per_clip is None and len(set(map(len, data.frames_of_samples.values()))) > 1:
        train = replace(train, frames_per_clip=FRAMES)
    return replace(config, train=train)


def steps_per_epoch(data: ManifestDataset, config: TrainConfig) -> float:
    """Return the updates after which every item was visited once."""
    if config.item == WINDOW:
        items = list_items(data.extents, config.frames_per_clip or 1, config.window_samples)
        return count_batches(items, data.sizes_of_clips, config.clips_per_batch)
    return max(1.0, len(data) / config.clips_per_batch)


def make_sampler(data: ManifestDataset, config: RunConfig) -> EpochSampler | WindowSampler:
    """Return the batches of a training."""
    train = config.train
    if train.item == WINDOW:
        frames = train.frames_per_clip or 1
        shown: dict[str, Any] = {"expressions": train.window_samples, "sizes": data.sizes_of_clips}
        return WindowSampler(data.extents, frames, train.clips_per_batch, config.seed, **shown)
    return EpochSampler(data.groups, train.clips_per_batch, config.seed)


def memory_grid(data: ManifestDataset, config: TrainConfig) -> Size:
    """Return (rows, columns) of memory per pixel: those of the largest whole picture that training shows."""
    scales, stride = config.augment.scales, data.mask_stride
    sizes = data.sizes if scales is None else [largest_whole(size, scales, stride) for size in data.sizes]
    grids = [grid_size(size, stride) for size in sizes]
    return max(rows for rows, _ in grids), max(columns for _, columns in grids)
