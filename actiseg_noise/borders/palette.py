"""Index masks as palette PNGs: what the metric scripts of ActionVOS, DAVIS and VOST read."""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.borders.writing import whole_file
from actiseg_noise.masks import IndexMask, palette_image


def write_index_mask(path: Path, mask: IndexMask) -> None:
    """Write ``uint8 [H, W]`` of object ids as a PNG of mode 'P' in the DAVIS colours, whole or not at all.

    Raises:
        ActisegError: the file cannot be written.
    """
    with whole_file(path) as partial:
        palette_image(mask).save(partial, "PNG")
