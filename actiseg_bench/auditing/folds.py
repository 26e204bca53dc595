"""Folds of clips: no picture that a network learned from is judged by it."""

from __future__ import annotations

from collections.abc import Sequence

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key


def draw_folds(data: ManifestDataset, folds: int, seed: int) -> dict[str, int]:
    """Return clip_id → fold, in [0, folds).

    Clips of one video, and clips that show the same frames, stay together. Such groups are ordered by what their
    address draws and dealt out in turn, so that folds differ by one group at the most.

    Raises:
        ActisegError: fewer than two folds, or more of them than groups.
    """
    groups = _groups(data)
    raise_if(folds < 2, f"--folds {folds}: an audit needs at least 2, one to learn from and one to judge")
    raise_if(
        folds > len(groups),
        f"--folds {folds}: {data.manifest.path} has {len(groups)} videos that share no frames, of {len(data)} clips; "
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
