"""How large a manifest will be and how long its build will take: a sample is built in memory, measured and scaled."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.compose import Row
from actiseg_noise.building.request import Request
from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.manifest.schema import TABLES, Table
from actiseg_noise.manifest.write import parquet_size
from actiseg_noise.records import Clip

BUDGET_S = 1.0
FRAMES_PER_CLIP = 4
BLOCKS = 16
_CLIPS_PER_BLOCK = {"full": 4, "text": 32}  # neighbours may share frames, and a shared mask costs little room


@dataclass(frozen=True)
class Estimate:
    """What a build will take, about.

    Attributes:
        size: of the manifest in bytes. seconds: of one core.
        basis: what was measured and how it was scaled.
    """

    size: int
    seconds: float
    basis: str


class Spread:
    """A few blocks of neighbouring clips, evenly spread over a stream of unknown length."""

    def __init__(self, clips_per_block: int) -> None:
        self.blocks: list[list[Clip]] = []
        self._length = clips_per_block
        self._stride = 1
        self._seen = 0

    def add(self, clip: Clip) -> None:
        """Take in the next clip of the stream."""
        block, place = divmod(self._seen, self._length)
        self._seen += 1
        if block % self._stride == 0 and place == 0 and len(self.blocks) == BLOCKS:
            self.blocks = self.blocks[::2]
            self._stride *= 2
        if block % self._stride == 0:
            if place == 0:
                self.blocks.append([])
            self.blocks[-1].append(clip)

    def clips(self) -> Iterator[list[Clip]]:
        """Yield the blocks, first those that lie far apart, so that few of them are spread too."""
        order = sorted(range(len(self.blocks)), key=lambda index: int(f"{index:04b}"[::-1], 2))
        yield from (self.blocks[index] for index in order)


def make_spread(content: str) -> Spread:
    """Return an empty sample of clips for a content."""
    return Spread(_CLIPS_PER_BLOCK[content])


def estimate(request: Request, spread: Spread, totals: Counter[str], listing_s: float) -> Estimate | None:
    """Return about what a build takes, None where there is nothing to build.

    Nothing is written. At most ``BUDGET_S`` and one clip's time are spent, and of a clip at most ``FRAMES_PER_CLIP``
    frames.

    Args:
        totals: rows per table that the build will have.
        listing_s: what it took to list all clips, which the build does too.
    """
    worker = Worker(request.job())
    blocks = [[_shortened(clip) for clip in block] for block in spread.clips()]
    if not blocks:
        return None
    _sizes(worker.rows(blocks[0][:1])[0], totals)  # what is loaded on first use is not the clips' cost
    rows: dict[str, list[Row]] = {table.name: [] for table in TABLES}
    start = time.perf_counter()
    for block in blocks:
        for name, found in worker.rows(block)[0].items():
            rows[name] += found
        if time.perf_counter() - start > BUDGET_S:
            break
    size = _sizes(rows, totals) + len(json.dumps(request.vocabulary.to_json()))
    unit = "masks" if rows["masks"] else "samples"
    elapsed, share = time.perf_counter() - start, len(rows[unit]) / totals[unit] if totals[unit] else 1.0
    basis = f"{len(rows[unit]):,} of {totals[unit]:,} {unit}, built in memory, and scaled"
    return Estimate(size, listing_s + elapsed / share, basis)


def _sizes(rows: dict[str, list[Row]], totals: Counter[str]) -> int:
    """Return about the bytes of all tables' files."""
    return sum(_size(table, rows[table.name], totals[table.name]) for table in TABLES)


def _size(table: Table, rows: list[Row], total: int) -> int:
    """Return about the bytes of a table's file: what every file has, and what rows add."""
    import pyarrow as pa

    empty = parquet_size(table, table.arrow().empty_table())
    if not rows:
        return empty
    added = parquet_size(table, pa.Table.from_batches([to_batch(rows, table.arrow())])) - empty
    return empty + round(added * total / len(rows))


def _shortened(clip: Clip) -> Clip:
    """Return the clip with its first frames."""
    return replace(clip, frames=clip.frames[:FRAMES_PER_CLIP])
