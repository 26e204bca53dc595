"""The six metrics give the numbers that the published ActionVOS script gave for the same folders."""

from __future__ import annotations

import json

import pytest
from real_data import place_of, why_skipped

from actiseg_bench.scoring.actionvos_folders import evaluate_folders

FIXTURE = place_of("conformance/metrics")

pytestmark = pytest.mark.skipif(not FIXTURE.is_dir(), reason=why_skipped("conformance/metrics"))


@pytest.mark.parametrize(("case", "keep_flagged"), [("filtered", False), ("all", True)])
def test_scores_equal_the_published_script(case: str, keep_flagged: bool) -> None:
    expected = json.loads((FIXTURE / "expected.json").read_text())[case]
    found = evaluate_folders(FIXTURE / "pred", FIXTURE / "gt", FIXTURE / "split.json", keep_flagged=keep_flagged)
    assert found.clips == expected.pop("videos")
    for name, value in expected.items():
        assert getattr(found.scores, name) == pytest.approx(value, abs=1e-12), name
