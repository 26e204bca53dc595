"""What the packages log: the standard ``logging``, one logger per module, shown where a command asks for it.

Nothing is shown by itself: a program that imports the packages decides with ``logging.basicConfig`` or handlers of its
own, as with every library.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_PACKAGES = ("actiseg_noise", "actiseg_bench")
_HANDLER = "actiseg"


class LineFormatter(logging.Formatter):
    """One line per record: time of day, level, module without its package, text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``15:04:05 info building.build: …``."""
        module = record.name.partition(".")[2] or record.name
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower()} {module}: {record.getMessage()}"
        return " ".join(line.splitlines())


def show_logs(level: int, handler: logging.Handler | None = None) -> None:
    """Show what both packages log, at ``level`` or above, from now on.

    Args:
        handler: who shows it; None: standard error, as it is.
    """
    hide_logs()
    handler = handler or logging.StreamHandler()
    handler.set_name(_HANDLER)
    handler.setFormatter(LineFormatter())
    for package in _PACKAGES:
        logger = logging.getLogger(package)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False  # a line once, whatever the root logger does


def hide_logs() -> None:
    """Undo :func:`show_logs`."""
    for package in _PACKAGES:
        logger = logging.getLogger(package)
        for handler in [one for one in logger.handlers if one.get_name() == _HANDLER]:
            logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def shown_level() -> int | None:
    """Return the level of :func:`show_logs`, for a worker process to show the same; None: nothing is shown."""
    logger = logging.getLogger(_PACKAGES[0])
    return logger.level if any(one.get_name() == _HANDLER for one in logger.handlers) else None


def show_logs_of_parent(level: int | None) -> None:
    """Show in a worker process what its parent shows, which had the level ``level``; None: nothing."""
    if level is not None:
        show_logs(level)


@contextmanager
def hidden_at_end() -> Iterator[None]:
    """Undo at the end what :func:`show_logs` does meanwhile."""
    try:
        yield
    finally:
        hide_logs()
