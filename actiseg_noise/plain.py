"""Text of other people made harmless: for terminals, and for Markdown pages that a browser shows."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SCHEMES = re.compile(r"(?i)\b(javascript|vbscript|data)\s*:")
_MARKDOWN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "[": "&#91;", "]": "&#93;", "`": "&#96;", "*": "&#42;"}


def printable(text: str) -> str:
    r"""Return a text in which what moves a terminal's cursor, or turns the direction of text, is written as an escape.

    New lines and tabs stay.

    >>> printable("a\x1b[31mred\u202e"), printable("café\n")
    ('a\\x1b[31mred\\u202e', 'café\n')
    """
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def markdown_text(text: object) -> str:
    r"""Return a text as one line of Markdown that says the text and nothing else: no tags, links, headings or code.

    >>> markdown_text("x\n# <script>a</script> [b](javascript:c)")
    'x # &lt;script&gt;a&lt;/script&gt; &#91;b&#93;(javascript&#58;c)'
    """
    line = " ".join(printable(str(text)).split())
    line = _SCHEMES.sub(lambda match: f"{match[1]}&#58;", "".join(_MARKDOWN.get(char, char) for char in line))
    return re.sub(r"^(#|[-+=~]|\d+[.)])", lambda match: f"&#{ord(match[0][0])};{match[0][1:]}", line)


def markdown_code(text: object) -> str:
    """Return a text as code within a line, which ends where the text does.

    >>> markdown_code("a"), markdown_code("a`b")
    ('`a`', '`` a`b ``')
    """
    line = " ".join(printable(str(text)).split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}{line}{fence}" if len(fence) == 1 else f"{fence} {line} {fence}"


def markdown_block(text: str, language: str) -> str:
    """Return a text as a block of code, whose fence is longer than any in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{printable(text)}\n{fence}"


def web_address(text: object) -> str | None:
    """Return an address of the web, None for anything else: another scheme, or characters that end a link."""
    return str(text) if re.fullmatch(r"https?://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]{1,500}", str(text)) else None
