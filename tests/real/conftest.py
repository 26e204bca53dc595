"""The small real inputs; tests that need them skip with a reason where they are absent."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_data import place_of, why_skipped


def _folder(name: str) -> Path:
    if not place_of(name).is_dir():
        pytest.skip(why_skipped(name))
    return place_of(name)


@pytest.fixture(scope="session")
def real_vost() -> Path:
    """VOST: the real train and val lists, 154 masks of 46 val videos."""
    return _folder("vost")


@pytest.fixture(scope="session")
def real_actionvos() -> Path:
    """ActionVOS: the real val_human.json and val_novel.json."""
    return _folder("actionvos")


@pytest.fixture(scope="session")
def real_davis() -> Path:
    """DAVIS's layout: 81 real frames of 4 videos, OSVOS masks with ids, human masks of the foreground."""
    return _folder("davis")


@pytest.fixture(scope="session")
def real_epic() -> Path:
    """EPIC-KITCHENS-100: the real table of validation actions, the class tables."""
    return _folder("epic")


@pytest.fixture(scope="session")
def released_prompts() -> Path:
    """The first sequences of the three released files of noisy prompts, as CSV."""
    return _folder("released_noise_excerpt")
