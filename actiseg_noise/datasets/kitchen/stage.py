"""Where things are: each verb moves its patient, its tool and its hand through the frames in its own way."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import atan2, cos, hypot, pi, sin

from actiseg_noise.datasets.kitchen.casting import Role
from actiseg_noise.datasets.kitchen.catalogue import CATEGORY_BY_NAME, HEIGHT, Appearance
from actiseg_noise.datasets.kitchen.dice import Dice
from actiseg_noise.datasets.kitchen.shapes import GRIP, grip_distance
from actiseg_noise.datasets.kitchen.video import Effect, Point, Pose

HAND = 0.94  # size of a hand, 1: 60 px from wrist to fingertips
STEPS = (-1, 0, 1)  # frames before and after the middle one
LAYER_STILL, LAYER_PATIENT, LAYER_WET, LAYER_HELD, LAYER_HAND, LAYER_WATER = range(6)


@dataclass
class Course:
    """One object's way through the frames."""

    poses: list[Pose] = field(default_factory=list)
    layer: int = LAYER_PATIENT
    state: str = "whole"
    amounts: tuple[int, ...] = (0, 0, 0)


@dataclass
class Staged:
    """One action on stage: tracks of patient, tool and hand (with elbows and curl), and its effects."""

    patient: Course
    tool: Course | None
    hand: Course
    elbows: list[Point]
    curl: float
    effects: list[Effect]
    patient_is_held: bool


def look_of(actor: tuple[str, str]) -> Appearance:
    """Return the look of a (category, noun)."""
    return CATEGORY_BY_NAME[actor[0]].looks[actor[1]]


def _elbow(side: int, dice: Dice) -> Point:
    """Return where the forearm starts, below the picture, on its own half."""
    x = dice.uniform(20, 150)
    return (x if side > 0 else 400 - x), HEIGHT + 55.0


def _reach(elbow: Point, target: Point, distance: float) -> Point:
    """Return the point ``distance`` px before the target on the way from the elbow."""
    length = hypot(target[0] - elbow[0], target[1] - elbow[1])
    k = distance / length
    return target[0] + (elbow[0] - target[0]) * k, target[1] + (elbow[1] - target[1]) * k


def _direction(start: Point, end: Point) -> float:
    return atan2(end[1] - start[1], end[0] - start[0])


def _polar(origin: Point, angle: float, distance: float) -> Point:
    return origin[0] + distance * cos(angle), origin[1] + distance * sin(angle)


def _centre(side: int, top: float, bottom: float, dice: Dice) -> Point:
    x = dice.uniform(78, 168)
    return (x if side > 0 else 400 - x), dice.uniform(top, bottom)


def _water(dice: Dice, centres: list[Point], size: float) -> Effect:
    lean = dice.uniform(-45, 45)
    starts = tuple((x + lean, -40.0) for x, _ in centres)
    return Effect("water", LAYER_WATER, "b8dcf8", dice.below(1000), starts, tuple(centres), size)


def stage_held(part: Role, side: int, dice: Dice) -> Staged:
    """Take, turn, wash: the hand holds the patient itself."""
    look, verb = look_of(part.patient), part.verb.name
    handled = look.shape in GRIP
    middle, elbow = _centre(side, 75, 130, dice), _elbow(side, dice)
    axis = dice.uniform(-0.4, 0.4) if handled else dice.uniform(-pi, pi)
    heading = dice.uniform(-2.4, -0.7) if dice.chance(0.7) else dice.uniform(0, 2 * pi)
    speed = {"take": dice.uniform(20, 30), "turn": dice.uniform(0, 5), "wash": dice.uniform(3, 6)}[verb]
    spin = dice.pick((-1, 1)) * dice.uniform(0.6, 1.0) if verb == "turn" else 0.0
    squashes = dice.pick(((1.0, 0.62, 0.4), (0.4, 0.66, 1.0), (0.9, 0.42, 0.8))) if verb == "turn" else (1.0,) * 3
    patient, hand = Course(layer=LAYER_HELD), Course(layer=LAYER_HAND)
    elbows, centres = [], []
    for k, squash in zip(STEPS, squashes, strict=True):
        wiggle = (0.0, dice.uniform(-4, 4))[verb == "wash"]
        centre = _polar((middle[0] + wiggle, middle[1]), heading, k * speed)
        drag = (elbow[0] + (centre[0] - middle[0]) * 0.6, elbow[1])
        arm = _direction(drag, centre)
        scale = 1.06 + 0.06 * k if verb == "take" else 1.0
        behind = scale * grip_distance(look, axis)
        inside = -4.0 if handled else min(13.0, 0.3 * behind)
        palm = _reach(drag, centre, behind - inside + (0 if handled else 27 * HAND))
        if handled:  # the wrist turns the handle, the object swings about it
            swing = arm + axis * 0.5 + k * spin * 0.7
            centre = _polar(_reach(drag, centre, behind), swing, behind)
            pose = Pose(*centre, swing, scale, max(squash, 0.55))
        else:
            pose = Pose(*centre, axis + k * (spin * 1.1 + dice.uniform(-0.08, 0.08)), scale, squash)
        patient.poses.append(pose)
        hand.poses.append(Pose(*palm, arm + 0.35 * k * spin, HAND))
        elbows.append(drag)
        centres.append(centre)
    effects = [_water(dice, centres, 0.42 * (look.length + look.width) / 2 + 12)] if verb == "wash" else []
    return Staged(patient, None, hand, elbows, 0.75 if handled else 0.25, effects, True)


def stage_tool(part: Role, tool_look: Appearance, side: int, dice: Dice) -> Staged:
    """Cut, peel, stir, wipe: the patient lies, the hand moves a tool over it."""
    look, verb = look_of(part.patient), part.verb.name
    middle, elbow = _centre(side, 60, 105, dice), _elbow(side, dice)
    arm0 = _direction(elbow, (middle[0], middle[1] + 40))
    lean = dice.uniform(-0.35, 0.35)
    across = arm0 + lean + pi / 2 + dice.uniform(-0.35, 0.35)
    axis = across if verb in ("cut", "peel") else dice.uniform(-pi, pi)
    if look.shape == "board":
        axis = dice.uniform(-0.3, 0.3)
    way = dice.pick((-1, 1))
    states = {"cut": "cut", "peel": "peeled", "stir": "filled"}
    amounts = {"cut": (2, 3, 4), "peel": (1, 2, 3)}.get(verb, (0, 0, 0))
    patient = Course([], LAYER_PATIENT, states.get(verb, "whole"), amounts)
    tool, hand = Course(layer=LAYER_HELD), Course(layer=LAYER_HAND)
    elbows, contacts = [], []
    pad = tool_look.shape in ("sponge", "cloth")
    phase = dice.uniform(0, 2 * pi)
    for k, amount in zip(STEPS, amounts, strict=True):
        patient.poses.append(Pose(*middle, axis))
        angle, distance = _contact(verb, look, amount, k * way, phase)
        contact = _polar(middle, angle + (axis if verb in ("cut", "peel") else 0.0), distance)
        if pad:  # rub the near half, so that the far one is seen
            contact = _polar(contact, arm0 + lean + pi, 0.3 * min(look.length, look.width))
        if verb == "cut":
            contact = _polar(contact, arm0 + lean, 5.0 * k * way)
        pointing = arm0 + lean + (0.35 * k * way if verb == "stir" else 0.0)
        head = 0.0 if pad else tool_look.length * (0.27 if verb == "cut" else 0.36)
        centre = _polar(contact, pointing, -head)
        tool.poses.append(Pose(*centre, pointing + (0.5 * k if pad else 0.0)))
        grip = 27.0 if pad else grip_distance(tool_look, 0) + 2
        palm = _polar(centre, pointing, -grip)
        drag = (elbow[0] + (contact[0] - middle[0]) * 0.5, elbow[1])
        hand.poses.append(Pose(*palm, _direction(drag, palm) * 0.5 + pointing * 0.5, HAND))
        elbows.append(drag)
        contacts.append(contact)
    effects = []
    if verb == "wipe":
        starts = tuple(contacts[:1] * 3)
        effects.append(Effect("smear", LAYER_WET, "ffffff", dice.below(1000), starts, tuple(contacts), 15))
    return Staged(patient, tool, hand, elbows, 0.5 if pad else 0.85, effects, False)


def _contact(verb: str, look: Appearance, amount: int, turn: float, phase: float) -> tuple[float, float]:
    """Return where the tool touches the patient, from its middle: (angle, distance in px).

    Cutting and peeling go along the patient's axis (angle 0), ``turn`` is the step with its sense; stirring and
    wiping go round, from ``phase``.
    """
    if verb == "cut":  # at the latest open face, pieces apart
        gap = max(6.0, 0.12 * look.length)
        return 0.0, look.length * (amount / 5 - 0.5) + gap * (amount / 2 - 0.5)
    if verb == "peel":
        return 0.0, 0.16 * look.length * turn
    if verb == "stir":
        return phase + 1.7 * turn, 0.2 * look.length
    return phase + 1.3 * turn, 0.25 * min(look.length, look.width)


def stage_pour(part: Role, target_look: Appearance, side: int, dice: Dice) -> Staged:
    """Pour: a tilted container beside its target, a stream between them."""
    look = look_of(part.patient)
    target, elbow = _centre(side, 58, 90, dice), _elbow(side, dice)
    below = dice.uniform(0.5, 1.15) if side < 0 else pi - dice.uniform(0.5, 1.15)  # container sits outward, lower
    vessel = Course([], LAYER_PATIENT, "filled")
    bottle, hand = Course(layer=LAYER_HELD), Course(layer=LAYER_HAND)
    elbows, mouths, ends = [], [], []
    for k in STEPS:
        angle = below + pi + 0.16 * k
        distance = 0.3 * target_look.width + look.length * 0.5 + 16
        centre = _polar(target, below + 0.1 * k, distance)
        mouth = _polar(centre, angle, look.length * 0.5)
        palm = _polar(centre, angle, -0.34 * look.length - 14)
        vessel.poses.append(Pose(*target, 0.4 * below))
        bottle.poses.append(Pose(*centre, angle, 1.06))
        drag = (elbow[0] + 4.0 * k, elbow[1])
        hand.poses.append(Pose(*palm, _direction(drag, palm) * 0.6 + _unwind(angle) * 0.4, HAND))
        elbows.append(drag)
        mouths.append(mouth)
        ends.append(_polar(target, below, 0.08 * target_look.width))
    stream = Effect("stream", LAYER_WET, look.flesh, dice.below(1000), tuple(mouths), tuple(ends), 9)
    return Staged(bottle, vessel, hand, elbows, 0.6, [stream], True)


def _unwind(angle: float) -> float:
    """Return the angle in (-2 pi, 0]: up in the picture is -pi/2, so hands never turn the long way round."""
    return (angle % (2 * pi)) - 2 * pi


def stage_action(part: Role, side: int, dice: Dice) -> Staged:
    """Return tracks and effects of one action done by the hand of ``side`` (+1 left, -1 right)."""
    if part.tool is None:
        return stage_held(part, side, dice)
    stage = stage_pour if part.verb.name == "pour" else stage_tool
    return stage(part, look_of(part.tool), side, dice)
