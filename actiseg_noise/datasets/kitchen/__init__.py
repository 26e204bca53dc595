"""``kitchen``: short egocentric-looking clips of a counter, drawn by the package itself, without any download."""

from actiseg_noise.datasets.kitchen.adapter import Kitchen, draw_split
from actiseg_noise.datasets.kitchen.catalogue import CATEGORIES, SPLITS, VERBS, VERSION
from actiseg_noise.datasets.kitchen.render import RenderedFrame, render_video
from actiseg_noise.datasets.kitchen.scene import plan_video
from actiseg_noise.datasets.kitchen.video import KitchenObject, PlannedVideo, StagedAction

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
