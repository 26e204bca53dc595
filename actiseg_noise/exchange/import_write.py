"""Pairs → a manifest: rows streamed into Parquet, a folder renamed into place when it is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.building.counts import FramePairs, Severity
from actiseg_noise.building.workspace import Workspace, check_output
from actiseg_noise.datasets.selection import Selection
from actiseg_noise.errors import ActisegError, DataError, raise_if
from actiseg_noise.exchange.import_pairs import PairedClip, Pairs
from actiseg_noise.exchange.import_rows import Words, paired_rows
from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.records import TableRow
from actiseg_noise.manifest.schema import tables_of
from actiseg_noise.manifest.write import Digests, ManifestWriter
from actiseg_noise.progress import Progress
from actiseg_noise.recipe import Recipe
from actiseg_noise.version import tool_version

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 2048


def default_out(pairs: Pairs, name: str | None = None, limit: int | None = None) -> Path:
    """Return ``manifests/<dataset>/<split>/imported-<name>-s0``."""
    recipe = _recipe(pairs, name)
    folder = f"{recipe.recipe_id}-s{recipe.seed}{Selection(limit).suffix}"
    return Path("manifests") / pairs.card.name / pairs.split / folder


def write_import(
    pairs: Pairs,
    out: Path,
    *,
    name: str | None = None,
    limit: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write the manifest of ``pairs`` at ``out`` and return ``out``.

    Args:
        name: the recipe's id is ``imported-<name>``; None: named after the noisy files.
        limit: only the first clips. force: replace an existing manifest, once the new one is whole.

    Raises:
        ActisegError: bad usage or bad input; nothing half-written is left at ``out``.
    """
    raise_if(limit is not None and limit < 1, f"--limit must be at least 1, got {limit}")
    recipe = _recipe(pairs, name)
    check_output(out, force=force)
    pairs.check()
    words = Words.collect(pairs.iter_clips())
    severity, frames = Severity(), FramePairs()
    progress = progress or Progress()
    with Workspace(out, "import", force=force) as space:
        with ManifestWriter(space.manifest, tables_of(words.schema_version)) as writer:
            for table, batch in _iter_batches(pairs, words, limit, progress):
                columns = writer.append(table, batch)
                severity.add(table, columns)
                frames.add(table, columns)
            if pairs.has_masks and (line := frames.describe()):
                progress.warn(line)
            raise_if(not writer.tables["clips"].count, _nothing(pairs), DataError)
            writer.finish(lambda digests: _info(pairs, recipe, limit, words, severity, digests), words.vocabulary)
        space.commit()
    return out


def slug(name: str) -> str:
    """Return a name as a recipe's id may hold it.

    >>> slug("Annotations (OSVOS)")
    'annotations-osvos'
    """
    return re.sub(r"[^a-z0-9._+-]+", "-", name.lower()).strip("-")


def _recipe(pairs: Pairs, name: str | None) -> Recipe:
    """Return the recipe of an import: a name, no noise."""
    short = slug(name or pairs.default_name)
    if not short:
        raise ActisegError(f"--name {name or pairs.default_name}: a name needs letters or digits; pass --name NAME")
    return Recipe(f"imported-{short}", title=f"imported labels ({pairs.form})")


def _iter_batches(
    pairs: Pairs, words: Words, limit: int | None, progress: Progress
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield (table, rows) in order, a bounded number of rows at once."""
    schemas = {table.name: table.arrow() for table in tables_of(words.schema_version)}
    waiting: dict[str, list[TableRow]] = {name: [] for name in schemas}
    for paired in _in_order(islice(pairs.iter_clips(), limit)):
        for name, rows in paired_rows(paired, pairs, words).items():
            waiting[name].extend(rows)
            if len(waiting[name]) >= ROWS_AT_ONCE:
                yield name, to_batch(waiting[name], schemas[name])
                waiting[name] = []
        progress.advance(1, None)
    for name, rows in waiting.items():
        if rows:
            yield name, to_batch(rows, schemas[name])


def _in_order(clips: Iterator[PairedClip]) -> Iterator[PairedClip]:
    """Yield the clips, holding the source to ascending clip ids."""
    previous = ""
    for paired in clips:
        clip_id = paired.clip.clip_id
        if clip_id <= previous:
            raise DataError(f"clip {clip_id!r} comes after {previous!r}; clip ids must ascend, each once")
        previous = clip_id
        yield paired


def _nothing(pairs: Pairs) -> str:
    """Return what is said when no clip is left."""
    gone = f"; {len(pairs.skipped)} were left out" if pairs.skipped else ""
    why = pairs.why_left_out or " Check that the two sides are of the same split."
    return f"no clip has both clean and noisy labels{gone}.{why}"


def _info(
    pairs: Pairs, recipe: Recipe, limit: int | None, words: Words, severity: Severity, digests: Digests
) -> ManifestInfo:
    """Put together what ``manifest.json`` says."""
    imported: dict[str, Any] = {"form": pairs.form} | pairs.made_from()
    return ManifestInfo(
        tool_version=tool_version(),
        dataset=asdict(pairs.card) | {"options": pairs.options},
        split=pairs.split,
        recipe=recipe,
        content="full" if pairs.has_masks else "text",
        vocabulary={"origin": words.vocabulary.origin, "digest": words.vocabulary.digest()},
        counts=digests.counts,
        noises=(),
        severity=severity.to_json(),
        digest=digests.digest,
        tables=digests.tables,
        columns=digests.columns,
        files=digests.files,
        selection=Selection(limit).to_json(),
        skipped=tuple(pairs.skipped),
        imported=imported,
        schema_version=words.schema_version,
    )
