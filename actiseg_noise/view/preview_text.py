"""Words on a picture: coloured, wrapped to the room there is, and the legend of what colours and lines mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

from actiseg_noise.plain import printable
from actiseg_noise.view.preview_picture import HATCH_PX, VOID

INK, FADED, PAPER, HARM = (32, 36, 40), (96, 102, 108), (255, 255, 255), (190, 60, 20)
LINE, SIZE = 19, 14
MOST_LINES_OF_A_TEXT = 4
_LONGEST = 2000  # letters of one text that are looked at
_SWATCH = (120, 130, 140)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Words = list[tuple[str, tuple[int, int, int]]]


@cache
def font(size: int, weight: str = "") -> Font:
    """Return DejaVu Sans (see ``fonts/README.md``): Latin, Greek and Cyrillic letters; others show as boxes."""
    path = Path(__file__).parent / "fonts" / f"DejaVuSans{'-' + weight if weight else ''}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def wrap(words: Words, room: float) -> list[Words]:
    """Return words on lines that are at most ``room`` pixels wide; what four lines do not hold ends in ``…``."""
    lines: list[Words] = [[]]
    used = 0.0
    for piece, colour in _pieces(words):
        width = font(SIZE).getlength(piece.rstrip())
        if used + width > room and lines[-1]:
            lines.append([])
            used, piece = 0.0, piece.lstrip()  # noqa: PLW2901
        for part in _cut(piece, room):
            if used + font(SIZE).getlength(part.rstrip()) > room and lines[-1]:
                lines.append([])
                used = 0.0
            lines[-1].append((part, colour))
            used += font(SIZE).getlength(part)
    if len(lines) <= MOST_LINES_OF_A_TEXT:
        return lines
    return [*lines[: MOST_LINES_OF_A_TEXT - 1], _ended(lines[MOST_LINES_OF_A_TEXT - 1], room)]


def _pieces(words: Words) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Yield the words one by one, each with the blanks before it."""
    for text, colour in words:
        plain = printable(text[:_LONGEST]).replace("\n", " ")
        start = 0
        for place in range(1, len(plain)):
            if plain[place] == " " and plain[place - 1] != " ":
                yield plain[start:place], colour
                start = place
        yield plain[start:], colour


def _cut(word: str, room: float) -> list[str]:
    """Return a word in pieces that fit; most are one."""
    if font(SIZE).getlength(word.strip()) <= room:
        return [word]
    size = max(1, int(room / font(SIZE).getlength("M")))
    return [word[i : i + size] for i in range(0, len(word), size)]


def _ended(line: Words, room: float) -> Words:
    """Return a line that ends in ``…`` and fits."""
    text, colour = line[-1]
    used = sum(font(SIZE).getlength(part) for part, _ in line[:-1])
    while text and used + font(SIZE).getlength(f"{text}…") > room:
        text = text[:-1]
    return [*line[:-1], (f"{text}…", colour)]


def write(draw: ImageDraw.ImageDraw, left: float, top: float, words: Words) -> None:
    """Write words one after the other."""
    for text, colour in words:
        draw.text((left, top), text, colour, font(SIZE))
        left += font(SIZE).getlength(text)


LEGEND = ("positive", "negative", "void", "harmful: names something else")


def draw_legend(draw: ImageDraw.ImageDraw, left: float, top: float, names: Sequence[str] = LEGEND) -> float:
    """Draw what tints, outlines, stripes and red words mean, and return where it ends; a colour is an object."""
    for name in names:
        if name.startswith("harmful"):
            write(draw, left, top, [("harmful", HARM), (name.removeprefix("harmful"), FADED)])
        else:
            _swatch(draw, left, top + 3, name)
            write(draw, left + 24, top, [(name, FADED)])
            left += 24
        left += font(SIZE).getlength(name) + 22
    return left - 22


def legend_width(names: Sequence[str] = LEGEND) -> float:
    """Return how wide the legend is."""
    return sum(font(SIZE).getlength(name) + (22 if name.startswith("harmful") else 46) for name in names) - 22


def _swatch(draw: ImageDraw.ImageDraw, left: float, top: float, name: str) -> None:
    """Draw the sample of one kind of object: tinted, outlined or hatched."""
    box = (left, top, left + 17, top + 11)
    if name == "void":
        draw.rectangle(box, fill=(70, 74, 80))
        for x in range(0, 18, HATCH_PX):
            draw.line((left + x, top + 11, left + min(17, x + 11), top), fill=VOID, width=2)
    elif name == "positive":
        draw.rectangle(box, fill=(*(c // 2 + 110 for c in _SWATCH),), outline=_SWATCH, width=3)
    else:
        draw.rectangle(box, outline=_SWATCH, width=1)
