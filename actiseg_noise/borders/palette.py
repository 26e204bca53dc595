"""Index masks as palette PNGs: what the metric scripts of ActionVOS, DAVIS and VOST read."""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.borders.writing import write_png
from actiseg_noise.masks import IndexMask, palette_image


def write_index_mask(path: Path, mask: IndexMask) -> None:
    """Write ``uint8 [H, W]`` of object ids as a PNG of mode 'P' in the DAVIS colours, whole or not at all.

    Raises:
        WriteError: the file cannot be written.
    """
    write_png(path, palette_image(mask))


def palette_png(mask: IndexMask) -> bytes:
    """Return the bytes of the PNG that :func:`write_index_mask` writes."""
    import io

    buffer = io.BytesIO()
    palette_image(mask).save(buffer, "PNG")
    return buffer.getvalue()
