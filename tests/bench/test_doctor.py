"""What ``doctor`` prints fits the terminal: a line for each thing that is fine, advice for what is not."""

from __future__ import annotations

import pytest

from actiseg_bench.cli.doctor import BAD, MISSING, OK, Finding, _print
from actiseg_noise import terminal

FOUND = [
    Finding("numpy", OK, "2.4.6"),
    Finding("dataset kitchen", OK, "drawn when it is first used"),
    Finding(
        "dataset vscos", MISSING, "no folder for dataset 'vscos' (nothing is set)", "see https://example.org/vscos"
    ),
    Finding("room there", BAD, "12 MiB", "free some: kitchen alone takes a few hundred MiB"),
]


@pytest.mark.parametrize("columns", [60, 80, 110, 200])
def test_what_is_fine_takes_a_line_and_the_rest_says_what_to_do(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal.out, "_width", columns)
    _print(FOUND)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= columns
    fine, others = lines[: lines.index("")], " ".join(" ".join(lines[lines.index("") :]).split())
    assert fine[2:] == ["numpy            2.4.6", "dataset kitchen  drawn when it is first used"]
    for words in (
        "not there: no folder for dataset 'vscos'",
        "wrong: 12 MiB",
        "https://example.org/vscos",
        "free some:",
    ):
        assert words in others


def test_a_machine_with_everything_has_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    _print(FOUND[:2])
    assert "wrong" not in capsys.readouterr().out
