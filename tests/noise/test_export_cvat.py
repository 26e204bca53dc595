"""Export to CVAT for images 1.1: the XML, read as CVAT reads it, gives the labels of the manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from export_scene import make_scene, scene_mask
from pycocotools import mask as coco
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.exchange.export import export
from actiseg_noise.manifest.read import read_manifest
from actiseg_noise.masks import decode_counts


def read_xml(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()  # noqa: S314 - of our own making


def pixels_of(shape: ElementTree.Element, height: int, width: int) -> Any:
    """Return the mask of a ``mask`` or ``polygon`` element, ``bool [H, W]``."""
    if shape.tag == "polygon":
        points = [float(value) for value in shape.attrib["points"].replace(";", ",").split(",")]
        code = coco.merge(coco.frPyObjects([points], height, width))
        return decode_counts(code["counts"].decode(), height, width)
    left, top, box_width, box_height = (int(shape.attrib[name]) for name in ("left", "top", "width", "height"))
    runs = [int(run) for run in shape.attrib["rle"].split(",")]
    mask = np.zeros((height, width), bool)
    flat = np.repeat([place % 2 == 1 for place in range(len(runs))], runs)
    mask[top : top + box_height, left : left + box_width] = flat.reshape(box_height, box_width)
    return mask


@pytest.mark.parametrize("labels", ["noisy", "clean"])
@pytest.mark.parametrize("masks", ["rle", "polygon"])
def test_cvat_comes_back_pixel_for_pixel(tmp_path: Path, masks: str, labels: str) -> None:
    manifest = read_manifest(
        actiseg_noise.build(make_toy(clips=4, scale=10), recipe="mixed-40-15", out=tmp_path / "m", gate=False)
    )
    export(manifest, format="cvat", masks=masks, labels=labels, out=tmp_path / "x")
    root = read_xml(tmp_path / "x/annotations.xml")
    known = {label.findtext("name") for label in root.iter("label")}
    found: dict[tuple[str, int], Any] = {}
    for image in root.iter("image"):
        height, width = int(image.attrib["height"]), int(image.attrib["width"])
        for shape in image:
            said = {item.attrib["name"]: item.text for item in shape}
            assert shape.attrib["label"] in known
            key = (image.attrib["name"], int(str(said["object_id"])))
            words = (shape.attrib["label"], said["expression"], said["positive"])
            before = found.get(key, (words, np.zeros((height, width), bool)))
            assert before[0] == words
            assert not (before[1] & pixels_of(shape, height, width)).any()
            found[key] = (words, before[1] | pixels_of(shape, height, width))
    expected = {}
    for clip in manifest.iter_clips():
        for frame in clip.frames:
            for sample in clip.samples:
                pixels = frame.masks[sample.object_id].decode(labels)
                if pixels.any():
                    _, noun, text = sample.text(labels)
                    words = (noun, text, str(sample.flag(labels)).lower())
                    expected[f"{clip.clip_id}/{frame.frame_id}.jpg", sample.object_id] = (words, pixels)
    assert found.keys() == expected.keys()
    assert all(found[key][0] == expected[key][0] for key in found)
    assert all(np.array_equal(found[key][1], expected[key][1]) for key in found)


def test_images_lie_where_the_file_says_and_shapes_of_one_object_are_a_group(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path)
    export(manifest, format="cvat", masks="polygon", out=tmp_path / "x", root=root)
    read = read_xml(tmp_path / "x/annotations.xml")
    names = [image.attrib["name"] for image in read.iter("image")]
    assert names == ["a/08.jpg", "a/09.jpg", "a/10.jpg"]
    assert all((tmp_path / "x/images" / name).is_file() for name in names)
    groups = [shape.attrib.get("group_id") for shape in next(read.iter("image"))]
    assert groups == [None, "2", "2", None]


def test_texts_that_xml_cannot_hold_are_escaped_or_replaced(tmp_path: Path) -> None:
    item = replace(thing(1, 1), noun='<cup "&\x07', template="{noun} & ]]> more")
    toy = Toy(tmp_path, [make_clip("a", [item], frames=1)], {"a/f000.png": (scene_mask(0) == 1).astype(np.uint8)})
    manifest = read_manifest(actiseg_noise.build(toy, out=tmp_path / "m"))
    export(manifest, format="cvat", out=tmp_path / "x")
    read = read_xml(tmp_path / "x/annotations.xml")
    (shape,) = read.iter("mask")
    assert shape.attrib["label"] == '<cup "&\ufffd'
    assert [one.text for one in shape][2] == '<cup "&\ufffd & ]]> more'
