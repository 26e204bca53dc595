"""Where the small real inputs are; tests that need them skip with a reason where they are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


def _folder(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"the real data folder {DATA / name} is not here")
    return DATA / name


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
