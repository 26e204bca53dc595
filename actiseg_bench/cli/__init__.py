"""``actiseg-bench``: one module per group of commands, listed here in the order of ``--help``."""

from __future__ import annotations

import os

from actiseg_bench.cli import run, train, evaluate, predict, convert, show, analyze, verify, pretrain  # isort: skip  # noqa: F401 — --help's order
from actiseg_bench.cli.base import app
from actiseg_noise.errors import ActisegError


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a run failed, 2 bad usage or input, 130 interrupted."""
    from actiseg_noise.terminal import run_app

    # Threads that spin for long make a step several times slower beside any other busy process; a short spin is free.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    run_app(app, ActisegError)
