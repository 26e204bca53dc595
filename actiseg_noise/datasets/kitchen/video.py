"""What a planned video is: objects, actions and where everything is in every frame. Only data, no drawing.

Positions are counter pixels (x right, y down) of a 240 x 400 picture before the camera moves; angles are radians.
"""

from __future__ import annotations

from dataclasses import dataclass

from actiseg_noise.datasets.kitchen.catalogue import Appearance

Point = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Where one object is in one frame; ``squash`` scales its own y axis (seen from the side: below 1)."""

    x: float
    y: float
    angle: float
    scale: float = 1.0
    squash: float = 1.0


@dataclass(frozen=True)
class Arm:
    """What only hands have: side (+1 left, -1 right), curl (0 open, 1 fist), colours, elbow per frame."""

    side: int
    curl: float
    skin: str
    sleeve: str
    elbows: tuple[Point, ...]


@dataclass(frozen=True)
class KitchenObject:
    """One object of a video. Its noun is its identity: no other object of the video has it."""

    object_id: int
    noun: str
    category_id: int
    category: str
    look: Appearance
    colour: str
    tint: tuple[float, float, float]
    variant: int
    layer: int
    state: str
    amounts: tuple[int, ...]
    poses: tuple[Pose, ...]
    arm: Arm | None = None


@dataclass(frozen=True)
class Effect:
    """Something visible that is no object (water, a stream, a wet smear): a line per frame from start to end."""

    kind: str
    layer: int
    colour: str
    seed: int
    starts: tuple[Point, ...]
    ends: tuple[Point, ...]
    size: float


@dataclass(frozen=True)
class StagedAction:
    """What one hand does. ``positive_ids`` are its hand, patient and tool; ``held_ids`` those the hand touches."""

    verb: str
    verb_id: int
    narration: str
    hand_id: int
    patient: str
    positive_ids: tuple[int, ...]
    held_ids: tuple[int, ...]
    named_ids: tuple[int, ...]


@dataclass(frozen=True)
class Camera:
    """Ego-motion of one frame: shift (px), rotation, zoom about the middle of the picture."""

    dx: float
    dy: float
    angle: float
    zoom: float


@dataclass(frozen=True)
class Backdrop:
    """Counter and light: texture name, tint, crop offset, back edge height (px, 0 none), light, noise offset."""

    texture: str
    tint: tuple[float, float, float]
    offset: tuple[int, int]
    turn: float
    edge: float
    wall: str
    light: tuple[float, float, float]
    noise: tuple[int, int]


@dataclass(frozen=True)
class PlannedVideo:
    """One rendered sequence. Clip ``a`` narrates ``actions[0]``, clip ``b`` ``actions[1]``, on the same frames."""

    video_id: str
    split: str
    index: int
    objects: tuple[KitchenObject, ...]
    effects: tuple[Effect, ...]
    actions: tuple[StagedAction, StagedAction]
    cameras: tuple[Camera, ...]
    setting: Backdrop

    def clip_id(self, which: int) -> str:
        """Return the id of the clip that narrates ``actions[which]``."""
        return f"{self.video_id}{'ab'[which]}"
