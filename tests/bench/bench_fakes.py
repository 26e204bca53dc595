"""A manifest in memory: two clips of 2 × 4 pixels, every label readable by eye."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from actiseg_bench.grid.run import GridOutcome, OnProgress, Outcome, Reporter, Runner, RunSpec, collect, one_by_one
from actiseg_bench.grid.tracks import Track
from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.results.networks import over_networks
from actiseg_bench.results.predictions import PredictedMask, frame_predictions, iter_predictions, write_predictions
from actiseg_bench.results.provenance import Provenance
from actiseg_bench.results.result import REFERENCES, SCORES, Cost, RunIdentity, RunResult, TrackInfo
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import write_object_frames
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.manifest.schema import ACTION_TABLES, NO_NOISE, Table
from actiseg_noise.masks import Box, Rle, empty_rle, encode_rle

OBJECTS = {"a": {1: ("left hand", True), 2: ("onion", True), 3: ("knife", False)}, "b": {1: ("pan", True)}}
TRUTH = {
    ("a", 0): [[1, 1, 2, 2], [0, 0, 3, 0]],
    ("a", 1): [[1, 0, 0, 2], [0, 3, 3, 0]],
    ("b", 0): [[1, 1, 1, 1], [0, 0, 0, 255]],
}
FLAGGED = {"b"}
PROTOCOL = """
id = "mini-v1"
dataset = "kitchen"
train_split = "train"
validation_split = "val"
eval_split = "test"
strategies = ["baseline", "gce"]
[tracks]
mixed-40-15 = "mixed-40-15"
[train]
steps = 2
clips_per_batch = 2
learning_rate = 1e-4
fresh_factor = 1.0
"""


def rle(mask: np.ndarray) -> Rle:
    height, width = mask.shape
    return encode_rle(mask, Box(0, 0, height, width), height, width)


def arrow(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    """Build a table of the manifest's schema; a column left out is null where it may be, else empty or zero."""
    empty = {"str": "", "bool": False, "float64": 0.0}
    full = [{c.name: row.get(c.name, None if c.null else empty.get(c.type, 0)) for c in table.columns} for row in rows]
    return pa.Table.from_pylist(full, table.arrow())


class FakeManifest(Manifest):
    """A manifest whose tables lie in memory."""

    def __init__(self, tables: dict[str, pa.Table]) -> None:
        self.path = Path("fake")
        self.tables = tables

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        table = self.tables[name]
        return table.select(list(columns)) if columns is not None else table

    def iter_batches(
        self, name: str, columns: Sequence[str] | None = None, *, rows: int = 8192
    ) -> Iterator[pa.RecordBatch]:
        yield from self.table(name, columns).to_batches(rows)


def clip_rows() -> list[dict[str, Any]]:
    return [
        {"clip_id": clip, "video_id": f"video of {clip}", "address": clip, "redundant": clip in FLAGGED}
        for clip in OBJECTS
    ]


def frame_rows() -> Iterator[dict[str, Any]]:
    for (clip, frame), mask in TRUTH.items():
        void = np.array(mask) == 255
        code = rle(void).counts if void.any() else None
        yield {
            "clip_id": clip,
            "frame_idx": frame,
            "frame_id": f"{frame:05d}",
            "height": 2,
            "width": 4,
            "is_annotated": True,
            "void_rle": code,
        }


def sample_rows(harmful: Sequence[tuple[str, int]] = ()) -> Iterator[dict[str, Any]]:
    for clip, objects in OBJECTS.items():
        for object_id, (noun, positive) in objects.items():
            is_harmful = (clip, object_id) in harmful
            noisy = "lamp" if is_harmful else noun
            row = {"clip_id": clip, "object_id": object_id, "is_positive": positive, "noun": noun, "noisy_noun": noisy}
            row |= {"noisy_is_positive": positive, "narration_noise": NO_NOISE, "flag_noise": NO_NOISE}
            yield row | {"is_harmful": is_harmful, "sample_id": f"{clip}/{object_id}"}


def mask_rows(iou: float = 1.0) -> Iterator[dict[str, Any]]:
    for (clip, frame), mask in TRUTH.items():
        for object_id, (_, positive) in OBJECTS[clip].items():
            code = rle(np.array(mask) == object_id)
            row = {"clip_id": clip, "frame_idx": frame, "object_id": object_id, "iou": iou if positive else 1.0}
            row["sample_id"] = f"{clip}/{object_id}"
            yield row | {"clean_area": code.area, "noisy_area": code.area, "clean_rle": code.counts}


def fake_manifest(harmful: Sequence[tuple[str, int]] = (), iou: float = 1.0) -> FakeManifest:
    rows = {"clips": clip_rows(), "frames": list(frame_rows())}
    rows |= {"samples": list(sample_rows(harmful)), "masks": list(mask_rows(iou))}
    return FakeManifest({table.name: arrow(table, rows[table.name]) for table in ACTION_TABLES})


def predict(masks: dict[tuple[str, int], list[list[int]]]) -> Iterator[PredictedMask]:
    """Yield the rows of predicted index masks, with a positive score of .5 for every object."""
    for (clip, frame), mask in masks.items():
        yield from frame_predictions(clip, frame, np.array(mask, np.uint8), dict.fromkeys(OBJECTS[clip], 0.5))


def perfect() -> dict[tuple[str, int], list[list[int]]]:
    """The masks a perfect model predicts: every positive object, no negative one, background for void."""
    return {
        (clip, frame): [[v if OBJECTS[clip].get(v, ("", False))[1] else 0 for v in row] for row in mask]
        for (clip, frame), mask in TRUTH.items()
    }


def frames(**changes: list[float]) -> ObjectFrames:
    """Two visible positives that are predicted without a flaw, changed as given."""
    values = {
        "clip_idx": [0, 0],
        "frame_idx": [0, 0],
        "object_id": [1, 2],
        "is_positive": [True, True],
        "is_hand": [False, False],
        "intersection": [100, 100],
        "pred_area": [100, 100],
        "gt_area": [100, 100],
        "leak": [0, 0],
        "loss": [0, 0],
        "other_iou": [0.0, 0.0],
    }
    return ObjectFrames(**{name: np.array(value) for name, value in (values | changes).items()})


def make_result(
    *,
    track: str = "clean",
    strategy: str = "gce",
    variant: str = "faithful",
    seed: int = 0,
    scores: dict[str, float | None] | None = None,
    severity: dict[str, float | None] | None = None,
    **changes: Any,
) -> RunResult:
    """A result with every metric at .5 but those named."""
    is_reference = strategy in REFERENCES
    info = TrackInfo(
        name=track,
        protocol="quick-v1",
        dataset="kitchen",
        train_manifest=None if is_reference else "train",
        eval_manifest="eval",
        recipe=None if is_reference else track,
        noise_seed=None if is_reference else 0,
        severity=severity or {"harmful_positives": 0.0, "median_iou": None},
    )
    provenance = Provenance("0.1.0", "all", "code", "3.11", "2.0", "2.13", "cpu", 2, "Linux", "tiny", "weights", "now")
    values: dict[str, Any] = {
        "run_key": f"{track} {strategy} {variant} {seed}",
        "config": {"epochs": 3},
        "counts": {"clips": 1, "frames": 2, "object_frames": 6},
        "cost": Cost(train_s=1.0, eval_s=0.5, steps=10, peak_rss_mb=100.0),
        "failures": {},
        "losses": (1.0,),
        "fits": (),
        "selection": (),
        "oracle": None,
        "predictions": "digest",
        "provenance": provenance,
    }
    return RunResult(
        track=info,
        model="tiny",
        strategy=strategy,
        variant="-" if is_reference else variant,
        seed=seed,
        scores=dict.fromkeys(SCORES, 0.5) | (scores or {}),
        **values | changes,
    )


def make_track(name: str = "clean", labels: str = "train", protocol: str = "quick-v1") -> Track:
    """A track whose manifests are digests only."""
    return Track(TrackInfo(name, protocol, "kitchen", labels, "eval", name, 0, {}), Path("train"), Path("eval"))


@dataclass
class FakeRunner:
    """Makes a run in no time: perfect predictions, three steps. ``made`` lists what it was asked to make."""

    config: dict[str, Any] = field(default_factory=lambda: {"steps": 3})
    fails: dict[str, BaseException] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def identity(self, spec: RunSpec) -> RunIdentity:
        info = spec.track.info
        row = (spec.model, spec.strategy, spec.variant, spec.seed)
        labels, images = (info.train_manifest, info.eval_manifest), (info.train_images, info.eval_images)
        return RunIdentity(*row, self.config, *labels, "weights", "code", *images)

    def provenance(self, spec: RunSpec) -> Provenance:
        return make_result(strategy=spec.strategy).provenance

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        self.made.append(spec.name)
        digest = write_predictions(folder / "predictions.parquet", predict(perfect()))
        for step in range(3):
            on_progress(step + 1, 3, 1.0)
            if spec.name in self.fails:
                raise self.fails[spec.name]
        evaluation = measure(fake_manifest(), predict(perfect())).evaluation
        return Outcome(evaluation, digest, losses=(1.0, 0.5), steps=3, train_s=0.1, eval_s=0.1)


def run_grid(grid: Sequence[RunSpec], runner: Runner, out: Path, reporter: Reporter | None = None) -> GridOutcome:
    """Make every run that is not there yet, one after another."""
    reporter = reporter or Reporter()
    return collect(grid, one_by_one(grid, runner, out, reporter), reporter)


def iter_perfect(manifest: Manifest) -> Iterator[PredictedMask]:
    """Yield the clean masks of positive objects, and nothing for negative ones."""
    sizes = {(r["clip_id"], r["frame_idx"]): (r["height"], r["width"]) for r in manifest.table("frames").to_pylist()}
    positive = {(r["clip_id"], r["object_id"]): r["is_positive"] for r in manifest.table("samples").to_pylist()}
    for row in manifest.table("masks").to_pylist():
        size = sizes[row["clip_id"], row["frame_idx"]]
        is_there = positive[row["clip_id"], row["object_id"]]
        mask = Rle(*size, row["clean_rle"], row["clean_area"]) if is_there else empty_rle(*size)
        yield PredictedMask(row["clip_id"], row["frame_idx"], row["object_id"], mask, 0.5)


class PerfectRunner(FakeRunner):
    """Makes runs without a model: gce predicts perfectly; of co_teaching one network does; all others are silent."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        from actiseg_bench.grid.execution import iter_silent  # torch, which workers that tests start do without

        manifest = read_manifest(spec.track.eval_manifest)
        digests, evaluations = [], []
        ways = {"gce": [iter_perfect], "co_teaching": [iter_perfect, iter_silent]}.get(spec.strategy, [iter_silent])
        for number, predict in enumerate(ways, 1):
            suffix = "" if number == 1 else f"-{number}"
            path = folder / f"predictions{suffix}.parquet"
            digests.append(write_predictions(path, predict(manifest)))
            found = measure(manifest, iter_predictions(path))
            write_object_frames(folder / f"object_frames{suffix}.parquet", found.clips, found.frames, found.videos)
            evaluations.append(found.evaluation)
        outcome = Outcome(evaluations[0], "+".join(digests), others=tuple(evaluations[1:]))
        return Outcome(**vars(outcome) | {"failures": over_networks([one.failures for one in evaluations])})
