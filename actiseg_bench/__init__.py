"""Trains and scores referring video object segmentation under label noise, on manifests.

>>> import actiseg_bench
>>> runs = actiseg_bench.run("runs", strategy=["gce", "pmhm"], track=["text-40"])  # doctest: +SKIP
>>> print(actiseg_bench.leaderboard(runs))  # doctest: +SKIP

``import actiseg_bench`` itself costs nothing: a name is imported when it is first used, and torch with those that need
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_bench.auditing.api import audit
    from actiseg_bench.data.manifest_dataset import ManifestDataset
    from actiseg_bench.grid.api import run, train
    from actiseg_bench.metrics.actionvos import ObjectFrameCounts, actionvos_scores, count_object_frames
    from actiseg_bench.metrics.davis import boundary_f, jaccard
    from actiseg_bench.prediction.video import predict_video
    from actiseg_bench.records import collate
    from actiseg_bench.report.leaderboard import leaderboard
    from actiseg_bench.results.stored import read_results
    from actiseg_bench.scoring.evaluate import evaluate
    from actiseg_bench.scoring.prediction_folder import predict
    from actiseg_bench.tuning.api import tune

    __version__: str

__all__ = [  # noqa: RUF022 - in the order of their use
    "ManifestDataset",
    "collate",
    "run",
    "tune",
    "train",
    "predict",
    "predict_video",
    "evaluate",
    "read_results",
    "leaderboard",
    "audit",
    "actionvos_scores",
    "count_object_frames",
    "ObjectFrameCounts",
    "jaccard",
    "boundary_f",
    "__version__",
]

_HOMES = {
    "ManifestDataset": "data.manifest_dataset",
    "collate": "records",
    "run": "grid.api",
    "tune": "tuning.api",
    "train": "grid.api",
    "predict": "scoring.prediction_folder",
    "predict_video": "prediction.video",
    "evaluate": "scoring.evaluate",
    "read_results": "results.stored",
    "leaderboard": "report.leaderboard",
    "audit": "auditing.api",
    "actionvos_scores": "metrics.actionvos",
    "count_object_frames": "metrics.actionvos",
    "ObjectFrameCounts": "metrics.actionvos",
    "jaccard": "metrics.davis",
    "boundary_f": "metrics.davis",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name == "__version__":
        from actiseg_noise.version import tool_version

        return tool_version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names alone."""
    return sorted(__all__)
