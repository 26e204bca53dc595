"""A tiny deposit of exports of CVAT, in its own XML: tracks of a video, images, and images of our own export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from deposit_ytvis import HEIGHT, WIDTH, block, save_frames

from actiseg_noise.masks import BinaryMask

LABELS = ("person", "giant_panda", "a red hat")
SQUARE = "9.00,1.00;14.00,1.00;14.00,5.00;9.00,5.00"
OWN = ("object_id", "positive", "expression")


def element(tag: str, inside: Iterable[str] = (), **attributes: object) -> str:
    """Return an element."""
    said = "".join(f" {name}={quoteattr(str(value))}" for name, value in attributes.items())
    return f"<{tag}{said}>{''.join(inside)}</{tag}>\n"


def meta(*, own: bool = False, kind: str = "task", **more: str) -> str:
    """Return ``<meta>`` of one task or job."""
    said = "".join(element("attribute", [f"<name>{name}</name>"]) for name in OWN if own)
    labels = (element("label", [f"<name>{name}</name><attributes>{said}</attributes>"]) for name in LABELS)
    facts = {"id": "7", "name": "cut an onion"} | more
    return element("meta", [element(kind, [f"<{k}>{v}</{k}>" for k, v in facts.items()] + [element("labels", labels)])])


SIZE = f"<width>{WIDTH}</width><height>{HEIGHT}</height>"


def masked(mask: BinaryMask, inside: Iterable[str] = (), **more: object) -> str:
    """Return a ``mask``: the runs of its box, row by row, background first."""
    rows, columns = np.nonzero(mask)
    top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    line = mask[top:bottom, left:right].ravel()
    edges = [0, *np.flatnonzero(np.diff(line, prepend=False)).tolist(), line.size]
    runs = ", ".join(str(last - first) for first, last in pairwise(edges))
    box = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return element("mask", inside, rle=runs, **box, **more)


def polygon(points: str = SQUARE, inside: Iterable[str] = (), **more: object) -> str:
    """Return a ``polygon``."""
    return element("polygon", inside, points=points, **more)


def at(frame: int, *, outside: int = 0, keyframe: int = 1) -> dict[str, object]:
    """Return what a shape of a track says of its frame."""
    return {"frame": frame, "outside": outside, "occluded": 0, "keyframe": keyframe}


def own(number: int, text: str, *, positive: bool = True) -> list[str]:
    """Return the attributes that our own export writes."""
    said: Mapping[str, object] = dict(zip(OWN, (number, str(positive).lower(), text), strict=True))
    return [f'<attribute name="{name}">{escape(str(value))}</attribute>' for name, value in said.items()]


def image(number: int, name: str, shapes: Iterable[str] = (), **more: object) -> str:
    """Return an ``image``."""
    return element("image", shapes, id=number, name=name, width=WIDTH, height=HEIGHT, **more)


def track(number: int, label: str, shapes: Iterable[str], **more: object) -> str:
    """Return a ``track``."""
    return element("track", shapes, id=number, label=label, source="manual", **more)


def write_xml(path: Path, *inside: str) -> Path:
    """Write a file of CVAT and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "<version>1.1</version>\n" + "".join(inside)
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n{text}</annotations>\n', "utf-8")
    return path


def tracks() -> list[str]:
    """Return the tracks of a video: one that moves, one that leaves and overlaps, a shape of one frame."""
    moving = [masked(block(1, 1 + step), **at(step, keyframe=int(step != 1))) for step in range(3)]
    leaving = [polygon(**at(0)), polygon("2,2;7,2;7,6;2,6", **at(1)), polygon(**at(2, outside=1))]
    return [
        track(0, "person", [*moving, masked(block(1, 4), **at(3, outside=1))]),
        track(1, "giant_panda", leaving),
        track(3, "a red hat", [masked(block(7, 9), **at(2)), masked(block(7, 9), **at(3, outside=1))]),
    ]


def write_cvat(root: Path) -> Path:
    """Write a tree and return its root.

    ``train``: a video. ``val``: images. ``valid``: a job of a video. ``test``: images of our own export, two clips.
    """
    write_xml(root / "annotations.xml", meta(original_size=SIZE, frame_filter=""), *tracks())
    save_frames(root / "images", [f"frame_{number:06d}.jpg" for number in (0, 1, 2)])
    parts = [polygon(label="person", group_id=4), polygon("1,1;3,1;3,3", label="person", group_id=4)]
    shapes = [*parts, masked(block(7, 1), label="a red hat")]
    write_xml(root / "val/annotations.xml", meta(), image(0, "a/1.jpg", shapes), image(1, "2.jpg"))
    save_frames(root / "val/images", ["a/1.jpg", "2.jpg"])
    write_xml(root / "valid.xml", meta(kind="job", original_size=SIZE), *tracks())
    save_frames(root / "images/valid", [f"frame_{number:06d}.jpg" for number in (0, 1)])
    first = [masked(block(1, 1), own(1, "a person that walks"), label="person")]
    second = [
        masked(block(1, 2), own(1, "a person that walks"), label="person"),
        polygon(SQUARE, own(3, "giant panda", positive=False), label="giant_panda"),
    ]
    frames = [image(0, "a/08.jpg", first), image(1, "a/10.jpg", second), image(2, "b/1.jpg", second)]
    write_xml(root / "test.xml", meta(own=True), *frames)
    save_frames(root / "images/test", ["a/08.jpg", "a/10.jpg", "b/1.jpg"])
    return root
