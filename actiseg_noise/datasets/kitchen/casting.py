"""Who plays what: two verbs, their patients and tools, the things that only lie there, and the narrations.

The two hands act at once and each clip narrates one of them, so a noun is as often positive as not. Patients mostly
fit both verbs: the narration and the noun leave open which object it is, only the picture tells.
"""

from __future__ import annotations

from dataclasses import dataclass

from actiseg_noise.datasets.kitchen.catalogue import (
    BOTTLES,
    CATEGORY_BY_NAME,
    DISTRACTOR_COUNTS,
    FULL_NARRATION_SHARE,
    LOOK_ALIKE_SHARE,
    PRODUCE,
    SHARED_PATIENTS_SHARE,
    TOOLS,
    VERBS,
    VESSELS,
    Verb,
)
from actiseg_noise.datasets.kitchen.dice import Dice

Actor = tuple[str, str]  # (category name, noun)


@dataclass(frozen=True)
class Role:
    """One action's cast: its verb, patient, and tool (or target vessel) if the verb has one."""

    verb: Verb
    patient: Actor
    tool: Actor | None


@dataclass(frozen=True)
class Cast:
    """Everything that is in a video except the hands."""

    parts: tuple[Role, Role]
    distractors: tuple[Actor, ...]


def _free(names: tuple[str, ...], taken: set[str]) -> list[str]:
    return [name for name in names if name not in taken]


def _pick_group(names: list[str], dice: Dice) -> str:
    """Return one of ``names``, each kind of thing (produce, vessel, …) equally likely: no kind swamps the rest."""
    kinds = [kind for kind in (PRODUCE, VESSELS, TOOLS, BOTTLES) if set(kind) & set(names)]
    kind = dice.pick(kinds)
    return dice.pick([name for name in names if name in kind])


def _shared(verbs: tuple[Verb, Verb]) -> list[str]:
    return [name for name in verbs[0].patients if name in verbs[1].patients]


def _pick_verbs(dice: Dice, fit: bool) -> tuple[Verb, Verb]:
    """Return two different verbs, in chance order; with ``fit`` at least two categories suit both."""
    pairs = [(a, b) for a in VERBS for b in VERBS if a is not b]
    return dice.pick([pair for pair in pairs if not fit or len(_shared(pair)) > 1])


def _pick_noun(category: str, dice: Dice) -> Actor:
    return category, dice.pick(CATEGORY_BY_NAME[category].nouns)


def _pick_patients(verbs: tuple[Verb, Verb], fit: bool, dice: Dice) -> list[str]:
    first = _pick_group(_shared(verbs) if fit else list(verbs[0].patients), dice)
    kind = next(kind for kind in (PRODUCE, VESSELS, TOOLS, BOTTLES) if first in kind)
    names = [name for name in (_shared(verbs) if fit else list(verbs[1].patients)) if name != first]
    alike = [name for name in names if name in kind]
    second = dice.pick(alike) if alike and dice.chance(0.5) else _pick_group(names, dice)
    return [first, second]


def _pick_distractor(verbs: tuple[Verb, Verb], taken: set[str], dice: Dice) -> str:
    """Return a category that lies around: often one that the verbs could have used as a tool or a patient."""
    tools = _free(tuple(name for verb in verbs for name in verb.tools), taken)
    if tools and dice.chance(0.45):
        return dice.pick(tools)
    names = _free(tuple(PRODUCE + VESSELS + TOOLS + BOTTLES), taken)
    return _pick_group(names, dice)


def _look_alike(actors: list[Actor], dice: Dice) -> Actor:
    """Return another noun of a category that is already there."""
    category, noun = dice.pick([actor for actor in actors if len(CATEGORY_BY_NAME[actor[0]].nouns) > 1])
    return category, dice.pick([other for other in CATEGORY_BY_NAME[category].nouns if other != noun])


def pick_cast(dice: Dice) -> Cast:
    """Return the cast of one video; every category occurs once, but for a share of videos with a look-alike."""
    fit = dice.chance(SHARED_PATIENTS_SHARE)
    verbs = _pick_verbs(dice, fit)
    patients = [_pick_noun(name, dice) for name in _pick_patients(verbs, fit, dice)]
    taken = {name for name, _ in patients}
    tools: list[Actor | None] = []
    for verb in verbs:
        free = _free(verb.tools, taken)
        if verb.tools and not free:
            free = [verb.tools[0]]
        tools.append(_pick_noun(dice.pick(free), dice) if free else None)
        taken.update(actor[0] for actor in tools if actor)
    distractors = []
    for _ in range(dice.pick(DISTRACTOR_COUNTS)):
        name = _pick_distractor(verbs, taken, dice)
        distractors.append(_pick_noun(name, dice))
        taken.add(name)
    if dice.chance(LOOK_ALIKE_SHARE):
        twin = _look_alike([*patients, *(tool for tool in tools if tool)], dice)
        distractors = [*distractors[:1], twin]
    parts = (Role(verbs[0], patients[0], tools[0]), Role(verbs[1], patients[1], tools[1]))
    return Cast(parts, tuple(distractors))


def narrate(part: Role, dice: Dice) -> str:
    """Return what an annotator wrote: sometimes the patient's noun, mostly just the verb."""
    if not dice.chance(FULL_NARRATION_SHARE):
        return dice.pick(part.verb.short)
    tool = part.tool[1] if part.tool else ""
    return dice.pick(part.verb.full).format(p=part.patient[1], t=tool)
