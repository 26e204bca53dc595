"""Options of strategies: what is allowed, what is refused and in which words, and what the variants are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from typing import Any, Literal

import pytest

from actiseg_bench.strategies.base import STRATEGIES, StrategyCard
from actiseg_bench.strategies.options import Options, list_options, option
from actiseg_bench.strategies.ranges import LogUniform, OneOf, Uniform
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.key import Key


@dataclass(frozen=True)
class Sample(Options):
    q: float = option(0.7, "a number", above=0, at_most=1)
    count: int = option(2, "a whole number", released=3, at_least=1)
    switch: bool = option(False, "a switch", released=True)
    way: Literal["hard", "soft"] = option("hard", "a word")
    limit: float | None = option(None, "a number or nothing", above=0)
    span: tuple[float, float] = option((0.3, 0.1), "two numbers", at_least=0, at_most=1)
    lambda_: float = option(3.0, "a name that Python keeps for itself")


@dataclass(frozen=True)
class Narrower(Sample):
    first: int = option(0, "its own")
    q: float = option(0.5, "another number", at_least=0)


@pytest.mark.parametrize(
    "given",
    [
        {"q": 1},
        {"q": 1e-9},
        {"count": 1},
        {"switch": True},
        {"way": "soft"},
        {"limit": None},
        {"limit": 2},
        {"span": [1, 0]},
        {"lambda": -4},
    ],
)
def test_values_of_the_right_kind_and_range_are_taken_as_they_are(given: dict[str, Any]) -> None:
    (key, value), *_ = given.items()
    assert Sample.make("mine", given).to_dict()[key] == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"q": "abc"}, "strategy 'mine', option q: expected a number above 0 and of at most 1, got 'abc'"),
        ({"q": -3}, "option q: expected a number above 0 and of at most 1, got -3"),
        ({"q": 0}, "got 0"),
        ({"q": True}, "got true"),
        ({"q": None}, "got null"),
        ({"q": float("inf")}, "got Infinity"),
        ({"count": 1.5}, "option count: expected a whole number of at least 1, got 1.5"),
        ({"count": True}, "got true"),
        ({"switch": 1}, "option switch: expected true or false, got 1"),
        ({"switch": "yes"}, "got 'yes'"),
        ({"way": "sofd"}, "option way: expected hard or soft, got 'sofd'. Did you mean 'soft'?"),
        ({"way": 1}, "got 1"),
        ({"limit": 0}, "option limit: expected a number above 0 or null, got 0"),
        ({"span": [0.5]}, "got [0.5]"),
        ({"span": [0.5, 2]}, "got [0.5, 2]"),
        ({"span": 0.5}, "got 0.5"),
    ],
)
def test_other_values_are_refused_with_strategy_option_what_is_allowed_and_what_came(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActisegError) as refused:
        Sample.make("mine", given)
    assert message in str(refused.value)


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="strategy 'mine' has no option 'swich'. Did you mean 'switch'"):
        Sample.make("mine", {"swich": True})


def test_the_published_variant_has_the_published_values_and_what_is_given_wins() -> None:
    assert Sample.make("mine", {"count": 7}, is_released=True).to_dict() == {
        "q": 0.7,
        "count": 7,
        "switch": True,
        "way": "hard",
        "limit": None,
        "span": (0.3, 0.1),
        "lambda": 3.0,
    }


def test_options_do_not_change_once_they_are_made() -> None:
    with pytest.raises(FrozenInstanceError):
        Sample().q = 0.5  # type: ignore[misc]


def test_a_class_lists_its_own_options_first() -> None:
    assert [one.key for one in list_options(Narrower)][:3] == ["first", "q", "count"]
    assert Narrower(q=0).q == 0


def test_only_a_strategy_that_the_published_code_sets_otherwise_has_that_variant() -> None:
    assert StrategyCard("a", "A", "x", "y", options=Sample).variants == ("faithful", "released")
    assert StrategyCard("b", "B", "x", "y").variants == ("faithful",)


def test_a_class_that_declares_options_wrongly_is_named() -> None:
    class Undecorated(Options):
        q: float = option(1.0, "a number")

    @dataclass(frozen=True)
    class Plain(Options):
        q: float = 1.0

    with pytest.raises(TypeError, match="Undecorated: decorate it with @dataclass"):
        Undecorated()
    with pytest.raises(TypeError, match=r"Plain.q: declare it as q = option\(default, meaning\)"):
        Plain()


def test_the_regularisers_weight_is_called_lambda_as_in_the_paper() -> None:
    made = STRATEGIES["elr"].card.make_options("released", {})
    assert made.to_dict()["lambda"] == 5e-4


@pytest.mark.parametrize(
    ("made", "lowest", "highest", "middle"),
    [(Uniform(2, 4), 2, 4, 3.0), (LogUniform(0.01, 1), 0.01, 1, 0.1)],
    ids=["uniform", "by factors"],
)
def test_numbers_are_drawn_over_the_whole_range_around_its_middle(
    made: Uniform | LogUniform, lowest: float, highest: float, middle: float
) -> None:
    drawn = sorted(made.draw(Key("test", i)) for i in range(400))
    assert lowest <= drawn[0] < 1.05 * lowest
    assert 0.95 * highest < drawn[-1] <= highest
    assert drawn[200] == pytest.approx(middle, rel=0.2)
    assert all(number == float(f"{number:.3g}") for number in drawn)


def test_words_are_drawn_alike_and_an_address_always_draws_the_same() -> None:
    made = OneOf(("a", "b", "c"))
    drawn = [made.draw(Key("test", i)) for i in range(300)]
    assert all(80 < drawn.count(word) < 120 for word in made.values)
    assert drawn == [made.draw(Key("test", i)) for i in range(300)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(2, 1), "expected a range with its lower end first, got 2 to 1"),
        (lambda: LogUniform(2, 1), "expected a range with its lower end first, got 2 to 1"),
        (lambda: LogUniform(0, 1), "a range of factors begins above 0, not at 0"),
        (lambda: OneOf(("a",)), r"expected two values or more to choose from, got \('a',\)"),
    ],
)
def test_a_range_that_holds_nothing_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_range_may_not_leave_what_the_option_allows() -> None:
    @dataclass(frozen=True)
    class TooWide(Options):
        q: float = option(0.5, "a number", above=0, at_most=1, tune=Uniform(0, 1))

    with pytest.raises(TypeError, match="q: tuning may draw 0, expected a number above 0 and of at most 1"):
        list_options(TooWide)
