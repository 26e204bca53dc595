"""A stop that the system asks for: SIGTERM, or SIGUSR1, as a queue sends before it takes a machine back.

It is raised at once, as Ctrl-C is, but for work in :func:`deferred`, which asks for it where it can stop and keeps what
it has. A command that was stopped so exits with ``EXIT_CODE``: the same command continues.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: a failure that passes, try again
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))  # not on Windows


class PreemptedError(KeyboardInterrupt):
    """The system asked this process to stop; the message says how far it was. No ``except Exception`` catches it."""


class _Preemption:
    """What was asked of this process, and how many parts of it are at work that stops by itself."""

    def __init__(self) -> None:
        self.name = ""
        self.deferrals = 0

    def receive(self, number: int, _: FrameType | None = None) -> None:
        """Remember a signal, and raise the first one where nothing defers it: a second must not disturb what ends."""
        is_first, self.name = not self.name, signal.Signals(number).name
        if is_first and not self.deferrals:
            raise PreemptedError(self.name)


_preemption = _Preemption()


@contextmanager
def preemptible() -> Iterator[None]:
    """Answer the signals until the end, in the main thread of a process; elsewhere they are left as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, _preemption.receive) for one in SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, signal.SIG_DFL if handler is None else handler)
        _preemption.name = ""


@contextmanager
def deferred() -> Iterator[None]:
    """Hold the signals back; one that nobody has answered by the end is raised then.

    Raises:
        PreemptedError: at the end.
    """
    _preemption.deferrals += 1
    try:
        yield
    finally:
        _preemption.deferrals -= 1
    if _preemption.name and not _preemption.deferrals:
        raise PreemptedError(_preemption.name)


def preemption() -> str:
    """Return the name of the signal that asked this process to stop, empty when none did."""
    return _preemption.name


def leave_to_parent() -> None:
    """Let this process, a helper of another one, ignore the signals: a queue sends them to all, and one answers."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
