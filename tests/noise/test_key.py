"""Addressed draws: a key is a function of its parts, and of nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actiseg_noise.key import Key, Keys, encode_part

parts = st.lists(st.text(max_size=8) | st.integers(), max_size=5)


def test_draws_are_the_published_ones() -> None:
    """A change here changes every manifest ever built: it needs a new domain, not a new number."""
    key = Key("noise", 0, "category_flip-v1", 0, "epic", "P01_107_4", 3)
    assert key.uniform("decide") == 0.5370564704800473
    assert key.below("category", 300) == 36
    assert key.generator("pixels").integers(1000, size=3).tolist() == [174, 10, 347]


@given(parts, parts)
def test_different_addresses_have_different_encodings(a: list[str | int], b: list[str | int]) -> None:
    assert (b"".join(map(encode_part, a)) == b"".join(map(encode_part, b))) == (a == b)


@given(parts, parts)
def test_a_child_is_the_longer_address(first: list[str | int], rest: list[str | int]) -> None:
    assert Key(*first).child(*rest).digest("x") == Key(*first, *rest).digest("x")


def test_a_number_is_not_its_spelling() -> None:
    assert Key(1).uniform("u") != Key("1").uniform("u")


@pytest.mark.parametrize("part", [True, 1.0, None, b"x"])
def test_an_address_part_is_a_str_or_an_int(part: object) -> None:
    with pytest.raises(TypeError, match="an address part is a str or an int"):
        Key(part)  # type: ignore[arg-type]


def test_drawing_does_not_change_a_key() -> None:
    key = Key("a")
    assert [key.uniform("u") for _ in range(3)] == [key.uniform("u")] * 3


@given(st.integers(1, 10**6), st.integers())
def test_below_stays_below(count: int, part: int) -> None:
    assert 0 <= Key(part).below("n", count) < count


def test_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be positive, got 0"):
        Key().below("n", 0)


def test_uniforms_fill_the_unit_interval_evenly() -> None:
    tenths = [0] * 10
    for i in range(20_000):
        tenths[int(Key("even", i).uniform("u") * 10)] += 1
    assert all(1800 < count < 2200 for count in tenths)  # 2000 ± 42


names = st.lists(st.text(max_size=8), min_size=1, max_size=3)
children = st.lists(st.tuples(st.integers(0, 2), st.integers(), st.integers(1, 2**32 - 1)), max_size=6)


@given(parts, names, children, st.text(max_size=5))
def test_draws_of_many_keys_are_those_of_each(
    address: list[str | int], names: list[str], children: list[tuple[int, int, int]], purpose: str
) -> None:
    key, numbers = Key("a").child(*address), [place % len(names) for place, _, _ in children]
    parts, counts = [part for _, part, _ in children], [count for _, _, count in children]
    alone = [key.child(names[number], part) for number, part in zip(numbers, parts, strict=True)]
    many = Keys(key, names, numbers, parts)
    assert many.uniforms(purpose).tolist() == [one.uniform(purpose) for one in alone]
    assert many.below(purpose, counts).tolist() == [
        one.below(purpose, count) for one, count in zip(alone, counts, strict=True)
    ]
    assert [one.digest(purpose) for one in many] == [one.digest(purpose) for one in alone]
    odd = range(1, len(parts), 2)
    assert many.take(odd).below(purpose, 7).tolist() == [alone[place].below(purpose, 7) for place in odd]


@pytest.mark.parametrize("count", [0, 2**32])
def test_many_keys_draw_below_32_bits(count: int) -> None:
    with pytest.raises(ValueError, match="counts must be positive and below"):
        Keys(Key(), ["a"], [0, 0], [1, 2]).below("n", [1, count])


@given(st.integers(1, 2**70), st.integers())
def test_below_is_a_number_of_128_bits_scaled(count: int, part: int) -> None:
    number = int.from_bytes(Key(part).digest("n")[:16], "little")
    assert Key(part).below("n", count) == number * count // 2**128
