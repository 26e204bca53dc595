"""What datasets of referring expressions share: their text is one phrase per object, without an action."""

from __future__ import annotations

import re

from actiseg_noise.errors import DataError
from actiseg_noise.records import NOUN

VERB = "refer"
"""The verb of a clip whose dataset names no action."""


def make_template(text: str, noun: str | None, where: str) -> str:
    """Return ``text`` with ``{noun}`` where ``noun`` first stands as whole words, in upper or lower case.

    Without such a place, or a noun, it is ``text`` itself, which text noise leaves alone.

    >>> make_template("a Giant panda climbs, the other giant panda sits", "giant panda", "")
    'a {noun} climbs, the other giant panda sits'

    Raises:
        DataError: the text has the characters ``{noun}`` already; ``where`` is named.
    """
    if NOUN in text:
        raise DataError(f"{where}: the text {text[:80]!r} has {NOUN!r}, which stands for a noun here; change the text")
    if noun is None:
        return text
    return re.sub(rf"(?<!\w){re.escape(noun)}(?!\w)", lambda _: NOUN, text, count=1, flags=re.IGNORECASE)
