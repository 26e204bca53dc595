"""Surfaces: counters, materials, grain and light, made once per process from fixed keys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from actiseg_noise.datasets.kitchen.catalogue import HEIGHT, VERSION, WIDTH
from actiseg_noise.key import Key

Pixels = NDArray[np.uint8]

COUNTERS = ("speckle", "granite", "wood", "planks", "tiles", "marble", "steel", "cloth")
_COUNTER_HEIGHT, _COUNTER_WIDTH = 400, 620
_BASE = {
    "speckle": (196, 192, 184),
    "granite": (120, 116, 116),
    "wood": (186, 140, 92),
    "planks": (150, 104, 66),
    "tiles": (200, 204, 206),
    "marble": (216, 214, 212),
    "steel": (164, 170, 176),
    "cloth": (150, 160, 182),
}
SIDE = 256  # px of a material texture


def _noise(name: str, height: int, width: int, cell_y: int, cell_x: int) -> NDArray[np.float32]:
    """Return smooth noise in [-1, 1], [height, width], one random value per cell."""
    import cv2  # the names of the textures do not need it

    rng = Key("kitchen", VERSION, "texture", name).generator(f"{height}x{width}/{cell_y}x{cell_x}")
    grid = (rng.random((height // cell_y + 3, width // cell_x + 3)) * 2 - 1).astype(np.float32)
    full = cv2.resize(grid, None, fx=cell_x, fy=cell_y, interpolation=cv2.INTER_CUBIC)
    return np.asarray(full[:height, :width], dtype=np.float32)


@lru_cache(maxsize=16)
def counter(name: str) -> Pixels:
    """Return a counter top, uint8 RGB, larger than a picture."""
    h, w = _COUNTER_HEIGHT, _COUNTER_WIDTH
    fine, rough, broad = (_noise(name, h, w, c, c) for c in (2, 9, 60))
    value = 14 * broad
    if name == "speckle":
        value += 26 * (fine > 0.7) - 30 * (fine < -0.75) + 4 * rough
    elif name == "granite":
        value += 34 * fine + 18 * rough
    elif name in ("wood", "planks"):
        value += 20 * _noise(name + "long", h, w, 3, 70) + 9 * _noise(name + "fibre", h, w, 1, 24)
        if name == "planks":
            rows = np.arange(h)[:, None]
            value += 16 * np.sign(np.sin(rows // 52 * 2.4)) - 46 * (rows % 52 < 2)
    elif name == "tiles":
        rows, columns = np.arange(h)[:, None], np.arange(w)[None, :]
        value += 5 * rough - 44 * ((rows % 74 < 3) | (columns % 74 < 3))
    elif name == "marble":
        veins = np.abs(_noise(name + "vein", h, w, 40, 52) + 0.35 * _noise(name + "bend", h, w, 12, 12))
        value += 4 * rough - 60 * np.clip(0.09 - veins, 0, 1) * 9
    elif name == "steel":
        value += 13 * _noise(name + "brush", h, w, 1, 60) + 6 * fine
    else:
        rows, columns = np.arange(h)[:, None], np.arange(w)[None, :]
        value += 7 * (np.sin(rows * 1.1) + np.sin(columns * 1.1)) + 18 * ((columns // 22) % 4 == 0) + 5 * fine
    image = np.array(_BASE[name], dtype=np.float32) + value[:, :, None].astype(np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)


@lru_cache(maxsize=32)
def material(name: str) -> Pixels:
    """Return a surface, uint8 [SIDE, SIDE]; 128 leaves a colour as it is, the middle is the object's centre."""
    fine, rough = _noise(name, SIDE, SIDE, 2, 2), _noise(name, SIDE, SIDE, 8, 8)
    rows, columns = np.arange(SIDE)[:, None] - SIDE / 2, np.arange(SIDE)[None, :] - SIDE / 2
    value = 4 * rough + 3 * fine
    if name == "streaks":
        value = 24 * _noise(name + "s", SIDE, SIDE, 4, 60) + 5 * fine
    elif name == "ribs":
        value = 20 * _noise(name + "r", SIDE, SIDE, 60, 4) + 4 * fine
    elif name == "mottle":
        value = 15 * rough + 12 * fine
    elif name == "speckle":
        value = -52 * (fine > 0.6) + 8 * rough + 10 * fine
    elif name == "wood":
        value = 26 * _noise(name + "w", SIDE, SIDE, 3, 60) + 6 * fine
    elif name == "weave":
        value = 10 * np.sin(rows * 1.3) + 10 * np.sin(columns * 1.3) + 12 * rough
    elif name in ("brushed", "steel"):
        value = 12 * _noise(name + "b", SIDE, SIDE, 50, 3) + 22 * np.sin((rows + columns) * 0.06)
    elif name == "gloss":
        value = 5 * rough + 90 * np.exp(-((rows + 9) ** 2 + ((columns + 6) * 0.55) ** 2) / 28)
    return np.clip(128 + value, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def grain() -> Pixels:
    """Return sensor noise around 8, uint8 [HEIGHT + 64, WIDTH + 64, 3]."""
    rng = Key("kitchen", VERSION, "texture", "grain").generator("rgb")
    total = sum(rng.random((HEIGHT + 64, WIDTH + 64, 3)) for _ in range(3))
    return np.clip(8 + (np.asarray(total) - 1.5) * 9, 0, 16).astype(np.uint8)


@lru_cache(maxsize=1)
def vignette() -> Pixels:
    """Return the fall-off of light, uint8 [HEIGHT, WIDTH, 3]; 128 is full light."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    far = ((x - WIDTH * 0.45) / WIDTH) ** 2 + ((y - HEIGHT * 0.4) / HEIGHT) ** 2
    return np.repeat(np.clip(134 - 62 * far, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
