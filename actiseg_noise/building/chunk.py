"""A chunk of clips: the unit of work, of resuming, and of what a worker process hands back.

A finished chunk is a folder: one Arrow file per table and ``chunk.json`` with its draws' counts and a digest of what it
was made from. It is written under a temporary name and renamed, so a chunk that is there is whole.
"""

from __future__ import annotations

import json
import logging
import marshal
import pickle
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar

from actiseg_noise.borders.drafts import whole_folder
from actiseg_noise.borders.processes import end_with_parent, keep_freed_memory
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import write_json
from actiseg_noise.building.clip_columns import ClipColumns
from actiseg_noise.building.columns import text_columns
from actiseg_noise.building.plan import Plan, Tally, needs_of
from actiseg_noise.building.rows import clip_rows
from actiseg_noise.datasets.base import Dataset
from actiseg_noise.errors import ActisegWarning, DataError
from actiseg_noise.logs import show_logs_of_parent
from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.manifest.bulk import seal_columns
from actiseg_noise.manifest.records import TableRow
from actiseg_noise.manifest.schema import PLAIN, Table, tables_of
from actiseg_noise.recipe import Recipe
from actiseg_noise.records import Clip
from actiseg_noise.vocabulary import Vocabulary

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from pyarrow import RecordBatch

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

FRAMES_PER_CHUNK = 64
SAMPLES_PER_CHUNK = 16_384

_WITHOUT_REFERENCES = 2  # a version of marshal: equal records give equal bytes
Place: TypeAlias = tuple[Path, tuple[Clip, ...]]
"""The folder of a chunk and its clips."""


@dataclass(frozen=True)
class Job:
    """What every chunk of a build shares. Cheap to pickle: worker processes get it once."""

    dataset: Dataset
    recipe: Recipe
    vocabulary: Vocabulary
    content: str
    thresholds: tuple[float, ...] | None = None
    schema_version: int = PLAIN

    def plan(self) -> Plan:
        """Return the recipe made ready to draw."""
        card = self.dataset.card
        return Plan(self.recipe, card.source, self.vocabulary, thresholds=self.thresholds, void_id=card.void_id)


class Worker:
    """Turns chunks of clips into rows, with one plan for all of them."""

    def __init__(self, job: Job) -> None:
        keep_freed_memory()
        self.job = job
        self.plan = job.plan()
        self.read_mask = job.dataset.read_checked_mask if job.content == "full" else None
        self.read_image = job.dataset.read_image
        self.tables = tables_of(job.schema_version)

    def rows(self, clips: Iterable[Clip]) -> tuple[dict[str, list[TableRow]], Tally]:
        """Return the rows of all tables and the counts of draws."""
        tally = Tally(len(self.job.recipe.noises))
        rows: dict[str, list[TableRow]] = {table.name: [] for table in self.tables}
        version = self.job.schema_version
        for clip in clips:
            for name, found in clip_rows(clip, self.plan, tally, self.read_mask, version, self.read_image).items():
                rows[name].extend(found)
        return rows, tally

    def batches(self, clips: ClipColumns) -> tuple[dict[str, RecordBatch], Tally]:
        """Return what ``rows`` does as a batch per table; much faster where no mask is read."""
        if self.read_mask is not None:
            rows, tally = self.rows(clips.clips)
            return {table.name: to_batch(rows[table.name], _arrow_schema(table)) for table in self.tables}, tally
        tally = Tally(len(self.job.recipe.noises))
        columns = text_columns(clips, self.plan, tally, self.job.schema_version)
        return {t.name: seal_columns(t, columns[t.name], _arrow_schema(t)) for t in self.tables}, tally

    def write(self, folder: Path, clips: tuple[Clip, ...]) -> None:
        """Write the chunk's folder, whole or not at all; one that another process made of the same stays."""
        columns = ClipColumns(clips)
        made_from = _inputs_digest(self.job, columns)
        batches, tally = self.batches(columns)
        with whole_folder(folder, keep=lambda there: _is_made_from(there, made_from), parents=False) as part:
            for table in self.tables:
                _write_arrow(part / f"{table.name}.arrow", batches[table.name])
            write_json(part / "chunk.json", {"inputs": made_from, "tally": tally.rows}, indent=None)
        _LOG.debug("chunk %s: %d clips", folder.name, len(clips))


@contextmanager
def spooled(items: Iterable[T], folder: Path) -> Iterator[tuple[Iterator[T], int]]:
    """Write all items to an unnamed file in ``folder``; give them back one after another, once, and their number."""
    with TemporaryFile(dir=folder) as file:
        total = 0
        for item in items:
            pickle.dump(item, file, pickle.HIGHEST_PROTOCOL)
            total += 1
        file.seek(0)
        yield _unpickled(file, total), total


def _unpickled(file: IO[bytes], count: int) -> Iterator[Any]:
    """Yield ``count`` items from where the file stands."""
    for _ in range(count):
        yield pickle.load(file)  # noqa: S301 - this process wrote it


def split_chunks(clips: Iterable[Clip], content: str) -> Iterator[tuple[Clip, ...]]:
    """Yield the clips in chunks of about equal work: annotated frames, or samples where no mask is read."""
    limit = SAMPLES_PER_CHUNK if content == "text" else FRAMES_PER_CHUNK
    chunk: list[Clip] = []
    weight = 0
    for clip in clips:
        chunk.append(clip)
        weight += 1 + (len(clip.objects) if content == "text" else len(clip.frames))
        if weight >= limit:
            yield tuple(chunk)
            chunk, weight = [], 0
    if chunk:
        yield tuple(chunk)


def numbered(chunks: Iterable[tuple[Clip, ...]], folder: Path) -> Iterator[Place]:
    """Yield every chunk with the folder that it gets: ``000000``, ``000001``, …"""
    return ((folder / f"{index:06d}", clips) for index, clips in enumerate(chunks))


def is_finished(job: Job, folder: Path, clips: tuple[Clip, ...]) -> bool:
    """Return whether the chunk of exactly these clips, made from the files as they are now, is there."""
    return _is_made_from(folder, _inputs_digest(job, ClipColumns(clips))) if folder.is_dir() else False


def _is_made_from(folder: Path, inputs: str) -> bool:
    """Return whether a finished chunk is there that was made from these inputs."""
    try:
        return bool(read_chunk_info(folder)["inputs"] == inputs)
    except (DataError, KeyError):
        return False


def read_chunk_info(folder: Path) -> dict[str, Any]:
    """Read ``chunk.json``."""
    return read_json_object(folder / "chunk.json")


def iter_batches(folder: Path, table: Table) -> Iterator[Any]:
    """Yield the chunk's record batches of one table."""
    import pyarrow as pa

    with pa.OSFile(str(folder / f"{table.name}.arrow")) as source, pa.ipc.open_file(source) as reader:
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)


def _inputs_digest(job: Job, clips: ClipColumns) -> str:
    """Return a digest of what a chunk is made from, beside the request that names the workspace.

    It is the clips with all they say, their mask files' sizes and times, those of the images where a noise looks at
    them, and the thresholds, which depend on all clips.
    """
    looks_at_images = "image" in needs_of(job.recipe)
    state = blake2b(json.dumps(job.thresholds).encode(), digest_size=16)
    masks = clips.frames["mask_path"] if job.content == "full" else []
    images = clips.frames["image_path"] if looks_at_images else []
    stamps = [_stamp(job.dataset.root / path) for path in (*masks, *images) if path]
    state.update(marshal.dumps([clips.values, stamps], _WITHOUT_REFERENCES))
    return state.hexdigest()


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return size in bytes and time of change in ns of a file, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@cache
def _arrow_schema(table: Table) -> Any:
    """Return the table's Arrow schema, made once."""
    return table.arrow()


def _write_arrow(path: Path, batch: RecordBatch) -> None:
    """Write a batch as one Arrow IPC file, which holds none where there is no row."""
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        if batch.num_rows:
            writer.write_batch(batch)


_worker: Worker | None = None


def start_process(job: Job, started: Event, log_level: int | None = None) -> None:
    """Prepare a worker process: one thread for OpenCV and for Arrow, Ctrl-C left to the parent, ended with it.

    Args:
        started: set when the process is ready to work. log_level: what the parent shows.
    """
    import signal

    import cv2
    import pyarrow as pa

    global _worker  # noqa: PLW0603 - the one piece of state a process pool's initializer can leave behind
    warnings.simplefilter("ignore", ActisegWarning)  # the parent has said it
    show_logs_of_parent(log_level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    _worker = Worker(job)
    started.set()


def write_in_process(folder: Path, clips: tuple[Clip, ...]) -> None:
    """Write one chunk in a worker process."""
    if _worker is None:
        raise RuntimeError("start_process was not called in this process")
    _worker.write(folder, clips)
