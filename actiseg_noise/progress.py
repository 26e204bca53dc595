"""What a build tells while it works."""

from __future__ import annotations


class Progress:
    """Listens to a build. This one is silent; the command line draws a bar."""

    def note(self, text: str) -> None:
        """Hear something that happened once."""

    def advance(self, clips: int, total: int | None) -> None:
        """Hear that ``clips`` more clips are written, of ``total`` (None: not known)."""
