"""Planning: ``plan_video`` decides everything about a video before a pixel is drawn."""

from __future__ import annotations

from dataclasses import replace
from math import pi

from actiseg_noise.datasets.kitchen.casting import Actor, Cast, Role, narrate, pick_cast
from actiseg_noise.datasets.kitchen.catalogue import (
    CATEGORY_BY_NAME,
    FRAMES,
    SKIN_TONES,
    SLEEVES,
    SPLITS,
    VERSION,
)
from actiseg_noise.datasets.kitchen.dice import Dice
from actiseg_noise.datasets.kitchen.stage import LAYER_STILL, Course, Staged, look_of, stage_action
from actiseg_noise.datasets.kitchen.textures import COUNTERS
from actiseg_noise.datasets.kitchen.video import (
    Arm,
    Backdrop,
    Camera,
    Effect,
    KitchenObject,
    PlannedVideo,
    Pose,
    StagedAction,
)
from actiseg_noise.key import Key

SIDES = {1: "left hand", -1: "right hand"}


def _plan_cameras(dice: Dice) -> tuple[Camera, ...]:
    heading = dice.uniform(-1, 1), dice.uniform(-1, 1), dice.uniform(-1, 1), dice.uniform(-1, 1)
    return tuple(
        Camera(
            dx=7 * k * heading[0] + dice.uniform(-2, 2),
            dy=5 * k * heading[1] + dice.uniform(-2, 2),
            angle=0.025 * k * heading[2] + dice.uniform(-0.01, 0.01),
            zoom=1 + 0.02 * k * heading[3] + dice.uniform(-0.01, 0.01),
        )
        for k in range(-(FRAMES // 2), FRAMES // 2 + 1)
    )


def _plan_setting(dice: Dice) -> Backdrop:
    bright = dice.uniform(0.78, 1.08)
    tint = tuple(bright * dice.uniform(0.88, 1.08) for _ in range(3))
    light = tuple(dice.uniform(0.9, 1.08) for _ in range(3))
    return Backdrop(
        texture=dice.pick(COUNTERS),
        tint=(tint[0], tint[1], tint[2]),
        offset=(dice.below(110), dice.below(70)),
        turn=dice.uniform(-0.12, 0.12),
        edge=dice.uniform(8, 30) if dice.chance(0.5) else 0.0,
        wall=dice.pick(("b8b0a0", "8090a0", "d8d4cc", "70685c", "a0b4a8")),
        light=(light[0], light[1], light[2]),
        noise=(dice.below(64), dice.below(64)),
    )


def _radius(actor: Actor) -> float:
    look = look_of(actor)
    return 0.5 * (look.length + look.width) / 2


def _crowd(cast: Cast, staged: list[Staged]) -> list[tuple[float, float, float]]:
    """Return circles (x, y, radius) that still things should rather not lie under."""
    circles = []
    for part, act in zip(cast.parts, staged, strict=True):
        for track, actor in ((act.patient, part.patient), (act.tool, part.tool)):
            if track and actor:
                circles += [(pose.x, pose.y, _radius(actor)) for pose in track.poses[1:2]]
        hand, elbow = act.hand.poses[1], act.elbows[1]
        for k in range(4):
            circles.append((hand.x + (elbow[0] - hand.x) * k / 3, hand.y + (elbow[1] - hand.y) * k / 3, 26))
    return circles


def _place_still(actor: Actor, circles: list[tuple[float, float, float]], dice: Dice) -> Course:
    """Return a track that does not move, at the freest of six places; some lie half outside the picture."""
    best, most = (0.0, 0.0), -1e9
    for _ in range(6):
        x, y = dice.uniform(12, 388), dice.uniform(14, 222)
        room = min((x - cx) ** 2 + (y - cy) ** 2 - (r + _radius(actor)) ** 2 for cx, cy, r in circles)
        if room > most:
            best, most = (x, y), room
    circles.append((*best, _radius(actor)))
    return Course([Pose(*best, dice.uniform(-pi, pi))] * FRAMES, LAYER_STILL)


def _make(noun: str, category: str, track: Course, dice: Dice, arm: Arm | None = None) -> KitchenObject:
    look = CATEGORY_BY_NAME[category].looks[noun]
    shift = dice.uniform(0.9, 1.1)
    tint = tuple(shift * dice.uniform(0.95, 1.05) for _ in range(3))
    state = track.state
    if state == "whole" and look.shape in ("bowl", "pan", "pot", "mug") and dice.chance(0.3):
        state = "filled"
    return KitchenObject(
        object_id=0,
        noun=noun,
        category_id=CATEGORY_BY_NAME[category].category_id,
        category=category,
        look=look,
        colour=dice.pick(look.body),
        tint=(tint[0], tint[1], tint[2]),
        variant=dice.below(8),
        layer=track.layer,
        state=state,
        amounts=track.amounts,
        poses=tuple(track.poses),
        arm=arm,
    )


def _make_hand(side: int, act: Staged, skin: str, sleeve: str, dice: Dice) -> KitchenObject:
    arm = Arm(side, act.curl, skin, sleeve, tuple(act.elbows))
    return _make(SIDES[side], SIDES[side], act.hand, dice, arm)


def _make_action(part: Role, side: int, act: Staged, narration: str, ids: dict[str, int]) -> StagedAction:
    hand, patient = ids[SIDES[side]], ids[part.patient[1]]
    tools = (ids[part.tool[1]],) if part.tool else ()
    held = (patient,) if act.patient_is_held else tools
    words = f" {narration} "
    named = [ids[actor[1]] for actor in (part.patient, part.tool) if actor and f" {actor[1]} " in words]
    positive = tuple(sorted((hand, patient, *tools)))
    return StagedAction(
        part.verb.name,
        part.verb.verb_id,
        narration,
        hand,
        part.patient[1],
        positive,
        tuple(sorted(held)),
        tuple(sorted(named)),
    )


def _number(objects: list[KitchenObject]) -> tuple[KitchenObject, ...]:
    ordered = sorted(objects, key=lambda thing: thing.noun)
    return tuple(replace(thing, object_id=i + 1) for i, thing in enumerate(ordered))


def plan_video(split: str, index: int) -> PlannedVideo:
    """Return the plan of one video: a pure function of its split and its number.

    Raises:
        ValueError: for an unknown split or a number outside it.
    """
    if split not in SPLITS or not 0 <= index < SPLITS[split]:
        sizes = ", ".join(f"{name} (0..{count - 1})" for name, count in SPLITS.items())
        raise ValueError(f"kitchen has no video {index!r} in split {split!r}; its splits are {sizes}")
    key = Key("kitchen", VERSION, split, index)
    cast = pick_cast(Dice(key, "cast"))
    staging = Dice(key, "stage")
    sides = dict(enumerate(staging.pick(((1, -1), (-1, 1)))))
    staged = [stage_action(cast.parts[i], sides[i], Dice(key, f"action {i}")) for i in (0, 1)]
    looks = Dice(key, "looks")
    skin, sleeve = looks.pick(SKIN_TONES), looks.pick(SLEEVES)
    objects: list[KitchenObject] = []
    effects: list[Effect] = []
    for i, (part, act) in enumerate(zip(cast.parts, staged, strict=True)):
        objects.append(_make_hand(sides[i], act, skin, sleeve, looks))
        objects.append(_make(part.patient[1], part.patient[0], act.patient, looks))
        if part.tool and act.tool:
            objects.append(_make(part.tool[1], part.tool[0], act.tool, looks))
        effects += act.effects
    circles = _crowd(cast, staged)
    for category, noun in cast.distractors:
        objects.append(_make(noun, category, _place_still((category, noun), circles, staging), looks))
    numbered = _number(objects)
    ids = {thing.noun: thing.object_id for thing in numbered}
    words = Dice(key, "words")
    first, second = (
        _make_action(cast.parts[i], sides[i], staged[i], narrate(cast.parts[i], words), ids) for i in (0, 1)
    )
    return PlannedVideo(
        video_id=f"{split}_{index:05d}",
        split=split,
        index=index,
        objects=numbered,
        effects=tuple(effects),
        actions=(first, second),
        cameras=_plan_cameras(Dice(key, "camera")),
        setting=_plan_setting(Dice(key, "setting")),
    )
