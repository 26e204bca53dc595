"""``docs/strategies.md`` says what the cards say, and is up to date."""

from __future__ import annotations

from pathlib import Path

from actiseg_bench.strategies.base import STRATEGIES
from actiseg_noise.markdown import iter_table
from tools.pages.strategies import own_cards, strategies_page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def section(name: str) -> str:
    """The part of the page on one strategy."""
    return strategies_page().split(f"\n## {name}\n")[1].split("\n## ")[0]


def test_the_page_is_up_to_date() -> None:
    made_by = "python -m tools.pages.strategies > docs/strategies.md"
    assert (DOCS / "strategies.md").read_text("utf-8") == strategies_page(), made_by


def test_every_strategy_has_a_section_with_all_its_hyper_parameters() -> None:
    for card in own_cards():
        text = section(card.name)
        assert card.formula in text
        for one in card.list_options():
            assert f"| `{one.key}` |" in text
    assert own_cards()[0].name == "baseline"
    assert {card.name for card in own_cards()} <= set(STRATEGIES)


def test_a_switch_of_the_published_code_shows_both_values() -> None:
    lines = {line.split("|")[1].strip(): line for line in section("gce").splitlines() if line.startswith("| `")}
    assert lines["`additive`"].startswith("| `additive` | `false` | `true` | true or false | keep the focal")
    assert lines["`q`"].startswith("| `q` | `0.7` |  | a number above 0 and of at most 1 | towards 0 it is")


def test_oracle_knowledge_and_networks_are_on_the_page() -> None:
    assert "| oracle | noise rates of positives and negatives |" in section("co_teaching")
    assert "| networks | 2 |" in section("co_teaching")
    assert "| oracle | none |" in section("baseline")


def test_a_table_keeps_a_cell_on_its_line() -> None:
    assert list(iter_table(("a", "b"), [("|p|", "two\nlines")])) == [
        "| a | b |",
        "| --- | ---: |",
        r"| \|p\| | two lines |",
        "",
    ]
