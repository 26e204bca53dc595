"""Makes the fixtures of ``tests/noise`` importable here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "noise"))
