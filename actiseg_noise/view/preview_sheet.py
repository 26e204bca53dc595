"""The contact sheet: rows of frame, clean masks and noisy masks, with the prompts of the positive objects beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from actiseg_noise.borders.images import resize_frame
from actiseg_noise.borders.writing import write_png
from actiseg_noise.manifest.clips import ManifestMask, ManifestSample
from actiseg_noise.manifest.read import Manifest, open_whole
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.masks import Picture
from actiseg_noise.plot_style import colour_of
from actiseg_noise.view.frames import find_frames
from actiseg_noise.view.preview_clips import SheetRow, choose_rows
from actiseg_noise.view.preview_picture import EMPTY, masks_of, overlay
from actiseg_noise.view.preview_text import (
    FADED,
    HARM,
    INK,
    LEGEND,
    LINE,
    PAPER,
    Words,
    draw_legend,
    font,
    legend_width,
    wrap,
    write,
)
from actiseg_noise.web.pictures import read_picture

WIDTH, MARGIN, GAP = 1600, 16, 10
PANEL = (384, 270)  # most width and height of a picture, in px
INDENT = 18  # px of a text behind its object's colour
_MOST_LINES = 24
_COLUMNS = {
    "full": ("frame", "clean masks", "noisy masks"),
    "text": ("frame",),
    "recipe-only": ("frame, masks withheld",),
}


@dataclass(frozen=True)
class ContactSheet:
    """A drawn contact sheet; a notebook shows it.

    Attributes:
        image: the picture. rows: how many clips it shows, and of how many (``with_image``) the frame was found.
        root: where frames were looked for; None: nowhere.
    """

    image: Image.Image
    rows: int
    with_image: int
    root: Path | None

    def _repr_png_(self) -> bytes | None:
        return self.image._repr_png_()


def preview(
    manifest: str | Path | Manifest,
    *,
    out: str | Path | None = None,
    root: str | Path | None = None,
    clips: Sequence[str] | None = None,
    limit: int = 12,
    noise_only: bool = False,
) -> ContactSheet:
    """Draw a contact sheet: a frame per row, its clean and noisy masks, both prompts of its positive objects.

    >>> import actiseg_noise
    >>> sheet = actiseg_noise.preview(folder, limit=3, out="sheet.png")
    >>> sheet.rows, sheet.image.width
    (3, 1600)

    Args:
        manifest: a manifest folder, or an open manifest.
        out: the PNG file to write; None: none, the sheet has the picture.
        root: the dataset's folder, by default the usual one; an embedded dataset draws its frames. Without it, or
            without a frame's image, masks lie on a plain dark canvas.
        clips: only these clips. limit: at most so many, those whose labels changed first.
        noise_only: leave out clips whose labels are all clean.

    Raises:
        ActisegError: an unknown clip, nothing to show, no such root, or ``out`` cannot be written.
    """
    opened = open_whole(manifest)
    folder = find_frames(opened, root)
    sheet = draw_preview(opened, root=folder, clips=clips, limit=limit, noise_only=noise_only)
    if out is not None:
        write_png(Path(out), sheet.image)
    return sheet


def draw_preview(
    manifest: Manifest,
    *,
    root: Path | None = None,
    clips: Sequence[str] | None = None,
    limit: int = 12,
    noise_only: bool = False,
) -> ContactSheet:
    """Return the contact sheet of a manifest; see :func:`preview` and :func:`choose_rows`.

    Args:
        root: the folder that image paths begin from, None for none.
    """
    columns = _COLUMNS[manifest.info.content]
    rows, found = [], 0
    for row in choose_rows(manifest, clips=clips, limit=limit, noise_only=noise_only):
        picture = read_picture(row.frame, root)
        found += picture is not None
        rows.append(_draw_row(row, picture, len(columns)))
    head = _draw_head(manifest, columns)
    sheet = Image.new("RGB", (WIDTH, head.height + sum(row.height for row in rows)), PAPER)
    top = 0
    for part in (head, *rows):
        sheet.paste(part, (0, top))
        top += part.height
    return ContactSheet(sheet, len(rows), found, root)


def _draw_head(manifest: Manifest, columns: tuple[str, ...]) -> Image.Image:
    """Return the sheet's head: what it shows, and the names of the columns."""
    names = LEGEND if len(columns) > 1 else LEGEND[-1:]
    digest = f"digest {manifest.digest[:12]}"
    used = MARGIN + font(20, "Bold").getlength(manifest.info.name) + 14 + font(14).getlength(digest)
    legend_top = 19 if used + 40 + legend_width(names) <= WIDTH - MARGIN else 45
    head = Image.new("RGB", (WIDTH, 65 + legend_top), PAPER)
    draw = ImageDraw.Draw(head)
    draw.text((MARGIN, 14), manifest.info.name, INK, font(20, "Bold"))
    left = MARGIN + draw.textlength(manifest.info.name, font(20, "Bold")) + 14
    draw.text((left, 19), digest, FADED, font(14))
    draw_legend(draw, WIDTH - MARGIN - legend_width(names), legend_top, names)
    for column, name in enumerate((*columns, "prompts of the positive objects")):
        draw.text((_left_of(column), legend_top + 37), name, FADED, font(14))
    return head


def _left_of(column: int) -> int:
    """Return where a column begins."""
    return MARGIN + column * (PANEL[0] + GAP)


def _draw_row(row: SheetRow, picture: Picture | None, columns: int) -> Image.Image:
    """Return one row of the sheet, with its first ``columns`` pictures."""
    panels = _panels(row, picture)[:columns]
    lines = list(_wrapped_lines(row, WIDTH - MARGIN - _left_of(columns)))
    height = max(panels[0].shape[0], LINE * len(lines)) + 22
    drawn = Image.new("RGB", (WIDTH, height), PAPER)
    for column, panel in enumerate(panels):
        drawn.paste(Image.fromarray(panel), (_left_of(column), 0))
    draw = ImageDraw.Draw(drawn)
    for number, (words, object_id) in enumerate(lines):
        left, top = float(_left_of(columns)), LINE * number
        if object_id is not None:
            draw.rounded_rectangle((left, top + 3, left + 11, top + 14), 3, colour_of(object_id))
        write(draw, left + (INDENT if object_id is not None else 0), top, words)
    return drawn


def _wrapped_lines(row: SheetRow, room: float) -> Iterator[tuple[Words, int | None]]:
    """Yield the lines of text beside a row as they fit into ``room`` pixels, the further ones of a text indented."""
    for words, object_id in _lines(row):
        first, *more = wrap(words, room - INDENT)
        yield first, object_id
        yield from (([("    ", FADED), *line], None) for line in more)


def _panels(row: SheetRow, picture: Picture | None) -> list[Picture]:
    """Return the frame, its clean and its noisy masks, all of one size; none for a clip without frame or masks."""
    size = None if row.frame is None else row.frame.size
    if picture is None and size is None:
        return [_plain((PANEL[0] * 9 // 16, PANEL[0]))] * 3
    height, width = picture.shape[:2] if picture is not None else size or (1, 1)
    scale = min(PANEL[0] / width, PANEL[1] / height)
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    canvas = _plain(shape) if picture is None else resize_frame(picture, shape)
    void = None if row.frame is None else row.frame.void_mask()
    sides = ((masks_of(row.frame, labels), _positives(row, labels)) for labels in ("clean", "noisy"))
    return [canvas, *(overlay(canvas, masks, void, positives) for masks, positives in sides)]


def _positives(row: SheetRow, labels: str) -> set[int]:
    """Return the objects that are positive by the ``clean`` or ``noisy`` flags."""
    return {sample.object_id for sample in row.clip.samples if sample.flag(labels)}


def _plain(shape: tuple[int, int]) -> Picture:
    """Return a dark canvas."""
    return np.full((*shape, 3), EMPTY, np.uint8)


def _lines(row: SheetRow) -> Iterator[tuple[Words, int | None]]:
    """Yield the lines of text beside a row, with the object they are about."""
    clip, name = row.clip, "" if row.frame is None else row.frame.frame_id
    frame = f"   {'' if name.startswith('frame') else 'frame '}{name}" if name else ""
    yield [(clip.clip_id, INK), (frame, FADED)], None
    yield [(f"“{clip.narration}”", INK)], None
    if clip.noisy_narration != clip.narration:
        yield [("  → ", FADED), (f"“{clip.noisy_narration}”", HARM), ("  harmful", HARM)], None
    positives = [sample for sample in clip.samples if sample.is_positive or sample.noisy_is_positive]
    shown = positives[: _MOST_LINES // 2]
    for sample in shown:
        first, *more = _prompt_lines(sample)
        yield first + _flag_words(sample), sample.object_id
        yield from ((words, None) for words in more)
        if note := _mask_note(row.masks.get(sample.object_id)):
            yield [(f"  {note}", FADED)], None
    negatives = [sample for sample in clip.samples if sample not in positives]
    changed = sum(sample.text_noise != NO_NOISE for sample in negatives)
    rest = [f"{len(positives) - len(shown)} more positive objects"] if len(shown) < len(positives) else []
    rest += [f"{changed} of {len(negatives)} negative prompts changed too"] if changed else []
    if rest:
        yield [("; ".join(rest), FADED)], None


def _flag_words(sample: ManifestSample) -> Words:
    """Say what flag an object is given where it is not the clean one."""
    if sample.noisy_is_positive == sample.is_positive:
        return []
    return [("  given as positive" if sample.noisy_is_positive else "  given as negative", HARM)]


def _prompt_lines(sample: ManifestSample) -> list[Words]:
    """Return both prompts of an object: the nouns where the rest is said above, else each whole text on its line."""
    clean, noisy = sample.expression, sample.noisy_expression
    is_usual = clean.startswith(f"{sample.noun} used in the action of ")
    if clean == noisy or (is_usual and sample.noun == sample.noisy_noun and sample.narration_noise != NO_NOISE):
        return [[(sample.noun if is_usual else clean, FADED)]]
    colour = HARM if sample.is_harmful else INK
    mark: Words = [("  harmful", HARM)] if sample.is_harmful else []
    if is_usual and sample.noun != sample.noisy_noun:
        return [[(sample.noun, INK), (" → ", FADED), (sample.noisy_noun, colour), *mark]]
    return [[(clean, INK)], [("  → ", FADED), (noisy, colour), *mark]]


def _mask_note(mask: ManifestMask | None) -> str:
    """Say what happened to an object's mask in this frame."""
    if mask is None:
        return ""
    if mask.would_erase:
        return f"{mask.mask_noise} would erase it: kept"
    if mask.iou == 1:
        return ""
    cause = "lost pixels to a neighbour" if mask.mask_noise == NO_NOISE else mask.mask_noise
    return f"{cause}, IoU {mask.iou:.2f}"
