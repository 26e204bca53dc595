"""ActionVOS's rules: which actions of a video are clips, with which frames and objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from actiseg_noise.datasets.visor.actions import Action
from actiseg_noise.datasets.visor.video import VideoAnnotations
from actiseg_noise.errors import DataError
from actiseg_noise.records import ObjectRecord

MIN_FRAMES = 2
MAX_OBJECTS = 255


@dataclass(frozen=True, slots=True)
class ActionFrames:
    """An action that is kept.

    Attributes:
        frames: frame of EPIC-KITCHENS → image of VISOR, ascending; both end in ``.jpg``.
        classes: object name → class id, names in code point order: the object ids are 1, 2, … in this order.
    """

    action: Action
    frames: dict[str, str]
    classes: dict[str, int]


def iter_scenes(
    video: VideoAnnotations, actions: Iterable[Action], mapping: Mapping[str, str]
) -> Iterator[ActionFrames]:
    """Yield the actions that have at least two frames and one object, in the given order.

    A frame that the mapping lacks is in no action. One that the mapping has and the video lacks counts as a frame
    without annotation.

    Raises:
        DataError: an annotation is malformed, or an action has more than 255 objects.
    """
    for action in actions:
        first, last = (f"frame_{number:010d}.jpg" for number in (action.start_frame, action.stop_frame))
        frames = {frame: image for frame, image in mapping.items() if first <= frame <= last}
        if len(frames) < MIN_FRAMES:
            continue
        classes = _classes(video, frames.values())
        if len(classes) > MAX_OBJECTS:
            raise DataError(
                f"{video.path}: {len(classes)} objects in the action of {action.where}; an index mask has room for "
                f"{MAX_OBJECTS}"
            )
        if classes:
            yield ActionFrames(action, frames, classes)


def _classes(video: VideoAnnotations, images: Iterable[str]) -> dict[str, int]:
    """Return object name → class id, names ascending; what is annotated last says the class."""
    found = {}
    for image in images:
        for entity in video.entities(image) if image in video else ():
            if entity.polygons:
                found[entity.name] = entity.class_id
    return dict(sorted(found.items()))


def scene_objects(scene: ActionFrames, video: VideoAnnotations) -> tuple[ObjectRecord, ...]:
    """Return the objects of a clip.

    ``handbox``: touched in any frame (``VideoAnnotations.touched``). ``in_narration``: the object's class is one
    that the narration names. Positive: either of them.
    """
    touched = frozenset[str]().union(*(video.touched(image) for image in scene.frames.values() if image in video))
    return tuple(
        ObjectRecord(
            object_id=object_id,
            category_id=class_id,
            category=name,
            noun=name,
            is_positive=name in touched or class_id in scene.action.noun_classes,
            handbox=name in touched,
            in_narration=class_id in scene.action.noun_classes,
        )
        for object_id, (name, class_id) in enumerate(scene.classes.items(), start=1)
    )
