"""Text of strangers that lands on a terminal or in a page: shown as it is, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from forging import TOY_MIX, edit_info

import actiseg_noise
from actiseg_noise import terminal
from actiseg_noise.plain import markdown_block, markdown_code, markdown_inline, markdown_text, printable, web_address

RECIPE = TOY_MIX


def test_what_moves_a_cursor_is_printed_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    for name in ("out", "err"):
        monkeypatch.setattr(terminal, name, terminal.SafeConsole(file=stream, width=100))
    bad = "\x1b]0;pwn\x07\x1b[31m\u202e\r\x9b"
    terminal.print_table(bad, (bad, "b"), [(bad, bad)])
    terminal.print_error(bad)
    terminal.print_warning(bad)
    terminal.print_text(bad)
    terminal.print_json({"a": bad})
    terminal.out.print(bad)
    assert not set("\x1b\x07\u202e\r\x9b") & set(stream.getvalue())
    assert stream.getvalue().count(r"\x1b]0;pwn\x07") >= 5


def test_what_rich_would_read_as_markup_or_an_emoji_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "out", terminal.SafeConsole(file=stream, width=100))
    terminal.out.print("written to runs/:apple:/[red]m", soft_wrap=True)
    terminal.out.print("a [red]title[/red]", style="bold")
    terminal.print_text(":apple: [red]")
    assert stream.getvalue() == "written to runs/:apple:/[red]m\na [red]title[/red]\n:apple: [red]\n"


def test_markdown_of_strangers_says_its_text_and_nothing_else() -> None:
    text = markdown_text("x*\n\n# Owned\n<script>a</script> [c](javascript:a) ```")
    assert not {"<", "[", "]", "`", "\n"} & set(text)
    assert "javascript:" not in text
    assert markdown_text("# a").startswith("&#35;")
    assert markdown_code("a``b") == "``` a``b ```"
    assert markdown_block("```\n# x", "json").splitlines()[0] == "````json"
    assert (web_address("javascript:a"), web_address("http://x) <b>")) == (None, None)
    assert web_address("https://a.org/b") == "https://a.org/b"
    assert printable("a\tb\n") == "a\tb\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# a", "&#35; a"),
        ("#a", "&#35;a"),
        ("- a", "&#45; a"),
        ("+ a", "&#43; a"),
        ("1. a", "1&#46; a"),
        ("12) a", "12&#41; a"),
        ("---", "&#45;--"),
        (":-:", "&#58;-:"),
        ("===", "&#61;=="),
        ("~~~ a", "&#126;&#126;&#126; a"),
        ("___", "&#95;&#95;&#95;"),
        ("> a", "&gt; a"),
    ],
)
def test_the_start_of_a_line_is_no_heading_list_or_rule(text: str, line: str) -> None:
    assert markdown_text(text) == line


@pytest.mark.parametrize(
    "text", ["-12.3", "+1", "43.2 ± 1", "66.1±0.4", "1.5", "12", "co_teaching", "text-40", "a + b - c = d", "2026"]
)
def test_numbers_and_names_stay_readable_in_markdown(text: str) -> None:
    assert (markdown_text(text), markdown_inline(text)) == (text, text)


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("_x_ __y__", "&#95;x&#95; &#95;&#95;y&#95;&#95;"),
        ("~~y~~", "&#126;&#126;y&#126;&#126;"),
        ("a|b", "a&#124;b"),
        ("a\\|b", "a&#92;&#124;b"),
        ("*a*", "&#42;a&#42;"),
        ("a # b #", "a # b &#35;"),
    ],
)
def test_within_a_line_nothing_is_emphasis_or_ends_a_cell(text: str, within: str) -> None:
    assert (markdown_inline(text), markdown_text(text)) == (within, within)


def test_a_card_of_a_strangers_words_has_no_tags_links_or_headings_of_theirs(folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["dataset"].update(
            title="x*\n\n# Owned\n<script>alert(1)</script> [click](javascript:alert(1))",
            how_to_get="```\n<img src=x onerror=alert(1)>",
            licence="x\n---\nlicense: mit\n<script>alert(1)</script>",
            homepage="http://x) <script>",
            citation="@x```\n```\n# hi",
        )
        data["tool_version"] = "x\n# hi"
        data["recipe"]["title"] = "<b>|</b>\n# hi"

    edit_info(folder, change)
    out = actiseg_noise.publish(folder, folder.parent / "p").path
    page = (out / "README.md").read_text("utf-8")
    lines = page.split("````bibtex")[0].splitlines()
    assert not any(line.startswith(("# Owned", "# hi", "license: mit")) for line in lines)
    assert lines.count("---") == 2
    for text in (page, (out / "croissant.json").read_text("utf-8")):
        assert not any(bad in text for bad in ("<script", "<img", "<b>", "](javascript:"))
