"""What ``--help`` calls the values of options, in both tools: words that a person would write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from actiseg_bench.cli.commands import app as bench
from actiseg_noise.cli.commands import app as noise

WITH_A_USEFUL_NEGATIVE = {"--gate"}


def list_options() -> Iterator[tuple[str, Any]]:
    """Yield (tool and command, option) of everything that can be typed."""
    for tool, app in (("noise", noise), ("bench", bench)):
        for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
            yield from ((f"{tool} {name}", one) for one in command.params if one.param_type_name == "option")


OPTIONS = pytest.mark.parametrize(
    "option", [pytest.param(one, id=f"{command} {one.opts[0]}") for command, one in list_options()]
)


@OPTIONS
def test_a_value_is_called_by_a_word(option: Any) -> None:
    if not option.is_flag:
        assert option.metavar is not None
        assert re.fullmatch(r"[A-Za-z0-9]+([|=/][A-Za-z0-9]+)*", option.metavar)


@OPTIONS
def test_a_switch_has_no_form_that_says_no_but_where_that_is_of_use(option: Any) -> None:
    assert bool(option.secondary_opts) == (option.opts[0] in WITH_A_USEFUL_NEGATIVE)


@OPTIONS
def test_a_help_begins_and_ends_as_a_sentence(option: Any) -> None:
    assert re.match(r"[A-Z0-9]|cpu|none|noisy|refvos|full|actionvos|dataset|faithful|quick|table", option.help)
    assert re.search(r"[.\])…]$", option.help)
