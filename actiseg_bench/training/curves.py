"""Learning curves: what every step of a training was, as a CSV table, TensorBoard's files, or a run of wandb.

A training that continues from a checkpoint makes the steps after it again: what was logged of them before is dropped,
so that a curve has every step once. Whatever is logged is on the disk when a checkpoint of its step is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol, Self

from actiseg_bench.training.options import NO_LOG
from actiseg_bench.training.progress import Curve, StepRecord
from actiseg_noise.borders.text import iter_csv, read_text
from actiseg_noise.borders.writing import GrowingCsv, write_text
from actiseg_noise.errors import ActisegError, DataError, MissingExtraError

CSV_NAME = "curve.csv"
TENSORBOARD_NAME = "tensorboard"
WANDB_NAME = "wandb-run.txt"
PROJECT = "actiseg"


COLUMNS = tuple(one.name for one in fields(StepRecord))


class OwnCurve(Curve, Protocol):
    """A curve that this module makes, and ends."""

    def close(self) -> None:
        """Put everything on the disk, and end."""
        ...


class CsvCurve:
    """The table ``curve.csv``, one row a step."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CSV_NAME
        self._table: GrowingCsv | None = None

    def begin(self, step: int) -> None:
        """See :class:`Curve`."""
        self._table = GrowingCsv(self._path, COLUMNS, self._rows_until(step) if step else ())

    def _rows_until(self, step: int) -> list[dict[str, str]]:
        """Return the rows of the table that is there, up to a step; a last line that was cut is none."""
        if not self._path.is_file():
            return []
        (_, header), *lines = iter_csv(self._path)
        if tuple(header) != COLUMNS:
            raise DataError(
                f"{self._path}: expected the columns {', '.join(COLUMNS)}, found {', '.join(header)[:80]}: move the "
                "file away, or pass --log none"
            )
        rows = [dict(zip(COLUMNS, cells, strict=True)) for _, cells in lines if len(cells) == len(COLUMNS)]
        return [row for row in rows if row["step"].isdecimal() and int(row["step"]) <= step]

    def add(self, record: StepRecord) -> None:
        """See :class:`Curve`."""
        if self._table is not None:
            self._table.add(_rounded(record))

    def flush(self) -> None:
        """See :class:`Curve`; every row is written when it is added."""

    def close(self) -> None:
        """See :class:`OwnCurve`."""
        if self._table is not None:
            self._table.close()


def _rounded(record: StepRecord) -> dict[str, Any]:
    """Return a row: the loss to the last bit, what was measured in a few digits."""
    row = asdict(record)
    for name, digits in (("items_per_s", 3), ("gpu_memory_mib", 1)):
        row[name] = None if row[name] is None else round(row[name], digits)
    return row


class TensorBoardCurve:
    """Files of TensorBoard in the folder ``tensorboard``, which ``tensorboard --logdir`` shows."""

    def __init__(self, folder: Path) -> None:
        try:
            import tensorboard  # type: ignore[import-untyped, import-not-found, unused-ignore] # noqa: F401
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("--log tensorboard", "tensorboard", "log") from None
        self._make, self._folder = SummaryWriter, folder / TENSORBOARD_NAME
        self._writer: Any = None

    def begin(self, step: int) -> None:
        """See :class:`Curve`."""
        self._writer = self._make(str(self._folder), purge_step=step + 1)

    def add(self, record: StepRecord) -> None:
        """See :class:`Curve`."""
        for name, value in _scalars(record).items():
            self._writer.add_scalar(name, value, record.step)

    def flush(self) -> None:
        """See :class:`Curve`."""
        self._writer.flush()

    def close(self) -> None:
        """See :class:`OwnCurve`."""
        if self._writer is not None:
            self._writer.close()


class WandbCurve:
    """A run of Weights & Biases, named after the folder; wandb itself leaves out steps that it has already."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        try:
            import wandb  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise ActisegError("--log wandb needs wandb, which is not installed: pip install wandb") from None
        self._wandb, self._folder, self._config = wandb, folder, config
        self._run: Any = None

    def begin(self, step: int) -> None:
        """See :class:`Curve`; a file in the folder says which run it is that a training continues."""
        path = self._folder / WANDB_NAME
        if not step or not path.is_file():
            write_text(path, token_hex(4))
        self._run = self._wandb.init(
            project=PROJECT,
            name=self._folder.resolve().name,
            id=read_text(path).strip(),
            resume="allow",
            dir=str(self._folder),
            config=dict(self._config),
        )

    def add(self, record: StepRecord) -> None:
        """See :class:`Curve`."""
        self._run.log(_scalars(record), step=record.step)

    def flush(self) -> None:
        """See :class:`Curve`; wandb's own process writes what it was given."""

    def close(self) -> None:
        """See :class:`OwnCurve`."""
        if self._run is not None:
            self._run.finish()


class Curves:
    """Several curves as one. A context manager: they are closed at the end, whatever it is."""

    def __init__(self, curves: Sequence[OwnCurve]) -> None:
        self._curves = curves

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for curve in self._curves:
                stack.callback(curve.close)

    def begin(self, step: int) -> None:
        """See :class:`Curve`."""
        for curve in self._curves:
            curve.begin(step)

    def add(self, record: StepRecord) -> None:
        """See :class:`Curve`."""
        for curve in self._curves:
            curve.add(record)

    def flush(self) -> None:
        """See :class:`Curve`."""
        for curve in self._curves:
            curve.flush()


def make_curves(names: Sequence[str], folder: Path, config: Mapping[str, Any]) -> Curves:
    """Return what logs a training in ``folder``, as ``names`` of :data:`LOGS` say.

    Args:
        config: of the training, for wandb.

    Raises:
        ActisegError: a library that is not installed.
    """
    makers: dict[str, Callable[[], OwnCurve]] = {
        "csv": lambda: CsvCurve(folder),
        "tensorboard": lambda: TensorBoardCurve(folder),
        "wandb": lambda: WandbCurve(folder, config),
    }
    return Curves([makers[name]() for name in dict.fromkeys(names) if name != NO_LOG])


def _scalars(record: StepRecord) -> dict[str, float]:
    """Return what there is of a step, by the name of its chart."""
    values = {name: value for name, value in asdict(record).items() if name != "step" and value is not None}
    return {f"train/{name}": value for name, value in values.items()}
