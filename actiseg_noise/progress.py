"""What a build reports while it works."""

from __future__ import annotations


class Progress:
    """Receives what a build reports. This one ignores it; the command line draws a bar."""

    def note(self, text: str) -> None:
        """Receive a message."""

    def warn(self, text: str) -> None:
        """Receive what stops nothing and may not be what was wanted; a note, where that is not told apart."""
        self.note(f"warning: {text}")

    def advance(self, clips: int, total: int | None) -> None:
        """Receive that ``clips`` more clips are written, of ``total`` (None: not known)."""
