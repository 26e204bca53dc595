"""The categories that ReferFormer's loaders of Ref-YouTube-VOS and Ref-DAVIS look up: they end at any other word."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from actiseg_noise.vocabulary import Vocabulary

OTHERS = "others"

_YOUTUBE_VOS = """
airplane ape bear bike bird boat bucket bus camel cat cow crocodile deer dog dolphin duck eagle earless_seal
elephant fish fox frisbee frog giant_panda giraffe hand hat hedgehog horse knife leopard lion lizard monkey
motorbike mouse others owl paddle parachute parrot penguin person plant rabbit raccoon sedan shark sheep sign
skateboard snail snake snowboard squirrel surfboard tennis_racket tiger toilet train truck turtle umbrella whale
zebra
"""
_DAVIS = """
airplane backpack ball bear bicycle bird boat bottle box bus camel car carriage cat cellphone chamaleon cow deer
dog dolphin drone elephant excavator fish goat golf_cart golf_club grass guitar gun helicopter horse hoverboard
kart key kite koala leash lion lock mask microphone monkey motorcycle oar paper paraglide person pig pole
potted_plant puck rack rhino rope sail scale scooter selfie_stick sheep skateboard ski ski_poles snake snowboard
stick stroller surfboard swing tennis_racket tractor trailer train truck turtle varanus violin wheelchair
"""
YOUTUBE_VOS = frozenset(_YOUTUBE_VOS.split())
DAVIS = frozenset(word.replace("_", " ") for word in _DAVIS.split())


def categories_for(vocabulary: Vocabulary) -> Collection[str]:
    """Return the table of the loader that a manifest's labels are for.

    Ref-DAVIS's where it has every noun and Ref-YouTube-VOS's has not; the latter knows ``others``, for any dataset.
    """
    nouns = {noun for nouns in vocabulary.nouns.values() for noun in nouns}
    is_youtube_vos = {_joined(noun) for noun in nouns} <= YOUTUBE_VOS
    return DAVIS if nouns <= DAVIS and not is_youtube_vos else YOUTUBE_VOS


def describe(noun: str, known: Collection[str]) -> dict[str, Any]:
    """Return what ``meta.json`` says an object is, and its noun where the table says it less.

    >>> describe("giant panda", YOUTUBE_VOS), describe("cup", YOUTUBE_VOS), describe("golf cart", DAVIS)
    ({'category': 'giant_panda'}, {'category': 'others', 'noun': 'cup'}, {'category': 'golf cart'})
    """
    for word in (noun, _joined(noun)):
        if word in known:
            return {"category": word}
    return {"category": OTHERS, "noun": noun}


def _joined(noun: str) -> str:
    """Return a noun as Ref-YouTube-VOS writes it."""
    return "_".join(noun.split())
