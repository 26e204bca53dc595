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
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

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

    @classmethod
    def of_state(cls, state: blake2b) -> Key:
        """Return the key of a hashed address; see ``state``."""
        key = cls.__new__(cls)
        key._state, key._tail = state, b""
        return key

    def state(self) -> blake2b:
        """Return the hash of the address, from which more can be hashed in a copy."""
        state = self._state.copy()
        state.update(self._tail)
        return state

    def digest(self, purpose: str) -> bytes:
        """Return the 32 bytes of this address followed by ``purpose``; draws for two purposes are independent."""
        state = self._state.copy()
        state.update(self._tail + _encode_again(purpose))
        return state.digest()

    def uniform(self, purpose: str) -> float:
        """Return a float in [0, 1) with 53 random bits."""
        bits: int = _first_uint64(self.digest(purpose))[0]
        return (bits >> 11) * 2.0**-53

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


class Keys:
    """The keys of many addresses in order: each draw gives an array, with the bits that :class:`Key` gives one by one.

    Key ``i`` is ``key.child(names[numbers[i]], parts[i])``: what addresses share is hashed once.

    >>> keys = Keys(Key("seed", 0), ["a", "b"], [0, 0, 1], [1, 2, 1])
    >>> keys.uniforms("decide").tolist()[2] == Key("seed", 0, "b", 1).uniform("decide")
    True
    """

    def __init__(self, key: Key, names: Iterable[str], numbers: Sequence[int], parts: Sequence[int]) -> None:
        shared, states = key.state(), []
        for name in names:
            state = shared.copy()
            state.update(encode_part(name))
            states.append(state)
        self._states: Sequence[blake2b] = [states[number] for number in numbers]
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Key]:
        for state, part in zip(self._states, self._parts, strict=True):
            yield Key.of_state(state).child(part)

    def take(self, places: Sequence[int]) -> Keys:
        """Return the keys at some places."""
        keys = Keys.__new__(Keys)
        keys._states = [self._states[place] for place in places]
        keys._parts = [self._parts[place] for place in places]
        return keys

    def uniforms(self, purpose: str) -> npt.NDArray[np.float64]:
        """Return a float in [0, 1) with 53 random bits of each key."""
        import numpy as np

        return np.asarray((self._words(purpose)[:, 0] >> np.uint64(11)) * 2.0**-53, np.float64)

    def below(self, purpose: str, counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return an integer in [0, count) of each key, ``counts`` being one number or one for each; see ``Key.below``.

        Raises:
            ValueError: a count is not positive, or 2**32 or more.
        """
        import numpy as np

        most = np.asarray(counts, np.int64)
        if np.any((most <= 0) | (most >= 1 << 32)):
            raise ValueError(f"counts must be positive and below 2**32, got {most.min()} … {most.max()}")
        count, half, lower = most.astype(np.uint64), np.uint64(32), np.uint64(0xFFFFFFFF)
        words = self._words(purpose)
        carry = np.zeros(len(words), np.uint64)
        for word in (words[:, 0], words[:, 1]):  # (word * count + carry) >> 64, in halves that do not overflow
            carry = ((word >> half) * count + (((word & lower) * count + carry) >> half)) >> half
        return carry.astype(np.int64)

    def _words(self, purpose: str) -> npt.NDArray[np.uint64]:
        """Return the digests of the addresses followed by ``purpose``, ``uint64 [keys, 4]``."""
        import numpy as np

        last = encode_part(purpose)
        tails = {part: encode_part(part) + last for part in set(self._parts)}
        digests = []
        for address, part in zip(self._states, self._parts, strict=True):
            state = address.copy()
            state.update(tails[part])
            digests.append(state.digest())
        return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 4)
