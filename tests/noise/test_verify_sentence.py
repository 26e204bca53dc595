"""The sentence of ``verify`` names what was checked, and what was not with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from forging import TOY_MIX, edit_info, forge

import actiseg_noise
from actiseg_noise.check import verify as verify_module
from actiseg_noise.check.verify import CHECKS, Subject, run_checks, verify

RECIPE = TOY_MIX


def test_the_sentence_names_the_checks_that_ran_and_no_other(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = verify(built).checked
    for check in CHECKS:
        monkeypatch.setattr(verify_module, "CHECKS", tuple(other for other in CHECKS if other is not check))
        shorter = verify(built)
        assert shorter.checked == tuple(name for name in whole if name != check.name)
        assert f"{check.name}," not in shorter.summary().splitlines()[0]


def test_a_check_that_another_one_stopped_is_said_to_be_unchecked(folder: Path) -> None:
    forge(folder, "frames", lambda rows: rows.pop(0))
    found = verify(folder)
    assert "draws" not in found.checked
    assert "not checked, as what is above must be right first: references, recipe" in found.summary()


def test_a_noise_that_is_not_here_is_said_with_the_reason(folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["recipe"]["noise"][0]["noise"] = data["noises"][0]["noise_id"] = "elsewhere-v1"

    edit_info(folder, change)
    forge(folder, "samples", lambda rows: [row.update(text_noise="elsewhere-v1") for row in rows if row["is_harmful"]])
    found = run_checks(Subject(actiseg_noise.read_manifest(folder)), [c for c in CHECKS if c.name == "draws"])
    assert found.checked == ()
    assert "not checked, as its recipe cannot be drawn here (unknown noise 'elsewhere-v1'" in found.summary()


def test_keys_that_nobody_knows_are_said_to_be_unchecked(folder: Path) -> None:
    edit_info(folder, lambda data: data.update(proof="yes"))
    assert "as this version knows no such key: what manifest.json says under 'proof'" in verify(folder).summary()
