"""Painting one object or effect onto a picture and its index mask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from actiseg_noise.datasets.kitchen.catalogue import HEIGHT, WIDTH, rgb
from actiseg_noise.datasets.kitchen.outlines import Outline, Part, ellipse
from actiseg_noise.datasets.kitchen.textures import SIDE, material
from actiseg_noise.datasets.kitchen.video import Effect, Point

SHIFT = 4  # fractional bits of a fixed-point coordinate
Affine = tuple[float, float, float, float, float, float]  # x' = a x + b y + c, y' = d x + e y + f
Colour = tuple[int, int, int]
Fixed = NDArray[np.int32]  # [N, 2], sixteenths of a pixel
_CONTENTS = ((196, 60, 40), (224, 176, 72), (92, 140, 52), (240, 232, 212), (120, 72, 40))


@dataclass(frozen=True)
class Canvas:
    """The picture and the index mask under the brush."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Style:
    """Colours by role, and the surface."""

    colours: dict[str, Colour]
    material: str

    @staticmethod
    @lru_cache(maxsize=512)
    def of(body: str, accent: str, flesh: str, tint: tuple[float, float, float], surface: str) -> Style:
        """Return a style from hex colours and a tint per channel."""

        def mix(code: str, gain: float = 1.0, lift: float = 0.0) -> Colour:
            r, g, b = (int(min(255.0, channel * t * gain + lift)) for channel, t in zip(rgb(code), tint, strict=True))
            return r, g, b

        content = _CONTENTS[int(tint[0] * 1000) % len(_CONTENTS)]
        colours = {"body": mix(body), "accent": mix(accent), "flesh": rgb(flesh), "content": content}
        return Style(colours | {"dark": mix(body, 0.62), "light": mix(body, 0.9, 26)}, surface)


def to_screen(outline: Outline, affine: Affine) -> Fixed:
    """Return picture coordinates in sixteenths of a pixel, rounded (no matrix product: BLAS may differ)."""
    a, b, c, d, e, f = affine
    x, y = outline[:, 0], outline[:, 1]
    screen = np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)
    return np.rint(screen * (1 << SHIFT)).astype(np.int32)


def _window(polygons: list[Fixed], margin: int) -> tuple[int, int, int, int] | None:
    """Return the (left, top, right, bottom) of the polygons inside the picture, or None when outside."""
    low = np.min([p.min(axis=0) for p in polygons], axis=0) >> SHIFT
    high = np.max([p.max(axis=0) for p in polygons], axis=0) >> SHIFT
    left, top = max(0, int(low[0]) - margin), max(0, int(low[1]) - margin)
    right, bottom = min(WIDTH, int(high[0]) + margin + 1), min(HEIGHT, int(high[1]) + margin + 1)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _cast_shadow(image: NDArray[np.uint8], cover: NDArray[np.uint8]) -> None:
    """Darken the picture softly below and right of ``cover`` (uint8, 255 inside)."""
    dark = cv2.blur(cover, (11, 11), anchor=(8, 9))
    keep = cv2.convertScaleAbs(dark, alpha=-0.36, beta=0)
    cv2.bitwise_not(keep, keep)
    cv2.multiply(image, cv2.merge((keep, keep, keep)), image, scale=1 / 255)


def _shade(image: NDArray[np.uint8], cover: NDArray[np.uint8], surface: str, affine: Affine) -> None:
    """Give ``cover`` its surface and round edges; light falls from the upper left."""
    height, width = cover.shape
    a, b, c, d, e, f = affine
    half = SIDE / 2
    matrix = np.array([[a, b, c - a * half - b * half], [d, e, f - d * half - e * half]])
    texture = cv2.warpAffine(
        material(surface), matrix, (width, height), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101
    )
    round_ = cv2.blur(cover, (13, 13), anchor=(9, 9))
    shade = cv2.addWeighted(texture, 1.0, round_, 0.24, -56)
    shade = cv2.bitwise_and(shade, cover)
    outside = cv2.bitwise_not(cover)
    cv2.addWeighted(shade, 1.0, outside, 128 / 255, 0, shade)
    cv2.multiply(image, cv2.merge((shade, shade, shade)), image, scale=1 / 128)


def paint_object(
    canvas: Canvas, groups: list[tuple[list[Part], Affine]], style: Style, object_id: int, affine: Affine
) -> None:
    """Paint shadow, polygons and surface of one object; its solid parts take over the mask."""
    drawn = [(part, to_screen(part.outline, matrix)) for parts, matrix in groups for part in parts]
    window = _window([fixed for part, fixed in drawn if part.solid], 12)
    if window is None:
        return
    left, top, right, bottom = window
    image = canvas.image[top:bottom, left:right]
    cover = np.zeros((bottom - top, right - left), np.uint8)
    offset = np.array([left << SHIFT, top << SHIFT], np.int32)
    drawn = [(part, fixed - offset) for part, fixed in drawn]
    for part, fixed in drawn:
        if part.solid:
            cv2.fillPoly(cover, [fixed], 255, cv2.LINE_8, SHIFT)
    canvas.mask[top:bottom, left:right][cover > 0] = object_id
    _cast_shadow(image, cover)
    for part, fixed in drawn:
        colour = style.colours[part.role]
        if part.solid:
            edge = (colour[0] * 3 // 5, colour[1] * 3 // 5, colour[2] * 3 // 5)
            cv2.polylines(image, [fixed], True, edge, 1, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(image, [fixed], colour, cv2.LINE_AA, SHIFT)
    a, b, c, d, e, f = affine
    _shade(image, cover, style.material, (a, b, c - left, d, e, f - top))


def _blend(canvas: Canvas, polygons: list[Fixed], colour: Colour, opacity: float) -> None:
    window = _window(polygons, 2)
    if window is None:
        return
    left, top, right, bottom = window
    image = canvas.image[top:bottom, left:right]
    over = image.copy()
    offset = np.array([left << SHIFT, top << SHIFT], np.int32)
    for fixed in polygons:
        cv2.fillPoly(over, [fixed - offset], colour, cv2.LINE_AA, SHIFT)
    cv2.addWeighted(over, opacity, image, 1 - opacity, 0, image)


def _ribbon(start: Point, end: Point, near: float, far: float) -> Outline:
    (x0, y0), (x1, y1) = start, end
    length = max(1e-6, ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5)
    nx, ny = -(y1 - y0) / length, (x1 - x0) / length
    return np.array(
        [
            (x0 + nx * near, y0 + ny * near),
            (x1 + nx * far, y1 + ny * far),
            (x1 - nx * far, y1 - ny * far),
            (x0 - nx * near, y0 - ny * near),
        ]
    )


def _drops(effect: Effect, t: int, x: float, y: float, count: int) -> list[Outline]:
    """Return small discs scattered around a point, others in every frame."""
    rng = np.random.Generator(np.random.PCG64(effect.seed * 8 + t)).random((count, 3))
    discs = []
    for u, v, w in rng.tolist():
        angle, radius = 6.2832 * u, effect.size * (0.75 + 0.6 * v)
        discs.append(ellipse(x + radius * cos(angle), y + radius * sin(angle), 1.5 + 2.5 * w, 1.5 + 2.5 * w, 9))
    return discs


def paint_effect(canvas: Canvas, effect: Effect, t: int, camera: Affine) -> None:
    """Paint water, a stream or a smear; masks stay as they are: these are no objects."""
    start, end = effect.starts[t], effect.ends[t]
    x1, y1 = end
    colour, size = rgb(effect.colour), effect.size

    def place(*outlines: Outline) -> list[Fixed]:
        return [to_screen(outline, camera) for outline in outlines]

    if effect.kind == "water":
        _blend(canvas, place(ellipse(x1, y1, size * 1.1, size * 0.95, 30)), (120, 190, 245), 0.26)
        _blend(canvas, place(_ribbon(start, end, 6, 9)), (176, 216, 250), 0.66)
        _blend(canvas, place(_ribbon(start, end, 2, 4)), (255, 255, 255), 0.7)
        _blend(canvas, place(*_drops(effect, t, x1, y1, 14)), (232, 246, 255), 0.9)
    elif effect.kind == "stream":
        _blend(canvas, place(ellipse(x1, y1, size * 1.9, size * 1.5, 24)), colour, 0.85)
        _blend(canvas, place(_ribbon(start, end, size * 0.45, size * 0.6)), colour, 0.95)
    else:
        _blend(canvas, place(ellipse(x1, y1, size * 2.0, size * 1.7, 26)), (226, 240, 250), 0.5)
        _blend(canvas, place(*_drops(effect, t, x1, y1, 16)), (255, 255, 255), 0.85)
