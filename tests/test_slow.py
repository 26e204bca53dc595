"""What ``make check`` leaves out is there to be left out."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_test_that_is_listed_as_slow_exists() -> None:
    for line in (TESTS / "slow.txt").read_text("utf-8").splitlines():
        path, function = line.split()[1].split("::")
        code = (TESTS.parent / path).read_text("utf-8") if (TESTS.parent / path).exists() else ""
        assert re.search(rf"^def {function}\(", code, re.MULTILINE), f"{line}: not there; take the line out"
