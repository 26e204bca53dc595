"""Images and masks of other people: upright frames, stored numbers, damage named, shapes held against each other."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actiseg_noise.borders.images import (
    check_shape,
    frame_size,
    is_palette_mask,
    mask_size,
    read_foreground,
    read_frame,
    read_index_mask,
)
from actiseg_noise.errors import DataError

PICTURE = np.zeros((4, 6, 3), np.uint8)
PICTURE[0, :, 0] = 255  # the upper edge is red


def save_with_orientation(path: Path, orientation: int) -> Path:
    image = Image.fromarray(PICTURE)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (4, 6), np.s_[0, :]),
        (3, (4, 6), np.s_[-1, :]),
        (6, (6, 4), np.s_[:, -1]),
        (8, (6, 4), np.s_[:, 0]),
    ],
)
def test_a_frame_is_shown_as_its_camera_meant_it(
    orientation: int, size: tuple[int, int], red: tuple[object, object], tmp_path: Path
) -> None:
    path = save_with_orientation(tmp_path / "phone.png", orientation)
    frame = read_frame(path)
    assert frame.shape == (*size, 3) == (*(frame_size(path) or ()), 3)
    assert (frame[red] == [255, 0, 0]).all()
    assert (frame == [255, 0, 0]).all(-1).sum() == 6


def test_a_jpeg_that_ends_early_is_an_error_and_never_half_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "frame.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    assert frame_size(path) == (64, 64)
    with pytest.raises(DataError, match=r"frame\.jpg: not a readable image \(.*truncated"):
        read_frame(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a readable image"),
        (b"no image at all", "not a readable image"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "a pointer of git-lfs"),
    ],
)
def test_what_is_no_image_says_what_it_is(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "frame.jpg").write_bytes(data)
    with pytest.raises(DataError, match=rf"frame\.jpg: {message}"):
        read_frame(tmp_path / "frame.jpg")
    with pytest.raises(DataError, match=rf"frame\.jpg: {message}"):
        frame_size(tmp_path / "frame.jpg")


def test_a_frame_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jpg: the image is missing"):
        read_frame(tmp_path / "none.jpg")
    with pytest.raises(DataError, match="a folder stands where the image should be"):
        read_frame(tmp_path)
    assert frame_size(tmp_path / "none.jpg") is None


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK"])
def test_frames_of_any_mode_are_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("frame.jpg" if mode == "CMYK" else "frame.png")
    Image.fromarray(PICTURE).convert(mode).save(path)
    assert read_frame(path).shape == (4, 6, 3)


def save_grey(path: Path, values: np.ndarray, bits: int) -> Path:
    """Write a grey PNG with fewer than 8 bits per pixel, as its chunks stand in the standard."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b""
    for row in values:
        packed = "".join(f"{value:0{bits}b}" for value in row)
        packed += "0" * (-len(packed) % 8)
        rows += b"\0" + bytes(int(packed[i : i + 8], 2) for i in range(0, len(packed), 8))
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_masks_of_few_bits_give_the_stored_numbers(bits: int, tmp_path: Path) -> None:
    ids = np.array([[0, 1, 0], [1, 2 % 2**bits, 3 % 2**bits]], np.uint8)
    assert read_index_mask(save_grey(tmp_path / "mask.png", ids, bits)).tolist() == ids.tolist()


def test_a_palette_of_few_bits_gives_the_stored_numbers(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([0, 0, 0, 9, 9, 9, 200, 0, 0])
    image.save(tmp_path / "mask.png", bits=2)
    assert read_index_mask(tmp_path / "mask.png").tolist() == [[0, 1, 2]]
    assert is_palette_mask(tmp_path / "mask.png")
    assert mask_size(tmp_path / "mask.png") == (1, 3)


def test_masks_are_png_by_content_and_not_by_name(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 3]], np.uint8)).save(tmp_path / "mask.dat", "PNG")
    assert read_index_mask(tmp_path / "mask.dat").tolist() == [[0, 3]]
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "lossy.png", "JPEG")
    with pytest.raises(DataError, match=r"lossy\.png: expected a PNG of object ids, found JPEG by content"):
        read_index_mask(tmp_path / "lossy.png")
    assert (read_index_mask(tmp_path / "lossy.png", 128) == 255).all()


SMOOTH = np.array([[0, 30, 90, 128, 180, 230, 255, 255]], np.uint8)


def test_a_smooth_mask_is_refused_with_the_option_that_makes_it_usable(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(SMOOTH).save(path)
    for read in (read_index_mask, read_foreground):
        with pytest.raises(DataError, match=r"5 grey levels between \(30, 90, 128, 180 … 230\).*option threshold"):
            read(path)
    assert read_index_mask(path, 128).tolist() == [[0, 0, 0, 255, 255, 255, 255, 255]]
    assert read_foreground(path, 200).tolist() == [[0, 0, 0, 0, 0, 1, 1, 1]]


def test_a_few_grey_levels_and_many_ids_beside_void_pass(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    for values in ([0, 7, 200, 255], [0, *range(1, 13), 255], [0, 1, 9]):
        Image.fromarray(np.array([values], np.uint8)).save(path)
        assert read_index_mask(path).tolist() == [values]


def test_a_mask_with_an_orientation_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((4, 6), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "mask.png", exif=exif)
    with pytest.raises(DataError, match=r"mask\.png: the mask has the EXIF orientation 6"):
        read_index_mask(tmp_path / "mask.png")


def test_a_mask_lying_on_its_side_is_called_that() -> None:
    with pytest.raises(DataError, match=r"clip 'a': the mask is 480×854, its image is 854×480 .* lies on its side"):
        check_shape((854, 480), (480, 854), "clip 'a'", may_scale=True)


def test_a_mask_of_another_size_passes_where_the_aspect_is_the_same_and_that_is_allowed() -> None:
    check_shape((480, 854), (1080, 1920), "clip", may_scale=True)
    check_shape((480, 854), None, "clip")
    for mask, may_scale in (((480, 854), False), ((480, 900), True), ((1080, 1080), True)):
        with pytest.raises(DataError, match=r"its image is 1920×1080 .*Resize one of them"):
            check_shape(mask, (1080, 1920), "clip", may_scale=may_scale)
