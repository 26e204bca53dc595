"""Where the small real inputs are: ``ACTISEG_TEST_DATA``, else a folder ``shared`` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ACTISEG_TEST_DATA"
SHARED = Path(__file__).parents[3] / "shared"


def place_of(name: str) -> Path:
    """Return where a folder of real inputs has to be; README.md says what is in each."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser().absolute() / name
    return SHARED / name if name.startswith("conformance/") else SHARED / "data" / name


def why_skipped(name: str) -> str:
    """Return the reason of a test that is skipped because the folder is not there, and what to do."""
    return f"no real data in {place_of(name)}; point {VARIABLE} at them (tests/real/README.md says what they are)"
