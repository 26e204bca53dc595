"""The application with all its commands, in the order of ``--help``."""

from __future__ import annotations

from actiseg_noise.cli import build, catalogue, view, checking, exchange, publishing  # isort: skip  # noqa: F401 — the order of --help
from actiseg_noise.cli.base import app

__all__ = ["app"]
