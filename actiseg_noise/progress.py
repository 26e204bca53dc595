"""What a build reports while it works."""

from __future__ import annotations


class Progress:
    """Receives what a build reports. This one ignores it; the command line draws a bar."""

    def note(self, text: str) -> None:
        """Receive a message."""

    def advance(self, clips: int, total: int | None) -> None:
        """Receive that ``clips`` more clips are written, of ``total`` (None: not known)."""
