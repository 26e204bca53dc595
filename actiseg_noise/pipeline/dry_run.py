"""What a build would do, without writing anything or reading a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_noise.pipeline.plan import Tally
from actiseg_noise.pipeline.request import Request
from actiseg_noise.pipeline.rows import check_clip
from actiseg_noise.pipeline.text import noise_text


def dry_run(request: Request, out: Path) -> dict[str, Any]:
    """Return counts of what would be built, with the text noise as it would be drawn.

    Clips are checked and masks are listed but not read; rates that ``exact_rate`` would make exact are those of chance.
    """
    plan = request.job().plan()
    tally = Tally(len(request.recipe.noises))
    clips = samples = positives = masks = 0
    for clip in request.iter_clips():
        check_clip(clip, plan)
        clips += 1
        samples += sum(1 for _ in noise_text(clip, plan, tally))
        positives += sum(item.is_positive for item in clip.objects)
        masks += sum(frame.is_annotated for frame in clip.frames)
    result: dict[str, Any] = {
        "out": str(out),
        "output exists": out.exists(),
        "recipe": request.recipe.recipe_id,
        "seed": request.recipe.seed,
        "clips": clips,
        "skipped clips": len(request.dataset.skipped),
        "samples": samples,
        "positive samples": positives,
        "masks to read": masks if request.content == "full" else 0,
    }
    for slot in plan.text:
        counts = f"{tally.realised[slot.index]} of {tally.eligible[slot.index]} samples"
        result[f"{slot.index + 1} {slot.noise.noise_id}"] = counts
    for mask_slot in plan.masks:
        result[f"{mask_slot.index + 1} {mask_slot.noise.noise_id}"] = f"rate {mask_slot.threshold:g}"
    return result
