"""Files made wrong at random: values of another kind, values that are gone, bytes that are others."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

JUNK: tuple[object, ...] = (
    *(None, True, -1, 0, 1.5, 2**70, float("nan"), float("inf"), "", "x", "../x", "\ud800"),
    *([], {}, [[]], [[1, 2, 3, 4, 5, 6]], {"size": [12, 16], "counts": "0"}, [None] * 3),
)


def places(value: object, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in items for path in [(*above, key), *places(inner, (*above, key))]]


def mutate(data: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a copy in which one or two values are something else, or are gone."""
    copied = deepcopy(data)
    for _ in range(rng.randint(1, 2)):
        *keys, last = rng.choice(places(copied))
        place: Any = copied
        for key in keys:
            place = place[key]
        if rng.random() < 0.2:
            del place[last]
        else:
            place[last] = deepcopy(rng.choice(JUNK))
    return copied


def cut(text: str, rng: random.Random) -> bytes:
    """Return a text that ends early or in which a byte is another."""
    data = bytearray(text.encode())
    if rng.random() < 0.5:
        return bytes(data[: rng.randrange(len(data))])
    data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)
