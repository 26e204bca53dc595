"""``kitchen``: short egocentric-looking clips of a counter, drawn by the package itself, without any download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actiseg_noise.datasets.kitchen.adapter import Kitchen, draw_split
from actiseg_noise.datasets.kitchen.catalogue import CATEGORIES, SPLITS, VERBS, VERSION
from actiseg_noise.datasets.kitchen.scene import plan_video
from actiseg_noise.datasets.kitchen.video import KitchenObject, PlannedVideo, StagedAction

if TYPE_CHECKING:
    from actiseg_noise.datasets.kitchen.render import RenderedFrame, render_video

__all__ = [
    "CATEGORIES",
    "SPLITS",
    "VERBS",
    "VERSION",
    "Kitchen",
    "KitchenObject",
    "PlannedVideo",
    "RenderedFrame",
    "StagedAction",
    "draw_split",
    "plan_video",
    "render_video",
]


def __getattr__(name: str) -> Any:
    """Load what draws when it is asked for: it needs OpenCV, and reading does not."""
    if name in ("RenderedFrame", "render_video"):
        from actiseg_noise.datasets.kitchen import render

        return getattr(render, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
