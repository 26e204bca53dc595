"""The contact sheet: rows of frame, clean masks and noisy masks, with the prompts of the positive objects beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from actiseg_noise.manifest.read import Manifest
from actiseg_noise.view.preview_clips import Scene, choose_scenes
from actiseg_noise.view.preview_picture import (
    EMPTY,
    Picture,
    colour_of,
    fit,
    masks_of,
    overlay,
    read_picture,
    size_of,
    void_of,
)

WIDTH, MARGIN, GAP = 1600, 16, 10
PANEL = (384, 270)  # most width and height of a picture, in px
LINE = 19
INK, FADED, PAPER, HARM = (32, 36, 40), (130, 136, 142), (255, 255, 255), (190, 60, 20)
_MOST_LINES = 24
_COLUMNS = {
    "full": ("frame", "clean masks", "noisy masks"),
    "text": ("frame",),
    "recipe-only": ("frame, masks withheld",),
}

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Words = list[tuple[str, tuple[int, int, int]]]


@dataclass(frozen=True)
class Sheet:
    """A drawn sheet, and of how many of its frames the image was found."""

    image: Image.Image
    rows: int
    with_image: int


def draw_preview(
    manifest: Manifest,
    *,
    root: Path | None = None,
    clips: Sequence[str] | None = None,
    limit: int = 12,
    noise_only: bool = False,
) -> Sheet:
    """Return the contact sheet of a manifest.

    Args:
        root: the dataset's folder; without it, or without a frame's image, masks lie on a plain dark canvas.
        clips, limit, noise_only: see :func:`choose_scenes`.
    """
    scenes = choose_scenes(manifest, clips=clips, limit=limit, noise_only=noise_only)
    columns = _COLUMNS[manifest.info.content]
    rows, found = [], 0
    for scene in scenes:
        picture = read_picture(scene, root)
        found += picture is not None
        rows.append(_draw_row(scene, picture, len(columns)))
    head = _draw_head(manifest, columns)
    sheet = Image.new("RGB", (WIDTH, head.height + sum(row.height for row in rows)), PAPER)
    top = 0
    for part in (head, *rows):
        sheet.paste(part, (0, top))
        top += part.height
    return Sheet(sheet, len(rows), found)


def _draw_head(manifest: Manifest, columns: tuple[str, ...]) -> Image.Image:
    """Return the sheet's head: what it shows, and the names of the columns."""
    head = Image.new("RGB", (WIDTH, 84), PAPER)
    draw = ImageDraw.Draw(head)
    draw.text((MARGIN, 14), manifest.info.name, INK, _font(20, "Bold"))
    left = MARGIN + draw.textlength(manifest.info.name, _font(20, "Bold")) + 14
    draw.text((left, 19), f"digest {manifest.digest[:12]}", FADED, _font(14))
    for column, name in enumerate((*columns, "prompts of the positive objects")):
        draw.text((_left_of(column), 56), name, FADED, _font(14))
    return head


def _left_of(column: int) -> int:
    """Return where a column begins."""
    return MARGIN + column * (PANEL[0] + GAP)


def _draw_row(scene: Scene, picture: Picture | None, columns: int) -> Image.Image:
    """Return one row of the sheet, with its first ``columns`` pictures."""
    panels = _panels(scene, picture)[:columns]
    lines = list(_lines(scene))
    height = max(panels[0].shape[0], LINE * len(lines)) + 22
    row = Image.new("RGB", (WIDTH, height), PAPER)
    for column, panel in enumerate(panels):
        row.paste(Image.fromarray(panel), (_left_of(column), 0))
    draw = ImageDraw.Draw(row)
    for number, (words, object_id) in enumerate(lines):
        left, top = float(_left_of(columns)), LINE * number
        if object_id is not None:
            draw.rounded_rectangle((left, top + 3, left + 11, top + 14), 3, colour_of(object_id))
        _write(draw, left + (18 if object_id is not None else 0), top, words)
    return row


def _panels(scene: Scene, picture: Picture | None) -> list[Picture]:
    """Return the frame, its clean and its noisy masks, all of one size; none for a clip without frame or masks."""
    size = size_of(scene)
    if picture is None and size is None:
        return [_plain((PANEL[0] * 9 // 16, PANEL[0]))] * 3
    height, width = picture.shape[:2] if picture is not None else size or (1, 1)
    scale = min(PANEL[0] / width, PANEL[1] / height)
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    canvas = _plain(shape) if picture is None else fit(picture, shape)
    positives = {sample["object_id"] for sample in scene.samples if sample["is_positive"]}
    sides = [masks_of(scene, side) for side in ("clean", "noisy")]
    return [canvas, *(overlay(canvas, masks, void_of(scene), positives) for masks in sides)]


def _plain(shape: tuple[int, int]) -> Picture:
    """Return a dark canvas."""
    return np.full((*shape, 3), EMPTY, np.uint8)


def _lines(scene: Scene) -> Iterator[tuple[Words, int | None]]:
    """Yield the lines of text beside a row, with the object they are about."""
    name = scene.frame["frame_id"] if scene.frame else ""
    frame = f"   {'' if name.startswith('frame') else 'frame '}{name}" if name else ""
    yield [(scene.clip_id, INK), (frame, FADED)], None
    yield [(f"“{scene.narration}”", INK)], None
    positives = [sample for sample in scene.samples if sample["is_positive"]]
    shown = positives[: _MOST_LINES // 2]
    for sample in shown:
        first, *more = _prompt_lines(sample)
        yield first, sample["object_id"]
        yield from ((words, None) for words in more)
        if note := _mask_note(scene.masks.get(sample["object_id"])):
            yield [(f"  {note}", FADED)], None
    changed = sum(not s["is_positive"] and s["text_noise"] != "none" for s in scene.samples)
    rest = [f"{len(positives) - len(shown)} more positive objects"] if len(shown) < len(positives) else []
    rest += [f"{changed} of {len(scene.samples) - len(positives)} negative prompts changed too"] if changed else []
    if rest:
        yield [("; ".join(rest), FADED)], None


def _prompt_lines(sample: dict[str, Any]) -> list[Words]:
    """Return both prompts of an object: the nouns where the rest is said above, else each whole text on its line."""
    clean, noisy = sample["expression"], sample["noisy_expression"]
    is_usual = clean.startswith(f"{sample['noun']} used in the action of ")
    if clean == noisy:
        return [[(sample["noun"] if is_usual else clean, FADED)]]
    colour = HARM if sample["is_harmful"] else INK
    mark: Words = [("  harmful", HARM)] if sample["is_harmful"] else []
    if is_usual and sample["noun"] != sample["noisy_noun"]:
        return [[(sample["noun"], INK), (" → ", FADED), (sample["noisy_noun"], colour), *mark]]
    return [[(clean, INK)], [("  → ", FADED), (noisy, colour), *mark]]


def _mask_note(mask: dict[str, Any] | None) -> str:
    """Say what happened to an object's mask in this frame."""
    if mask is None:
        return ""
    if mask["would_erase"]:
        return f"{mask['mask_noise']} would erase it: kept"
    if mask["iou"] == 1:
        return ""
    cause = "lost pixels to a neighbour" if mask["mask_noise"] == "none" else mask["mask_noise"]
    return f"{cause}, IoU {mask['iou']:.2f}"


def _write(draw: ImageDraw.ImageDraw, left: float, top: float, words: Words) -> None:
    """Write words one after the other; what does not fit on the sheet ends in ``…``."""
    font = _font(14)
    for text, colour in words:
        fitting = text
        while fitting and left + draw.textlength(fitting, font) > WIDTH - MARGIN:
            fitting = fitting[:-2].rstrip("…") + "…" if len(fitting) > 2 else ""
        draw.text((left, top), fitting, colour, font)
        left += draw.textlength(fitting, font)
        if fitting != text:
            return


@cache
def _font(size: int, weight: str = "") -> Font:
    """Return DejaVu Sans (see ``fonts/README.md``): Latin, Greek and Cyrillic letters; others show as boxes."""
    path = Path(__file__).parent / "fonts" / f"DejaVuSans{'-' + weight if weight else ''}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
