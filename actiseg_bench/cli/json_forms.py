"""What each command of ``actiseg-bench`` prints with ``--json``. Scores and shares are in [0, 1]."""

from __future__ import annotations

from actiseg_bench.auditing.findings import SampleFinding
from actiseg_bench.check.findings import RunFinding
from actiseg_bench.cli.doctor import Finding
from actiseg_bench.grid.collect import Collected
from actiseg_bench.grid.forecast import Forecast, StrategyForecast
from actiseg_bench.metrics.object_scores import ObjectScore
from actiseg_bench.report.board import Block, Leaderboard, Row
from actiseg_bench.report.inference import Difference
from actiseg_bench.results.provenance import Provenance
from actiseg_bench.results.result import RunResult, TrackInfo
from actiseg_bench.scoring.davis_folders import ObjectScores
from actiseg_noise.json_schema import (
    ANY,
    FLAG,
    NUMBER,
    TEXT,
    WHOLE,
    Schema,
    array,
    but,
    either,
    joined,
    mapping,
    nullable,
    record,
    schema_of,
)

_SCORES = mapping(nullable(NUMBER))
_COUNTS = mapping(WHOLE)
_ALLOWED = mapping(record(("count", WHOLE), ("first", array(TEXT))))
_OBJECTS = array(schema_of(ObjectScore))
_MATCHING = ("matching?", _COUNTS, "How predictions that do not say their object were given to objects.")

RESULT = joined(
    but(schema_of(RunResult), "training_predictions"),
    record(
        ("track", but(schema_of(TrackInfo), "train_images", "eval_images")),
        ("result_digest?", TEXT, "Of all the rest; results of schema 2 have none."),
    ),
)
_GAP = joined(
    schema_of(Difference),
    record(("df", nullable(NUMBER), "Degrees of freedom; null: no end of them, or none.")),
)
_ROW = joined(
    schema_of(Row),
    record(
        ("to_best", mapping(_GAP), "Metric → this row's mean minus the best row's."),
        ("seeds", array(WHOLE), "Of training, those that are there."),
        ("tied", array(TEXT), "Metrics in which it is not the best, and not separable from it."),
    ),
)
_BLOCK = joined(
    schema_of(Block),
    record(("rows", array(_ROW)), ("track", schema_of(TrackInfo), "The first of its tracks.")),
)
_BOARD = joined(schema_of(Leaderboard), record(("blocks", array(_BLOCK), "One per track.")))
BOARDS = array(_BOARD) | {"description": "One leaderboard per model, dataset and protocol."}

EVALUATION = record(
    ("scores", _SCORES, "The six metrics, and p-mIoU of hands and of objects; null where undefined."),
    ("counts", _COUNTS, "What they were computed on."),
    ("void", TEXT, "ignore or background."),
    ("failures?", _SCORES, "Failure mode → value."),
    ("objects_never_visible?", array(TEXT)),
    ("j_and_f?", _SCORES, "J&F, J, F and volumetric J, means over positive objects."),
    ("objects?", _OBJECTS),
    _MATCHING,
    ("allowed?", _ALLOWED, "What was scored although it was not as it should be."),
)
DAVIS = record(
    ("scores", _SCORES),
    ("counts", _COUNTS),
    ("void", TEXT),
    ("merged", FLAG, "All ids were one object."),
    ("frames_not_scored", TEXT),
    ("objects_not_in_the_first_frame", array(TEXT)),
    ("objects_never_visible", array(TEXT)),
    ("objects_scored_from_where_they_appear", array(TEXT)),
    ("short_clips", array(TEXT)),
    ("allowed", _ALLOWED),
    ("objects", array(schema_of(ObjectScores))),
    _MATCHING,
    what="With --davis.",
)
_NETWORK = record(
    ("checkpoint?", TEXT, "Its digest."),
    ("network?", WHOLE, "Which one of a checkpoint of several."),
    ("weights?", TEXT, "Their digest."),
    ("model?", TEXT),
    ("positive_threshold", nullable(NUMBER), "A lower score emptied a mask; null: the weights have no such score."),
)
_FAILED = ("failed", array(record(("run", TEXT), ("error", TEXT))))
_GRID = record(("kept", WHOLE, "Runs that were there."), _FAILED, ("leaderboards", BOARDS), ("results", array(RESULT)))
_PART = record(("shard", TEXT, "I/N."), ("kept", WHOLE), _FAILED, ("results", array(RESULT)), what="With --shard.")
_FORECAST = joined(
    schema_of(Forecast),
    record(
        *((name, WHOLE) for name in ("runs", "done", "updates", "updates_left")),
        ("hours_left", nullable(NUMBER), "Of all runs, one after another; null where nothing was measured."),
        (
            "strategies",
            array(
                joined(
                    schema_of(StrategyForecast),
                    record(("updates", WHOLE), ("left", WHOLE), ("hours_of_a_run", nullable(NUMBER))),
                )
            ),
        ),
    ),
) | {"description": "With --dry-run."}
_TRIAL = record(
    ("trial", WHOLE, "0 is the defaults."),
    ("given", nullable(NUMBER), "The metric on validation labels as given."),
    ("clean", nullable(NUMBER), "The same on clean labels: told, and never used."),
    ("settings", mapping(ANY)),
)
_CHOICE = record(
    *((name, TEXT) for name in ("protocol", "track", "model", "strategy")),
    ("noise_seed", nullable(WHOLE)),
    ("train_manifest", nullable(TEXT)),
    ("validation", TEXT),
    ("by", TEXT, "The metric that chooses."),
    ("seed", WHOLE, "Of the draws."),
    ("chosen", nullable(_TRIAL)),
    ("clean_would_choose", nullable(_TRIAL)),
    ("regret", nullable(NUMBER), "What is lost of the clean score by choosing on given labels."),
    (
        "trials",
        array(
            joined(
                _TRIAL,
                record(
                    ("run_key", nullable(TEXT)),
                    ("scores", record(("given", nullable(_SCORES)), ("clean", nullable(_SCORES)))),
                    ("error", nullable(TEXT)),
                ),
            )
        ),
    ),
)
TRAINING = record(
    ("config", mapping(ANY), "Everything that was configured."),
    ("manifest", TEXT, "Its digest."),
    ("images?", TEXT, "Digest of the pictures."),
    ("networks", WHOLE),
    ("steps", WHOLE),
    ("train_s", NUMBER),
    ("oracle", nullable(TEXT), "What the strategy knew that a user would not."),
    ("losses", array(NUMBER), "Mean of every epoch."),
    ("fits", schema_of(tuple[dict[str, float | None], ...])),
    ("selection", schema_of(tuple[dict[str, dict[str, float | None]], ...])),
    ("provenance", schema_of(Provenance)),
)
VIDEO = record(
    ("out", TEXT),
    ("frames", WHOLE),
    ("seconds", NUMBER),
    ("seen", mapping(NUMBER), "Text → share of the frames in which something of it was found."),
    what="With --video.",
)
_CELL = {"type": ["string", "number", "boolean", "null"]}
ANALYSIS = record(
    ("model", TEXT),
    ("dataset", TEXT),
    ("protocol", TEXT),
    (
        "tables",
        mapping(array(mapping(either(_CELL, record(("mean", nullable(NUMBER)), ("std", nullable(NUMBER))))))),
        "Name → rows, column → cell.",
    ),
    ("missing", array(TEXT), "What is not there to be analysed."),
    ("files", array(TEXT)),
)
AUDIT = record(
    ("tool_version", TEXT),
    ("manifest", record(("name", TEXT), ("digest", TEXT))),
    ("checks", array(TEXT)),
    ("folds", WHOLE),
    ("clips_per_fold", array(WHOLE)),
    ("configs", mapping(mapping(ANY)), "Check → configuration of its trainings."),
    ("candidates", WHOLE, "Nouns that are tried."),
    ("worst", array(schema_of(SampleFinding))),
)
_MISFIT = record(("file", array(WHOLE)), ("model", array(WHOLE)))
CONVERSION = record(
    ("model", TEXT),
    ("source", TEXT, "The checkpoint's name."),
    ("source_digest", TEXT),
    ("out", nullable(TEXT), "The file that was written; null: it does not fit, and the exit code is 1."),
    ("weights", nullable(TEXT), "The file's digest."),
    ("tensors", WHOLE),
    ("values", WHOLE),
    ("fresh", mapping(TEXT), "Submodule → why it starts from the seed."),
    ("missing", array(TEXT)),
    ("unexpected", array(TEXT)),
    ("misshapen", mapping(_MISFIT)),
    ("broken", array(TEXT)),
    ("unused", _COUNTS),
)
_STRATEGY = record(*((name, TEXT) for name in ("name", "title", "loss", "variants", "cost", "oracle", "source")))
_MODEL = record(*((name, TEXT) for name in ("name", "what", "start weights", "source")))
_PROTOCOL = record(
    *((name, TEXT) for name in ("name", "id", "dataset")), ("tracks", WHOLE), ("seeds", WHOLE), ("what", TEXT)
)
_TRACK = record(*((name, TEXT) for name in ("name", "recipe", "dataset", "noise seeds")))

FORMS: dict[str, Schema] = {
    "run": either(_GRID, _PART, _FORECAST),
    "tune": record(("choices", array(_CHOICE)), _FAILED, ("leaderboards", BOARDS)),
    "train": TRAINING,
    "evaluate": either(EVALUATION, joined(EVALUATION, _NETWORK) | {"description": "Of a network."}, DAVIS),
    "predict": either(
        joined(EVALUATION, _NETWORK, record(("manifest", TEXT, "Its digest."), ("predictions", TEXT, "Their digest."))),
        VIDEO,
    ),
    "convert-checkpoint": CONVERSION,
    "leaderboard": BOARDS,
    "list": either(array(_STRATEGY), array(_MODEL), array(_PROTOCOL), array(_TRACK)),
    "analyze": array(ANALYSIS),
    "report": record(
        ("pages", array(TEXT)),
        ("clips", WHOLE, "How many they show."),
        ("bytes", WHOLE),
        ("missing", array(TEXT), "What the report could not show, and why."),
    ),
    "audit": AUDIT,
    "verify": record(
        ("runs", array(TEXT), "Their folders."),
        ("findings", array(schema_of(RunFinding)), "What is not so; the exit code is 1 where there is one."),
        ("checked", array(TEXT)),
        ("unchecked", array(record(("what", TEXT), ("why", TEXT), ("runs", array(TEXT))))),
    ),
    "collect": joined(record(("out", TEXT)), schema_of(Collected)),
    "submit": record(("out", TEXT), ("runs", WHOLE), ("bytes", WHOLE)),
    "doctor": array(schema_of(Finding)),
    "pretrain": record(("path", TEXT, "The start weights."), ("steps", WHOLE)),
}
