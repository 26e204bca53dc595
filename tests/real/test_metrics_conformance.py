"""The six metrics give the numbers that the published ActionVOS script gave for the same folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actiseg_bench.scoring.actionvos_folders import evaluate_folders

FIXTURE = Path(__file__).parents[3] / "shared" / "conformance" / "metrics"

pytestmark = pytest.mark.skipif(not FIXTURE.is_dir(), reason=f"the conformance fixture {FIXTURE} is not here")


@pytest.mark.parametrize(("case", "keep_flagged"), [("filtered", False), ("all", True)])
def test_scores_equal_the_published_script(case: str, keep_flagged: bool) -> None:
    expected = json.loads((FIXTURE / "expected.json").read_text())[case]
    found = evaluate_folders(FIXTURE / "pred", FIXTURE / "gt", FIXTURE / "split.json", keep_flagged=keep_flagged)
    assert found.clips == expected.pop("videos")
    for name, value in expected.items():
        assert getattr(found.scores, name) == pytest.approx(value, abs=1e-12), name
