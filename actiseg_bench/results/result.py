"""Results: one JSON file per run, with everything that made it.

A run lives in ``<out>/<protocol>/<track>/<model>/<strategy>-<variant>/seed<k>/`` as ``result.json``,
``predictions.parquet`` and, when asked for, ``checkpoint.safetensors``. The result is written last: a folder without
one is not a run.

Schema 3 has the digests of the pictures, and a digest of the result itself. Results of schema 2 are read, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.results.provenance import Provenance
from actiseg_bench.results.typed import LARGEST_INT, TypedReader, is_line, shown
from actiseg_noise.borders.folders import check_file_name, is_data, portable_name, walk_files
from actiseg_noise.borders.text import read_json
from actiseg_noise.borders.writing import write_json
from actiseg_noise.errors import ActisegError, DataError, raise_if

SCHEMA_VERSION = 3
READ_VERSIONS = (2, SCHEMA_VERSION)
RESULT_NAME = "result.json"
CHECKPOINT_NAME = "checkpoint.safetensors"
SCORES = (*METRICS, "p_miou_hands", "p_miou_objects")

START, SILENT = "start", "silent"
REFERENCES = (START, SILENT)
LONGER = "longer_baseline"
YARDSTICKS = ("frozen", "clean_subset", LONGER)
"""Trained rows that say what is there without learning, how far perfect selection goes, and what updates alone give."""
NO_VARIANT = "-"  # of the reference rows
TUNED = "tuned"  # the variant of rows whose options validation chose
TUNING = "tuning"  # the key of a run's configuration that says who drew or chose them, from how many
TRIALS_FOLDER = "tuning-trials"  # of runs that are no rows of a leaderboard; no results are looked for in it
OWN_PROTOCOL = "own"  # of tracks that no protocol names

DIGEST = "result_digest"
TRAINING_PREDICTIONS = "training_predictions"  # a key that results of before do not have
LARGEST = 1e12
"""Of counts, seconds and MiB."""
MOST_NETWORKS = 64
MOST_BYTES = 2**24  # of a result

_AGAIN = "Make it again with the command that made it, or remove its folder."
_SINCE_3 = ("train_images", "eval_images")  # of a track
_MAY_LACK = ("base_rate", "auroc")  # of an epoch's selection: results of before, and strategies that rank nothing
# What a line about a changed run calls the parts of its identity.
_TITLES = {
    "train_manifest": "train labels",
    "eval_manifest": "evaluation labels",
    "train_images": "train pictures",
    "eval_images": "evaluation pictures",
    "start_weights": "start weights",
    "score_code": "code",
}


class ResultError(ActisegError):
    """A result file that cannot be read as one."""


class NewerResultError(ResultError):
    """A result that a newer version of this package wrote."""


@dataclass(frozen=True)
class TrackInfo:
    """The column of a leaderboard that a run belongs to.

    Attributes:
        name: of the track. protocol: its protocol's id, or ``own``. dataset: its name.
        train_manifest, eval_manifest: digests of the labels. recipe, noise_seed: what made the training labels.
        severity: of the training labels, as the manifest says it: ``harmful_positives``, the share of positive
            samples whose text is about something else; ``median_iou`` of the noised masks, None where none was noised;
            of a manifest of schema 2 also ``wrong_narration_positives`` and ``wrong_flag_positives``.
        train_images, eval_images: digests of the pictures that the manifests name; None in a result of schema 2.

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
    train_images: str | None = None
    eval_images: str | None = None


@dataclass(frozen=True)
class Cost:
    """What a run cost.

    Attributes:
        train_s: seconds of training. eval_s: seconds of prediction with scoring. steps: of the optimizer.
        peak_rss_mb: peak memory of the process, in MiB.
    """

    train_s: float
    eval_s: float
    steps: int
    peak_rss_mb: float


@dataclass(frozen=True)
class RunResult:
    """One training of one model under one strategy on one track with one seed, scored on clean labels.

    Attributes:
        run_key: what made it; a finished run whose key is equal is reused. track: the column it belongs to.
        model: of the registry. cost: time and memory. provenance: who made it. schema_version: of the result's form.
        strategy: of the registry, or a reference row: ``start`` (start weights, untrained), ``silent`` (no object).
        variant: ``faithful`` or ``released``; ``-`` for a reference row. seed: of training.
        config: everything that was configured.
        scores: metric → value in [0, 1], None where undefined; the mean over the strategy's networks. counts: what
            they were computed on, and the confusions of the first network.
        failures: failure mode → value in [0, 1] (leakage and loss may exceed 1), None where undefined; the mean over
            the strategy's networks.
        losses: mean loss of each epoch.
        fits: probes of how well given and clean training labels are fit, and clean labels of clips that are not trained
            on where the protocol watches some, each with its step.
        selection: per epoch, precision and recall of what the strategy believed, the precision of believing everything
            (``base_rate``) and where it ranked samples ``auroc``; empty when it believed everything.
        oracle: what the strategy knew that a user would not, None for nothing.
        predictions: digest of the stored predictions; of several networks, joined by "+".
        training_predictions: digest of those of the training clips that were probed, by the first network; None where
            there are none: reference rows, trials of tuning, and runs of before.
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
    fits: tuple[dict[str, float | None], ...]
    selection: tuple[dict[str, dict[str, float | None]], ...]
    oracle: str | None
    predictions: str
    provenance: Provenance
    schema_version: int = SCHEMA_VERSION
    training_predictions: str | None = None

    @property
    def is_reference(self) -> bool:
        """True for the rows ``start`` and ``silent``."""
        return self.strategy in REFERENCES

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, ``from_json``'s inverse, with its own digest in it."""
        data = asdict(self)
        if self.training_predictions is None:
            del data[TRAINING_PREDICTIONS]
        lists = {name: list(data[name]) for name in ("losses", "fits", "selection")}
        data = {"schema_version": data.pop("schema_version"), **data, **lists}
        if self.schema_version < SCHEMA_VERSION:
            for name in _SINCE_3:
                del data["track"][name]
            return data
        return {**data, DIGEST: result_digest(data)}

    @classmethod
    def from_json(cls, data: Any, where: str = "result") -> RunResult:
        """Return the result of a parsed ``result.json``; its digest is compared by ``verify``, not here.

        Raises:
            ResultError: a newer schema, a missing or unknown key, a value of another type or out of its range.
        """
        raise_if(not isinstance(data, dict), f"{where}: expected a JSON object", ResultError)
        version = data.get("schema_version")
        raise_if(type(version) is not int, f"{where}: the key 'schema_version' is missing", ResultError)
        if version not in READ_VERSIONS:
            what = f"{where}: schema version {version}, but this version reads {SCHEMA_VERSION}."
            if version > SCHEMA_VERSION:
                raise NewerResultError(f"{what} Upgrade: pip install -U actiseg-nl")
            raise ResultError(f"{what} {_AGAIN}")
        fields = TypedReader(where, ResultError)
        result = fields.read(cls, {TRAINING_PREDICTIONS: None} | _as_schema_3(data, fields))
        _check_values(result, fields)
        return result


def result_digest(data: Mapping[str, Any]) -> str:
    """Return the BLAKE2b hex (32 characters) over the JSON form of a result, without the digest in it."""
    return json_digest({name: value for name, value in data.items() if name != DIGEST})


def json_digest(data: Mapping[str, Any]) -> str:
    """Return the BLAKE2b hex (32 characters) of JSON in one form: sorted keys, no space."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _as_schema_3(data: dict[str, Any], fields: TypedReader) -> dict[str, Any]:
    """Return the data without its digest; that of schema 2 with nothing known of its pictures."""
    if data["schema_version"] == SCHEMA_VERSION:
        if not is_line(data.get(DIGEST)):
            fields.refuse(DIGEST, "expected a digest")
        return {name: value for name, value in data.items() if name != DIGEST}
    track = data.get("track")
    if isinstance(track, dict):
        names = [name for name in track if name in _SINCE_3]
        if names:
            fields.refuse("track", f"unknown keys: {', '.join(names)}")
        data = {**data, "track": track | dict.fromkeys(_SINCE_3)}
    return data


def _check_values(result: RunResult, fields: TypedReader) -> None:
    """Refuse values of the right type that no run has."""
    _check_ranges(result, fields)
    _check_course(result, fields)
    if result.predictions.count("+") >= MOST_NETWORKS:
        fields.refuse("predictions", f"expected the digests of {MOST_NETWORKS} networks at most")
    labels = {name: getattr(result.track, name) for name in ("train_manifest", "recipe", "noise_seed")}
    for name, value in labels.items():
        if (value is None) != result.is_reference:
            wanted = "null, as a reference row is not trained" if result.is_reference else "a value, not null"
            fields.refuse(f"track.{name}", f"expected {wanted}")


def _check_ranges(result: RunResult, fields: TypedReader) -> None:
    """Refuse scores outside [0, 1], negative counts, seeds and costs, and what is missing of scores and counts."""
    lacking = [name for name in SCORES if name not in result.scores]
    if lacking:
        fields.refuse("", f"the scores {', '.join(lacking)} are missing")
    if "object_frames" not in result.counts:
        fields.refuse("counts", "missing keys: object_frames")
    for name, value, most in _ranges(result):
        if value is not None and not 0 <= value <= most:
            fields.refuse(name, f"expected a number in [0, {most:g}], got {shown(value)}")


def _ranges(result: RunResult) -> Iterator[tuple[str, float | None, float]]:
    """Yield (dotted name, number, the largest that it can be) of a result's numbers, all of at least 0."""
    shares = {"scores": result.scores, "track.severity": result.track.severity}
    shares |= {f"selection[{i}].{unit}": one for i, epoch in enumerate(result.selection) for unit, one in epoch.items()}
    for place, numbers in shares.items():
        yield from ((f"{place}.{name}", number, 1) for name, number in numbers.items())
    for i, fit in enumerate(result.fits):
        yield from ((f"fits[{i}].{name}", value, LARGEST if name == "step" else 1) for name, value in fit.items())
    yield from ((f"failures.{name}", value, LARGEST) for name, value in result.failures.items())
    yield from ((f"counts.{name}", value, LARGEST) for name, value in result.counts.items())
    yield from ((f"cost.{name}", value, LARGEST) for name, value in asdict(result.cost).items())
    yield from (("seed", result.seed, LARGEST_INT), ("track.noise_seed", result.track.noise_seed, LARGEST_INT))


def _check_course(result: RunResult, fields: TypedReader) -> None:
    """Refuse probes and epochs that lack a number."""
    for i, fit in enumerate(result.fits):
        fields.check_keys(fit, ["step", "fit_given", "fit_clean"], f"fits[{i}]", also=["held_out"])
        if fit["step"] is None:
            fields.refuse(f"fits[{i}].step", "expected a number, got null")
    for i, epoch in enumerate(result.selection):
        for unit, shares in epoch.items():
            fields.check_keys(shares, ["precision", "recall"], f"selection[{i}].{unit}", also=_MAY_LACK)


def folder_name(name: str, what: str) -> str:
    """Return the name of a track, model, strategy or protocol as that of a folder on any system.

    Raises:
        DataError: it leads elsewhere, is hidden, or is no line of text; ``what`` is named.
    """
    raise_if(not is_line(name), f"{what}: expected one line of printable text, got {name[:60]!r}", DataError)
    check_file_name(name, what)
    raise_if(not is_data(name), f"{what}: {name!r} is a hidden name, expected another", DataError)
    raise_if(name == TRIALS_FOLDER, f"{what}: {name!r} is where the trials of tuning lie, expected another", DataError)
    return portable_name(name)


@dataclass(frozen=True)
class RunIdentity:
    """Everything that decides a run's scores: equal identity, equal scores.

    Attributes:
        config: JSON values only; lists and tuples are one.
        train_manifest, eval_manifest, start_weights, score_code, train_images, eval_images: digests. Those of the
            pictures are None for a result of schema 2, whose key they are not part of.
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
    train_images: str | None = None
    eval_images: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", json.loads(json.dumps(dict(self.config), allow_nan=False)))

    @classmethod
    def of(cls, result: RunResult) -> RunIdentity:
        """Return what made a result, by its own statements."""
        return cls(
            model=result.model,
            strategy=result.strategy,
            variant=result.variant,
            seed=result.seed,
            config=result.config,
            train_manifest=result.track.train_manifest,
            eval_manifest=result.track.eval_manifest,
            start_weights=result.provenance.start_weights_digest,
            score_code=result.provenance.score_code,
            train_images=result.track.train_images,
            eval_images=result.track.eval_images,
        )

    def key(self) -> str:
        """Return the BLAKE2b hex (32 characters) of the identity."""
        data = asdict(self)
        if self.eval_images is None:
            data = {name: value for name, value in data.items() if name not in _SINCE_3}
        return json_digest(data)

    def changes_since(self, old: RunResult) -> str:
        """Say what differs from the run that made ``old``: ``code, config.epochs``."""
        before = RunIdentity.of(old)
        pairs = {title: (getattr(before, name), getattr(self, name)) for name, title in _TITLES.items()}
        names = sorted({*before.config, *self.config})
        pairs |= {f"config.{name}": (before.config.get(name), self.config.get(name)) for name in names}
        return ", ".join(name for name, (was, now) in pairs.items() if was != now) or "its key"


def write_result(folder: Path, result: RunResult) -> Path:
    """Write ``result.json`` whole or not at all, and return its path."""
    return write_json(folder / RESULT_NAME, result.to_json(), allow_nan=False)


def read_result(path: Path) -> RunResult:
    """Read one ``result.json``.

    Raises:
        ResultError: missing, malformed, or of another schema version.
    """
    return RunResult.from_json(read_statements(path), str(path))


def read_statements(path: Path) -> Any:
    """Return the JSON of one ``result.json`` as it is.

    Raises:
        ResultError: missing, malformed, or larger than ``MOST_BYTES``.
    """
    if path.is_file() and (size := path.stat().st_size) > MOST_BYTES:
        raise ResultError(f"{path}: {size:,} bytes, expected {MOST_BYTES:,} at most. {_AGAIN}")
    try:
        return read_json(path, ResultError)
    except ResultError as error:
        raise ResultError(f"{str(error).rstrip('.')}. {_AGAIN}") from None


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
    """Return the path of every finished run's result under ``folder``, in order; not of the trials of tuning below it.

    Raises:
        ResultError: the folder is missing or holds no result.
    """
    raise_if(not folder.is_dir(), f"{folder}: no such folder", ResultError)
    found = [path for path in walk_files(folder, ".json") if path.name == RESULT_NAME]
    paths = [path for path in found if TRIALS_FOLDER not in path.relative_to(folder).parts]
    raise_if(not paths, f"{folder}: no finished run here; make some with actiseg-bench run", ResultError)
    return paths
