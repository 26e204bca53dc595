"""Addressed randomness: every draw is a pure function of the names that identify it.

An address is a sequence of parts (``str`` or ``int``), each encoded with its type and its length, so that
``("ab", "c")`` and ``("a", "bc")`` differ, and so do ``1`` and ``"1"``. A key is the BLAKE2b hash of an address.
There is no generator state anywhere: order, worker count and filters cannot change a draw.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

Part = str | int

_DOMAIN = b"actiseg-key-1"
_first_uint64 = Struct("<Q").unpack_from
_first_two_uint64 = Struct("<QQ").unpack_from


def encode_part(part: Part) -> bytes:
    """Return the typed, length-prefixed bytes of one address part.

    Raises:
        TypeError: for anything but ``str`` and ``int`` (``bool`` included: a flag is no name).
    """
    if type(part) is str:
        body, tag = part.encode(), b"s"
    elif type(part) is int:
        body, tag = str(part).encode(), b"i"
    else:
        raise TypeError(f"an address part is a str or an int, not {type(part).__name__}: {part!r}")
    return tag + len(body).to_bytes(4, "little") + body


@lru_cache(maxsize=1024, typed=True)
def _encode_again(part: Part) -> bytes:
    """Return ``encode_part(part)``, remembered: for the few purposes and object ids that come again and again."""
    return encode_part(part)


@lru_cache(maxsize=4096, typed=True)
def _encode_pair(part: int, purpose: str) -> bytes:
    """Return the bytes of a part and a purpose, remembered: objects of all clips have the same ids."""
    return encode_part(part) + encode_part(purpose)


class Key:
    """A hashed address. Immutable; ``child`` extends the address, the draws read from it.

    >>> Key("seed", 0).child("clip").uniform("decide") == Key("seed", 0, "clip").uniform("decide")
    True
    """

    __slots__ = ("_state", "_tail")

    def __init__(self, *parts: Part) -> None:
        self._state = blake2b(_DOMAIN + b"".join(map(encode_part, parts)), digest_size=32)
        self._tail = b""  # of the address, not hashed yet: most keys are read once or never

    def child(self, *parts: Part) -> Key:
        """Return the key of this address followed by ``parts``."""
        key = Key.__new__(Key)
        key._state = self._state
        tail = self._tail
        for part in parts:
            tail += _encode_again(part) if type(part) is int else encode_part(part)
        key._tail = tail
        return key

    def digest(self, purpose: str) -> bytes:
        """Return the 32 bytes of this address followed by ``purpose``; draws for two purposes are independent."""
        state = self._state.copy()
        state.update(self._tail + _encode_again(purpose))
        return state.digest()

    def uniform(self, purpose: str) -> float:
        """Return a float in [0, 1) with 53 random bits."""
        bits: int = _first_uint64(self.digest(purpose))[0]
        return (bits >> 11) * 2.0**-53

    def uniforms(self, parts: Iterable[int], purpose: str) -> list[float]:
        """Return ``child(part).uniform(purpose)`` of each part: the address up to here is hashed once for all."""
        address = self._state.copy()
        address.update(self._tail)
        found = []
        for part in parts:
            state = address.copy()
            state.update(_encode_pair(part, purpose))
            bits: int = _first_uint64(state.digest())[0]
            found.append((bits >> 11) * 2.0**-53)
        return found

    def below(self, purpose: str, count: int) -> int:
        """Return an integer in [0, count), uniform up to a bias below ``count / 2**128``.

        Raises:
            ValueError: when ``count`` is not positive.
        """
        if count <= 0:
            raise ValueError(f"count must be positive, got {count}")
        state = self._state.copy()
        state.update(self._tail + _encode_again(purpose))
        low, high = _first_two_uint64(state.digest())
        return (high * count + (low * count >> 64)) >> 64  # 128 bits as a fraction of 1, times count, rounded down

    def generator(self, purpose: str) -> np.random.Generator:
        """Return a fresh NumPy generator seeded by this address: for draws that need many numbers."""
        import numpy as np

        return np.random.Generator(np.random.PCG64(int.from_bytes(self.digest(purpose)[:16], "little")))
