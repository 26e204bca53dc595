"""``actiseg-bench``: one module per group of commands."""

from __future__ import annotations

import os

from actiseg_noise.borders.streams import interruptible


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a run failed, 2 bad usage or input, 75 stopped by the system, 130 interrupted.
    """
    # Threads that spin for long make a step several times slower beside any other busy process; a short spin is free.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    with interruptible():
        from actiseg_bench.cli.commands import app
        from actiseg_noise.entry import run_app
        from actiseg_noise.errors import ActisegError

        run_app(app, ActisegError)
