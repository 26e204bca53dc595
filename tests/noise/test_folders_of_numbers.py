"""``davis`` on masks whose numbers are no ids: colours of a label map, 16 bits, another void."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deposit_davis import save_grey
from deposits import save_frame
from folder_toys import ids_of, masks_of, read, write
from PIL import Image

from actiseg_noise.datasets.davis import Davis
from actiseg_noise.errors import ActisegError, DataError


def save_colours(path: Path, *colours: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(np.array([colours], np.uint8), 4, 0)).save(path)


LABELS = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncup:250,50,83::\nred onion:10, 20, 30::\nvoid:9,9,9::\n"
CUP, ONION, VOID = (250, 50, 83), (10, 20, 30), (9, 9, 9)


@pytest.fixture
def cvat(tmp_path: Path) -> Path:
    """CVAT's export of two images."""
    (tmp_path / "labelmap.txt").write_text(LABELS)
    save_colours(tmp_path / "SegmentationClass/a.png", (0, 0, 0), CUP, ONION, VOID)
    save_colours(tmp_path / "SegmentationClass/b.png", (0, 0, 0), (0, 0, 0), ONION, ONION)
    save_frame(tmp_path / "JPEGImages/a.jpg", 4, 4)
    lists_of_cvat = tmp_path / "ImageSets/Segmentation/default.txt"
    lists_of_cvat.parent.mkdir(parents=True)
    lists_of_cvat.write_text("a\nb\n")
    return tmp_path


def test_colours_are_the_labels_of_the_map(cvat: Path) -> None:
    dataset = Davis(cvat)
    first, second = read(dataset)
    assert [(item.object_id, item.noun) for item in first.objects] == [(1, "cup"), (2, "red onion")]
    assert [(item.object_id, item.noun) for item in second.objects] == [(2, "red onion")]
    assert masks_of(dataset, first)[0][0].tolist() == [0, 1, 2, 255]
    assert [item.noun for item in dataset.iter_vocabulary(("train",))] == ["cup", "red onion"]


def test_a_colour_of_no_label_is_named_with_the_nearest(cvat: Path) -> None:
    save_colours(cvat / "SegmentationClass/b.png", (0, 0, 0), (250, 50, 80), (250, 50, 80), ONION)
    message = r"b\.png: 8 pixels have 1 colours of no label .* 250,50,80; the nearest label is 'cup' 250,50,83"
    with pytest.raises(DataError, match=message):
        read(Davis(cvat))


def test_colours_without_a_label_map_are_told_of_one(cvat: Path) -> None:
    (cvat / "labelmap.txt").unlink()
    with pytest.raises(
        DataError, match=r"a\.png: .* found one of colours\. .*labelmap\.txt in the root or --option labels"
    ):
        read(Davis(cvat))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cup:1,2,3\ncup:3,4,5\n", r"line 2: the label 'cup' is there already"),
        ("cup:1,2,3\nlid:1,2,3\n", r"line 2: the colour 1,2,3 is another label's already"),
        ("cup:1,2,300\n", r"line 1: expected a colour r,g,b of 0 … 255, found 1,2,300"),
        ("cup:red\n", r"line 1: expected name:r,g,b:parts:actions"),
        ("# nothing\n", r"has no label"),
    ],
)
def test_a_malformed_label_map_is_told_where(cvat: Path, text: str, message: str) -> None:
    (cvat / "labelmap.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(Davis(cvat))


def save_wide(path: Path, *numbers: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(np.array([numbers], np.uint16), 4, 0)).save(path)


def test_masks_of_16_bits_are_instances_with_10000_as_void(tmp_path: Path) -> None:
    save_wide(tmp_path / "instances/v/000000.png", 0, 1001, 2003, 10000)
    save_wide(tmp_path / "instances/v/000001.png", 0, 1001, 1007, 1007)
    (tmp_path / "names.txt").write_text("car\npedestrian\n")
    dataset = Davis(tmp_path, labels="names.txt", ids="all")
    (clip,) = read(dataset)
    assert [(item.object_id, item.noun) for item in clip.objects] == [(1, "car"), (2, "car"), (3, "pedestrian")]
    assert [m[0].tolist() for m in masks_of(dataset, clip)] == [[0, 1, 3, 255], [0, 1, 2, 2]]
    assert ids_of(read(Davis(tmp_path, void="none"))[0]) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("void", "ids", "found"),
    [
        (None, [1, 2, 11], [1, 2, 11, 255]),
        ("11", [1, 2, 3], [1, 2, 255, 3]),
        ("none", [1, 2, 3, 4], [1, 2, 3, 4]),
        (0, [1, 2, 3, 4], [1, 2, 3, 4]),
    ],
)
def test_any_number_may_be_void(tmp_path: Path, void: object, ids: list[int], found: list[int]) -> None:
    write(tmp_path / "Annotations/v", np.repeat(np.array([[1, 2, 11, 255]], np.uint8), 4, 0))
    dataset = Davis(tmp_path, void=void)  # type: ignore[arg-type]
    (clip,) = read(dataset)
    assert ids_of(clip) == ids
    assert masks_of(dataset, clip)[0][0].tolist() == found


def test_void_of_number_0_is_void(tmp_path: Path) -> None:
    write(tmp_path / "Annotations/v", np.repeat(np.array([[0, 2, 2, 0]], np.uint8), 4, 0))
    dataset = Davis(tmp_path, void=0)
    assert masks_of(dataset, read(dataset)[0])[0][0].tolist() == [255, 2, 2, 255]
    merged = Davis(tmp_path, void=0, objects="merged")
    assert masks_of(merged, read(merged)[0])[0][0].tolist() == [255, 1, 1, 255]


def test_a_void_that_is_no_number_is_refused(tmp_path: Path) -> None:
    for void in ("black", -1, 1 << 16, True):
        with pytest.raises(ActisegError, match=f"--option void={void}: expected the number of pixels without label"):
            Davis(tmp_path, void=void)


def test_grey_levels_are_numbers_when_void_is_given(tmp_path: Path) -> None:
    save_grey(tmp_path / "Annotations/v/0.png", np.repeat(np.array([[10, 50, 90, 200, 251]], np.uint8), 4, 0))
    with pytest.raises(DataError, match="grey levels between"):
        read(Davis(tmp_path))
    assert ids_of(read(Davis(tmp_path, void="255"))[0]) == [10, 50, 90, 200, 251]
