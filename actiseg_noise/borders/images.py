"""Images and masks: one function that reads a frame, one that reads a mask, with the same rules for every dataset.

Frames are shown upright: the orientation that a camera wrote into EXIF is applied, so a phone's frame has the size that
a viewer shows, and masks must have been drawn on that. A frame that ends early is an error, never half a grey picture.

Masks hold numbers, and the numbers are taken as stored, of a palette or of grey with 1, 2, 4 or 8 bits, whatever a file
is called. A mask of 0 and 255 with grey levels in between was smoothed or compressed; it is refused, or
cut at a threshold.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from actiseg_noise.borders.plain_png import SIGNATURE, read_plain_png
from actiseg_noise.borders.text import check_bytes, check_file
from actiseg_noise.borders.writing import write_bytes, write_png
from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask, Picture, Size, find_values

if TYPE_CHECKING:
    from PIL import Image

_LOG = logging.getLogger(__name__)

FOREGROUND = 255
_WEBP_QUALITIES = (90, 80, 65, 50, 30, 10)
LEVELS_LET_PASS = 3
_ORIENTATION = 0x0112  # of EXIF: 1 upright, 5–8 lie on the side
_ON_THE_SIDE = (5, 6, 7, 8)
_PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
_ENDS = ((b"\xff\xd8", b"\xff\xd9"), (_PNG_BEGIN, b"IEND\xaeB`\x82"))  # of JPEG and PNG: how they begin and end
_TAIL = 1024  # bytes; some cameras write a little after the end
_GREY = 0  # colour type of PNG
_STRETCH = {2: 85, 4: 17}  # Pillow multiplies grey of 2 and 4 bits to fill 0–255


def read_frame(path: Path) -> Picture:
    """Read an image as ``uint8 [H, W, 3]``, RGB, upright.

    Raises:
        DataError: the file is missing, truncated, no image, or has more than 8 bits a channel.
    """
    from PIL import ImageOps

    with _opened(path, "image") as image:
        if image.mode.startswith(("I", "F")):
            raise DataError(f"{path}: expected an image of 8 bits a channel, found mode {image.mode}; convert it")
        image.load()
        upright = image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)
        return _to_array(upright if upright.mode == "RGB" else upright.convert("RGB"))


def check_whole(path: Path) -> None:
    """Refuse a picture that breaks off: a look at its last bytes, and where they are not an end, it is decoded.

    Raises:
        DataError: the file is missing, truncated or no image.
    """
    with path.open("rb") as file:
        begin = file.read(len(_PNG_BEGIN))
        file.seek(max(0, path.stat().st_size - _TAIL))
        tail = file.read()
    ends = [end for start, end in _ENDS if begin.startswith(start)]
    if not any(end in tail for end in ends):
        read_frame(path)


def _to_array(image: Image.Image) -> Picture:
    """Return ``uint8 [H, W, 3]`` of an image of mode RGB, which Pillow stores with a fourth byte a pixel.

    Read where Pillow has it: half of the time of ``np.asarray``, which copies it twice, in pieces. Older versions, and
    pictures that are stored in several blocks, have no such door.
    """
    import cv2
    import pyarrow as pa

    try:
        buffer = pa.array(image).values.buffers()[1]
    except (TypeError, ValueError, pa.ArrowException):
        return np.asarray(image)
    stored = np.frombuffer(buffer, np.uint8).reshape(image.height, image.width, 4)
    return cv2.cvtColor(stored, cv2.COLOR_RGBA2RGB).astype(np.uint8, copy=False)


def frame_size(path: Path) -> Size | None:
    """Return (height, width) of an image shown upright, from its header; None where there is no file.

    Raises:
        DataError: it is there and no image.
    """
    return frame_header(path).size if path.exists() else None


class FrameHeader(NamedTuple):
    """What an image's header says: (height, width) shown upright, its format, whether it is stored turned (EXIF)."""

    size: Size
    format: str
    is_turned: bool


def frame_header(path: Path) -> FrameHeader:
    """Read what an image's header says.

    Raises:
        DataError: the file is missing or no image.
    """
    with _opened(path, "image") as image:
        turn = image.getexif().get(_ORIENTATION, 1)
        width, height = image.size
        size = (width, height) if turn in _ON_THE_SIDE else (height, width)
        return FrameHeader(size, str(image.format), turn != 1)


def resize_frame(picture: Picture, size: Size) -> Picture:
    """Return ``uint8 [H, W, 3]`` of ``size``: by areas where it becomes smaller (INTER_AREA), else bilinear."""
    import cv2

    if picture.shape[:2] == size:
        return picture
    how = cv2.INTER_AREA if size[0] * size[1] < picture.shape[0] * picture.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(picture, size[::-1], interpolation=how).astype(np.uint8, copy=False)


def write_jpeg(path: Path, picture: Picture, quality: int) -> None:
    """Write ``uint8 [H, W, 3]``, RGB, as a JPEG of a quality from 0 to 100, whole or not at all.

    Raises:
        WriteError: the file cannot be written.
    """
    import cv2

    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    write_bytes(path, encoded.tobytes())


def webp_bytes(image: Image.Image, most: int) -> bytes:
    """Return a picture as WebP of at most ``most`` bytes: as good as fits, in the end at half the size."""
    for quality in _WEBP_QUALITIES:
        buffer = BytesIO()
        image.save(buffer, "WEBP", quality=quality)
        if buffer.tell() <= most:
            return buffer.getvalue()
    return webp_bytes(image.reduce(2), most) if min(image.size) > 1 else buffer.getvalue()


def read_index_mask(path: Path, threshold: int | None = None) -> IndexMask:
    """Read a mask file as the numbers it stores, ``uint8 [H, W]``.

    Args:
        threshold: for masks of one object: 255 where a pixel is at least so bright, 0 elsewhere, whatever the format.

    Raises:
        DataError: the file is missing, truncated or no PNG (by content); it has colours, or 16 bits; or it is
            a 0/255 mask with more than a few grey levels in between, and there is no threshold.
    """
    if threshold is None and (plain := _read_plain(path)) is not None:
        return plain
    with _opened(path, "mask file") as image:
        _check_upright(path, image)
        if threshold is not None:
            return ((np.asarray(_grey(image)) >= threshold) * np.uint8(FOREGROUND)).astype(np.uint8)
        _check_keeps_numbers(path, image)
        stored = _stored_numbers(path, image)
        if image.mode == "L":
            _check_not_smooth(path, stored)
        return stored


def read_mask_values(path: Path, *, are_numbers: bool = False) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Read what a mask file stores: ``uint8 [H, W]``, ``uint16 [H, W]`` of 16 bits, or ``uint8 [H, W, 3]`` of colours.

    Args:
        are_numbers: grey levels are numbers for certain, so that none of them looks like a smooth edge.

    Raises:
        DataError: as :func:`read_index_mask`, but for colours and 16 bits.
    """
    if (plain := _read_plain(path, are_numbers=are_numbers)) is not None:
        return plain
    with _opened(path, "mask file") as image:
        _check_upright(path, image)
        _check_keeps_numbers(path, image)
        if image.mode.startswith("I"):
            return np.asarray(image).astype(np.uint16)
        if image.mode in ("RGB", "RGBA"):
            return np.asarray(image.convert("RGB"))
        stored = _stored_numbers(path, image)
        if image.mode == "L" and not are_numbers:
            _check_not_smooth(path, stored)
        return stored


_CUT = "Save masks as PNG of object ids; a mask of one object can be cut at a grey level with the option threshold."


def is_palette_mask(path: Path) -> bool:
    """Return whether a mask file is a palette image, whose numbers are ids for certain, and not a grey one."""
    with _opened(path, "mask file") as image:
        return image.mode == "P"


def mask_size(path: Path) -> Size:
    """Return (height, width) of a mask file from its header.

    Raises:
        DataError: it is missing or no image.
    """
    with _opened(path, "mask file") as image:
        _check_upright(path, image)
        return image.size[::-1]


def read_foreground(path: Path, threshold: int | None = None) -> IndexMask:
    """Read a mask of one object as ``uint8 [H, W]``: 1 where any channel but alpha is not zero, whatever the mode.

    Args:
        threshold: 1 where a pixel is at least so bright instead.

    Raises:
        DataError: see :func:`read_index_mask`.
    """
    if threshold is not None:
        return (read_index_mask(path, threshold) > 0).astype(np.uint8)
    if (plain := _read_plain(path)) is not None:
        return (plain != 0).astype(np.uint8)
    with _opened(path, "mask file") as image:
        _check_upright(path, image)
        if image.format in ("JPEG", "WEBP"):
            raise DataError(f"{path}: expected a PNG, found {image.format} by content, which blurs edges. {_CUT}")
        if image.mode in ("P", "1") or image.mode.startswith("I"):
            return (np.asarray(image) != 0).astype(np.uint8)
        image.load()
        plain = np.asarray(image.convert("RGB") if image.mode not in ("L", "RGB") else image)
        levels = plain.max(axis=2) if plain.ndim == 3 else plain
        _check_not_smooth(path, levels)
        return (levels != 0).astype(np.uint8)


@cache
def davis_palette() -> bytes:
    """Return 256 × RGB: the bits of an index, least first, go to the top bits of red, green and blue in turn."""
    colours = bytearray()
    for index in range(256):
        for channel in range(3):
            bits = (index >> (3 * place + channel) & 1 for place in range(3))
            colours.append(sum(bit << (7 - place) for place, bit in enumerate(bits)))
    return bytes(colours)


def palette_image(index_mask: IndexMask) -> Image.Image:
    """Return ``uint8 [H, W]`` of object ids as a Pillow image of mode 'P' in the DAVIS colours."""
    from PIL import Image

    image = Image.frombytes("P", index_mask.shape[::-1], index_mask.tobytes())
    image.putpalette(davis_palette())
    return image


def write_index_mask(path: Path, mask: IndexMask) -> None:
    """Write ``uint8 [H, W]`` of object ids as a PNG of mode 'P' in the DAVIS colours, whole or not at all.

    It is what the metric scripts of ActionVOS, DAVIS and VOST read.

    Raises:
        WriteError: the file cannot be written.
    """
    write_png(path, palette_image(mask))


def palette_png(mask: IndexMask) -> bytes:
    """Return the bytes of the PNG that :func:`write_index_mask` writes."""
    buffer = BytesIO()
    palette_image(mask).save(buffer, "PNG")
    return buffer.getvalue()


def check_shape(mask: Size, frame: Size | None, where: str, *, may_scale: bool = False) -> None:
    """Hold the size of a mask against that of its frame, both (height, width); a frame that is not there fits.

    Args:
        where: mask and frame, for the message. may_scale: another size of the same aspect, to the pixel, is fine.

    Raises:
        DataError: they differ; a mask that lies on its side is called that.
    """
    if frame is None or mask == frame or (may_scale and _same_aspect(mask, frame)):
        return
    sizes = f"the mask is {mask[1]}×{mask[0]}, its image is {frame[1]}×{frame[0]} (width×height, upright)"
    if mask == frame[::-1] or (may_scale and _same_aspect(mask, frame[::-1])):
        raise DataError(f"{where}: {sizes}: one of them lies on its side. Turn it, or store both upright without EXIF.")
    raise DataError(f"{where}: {sizes}. Resize one of them, or fetch both again.")


def _same_aspect(one: Size, other: Size) -> bool:
    """Return whether two sizes are one picture, resized and rounded to whole pixels."""
    small, large = sorted((one, other))
    return abs(small[1] - large[1] * small[0] / large[0]) <= 1 or abs(small[0] - large[0] * small[1] / large[1]) <= 1


@contextmanager
def _opened(path: Path, what: str) -> Iterator[Image.Image]:
    """Open an image; whatever Pillow says of a damaged one becomes an error that names the file."""
    from PIL import Image

    check_file(path, what)
    check_bytes(path, what)
    _LOG.debug("reading %s", path)
    try:
        with Image.open(path) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: too large for an image of a video ({error})") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
        form = "image" if what == "image" else "PNG"
        raise DataError(f"{path}: not a readable {form} ({error}); it may be truncated, fetch it again") from None


def _check_upright(path: Path, image: Image.Image) -> None:
    """Raise DataError for a mask with an EXIF orientation: nobody agrees whether it turns numbers."""
    turn = image.getexif().get(_ORIENTATION, 1)
    if turn != 1:
        raise DataError(f"{path}: the mask has the EXIF orientation {turn}. Store it upright, without that tag.")


def _check_keeps_numbers(path: Path, image: Image.Image) -> None:
    """Raise DataError for a file that is no PNG by content."""
    if image.format != "PNG":
        lossy = ", which does not keep numbers" if image.format in ("JPEG", "WEBP") else ""
        raise DataError(f"{path}: expected a PNG of object ids, found {image.format} by content{lossy}. {_CUT}")


def _read_plain(path: Path, *, are_numbers: bool = False) -> IndexMask | None:
    """Return the numbers that a plain PNG stores, None for any other file.

    Raises:
        DataError: see :func:`_check_not_smooth`; of grey levels that are not numbers for certain.
    """
    plain = read_plain_png(path)
    if plain is None:
        return None
    _LOG.debug("reading %s", path)
    if not plain.is_palette and not are_numbers:
        _check_not_smooth(path, plain.values)
    return plain.values


def _stored_numbers(path: Path, image: Image.Image) -> IndexMask:
    """Return the numbers that a PNG stores."""
    if image.mode not in ("P", "L", "1"):
        raise DataError(
            f"{path}: expected an index mask (a palette or grey PNG of at most 8 bits), found mode {image.mode}. "
            "Save the mask with one channel of object ids."
        )
    values = np.asarray(image)
    if image.mode == "L":
        values = values // _STRETCH.get(_grey_bits(path), 1)
    return values.astype(np.uint8)


def _grey_bits(path: Path) -> int:
    """Return the bits per pixel of a grey PNG, from its header; 8 for any other file."""
    with path.open("rb") as stream:
        head = stream.read(26)
    return head[24] if len(head) == 26 and head.startswith(SIGNATURE) and head[25] == _GREY else 8


def _grey(image: Image.Image) -> Image.Image:
    """Return an image as grey levels; a palette by its colours."""
    image.load()
    return (
        image if image.mode == "L" else image.convert("RGB").convert("L") if image.mode != "1" else image.convert("L")
    )


def _check_not_smooth(path: Path, levels: IndexMask) -> None:
    """Refuse a 0/255 mask whose edges are smooth: its levels between are neither ids nor foreground for certain.

    Ids are small numbers that follow each other, void is 255 beside them; levels of a smooth edge are spread.
    """
    present = find_values(levels)
    between = [level for level in present if 0 < level < FOREGROUND]
    is_bright = max(present, default=0) >= FOREGROUND - 5
    if is_bright and len(between) > LEVELS_LET_PASS and (between[-1] > 2 * len(between) or len(between) > 127):
        raise DataError(
            f"{path}: expected object ids, or a mask of 0 and 255; found {len(between)} grey levels between "
            f"({', '.join(map(str, between[:4]))} … {between[-1]}): it was smoothed, resized with interpolation or "
            f"compressed. {_CUT} (for example 128)"
        )
