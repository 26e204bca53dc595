"""Folds of clips: no picture that a network learned from is judged by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import torch
from torch import Tensor

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import VosModel
from actiseg_bench.records import ClipItem, collate, split_frames, split_samples
from actiseg_bench.strategies.base import OutOfFold
from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key

Learn = Callable[[int, list[str]], VosModel]


def draw_folds(data: ManifestDataset, folds: int, seed: int, *, name: str = "--folds") -> dict[str, int]:
    """Return clip_id → fold, in [0, folds).

    Clips of one video, and clips that show the same frames, stay together. Such groups are ordered by what their
    address draws and dealt out in turn, so that folds differ by one group at the most.

    Args:
        name: what the number of folds is called, for messages.

    Raises:
        ActisegError: fewer than two folds, or more of them than groups.
    """
    groups = _groups(data)
    raise_if(folds < 2, f"{name} {folds}: an audit needs at least 2, one to learn from and one to judge")
    raise_if(
        folds > len(groups),
        f"{name} {folds}: {data.manifest.path} has {len(groups)} videos that share no frames, of {len(data)} clips; "
        f"pass at most that many folds",
    )
    source = data.manifest.info.dataset["source"]
    ordered = sorted(groups, key=lambda clips: Key("audit", seed, source, clips[0]).uniform("fold"))
    return {clip_id: place % folds for place, clips in enumerate(ordered) for clip_id in clips}


def _groups(data: ManifestDataset) -> list[Sequence[str]]:
    """Return the clips that stay together, each group in the manifest's order."""
    rows = data.manifest.table("clips", ["clip_id", "video_id"]).to_pylist()
    video = {row["clip_id"]: row["video_id"] for row in rows}
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for places in data.groups:
        first, *others = (f"video {video[data.clip_ids[i]]}" for i in places)
        for other in others:
            leader[find(other)] = find(first)
    found: dict[str, list[str]] = {}
    for clip_id in data.clip_ids:
        found.setdefault(find(f"video {video[clip_id]}"), []).append(clip_id)
    return list(found.values())


def ask_out_of_fold(data: ManifestDataset, folds: dict[str, int], learn: Learn, device: torch.device) -> OutOfFold:
    """Return what networks that did not learn from a sample's video say of it, in the order of ``data``.

    Args:
        data: the given labels. folds: clip_id → fold, see :func:`draw_folds`.
        learn: trains on these clips for this fold, and returns the network.
    """
    found: dict[str, tuple[tuple[str, ...], Tensor, Tensor]] = {}
    for fold in range(max(folds.values()) + 1):
        network = learn(fold, [clip_id for clip_id in data.clip_ids if folds[clip_id] != fold]).eval()
        for index, clip_id in enumerate(data.clip_ids):
            if folds[clip_id] == fold:
                item = data[index]
                found[clip_id] = item.sample_ids, item.is_positive, positive_scores(network, item, device)
    names, flags, scores = zip(*(found[clip_id] for clip_id in data.clip_ids), strict=True)
    return OutOfFold(tuple(chain.from_iterable(names)), torch.cat(flags), torch.cat(scores))


@torch.no_grad()
def positive_scores(network: VosModel, item: ClipItem, device: torch.device) -> Tensor:
    """Return the positive score of every sample of a clip, float64 ``[K]`` in [0, 1].

    A clip of more frames than the model's card allows at once has the mean over its pieces, one of more samples comes
    in parts.
    """
    found = []
    for piece in split_frames(item, network.card.max_frames):
        batches = [collate([part]).to(device) for part in split_samples(piece, network.card.frame_samples)]
        logits = [network(one.frames, one.expressions, one.frames_of).positive_logits for one in batches]
        found.append(torch.cat(logits).double().sigmoid().cpu())
    return torch.stack(found).mean(0)
