"""The simulated coverage that docs/decisions/0012 states is what the simulation gives."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def load_benchmark() -> ModuleType:
    """Load the benchmark by its path: ``coverage`` is another package's name, too."""
    spec = importlib.util.spec_from_file_location("benchmark_coverage", ROOT / "benchmarks" / "coverage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


simulation = load_benchmark()
PAGE = (ROOT / "docs" / "decisions" / "0012-seeds-videos-and-marks.md").read_text("utf-8")
DRAWS = 250


def stated() -> dict[tuple[str, int, int], list[str]]:
    """Regime, noise seeds, training seeds → the cells behind them."""
    lines = re.findall(r"^\| ([a-z ]+) \| (\d) \| (\d) \| (.*) \|$", PAGE, re.MULTILINE)
    found = {(name, int(noise), int(seeds)): rest.split(" | ") for name, noise, seeds, rest in lines}
    return {key: cells for key, cells in found.items() if len(cells) == 6}


def test_the_page_states_every_design_in_every_regime() -> None:
    assert set(stated()) == {
        (name, n, s) for name in simulation.REGIMES for n in simulation.NOISE_SEEDS for s in simulation.SEEDS
    }


@pytest.mark.parametrize("design", [("seeds dominate", 1, 3), ("mixed", 2, 3)], ids=str)
def test_the_simulation_gives_what_the_page_states(design: tuple[str, int, int]) -> None:
    """Fewer draws than the page's 2,000: within four standard errors of it, and above the interval of before."""
    before, nested, _, t, *_ = map(float, stated()[design][:5])
    found = simulation.count_cell(*design, DRAWS, 200)
    for share, claimed in ((found.before, before), (found.nested, nested), (found.t, t)):
        assert share == pytest.approx(claimed, abs=4 * 100 * (claimed / 100 * (1 - claimed / 100) / DRAWS) ** 0.5)
    assert found.t > found.before


def test_the_parts_of_a_difference_have_the_variance_that_the_regime_says() -> None:
    """Of one clip: noise, seed, video, run on a video, clip: 9 + 16 + 25 + 25 + 25."""
    rng = np.random.default_rng(0)
    draws = np.array(
        [simulation.draw(simulation.REGIMES["seeds dominate"], 1, 1, rng)[0][0, 0, 0] for _ in range(4000)]
    )
    assert draws.var() == pytest.approx(100, rel=0.08)


def test_the_expanded_quantile_of_three_runs_is_beyond_any_number_of_resamples() -> None:
    assert simulation.expanded_share(3) < 1e-6
    assert simulation.expanded_share(10_000) == pytest.approx(0.025, abs=1e-4)
