"""The pictures of a page: a frame's image, made small, as WebP."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from actiseg_noise.borders.folders import is_inside
from actiseg_noise.borders.images import read_frame, resize_frame
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.clips import ManifestFrame
from actiseg_noise.masks import Picture
from actiseg_noise.web.clip_data import Address, PictureOf

MOST_SIDE = 480
QUALITY = 60  # of 100


def read_picture(frame: ManifestFrame | None, root: Path | None) -> Picture | None:
    """Return the frame's image, ``uint8 RGB [H, W, 3]``; None where there is no root, no image or not a readable one.

    A path that leaves the root by its name is not followed; links below the root are the user's own.
    """
    path = None if frame is None else frame.image_path
    if root is None or path is None or not is_inside(path):
        return None
    try:
        return read_frame(root / path)
    except DataError:
        return None


def webp(picture: Picture) -> bytes:
    """Return a picture as WebP, no side longer than ``MOST_SIDE`` pixels."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, MOST_SIDE / max(height, width))
    if scale < 1:
        picture = resize_frame(picture, (max(1, round(height * scale)), max(1, round(width * scale))))
    _, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return bytes(data)


def into_page(held: list[str]) -> Callable[[bytes], int]:
    """Return what adds a WebP to the pictures ``held`` by a page, as an address that holds it, and says where."""

    def place(data: bytes) -> int:
        held.append(f"data:image/webp;base64,{b64encode(data).decode('ascii')}")
        return len(held) - 1

    return place


def picture_reader(root: Path | None, place: Callable[[bytes], Address]) -> PictureOf:
    """Return what gives a page a frame's picture, made small; ``place`` keeps it and says where.

    Clips may share frames: what several show is read and kept once.
    """
    known: dict[str | None, Address | None] = {}

    def picture_of(frame: ManifestFrame) -> Address | None:
        if frame.image_path not in known:
            picture = read_picture(frame, root)
            known[frame.image_path] = None if picture is None else place(webp(picture))
        return known[frame.image_path]

    return picture_of
