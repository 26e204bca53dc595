"""Pairs of mask files: whether two files are a pair, from their headers alone."""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.errors import DataError


def mask_problem(clean: Path, noisy: Path) -> str | None:
    """Return why two mask files are no pair: one is missing, or their sizes differ. None: they are."""
    for path, side in ((clean, "clean"), (noisy, "noisy")):
        if not path.is_file():
            return f"no {side} mask"
    sizes = image_size(clean), image_size(noisy)
    if sizes[0] == sizes[1]:
        return None
    return "clean {}×{}, noisy {}×{} pixels".format(*sizes[0], *sizes[1])


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of a picture without decoding it.

    Raises:
        DataError: it is no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: not a readable PNG ({error}); it may be truncated, fetch it again") from None
