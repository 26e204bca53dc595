"""Outlines of fruit, vegetables and bread: one function per shape, from half length, half width and a variant."""

from __future__ import annotations

from math import cos, sin

import numpy as np

from actiseg_noise.datasets.kitchen.outlines import Part, box, capsule, ellipse


def bulb(a: float, b: float, seed: int) -> list[Part]:
    """Return a round thing with a dry tuft: onions."""
    tuft = np.array([(a * 0.8, -4), (a * 1.25, -3), (a * 1.25, 3), (a * 0.8, 4)])
    return [Part(tuft, "accent"), Part(ellipse(0, 0, a, b, wobble=0.015, seed=seed), "body")]


def pointed(a: float, b: float, _seed: int) -> list[Part]:
    """Return a lens with two tips: lemon, lime, shallot."""
    tips = [Part(np.array([(s * a * 0.6, -b * 0.5), (s * a, 0), (s * a * 0.6, b * 0.5)]), "body") for s in (-1, 1)]
    body = Part(ellipse(0, 0, a * 0.86, b), "body")
    return [*tips, body, Part(ellipse(a * 0.82, 0, 3, 3, 10), "accent", False)]


def taper(a: float, b: float, _seed: int) -> list[Part]:
    """Return a root that gets thinner, with leaves: carrots."""
    leaves = [Part(capsule(-a * 0.9, 0, -a * 1.2, s * b * 0.9, 2.5, 3), "accent") for s in (-1, 0, 1)]
    return [*leaves, Part(capsule(-a + b, 0, a - 2, 0, b, 2.5), "body")]


def stemmed(a: float, b: float, seed: int) -> list[Part]:
    """Return a ball with a green star: tomatoes."""
    points = [(8 * cos(k * 1.2566), 8 * sin(k * 1.2566)) for k in range(5)]
    star = [Part(capsule(0, 0, x, y, 2, 1.2), "accent", False) for x, y in points]
    return [Part(ellipse(0, 0, a, b, wobble=0.015, seed=seed), "body"), *star]


def lump(a: float, b: float, seed: int) -> list[Part]:
    """Return an uneven ball with eyes: potatoes, a bun."""
    places = ((-0.4, 0.3), (0.3, -0.4), (0.5, 0.3))
    eyes = [Part(ellipse(a * x, b * y, 2, 1.5, 8), "accent", False) for x, y in places]
    return [Part(ellipse(0, 0, a, b, 30, wobble=0.045, seed=seed), "body"), *eyes]


def pear(a: float, b: float, _seed: int) -> list[Part]:
    """Return a long drop with a cap and a stalk: aubergine."""
    body = Part(capsule(-a + b, 0, a - b * 0.62, 0, b, b * 0.55), "body")
    cap = Part(capsule(a - b * 0.5, 0, a - 3, 0, b * 0.56, 5), "accent")
    return [body, cap, Part(capsule(a, 0, a + 9, 2, 3, 3), "accent")]


def baton(a: float, b: float, _seed: int) -> list[Part]:
    """Return an even rod with a stalk: courgette."""
    body = Part(capsule(-a + b, 0, a - b, 0, b, b * 0.85), "body")
    return [body, Part(capsule(a - 3, 0, a + 5, 0, 5, 4), "accent")]


def lobed(a: float, b: float, _seed: int) -> list[Part]:
    """Return three bulges and a stalk: peppers."""
    sides = [Part(ellipse(-a * 0.15, s * b * 0.42, a * 0.85, b * 0.55, 22), "body") for s in (-1, 1)]
    middle = Part(ellipse(-a * 0.05, 0, a * 0.92, b * 0.48, 22), "body")
    return [*sides, middle, Part(capsule(a * 0.72, 0, a * 1.15, 3, 6, 3.5), "accent")]


def crescent(a: float, _b: float, _seed: int) -> list[Part]:
    """Return a bow with dark ends: banana."""
    angle = np.linspace(-1.0, 1.0, 13)
    x = a * 1.1 * np.sin(angle)
    outer = np.stack([x, -a * 0.95 * np.cos(angle) + a * 0.62], axis=1)
    inner = np.stack([x, -a * 0.42 * np.cos(angle) + a * 0.36], axis=1)[::-1]
    ends = [Part(ellipse(s * a * 0.92, a * 0.12, 4, 4, 10), "accent") for s in (-1, 1)]
    return [Part(np.concatenate([outer, inner]), "body"), *ends]


def loaf(a: float, b: float, _seed: int) -> list[Part]:
    """Return a long loaf with three scores."""
    scores = [
        Part(capsule(x * a, -b * 0.5, x * a + 6, b * 0.5, 2.5, 2.5), "accent", False) for x in (-0.55, -0.05, 0.45)
    ]
    return [Part(box(0, 0, 2 * a, 2 * b, b * 0.8), "body"), *scores]
