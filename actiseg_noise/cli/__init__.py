"""``actiseg-noise``: one module per group of commands."""

from __future__ import annotations

import os

from actiseg_noise.borders.streams import interruptible

_THREADS = "OPENBLAS_NUM_THREADS"


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted."""
    is_unset = _THREADS not in os.environ
    os.environ.setdefault(_THREADS, "1")  # NumPy's threads cost a tenth of a second; nothing needs them
    try:
        with interruptible():
            from actiseg_noise.cli.commands import app
            from actiseg_noise.entry import run_app
            from actiseg_noise.errors import ActisegError

            run_app(app, ActisegError)
    finally:
        if is_unset:
            del os.environ[_THREADS]
