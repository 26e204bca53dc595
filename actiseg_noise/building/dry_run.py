"""What a build would do and about how large its manifest would be, without writing anything."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from actiseg_noise.building.action import noise_flags, noise_narration
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.building.request import Request
from actiseg_noise.building.rows import check_clip
from actiseg_noise.building.text import noise_text
from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.manifest.schema import tables_of
from actiseg_noise.manifest.write import parquet_size
from actiseg_noise.records import Clip

CLIPS_BUILT = 32  # at least, for the estimate; twice as many at most
FRAMES_BUILT = 4  # of a clip


def dry_run(request: Request) -> dict[str, Any]:
    """Return counts of what would be built, with the text noise as it would be drawn, and about its size in bytes.

    Clips are checked and masks are listed; those of a few clips are read and noised in memory, for the size, which is
    None where there are no clips or the frames are not drawn yet. Rates that ``exact_rate`` would make exact are those
    of chance.
    """
    plan, tally = request.job().plan(), Tally(len(request.recipe.noises))
    is_full, is_drawn = request.content == "full", _is_drawn(request)
    some = _Some()
    totals: Counter[str] = Counter()
    positives = 0
    for clip in (request if is_drawn else _as_text(request)).iter_clips():
        check_clip(clip, plan)
        some.add(clip)
        totals["clips"] += 1
        totals["frames"] += len(clip.frames)
        totals["samples"] += sum(1 for _ in noise_text(clip, plan, tally))
        noise_narration(clip, plan, tally)
        deque(noise_flags(clip, plan, tally), maxlen=0)
        totals["masks"] += sum(frame.is_annotated for frame in clip.frames) * len(clip.objects) if is_full else 0
        totals["to read"] += sum(frame.is_annotated for frame in clip.frames) if is_full else 0
        positives += sum(item.is_positive for item in clip.objects)
    lines: dict[str, Any] = {
        "out": str(request.out),
        "output exists": request.out.exists(),
        "recipe": request.recipe.recipe_id,
        "seed": request.recipe.seed,
        "clips": totals["clips"],
        "skipped clips": len(request.dataset.skipped),
        "samples": totals["samples"],
        "positive samples": positives,
        "masks to read": totals["to read"],
    }
    size = _estimate_bytes(request, some.clips, totals) if some.clips and is_drawn else None
    return lines | dict(_noise_lines(plan, tally)) | {"bytes": size, "clips built for the size": len(some.clips)}


def describe_plan(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a dry run's lines for people: the size in words."""
    lines = dict(plan)
    size, clips = lines.pop("bytes"), lines.pop("clips built for the size")
    about = "not known: no clips, or the frames are not drawn yet"
    if size is not None:
        about = f"about {in_units(size)}, by {clips:,} of {plan['clips']:,} clips built in memory"
    return [(key, str(value)) for key, value in (lines | {"size": about}).items()]


class _Some:
    """A few clips, evenly spread over a stream of unknown length."""

    def __init__(self) -> None:
        self.clips: list[Clip] = []
        self._stride = 1
        self._seen = 0

    def add(self, clip: Clip) -> None:
        """Take in the next clip of the stream; of those that are kept every other goes when they become too many."""
        if self._seen % self._stride == 0:
            if len(self.clips) == 2 * CLIPS_BUILT:
                self.clips, self._stride = self.clips[::2], 2 * self._stride
            self.clips.append(clip)
        self._seen += 1


def _is_drawn(request: Request) -> bool:
    """Return whether the files are there: an embedded dataset draws its frames first, which a dry run does not."""
    is_embedded = request.content == "full" and request.dataset.card.is_embedded
    return not is_embedded or (request.dataset.root / request.split).exists()


def _as_text(request: Request) -> Request:
    """Return the request for the same clips without their masks."""
    return replace(request, asked=replace(request.asked, content="text"))


def _noise_lines(plan: Plan, tally: Tally) -> Iterator[tuple[str, str]]:
    """Yield (place and noise, what it would do)."""
    texts = [(slot.index, slot.noise.noise_id, "samples") for slot in plan.text]
    narrations = [(slot.index, slot.noise.noise_id, "clips") for slot in plan.narrations]
    flags = [(slot.index, slot.noise.noise_id, "samples") for slot in plan.flags]
    for index, noise_id, unit in (*texts, *narrations, *flags):
        yield f"{index + 1} {noise_id}", f"{tally.realised[index]} of {tally.eligible[index]} {unit}"
    for mask_slot in plan.masks:
        yield f"{mask_slot.index + 1} {mask_slot.noise.noise_id}", f"rate {mask_slot.threshold:g}"


def _estimate_bytes(request: Request, clips: list[Clip], totals: Counter[str]) -> int:
    """Return about the bytes of all tables, from the rows of a few clips: what a file has, and what rows add."""
    import pyarrow as pa

    rows, _ = Worker(request.job()).rows(replace(clip, frames=clip.frames[:FRAMES_BUILT]) for clip in clips)
    total = 0
    for table in tables_of(request.schema_version):
        empty = parquet_size(table, table.arrow().empty_table())
        total += empty
        if built := rows[table.name]:
            added = parquet_size(table, pa.Table.from_batches([to_batch(built, table.arrow())])) - empty
            total += round(added * totals[table.name] / len(built))
    return total


def in_units(size: int) -> str:
    """Return 1,301,234 bytes as ``1.3 MB``."""
    number, units = float(size), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while number >= 1000 and unit != "TB":
        number, unit = number / 1000, next(units)
    return f"{number:.3g} {unit}" if number < 100 else f"{number:.0f} {unit}"
