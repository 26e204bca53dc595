"""The application with all its commands, in the order of ``--help``."""

from __future__ import annotations

from actiseg_bench.cli import run, tune, train, evaluate, predict, convert, show, analyze, report  # isort: skip  # noqa: F401 — --help's order
from actiseg_bench.cli import audit, verify, collect, submit, doctor, pretrain  # isort: skip  # noqa: F401
from actiseg_bench.cli.base import app

__all__ = ["app"]
