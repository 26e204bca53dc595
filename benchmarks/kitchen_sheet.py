"""The contact sheet of ``kitchen``'s page: ``python benchmarks/kitchen_sheet.py [--out docs/images/kitchen.png]``.

A row is a video: its frames, the middle one with its masks, and its two clips: the narration, the nouns of the
positive objects on their mask's colour, then those of the negative ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from actiseg_noise.datasets.kitchen import Action, RenderedFrame, Video, plan_video, render_video

VIDEOS = (2, 25, 34, 10, 32, 9)  # of train: all verbs, short and full narrations, two look-alikes
THUMB = (240, 144)  # width, height in px
GAP, MARGIN, LINE = 8, 16, 27
COLUMNS = 4
TEXT, FADED, PAPER = (32, 36, 40), (130, 136, 142), (255, 255, 255)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
COLOURS = (
    *((230, 75, 53), (0, 130, 200), (60, 160, 75), (245, 175, 20), (145, 70, 190)),
    *((0, 165, 170), (230, 70, 170), (130, 95, 50), (90, 100, 230), (120, 150, 20)),
)


def colour_of(object_id: int) -> tuple[int, int, int]:
    """Return an object's colour on the sheet."""
    return COLOURS[(object_id - 1) % len(COLOURS)]


def overlay(frame: RenderedFrame) -> np.ndarray:
    """Return the picture, grey, under its masks in colour, uint8 RGB ``[H, W, 3]``."""
    grey = np.repeat(frame.image.mean(2, keepdims=True), 3, 2)
    palette = np.array([(0, 0, 0), *(colour_of(i) for i in range(1, 256))])
    painted = 0.2 * grey + 0.8 * palette[frame.mask]
    return np.where(frame.mask[..., None] > 0, painted, 0.5 * grey + 110).astype(np.uint8)


def thumb(image: np.ndarray) -> Image.Image:
    """Return a picture at the sheet's size."""
    return Image.fromarray(image).resize(THUMB, Image.Resampling.BOX)


def draw_clip(draw: ImageDraw.ImageDraw, x: float, y: float, video: Video, action: Action, font: Font) -> None:
    """Write one clip: its narration, then every noun, positives on their colour."""
    draw.text((x, y), f"“{action.narration}”", TEXT, font)
    x += THUMB[0] + GAP + 6
    for thing in sorted(video.objects, key=lambda thing: thing.object_id not in action.positive_ids):
        width = draw.textlength(thing.noun, font)
        if thing.object_id in action.positive_ids:
            draw.rounded_rectangle((x - 6, y - 3, x + width + 6, y + 18), 5, colour_of(thing.object_id))
            draw.text((x, y), thing.noun, PAPER, font)
        else:
            draw.text((x, y), thing.noun, FADED, font)
        x += width + 20


def draw_video(sheet: Image.Image, y: int, video: Video, font: Font) -> None:
    """Draw one row of the sheet from ``y`` downwards."""
    frames = render_video(video)
    pictures = [*(frame.image for frame in frames), overlay(frames[len(frames) // 2])]
    for column, picture in enumerate(pictures):
        sheet.paste(thumb(picture), (MARGIN + column * (THUMB[0] + GAP), y))
    draw = ImageDraw.Draw(sheet)
    for line, action in enumerate(video.actions):
        draw_clip(draw, MARGIN, y + THUMB[1] + 12 + line * LINE, video, action, font)


def make_sheet(indexes: tuple[int, ...]) -> Image.Image:
    """Return the sheet of some videos of ``train``, in 256 colours."""
    row = THUMB[1] + 12 + 2 * LINE + 14
    width = 2 * MARGIN + COLUMNS * THUMB[0] + (COLUMNS - 1) * GAP
    sheet = Image.new("RGB", (width, MARGIN + row * len(indexes)), PAPER)
    font = ImageFont.load_default(15)
    for k, index in enumerate(indexes):
        draw_video(sheet, MARGIN + k * row, plan_video("train", index), font)
    return sheet.quantize(256, kmeans=2, dither=Image.Dither.NONE)


def main() -> None:
    """Draw the sheet and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, nargs="+", default=VIDEOS, help="numbers in train")
    parser.add_argument("--out", type=Path, default=Path("docs/images/kitchen.png"))
    options = parser.parse_args()
    sheet = make_sheet(tuple(options.videos))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.out, optimize=True)
    print(f"{options.out}: {sheet.width}×{sheet.height}, {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
