"""The code of before, for benchmarks that compare with it."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

NOW = Path(__file__).resolve().parents[1]
BEFORE = "8cfcb67"
_PARTS = ("actiseg_bench", "actiseg_noise", "models")


def unpack(commit: str, folder: Path) -> Path:
    """Write the packages and start weights of a commit into a folder; return it."""
    packed = subprocess.run(["git", "archive", commit, *_PARTS], cwd=NOW, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder
