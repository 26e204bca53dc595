"""What a page is given of one clip: prompts, masks and flags, clean and given, and where its pictures are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame
from actiseg_noise.plot_style import colour_of

Address = int | str
"""Where a picture is: its place among those that the page holds, or an address."""
PictureOf = Callable[[ManifestFrame], Address | None]
"""Frame → its picture, None for none."""


def clip_data(clip: ManifestClip, picture_of: PictureOf) -> dict[str, Any]:
    """Return JSON values of a clip with its annotated frames, with all of them where none is annotated.

    ``masks`` leads from an object's id to [clean, given] run lengths; ``given`` is null where it is the clean one, both
    are where masks were withheld.
    """
    is_annotated = any(frame.is_annotated for frame in clip.frames)
    objects = [
        {
            "id": sample.object_id,
            "colour": "#{:02x}{:02x}{:02x}".format(*colour_of(sample.object_id)),
            "noun": sample.noun,
            "prompt": sample.expression,
            "positive": sample.is_positive,
            "given": {
                "noun": sample.noisy_noun,
                "prompt": sample.noisy_expression,
                "positive": sample.noisy_is_positive,
                "harmful": sample.is_harmful,
            },
        }
        for sample in clip.samples
    ]
    return {
        "id": clip.clip_id,
        "video": clip.video_id,
        "narration": clip.narration,
        "given_narration": clip.noisy_narration,
        "objects": objects,
        "frames": [_frame(frame, picture_of) for frame in clip.frames if frame.is_annotated or not is_annotated],
    }


def _frame(frame: ManifestFrame, picture_of: PictureOf) -> dict[str, Any]:
    """Return JSON values of a frame."""
    masks = {}
    for object_id, mask in frame.masks.items():
        clean, given = mask.clean, mask.noisy
        changed = given is not None and (clean is None or given.counts != clean.counts)
        masks[str(object_id)] = [
            None if clean is None else clean.counts,
            given.counts if given is not None and changed else None,
        ]
    return {
        "id": frame.frame_id,
        "index": frame.frame_idx,
        "height": frame.height,
        "width": frame.width,
        "picture": picture_of(frame),
        "void": frame.void_rle,
        "masks": masks,
    }
