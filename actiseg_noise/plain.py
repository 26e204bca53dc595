"""Text of other people made harmless: for terminals, and for Markdown pages that a browser shows."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SCHEMES = re.compile(r"(?i)\b(javascript|vbscript|data)\s*:")
_MARKDOWN = re.compile(r"[&<>\[\]`*\\|~]|(?<!\w)_+|_+(?!\w)|#+$")  # an "_" within a word and a "#" are themselves
_LINE_START = re.compile(r"^(\d{1,9}(?=[.)](?: |$))|(?=[#=]|[-+](?: |$)|:?-+:?$))(.)")  # not that of a number: -12.3
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def printable(text: str) -> str:
    r"""Return a text in which what moves a terminal's cursor, or turns the direction of text, is written as an escape.

    New lines and tabs stay.

    >>> printable("a\x1b[31mred\u202e"), printable("café\n")
    ('a\\x1b[31mred\\u202e', 'café\n')
    """
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def markdown_inline(text: object) -> str:
    r"""Return a text as part of a line of Markdown, such as a cell or heading, that says the text and nothing else.

    No tags, links, emphasis, code or ends of cells; numbers and names stay as they are.

    >>> markdown_inline("<b>[a](javascript:b)|_c_"), markdown_inline("co_teaching -12.3")
    ('&lt;b&gt;&#91;a&#93;(javascript&#58;b)&#124;&#95;c&#95;', 'co_teaching -12.3')
    """
    line = " ".join(printable(str(text)).split())
    return _SCHEMES.sub(lambda match: f"{match[1]}&#58;", _MARKDOWN.sub(lambda match: _entities(match[0]), line))


def markdown_text(text: object) -> str:
    r"""Return a text as a whole line of Markdown that says the text and nothing else: no heading, rule or list either.

    >>> markdown_text("x\n# <script>a</script> [b](javascript:c)")
    'x # &lt;script&gt;a&lt;/script&gt; &#91;b&#93;(javascript&#58;c)'
    >>> markdown_text("# a"), markdown_text("1. a"), markdown_text("-12.3"), markdown_text("43.2 ± 1")
    ('&#35; a', '1&#46; a', '-12.3', '43.2 ± 1')
    """
    return _LINE_START.sub(lambda match: match[1] + _entities(match[2]), markdown_inline(text))


def _entities(text: str) -> str:
    """Return characters as entities, to which Markdown gives no meaning."""
    return "".join(_NAMED.get(char, f"&#{ord(char)};") for char in text)


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
