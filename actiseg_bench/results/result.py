"""Results: one JSON file per run, with everything that made it.

A run lives in ``<out>/<track>/<model>/<strategy>-<variant>/seed<k>/`` as ``result.json``, ``predictions.parquet`` and,
when asked for, ``checkpoint.safetensors``. The result is written last: a folder without one is not a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.results.provenance import Provenance
from actiseg_noise.borders.folders import walk_files
from actiseg_noise.borders.text import read_json
from actiseg_noise.borders.writing import write_json
from actiseg_noise.errors import ActisegError, raise_if

SCHEMA_VERSION = 2
RESULT_NAME = "result.json"
CHECKPOINT_NAME = "checkpoint.safetensors"
SCORES = (*METRICS, "p_miou_hands", "p_miou_objects")

START, SILENT = "start", "silent"
REFERENCES = (START, SILENT)
OWN_PROTOCOL = "own"  # of tracks that no protocol names

_AGAIN = "Make it again with the command that made it, or remove its folder."

T = TypeVar("T")


class ResultError(ActisegError):
    """A result file that cannot be read as one."""


class NewerResultError(ResultError):
    """A result that a newer version of this package wrote."""


@dataclass(frozen=True)
class TrackInfo:
    """The column of a leaderboard that a run belongs to.

    Attributes:
        name: of the track. protocol: its protocol's id, or ``own``.
        train_manifest, eval_manifest: digests of the labels. recipe, noise_seed: what made the training labels.
        severity: of the training labels, as the manifest says it: ``harmful_positives``, the share of positive
            samples whose noun names something else; ``median_iou`` of the noised masks, None where none was noised.

    What is about training labels is None for the reference rows, which train on none.
    """

    name: str
    protocol: str
    dataset: str
    train_manifest: str | None
    eval_manifest: str
    recipe: str | None
    noise_seed: int | None
    severity: dict[str, float | None]


@dataclass(frozen=True)
class Cost:
    """What a run cost: seconds of training and of prediction with scoring, optimizer steps, peak memory in MiB."""

    train_s: float
    eval_s: float
    steps: int
    peak_rss_mb: float


@dataclass(frozen=True)
class RunResult:
    """One training of one model under one strategy on one track with one seed, scored on clean labels.

    Attributes:
        run_key: what made it; a finished run whose key is equal is reused.
        strategy: of the registry, or a reference row: ``start`` (start weights, untrained), ``silent`` (no object).
        variant: ``faithful`` or ``released``; ``-`` for a reference row. seed: of training.
        config: everything that was configured.
        scores: metric → value in [0, 1], None where undefined; the mean over the strategy's networks. counts: what
            they were computed on, and the confusions of the first network.
        failures: failure mode → value in [0, 1] (leakage and loss may exceed 1), None where undefined; the mean over
            the strategy's networks.
        losses: mean loss of each epoch.
        fits: probes of how well given and clean training labels are fit, each with its step.
        selection: per epoch, precision and recall of what the strategy believed; empty when it believed everything.
        oracle: what the strategy knew that a user would not, None for nothing.
        predictions: digest of the stored predictions; of several networks, joined by "+".
    """

    run_key: str
    track: TrackInfo
    model: str
    strategy: str
    variant: str
    seed: int
    config: dict[str, Any]
    scores: dict[str, float | None]
    counts: dict[str, int]
    failures: dict[str, float | None]
    cost: Cost
    losses: tuple[float, ...]
    fits: tuple[dict[str, Any], ...]
    selection: tuple[dict[str, Any], ...]
    oracle: str | None
    predictions: str
    provenance: Provenance
    schema_version: int = SCHEMA_VERSION

    @property
    def is_reference(self) -> bool:
        """True for the rows ``start`` and ``silent``."""
        return self.strategy in REFERENCES

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, ``from_json``'s inverse."""
        data = asdict(self)
        lists = {name: list(data[name]) for name in ("losses", "fits", "selection")}
        return {"schema_version": data.pop("schema_version"), **data, **lists}

    @classmethod
    def from_json(cls, data: Any, where: str = "result") -> RunResult:
        """Return the result of a parsed ``result.json``.

        Raises:
            ResultError: a newer schema, a missing or unknown key, a value that is no object.
        """
        raise_if(not isinstance(data, dict), f"{where}: expected a JSON object", ResultError)
        found = data.get("schema_version")
        raise_if(not isinstance(found, int), f"{where}: the key 'schema_version' is missing", ResultError)
        if found != SCHEMA_VERSION:
            what = f"{where}: schema version {found}, but this version reads {SCHEMA_VERSION}."
            if found > SCHEMA_VERSION:
                raise NewerResultError(f"{what} Upgrade: pip install -U actiseg-nl")
            raise ResultError(f"{what} {_AGAIN}")
        known = _fill(cls, data, where)
        lacking = [name for name in SCORES if name not in known.scores]
        raise_if(bool(lacking), f"{where}: the scores {', '.join(lacking)} are missing", ResultError)
        return known


def _fill(kind: type[T], data: Any, where: str) -> T:
    """Make a dataclass of a JSON object, refusing missing and unknown keys, nested ones too."""
    raise_if(not isinstance(data, dict), f"{where}: expected a JSON object, got {data!r}", ResultError)
    hints = get_type_hints(kind)
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    for problem, keys in (("missing", names - set(data)), ("unknown", set(data) - names)):
        raise_if(bool(keys), f"{where}: {problem} keys: {', '.join(sorted(keys))}", ResultError)
    values = {}
    for name in names:
        value = data[name]
        if is_dataclass(hints[name]):
            value = _fill(hints[name], value, f"{where}: {name}")
        values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


@dataclass(frozen=True)
class RunIdentity:
    """Everything that decides a run's scores: equal identity, equal scores.

    Attributes:
        config: JSON values only; lists and tuples are one.
        train_manifest, eval_manifest, start_weights, score_code: digests.
    """

    model: str
    strategy: str
    variant: str
    seed: int
    config: Mapping[str, Any]
    train_manifest: str | None
    eval_manifest: str
    start_weights: str | None
    score_code: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", json.loads(json.dumps(dict(self.config), allow_nan=False)))

    def key(self) -> str:
        """Return the BLAKE2b hex (32 characters) of the identity."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def changes_since(self, old: RunResult) -> str:
        """Say what differs from the run that made ``old``: ``code, config.epochs``."""
        pairs = {
            "train labels": (old.track.train_manifest, self.train_manifest),
            "evaluation labels": (old.track.eval_manifest, self.eval_manifest),
            "start weights": (old.provenance.start_weights_digest, self.start_weights),
            "code": (old.provenance.score_code, self.score_code),
        }
        names = sorted({*old.config, *self.config})
        pairs |= {f"config.{name}": (old.config.get(name), self.config.get(name)) for name in names}
        return ", ".join(name for name, (before, now) in pairs.items() if before != now) or "its key"


def write_result(folder: Path, result: RunResult) -> Path:
    """Write ``result.json`` whole or not at all, and return its path."""
    return write_json(folder / RESULT_NAME, result.to_json(), allow_nan=False)


def read_result(path: Path) -> RunResult:
    """Read one ``result.json``.

    Raises:
        ResultError: missing, malformed, or of another schema version.
    """
    try:
        data = read_json(path, ResultError)
    except ResultError as error:
        raise ResultError(f"{str(error).rstrip('.')}. {_AGAIN}") from None
    return RunResult.from_json(data, str(path))


def read_old_result(path: Path) -> tuple[RunResult | None, str]:
    """Return the result that is there, or None and why it does not count: a damaged one holds nothing to keep.

    Raises:
        NewerResultError: a newer version wrote it, and may read it.
    """
    if not path.is_file():
        return None, ""
    try:
        return read_result(path), ""
    except NewerResultError:
        raise
    except ResultError as error:
        return None, f"made again: {error}"


def find_results(folder: Path) -> list[Path]:
    """Return the path of every finished run's result under ``folder``, in order.

    Raises:
        ResultError: the folder is missing or holds no result.
    """
    raise_if(not folder.is_dir(), f"{folder}: no such folder", ResultError)
    paths = [path for path in walk_files(folder, ".json") if path.name == RESULT_NAME]
    raise_if(not paths, f"{folder}: no finished run here; make some with actiseg-bench run", ResultError)
    return paths
