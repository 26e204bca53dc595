"""Outlines of vessels, tools and bottles: one function per shape, from half length and half width.

Tools and bottles point to +x and are held at -x.
"""

from __future__ import annotations

import numpy as np

from actiseg_noise.datasets.kitchen.outlines import Part, box, capsule, ellipse


def board(a: float, b: float, _seed: int) -> list[Part]:
    """Return a slab with a hole."""
    return [Part(box(0, 0, 2 * a, 2 * b, 9), "body"), Part(ellipse(-a * 0.82, 0, 5, 8, 14), "accent", False)]


def plate(a: float, b: float, _seed: int) -> list[Part]:
    """Return a disc with a painted ring."""
    ring = [Part(ellipse(0, 0, a * k, b * k, 36), role, False) for k, role in ((0.9, "accent"), (0.84, "body"))]
    return [Part(ellipse(0, 0, a, b, 36), "body"), *ring, Part(ellipse(0, 0, a * 0.6, b * 0.6, 32), "light", False)]


def _hollow(a: float, b: float, rim: str) -> list[Part]:
    """Return a round vessel from above: wall, rim, inside."""
    rings = ((0, 0, 1.0, "body"), (0, 0, 0.86, rim), (1, 2, 0.78, "dark"))
    return [Part(ellipse(x, y, a * k, b * k, 36), role, k == 1.0) for x, y, k, role in rings]


def bowl(a: float, b: float, _seed: int) -> list[Part]:
    """Return a bowl."""
    return [*_hollow(a, b, "accent"), Part(ellipse(2, 3, a * 0.5, b * 0.5), "body", False)]


def pan(a: float, b: float, _seed: int) -> list[Part]:
    """Return a pan, its handle to -x."""
    return [Part(capsule(-a * 0.9, 0, -a - 50, 0, 7, 8), "accent"), *_hollow(a, b, "light")]


def pot(a: float, b: float, _seed: int) -> list[Part]:
    """Return a pot with two ears."""
    ears = [Part(capsule(s * a * 0.8, 0, s * (a + 7), 0, 15, 8), "accent") for s in (-1, 1)]
    return [*ears, *_hollow(a, b, "light")]


def mug(a: float, b: float, _seed: int) -> list[Part]:
    """Return a mug, its ear to -x."""
    ear = Part(ellipse(-a * 1.15, 0, a * 0.5, b * 0.42, 18), "body")
    return [ear, Part(ellipse(-a * 1.2, 0, a * 0.25, b * 0.2, 12), "dark"), *_hollow(a, b, "accent")]


def knife(a: float, b: float, _seed: int) -> list[Part]:
    """Return a pointed blade on a handle."""
    blade = [(-a * 0.2, -b * 0.8), (a * 0.75, -b * 0.8), (a, b * 0.2), (a * 0.6, b), (-a * 0.2, b)]
    return [Part(np.array(blade), "body"), Part(capsule(-a + 5, 0, -a * 0.2, 0, 6, 5), "accent")]


def cleaver(a: float, b: float, _seed: int) -> list[Part]:
    """Return a broad blade on a handle."""
    blade = Part(box(a * 0.4, b * 0.3, a * 1.2, 2 * b, 3), "body")
    return [blade, Part(capsule(-a + 5, -4, -a * 0.2, -4, 6, 6), "accent")]


def scissors(a: float, b: float, _seed: int) -> list[Part]:
    """Return two blades and two loops."""
    blades = [Part(capsule(-a * 0.25, -s * 3, a, s * 7, 4.5, 1.5), "body") for s in (-1, 1)]
    loops = [Part(ellipse(-a * 0.62, s * b * 0.55, a * 0.36, b * 0.45, 18), "accent") for s in (-1, 1)]
    holes = [Part(ellipse(-a * 0.62, s * b * 0.55, a * 0.18, b * 0.2, 12), "dark", False) for s in (-1, 1)]
    return blades + loops + holes


def _scoop(a: float, b: float, head: float) -> list[Part]:
    stem = Part(capsule(-a + 4, 0, a * 0.4, 0, 4.5, 3), "accent")
    hollow = Part(ellipse(a * 0.68, 1, a * 0.26, b * 0.66, 18), "dark", False)
    return [stem, Part(ellipse(a * 0.66, 0, a * head, b, 22), "body"), hollow]


def spoon(a: float, b: float, _seed: int) -> list[Part]:
    """Return a spoon."""
    return _scoop(a, b, 0.36)


def ladle(a: float, b: float, _seed: int) -> list[Part]:
    """Return a ladle."""
    return _scoop(a, b, 0.42)


def peeler(a: float, b: float, _seed: int) -> list[Part]:
    """Return a Y with a blade across."""
    arms = [Part(capsule(0, 0, a * 0.85, s * b * 0.8, 4, 3), "accent") for s in (-1, 1)]
    return [Part(capsule(-a + 6, 0, 0, 0, 7, 6), "accent"), *arms, Part(box(a * 0.85, 0, 7, 2 * b, 2), "body")]


def spatula(a: float, b: float, _seed: int) -> list[Part]:
    """Return a slotted turner."""
    slots = [Part(box(a * 0.62, y * b, a * 0.42, 3, 1), "light", False) for y in (-0.5, 0, 0.5)]
    stem = Part(capsule(-a + 5, 0, a * 0.3, 0, 5, 3), "accent")
    return [stem, Part(box(a * 0.64, 0, a * 0.7, 2 * b, 4), "body"), *slots]


def sponge(a: float, b: float, _seed: int) -> list[Part]:
    """Return a block with a rough side."""
    rough = Part(box(0, -b * 0.7, 2 * a - 2, b * 0.6, 3), "accent", False)
    return [Part(box(0, 0, 2 * a, 2 * b, 5), "body"), rough]


def cloth(a: float, b: float, _seed: int) -> list[Part]:
    """Return a rumpled square with stripes."""
    corners = ellipse(0, 0, a * 1.12, b * 1.12, 24, wobble=0.09, seed=3)
    sheet = np.clip(corners, (-a, -b), (a, b)) + 0.04 * corners[:, ::-1]
    stripes = [Part(box(x * a, 0, 5, 2 * b * 0.86, 1), "accent", False) for x in (-0.6, -0.42, 0.6)]
    return [Part(sheet, "body"), *stripes]


def bottle(a: float, b: float, _seed: int) -> list[Part]:
    """Return a lying bottle with a label."""
    neck = Part(capsule(a * 0.2, 0, a * 0.8, 0, b * 0.9, b * 0.36), "body")
    body = Part(box(-a * 0.3, 0, a * 1.4, 2 * b, b * 0.4), "body")
    cap = Part(box(a * 0.9, 0, a * 0.22, b * 0.95, 2), "accent")
    return [neck, body, cap, Part(box(-a * 0.32, 0, a * 0.7, 2 * b, 1), "accent", False)]


def jar(a: float, b: float, _seed: int) -> list[Part]:
    """Return a lying jar with a lid and a label."""
    body = Part(box(-a * 0.12, 0, 2 * a * 0.86, 2 * b, 9), "body")
    lid = Part(box(a * 0.82, 0, a * 0.36, 2 * b * 0.9, 3), "accent")
    return [body, lid, Part(box(-a * 0.2, 0, a * 0.7, 2 * b * 0.98, 1), "accent", False)]
