"""Build a manifest: clips in chunks, chunks to rows in worker processes, rows in order into Parquet, gate, rename."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.drafts import remove_folder
from actiseg_noise.borders.writing import WriteError
from actiseg_noise.building.chunk import Place, iter_batches, numbered, read_chunk_info, split_chunks, spooled
from actiseg_noise.building.counts import FramePairs, Severity, check_gate, slot_counts
from actiseg_noise.building.exact import exact_thresholds
from actiseg_noise.building.options import BuildOptions, Shard, with_keywords
from actiseg_noise.building.plan import Tally
from actiseg_noise.building.pool import check_main_module, finished_chunks
from actiseg_noise.building.request import Request, describe_skipped, make_request, untitled
from actiseg_noise.building.shards import ShardReport, SharedWork
from actiseg_noise.building.workspace import Workspace, check_output
from actiseg_noise.datasets.base import Dataset
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.info import ManifestInfo, SlotCounts, read_info
from actiseg_noise.manifest.read import read_manifest
from actiseg_noise.manifest.schema import Table, tables_of
from actiseg_noise.manifest.write import Digests, ManifestWriter
from actiseg_noise.progress import Progress
from actiseg_noise.records import Clip
from actiseg_noise.version import tool_version

if TYPE_CHECKING:
    from pyarrow import RecordBatch

_LOG = logging.getLogger(__name__)


@with_keywords(BuildOptions)
def build(dataset: str | Dataset, options: BuildOptions) -> Path:
    """Build a noisy variant of a dataset and return the manifest's folder.

    ``actiseg_noise.build("vost", flip=0.3)`` is ``actiseg-noise build --dataset vost --flip 0.3``: the same recipe id,
    the same labels. More than one worker needs the caller's script to be a file that can be imported
    (``if __name__ == "__main__":``), as everything that starts processes does.

    Args:
        dataset: a registered name, or an adapter made by the caller.
        {options}

    With ``shard`` only that part of the work is done, and the folder of the finished parts is returned; the same call
    without it makes the manifest.

    Raises:
        ActisegError: bad usage or bad input; nothing half-written is left.
    """
    request = make_request(dataset, options)
    if request.shard is not None:
        return run_shard(request, request.shard).folder
    return run_build(request)


def run_build(request: Request) -> Path:
    """Build what ``request`` asks for and return the manifest's folder."""
    asked, out = request.asked, request.out
    progress = asked.progress or Progress()
    if asked.processes > 1 or not request.engine.is_own:
        check_main_module()
    if asked.resume and is_built(request, out):
        _clean_up(request, out)
        progress.note(f"{out} is already built")
        return out
    check_output(out, force=asked.force, said="" if asked.force else _what_is_there(request, out))
    shared = work if (work := SharedWork(request)).is_begun else None
    with (
        Workspace(out, request.fingerprint, force=asked.force, shared=shared) as space,
        _rare_collections(),
        _plain_allocation(),
    ):
        if shared is not None:
            progress.note(shared.describe())
        if space.kept:
            progress.note(f"continuing an interrupted build: {space.kept} chunks are finished")
        if space.has_removed:
            progress.note(f"starting over: the unfinished work for {out} was another build's")
        _LOG.info("building %s in %s, %d chunks kept", request.recipe.recipe_id, out, space.kept)
        _write_manifest(request, space, progress)
        space.commit()
    if skipped := request.dataset.skipped:
        progress.warn(describe_skipped(sorted(skipped)))
    counts = read_info(out).counts
    if request.content == "full" and counts["clips"] and not counts["masks"]:
        progress.warn(
            f"{out} has no masks: none was found below {request.dataset.root}; --content text asks for texts alone"
        )
    return out


def run_shard(request: Request, shard: Shard) -> ShardReport:
    """Make the chunks of one shard, and leave its mark; the same build without a shard joins what all have made.

    Nothing is locked: shards on any number of machines work at one output, each at its own chunks. A shard that is
    killed and begins again keeps its finished chunks.

    Raises:
        ActisegError: bad input, an output that may not be replaced, or shards of another build beside it.
    """
    asked, out = request.asked, request.out
    progress = asked.progress or Progress()
    if asked.processes > 1 or not request.engine.is_own:
        check_main_module()
    if is_built(request, out):
        progress.note(f"{out} is already built")
        return ShardReport(shard, out, is_built=True)
    check_output(out, force=asked.force, said="" if asked.force else _what_is_there(request, out))
    shared = SharedWork(request)
    shared.begin()
    try:
        with _rare_collections(), _plain_allocation():
            report = _write_shard(request, shard, shared.chunks, progress)
        shared.mark(shard)
    except (OSError, WriteError):
        if shared.is_there:
            raise
        return _shard_too_late(request, shard, shared, progress)
    return report if shared.is_there else _shard_too_late(request, shard, shared, progress)


def _write_shard(request: Request, shard: Shard, chunks: Path, progress: Progress) -> ShardReport:
    """Make the chunks of a shard that are not there."""
    made = clips = 0
    job = request.job(_thresholds(request, progress))
    with (
        _dealt(request, shard, chunks) as (wanted, total),
        closing(finished_chunks(job, wanted, request.asked.processes, request.engine)) as finished,
    ):
        for _, count in finished:
            made, clips = made + 1, clips + count
            progress.advance(count, total)
    return ShardReport(shard, chunks, made, clips)


@contextmanager
def _dealt(request: Request, shard: Shard, chunks: Path) -> Iterator[tuple[Iterator[Place], int | None]]:
    """Give the chunks of a shard and the number of their clips, which is not known for text."""
    everything = numbered(split_chunks(request.iter_clips(), request.content), chunks)
    mine = (place for place in everything if shard.has(place[0].name))
    if request.content == "text":
        yield mine, None
        return
    total = 0

    def counted() -> Iterator[Place]:
        nonlocal total
        for folder, clips in mine:
            total += len(clips)
            yield folder, clips

    with spooled(counted(), chunks) as (wanted, _):
        yield wanted, total


def _shard_too_late(request: Request, shard: Shard, shared: SharedWork, progress: Progress) -> ShardReport:
    """Say what a shard finds whose folder is gone: the manifest, which was finished without it.

    Raises:
        ActisegError: the manifest is not there either.
    """
    shared.remove()  # what this shard wrote after the folder was gone
    if not is_built(request, request.out):
        raise ActisegError(
            f"{shared.chunks}: was removed while shard {shard} worked there, and {request.out} is not built. "
            "Run the same command again."
        )
    progress.note(f"{request.out} was finished meanwhile")
    return ShardReport(shard, request.out, is_built=True)


def _clean_up(request: Request, out: Path) -> None:
    """Remove what a build left that was killed between the end of its work and its own end."""
    with suppress(ActisegError), Workspace(out, request.fingerprint, force=True) as space:
        remove_folder(space.chunks)
        if (shared := SharedWork(request)).is_begun:
            shared.remove()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector run rarely: a build makes millions of tuples and no cycles (an eighth of its time)."""
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 20, 50)  # more than a chunk of text makes
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@contextmanager
def _plain_allocation() -> Iterator[None]:
    """Let Arrow take memory from the system: the pool it brings holds on to what many small batches leave behind."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def is_built(request: Request, out: Path) -> bool:
    """Return whether ``out`` is the finished manifest of this very request, with all its files as they were written."""
    if not out.exists():
        return False
    try:
        info = read_manifest(out).info
    except ActisegError:
        return False
    if any((out / name).stat().st_size != size for name, size in info.files.items()):
        return False
    if info.skipped and not request.dataset.skip_missing:
        return False
    return _statements(info) == request.identity


def _what_is_there(request: Request, out: Path) -> str:
    """Return how a message goes on about the manifest at ``out``: in what it differs, or that it is the same."""
    if differs := _other_build(request, out):
        return f", and is of another build: {', '.join(differs)}"
    return " and is what this command builds, so nothing is left to do" if is_built(request, out) else ""


def _other_build(request: Request, out: Path) -> list[str]:
    """Return in what the manifest at ``out`` is of another request, each with both values; nothing where there is none.

    An output that is no manifest is none of another build either.
    """
    try:
        stored = _statements(read_info(out))
    except ActisegError:
        return []
    pairs = [(name, _brief(value), _brief(request.identity[name])) for name, value in stored.items()]
    return [f"{name} {there} there, {here} here" for name, there, here in pairs if there != here]


def _brief(value: Any) -> str:
    """Return a statement of a request as a message shows it: a recipe by id and seed."""
    if isinstance(value, dict):
        if {"id", "seed"} <= value.keys():
            return f"{value['id']} (seed {value['seed']})"
        return ", ".join(f"{key} {one}" for key, one in value.items())[:60] or "none"
    return str(value)


def _statements(info: ManifestInfo) -> dict[str, Any]:
    """Return what a manifest says of the request that it was built for, as ``Request.identity`` has it."""
    return {
        "dataset": info.dataset["name"],
        "version": info.dataset["version"],
        "options": info.dataset["options"],
        "split": info.split,
        "recipe": untitled(info.recipe),
        "content": info.content,
        "vocabulary": info.vocabulary["digest"],
        "selection": info.selection,
        "tool": info.tool_version,
        "schema": info.schema_version,
    }


def _write_manifest(request: Request, space: Workspace, progress: Progress) -> None:
    """Write the whole manifest into the workspace."""
    tally, built = Tally(len(request.recipe.noises)), 0
    severity, pairs = Severity(), FramePairs()
    tables = tables_of(request.schema_version)
    with _counted(request, space.scratch) as (clips, total), ManifestWriter(space.manifest, tables) as writer:
        thresholds = _thresholds(request, progress)
        wanted = numbered(split_chunks(clips, request.content), space.chunks)
        finished = finished_chunks(request.job(thresholds), wanted, request.asked.processes, request.engine)
        with closing(finished):  # an error ends the worker processes before the workspace goes
            for folder, count in finished:
                tally.add(read_chunk_info(folder)["tally"])
                for name, batch in _batches(folder, tables):
                    columns = writer.append(name, batch)
                    severity.add(name, columns)
                    pairs.add(name, columns)
                progress.advance(count, total)
                built += count
        if not built:
            progress.warn(_no_clip(request))
        slots = slot_counts(request.recipe, tally, thresholds)
        if request.content != "text" and (line := pairs.describe()):
            progress.warn(line)
        if request.asked.gate:
            check_gate(slots)
        writer.finish(lambda digests: _info(request, slots, severity, digests), request.vocabulary)


def _no_clip(request: Request) -> str:
    """Return what is said of a split in which nothing is to build."""
    where = f"{request.dataset.root}: split {request.split!r} of {request.dataset.card.name!r}"
    return f"{where} has no clip, so the manifest is empty; is its list empty, or cut off?"


def _counted(request: Request, folder: Path) -> AbstractContextManager[tuple[Iterator[Clip], int | None]]:
    """Give the clips and their number: set aside where masks are read, a stream of unknown length for text."""
    if request.content == "text":
        return nullcontext((request.iter_clips(), None))
    return spooled(request.iter_clips(), folder)


def _thresholds(request: Request, progress: Progress) -> list[float] | None:
    """Return the thresholds of a build: None where its rates are left to chance.

    They follow from all clips, and every shard finds them itself: a pass over the draws of all clips, masks included.
    """
    if not request.recipe.exact_rate:
        return None
    progress.note("finding exact rates")
    return find_thresholds(request)


def find_thresholds(request: Request) -> list[float]:
    """Return the thresholds that make the request's rates exact."""
    read_mask = request.dataset.read_checked_mask if request.content == "full" else None
    return exact_thresholds(request.iter_clips(), request.job().plan(), read_mask)


def _batches(folder: Path, tables: Sequence[Table]) -> Iterator[tuple[str, RecordBatch]]:
    """Yield (table name, rows) of a finished chunk."""
    for table in tables:
        for batch in iter_batches(folder, table):
            yield table.name, batch


def _info(request: Request, slots: tuple[SlotCounts, ...], severity: Severity, digests: Digests) -> ManifestInfo:
    """Put together what ``manifest.json`` says."""
    vocabulary = request.vocabulary
    return ManifestInfo(
        tool_version=tool_version(),
        dataset=asdict(request.dataset.card) | {"options": request.adapter_options},
        split=request.split,
        recipe=request.recipe,
        content=request.content,
        vocabulary={"origin": vocabulary.origin, "digest": vocabulary.digest()},
        counts=digests.counts,
        noises=slots,
        severity=severity.to_json(),
        digest=digests.digest,
        tables=digests.tables,
        columns=digests.columns,
        files=digests.files,
        selection=request.selection.to_json(),
        skipped=tuple(sorted(request.dataset.skipped)),
        uses=request.job().plan().uses,
        schema_version=request.schema_version,
    )
