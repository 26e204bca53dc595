"""Index masks as palette PNGs: what the metric scripts of ActionVOS, DAVIS and VOST read."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from actiseg_bench.files import whole_file
from actiseg_noise.masks import IndexMask


@cache
def davis_palette() -> bytes:
    """Return 256 × RGB: the bits of an index, least first, go to the top bits of red, green and blue in turn."""
    colours = bytearray()
    for index in range(256):
        for channel in range(3):
            bits = (index >> (3 * place + channel) & 1 for place in range(3))
            colours.append(sum(bit << (7 - place) for place, bit in enumerate(bits)))
    return bytes(colours)


def write_index_mask(path: Path, mask: IndexMask) -> None:
    """Write ``uint8 [H, W]`` of object ids as a PNG of mode 'P' in the DAVIS colours, whole or not at all.

    Raises:
        ActisegError: the file cannot be written.
    """
    from PIL import Image

    image = Image.frombytes("P", mask.shape[::-1], mask.tobytes())
    image.putpalette(davis_palette())
    with whole_file(path) as partial:
        image.save(partial, "PNG")
