"""The pictures of a page: a frame's image, made small, as WebP."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from actiseg_noise.borders.folders import is_inside
from actiseg_noise.borders.images import read_frame, resize_frame
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.clips import ManifestFrame
from actiseg_noise.masks import Picture

MOST_SIDE = 480
QUALITY = 60


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


def webp(picture: Picture, most_side: int = MOST_SIDE, quality: int = QUALITY) -> bytes:
    """Return a picture, no side longer than ``most_side`` pixels, as WebP of a quality from 1 to 100."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, most_side / max(height, width))
    if scale < 1:
        picture = resize_frame(picture, (max(1, round(height * scale)), max(1, round(width * scale))))
    _, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    return bytes(data)


def data_uri(data: bytes, kind: str = "image/webp") -> str:
    """Return bytes as an address that holds them."""
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"
