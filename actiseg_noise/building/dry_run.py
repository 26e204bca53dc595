"""What a build would do and about what it would take, without writing anything."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from actiseg_noise.building.estimate import Estimate, estimate, make_spread
from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.building.request import Request
from actiseg_noise.building.rows import check_clip
from actiseg_noise.building.text import noise_text


def dry_run(request: Request, out: Path) -> dict[str, Any]:
    """Return counts of what would be built, with the text noise as it would be drawn, and about its size and time.

    Clips are checked and masks are listed; those of a few clips are read and noised in memory, for the estimate. Rates
    that ``exact_rate`` would make exact are those of chance.
    """
    plan = request.job().plan()
    tally = Tally(len(request.recipe.noises))
    spread = make_spread(request.content)
    totals: Counter[str] = Counter()
    positives = to_read = 0
    is_drawn = _is_drawn(request)
    start = time.perf_counter()
    for clip in (request if is_drawn else replace(request, content="text")).iter_clips():
        check_clip(clip, plan)
        spread.add(clip)
        annotated = sum(frame.is_annotated for frame in clip.frames) if request.content == "full" else 0
        totals["clips"] += 1
        totals["frames"] += len(clip.frames)
        totals["samples"] += sum(1 for _ in noise_text(clip, plan, tally))
        totals["masks"] += annotated * len(clip.objects)
        positives += sum(item.is_positive for item in clip.objects)
        to_read += annotated
    listing_s = time.perf_counter() - start
    result: dict[str, Any] = {
        "out": str(out),
        "output exists": out.exists(),
        "recipe": request.recipe.recipe_id,
        "seed": request.recipe.seed,
        "clips": totals["clips"],
        "skipped clips": len(request.dataset.skipped),
        "samples": totals["samples"],
        "positive samples": positives,
        "masks to read": to_read,
    }
    found = estimate(request, spread, totals, listing_s) if is_drawn else None
    return result | dict(_noise_lines(plan, tally)) | _costs(request, found)


def describe_plan(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a dry run's lines for people: size and time in words."""
    lines = dict(plan)
    size, seconds = lines.pop("bytes"), lines.pop("seconds")
    basis = lines.pop("estimated from")
    if size is not None:
        lines |= {"size": f"about {_in_units(size)}", "time": f"about {_in_words(seconds)} of one core"}
    return [(key, str(value)) for key, value in (lines | {"estimated from": basis}).items()]


def _is_drawn(request: Request) -> bool:
    """Return whether the files are there: an embedded dataset draws its frames first, which a dry run does not."""
    is_embedded = request.content == "full" and request.dataset.card.is_embedded
    return not is_embedded or (request.dataset.root / request.split).exists()


def _noise_lines(plan: Plan, tally: Tally) -> Iterator[tuple[str, str]]:
    """Yield (place and noise, what it would do)."""
    for slot in plan.text:
        counts = f"{tally.realised[slot.index]} of {tally.eligible[slot.index]} samples"
        yield f"{slot.index + 1} {slot.noise.noise_id}", counts
    for mask_slot in plan.masks:
        yield f"{mask_slot.index + 1} {mask_slot.noise.noise_id}", f"rate {mask_slot.threshold:g}"


def _costs(request: Request, found: Estimate | None) -> dict[str, Any]:
    """Return size in bytes, seconds of one core, and what they were estimated from."""
    if found is None:
        return {"bytes": None, "seconds": None, "estimated from": "nothing: no clips, or the frames are not drawn yet"}
    basis = found.basis
    if request.recipe.exact_rate:
        basis += "; finding exact rates comes on top, and goes through all clips once more"
    return {"bytes": found.size, "seconds": round(found.seconds, 2), "estimated from": basis}


def _in_units(size: int) -> str:
    """Return 1,301,234 bytes as ``1.3 MB``."""
    number, units = float(size), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while number >= 1000 and unit != "TB":
        number, unit = number / 1000, next(units)
    return f"{number:.3g} {unit}" if number < 100 else f"{number:.0f} {unit}"


def _in_words(seconds: float) -> str:
    """Return a time in the largest unit of which there are two."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 2 else "a second or two"
