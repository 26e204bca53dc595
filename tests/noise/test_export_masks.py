"""Exports made of masks, to DAVIS's layout and to SAM 2's: read back, they give the labels of the manifest."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_scene import HEIGHT, WIDTH, make_scene, scene_clip, scene_mask
from PIL import Image
from toys import VOID, Toy, make_clip, thing

import actiseg_noise
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.exchange.export import FORMATS, export
from actiseg_noise.exchange.import_labels import import_labels
from actiseg_noise.manifest.read import Manifest, read_manifest

MADE_OF_MASKS = [name for name, form in FORMATS.items() if form.needs_masks]


def masks_of(manifest: Manifest, side: str) -> list[tuple[Any, ...]]:
    """Return clip, object and the digest of every mask of one side, in order."""
    digest = "noisy_digest" if side == "noisy" else "clean_digest"
    rows = manifest.table("masks").to_pylist()
    return [(row["clip_id"], row["object_id"], row[digest]) for row in rows]


def read_png(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("labels", ["noisy", "clean"])
def test_davis_comes_back_with_masks_void_and_texts(tmp_path: Path, labels: str) -> None:
    root, manifest = make_scene(tmp_path, ("a", "b"))
    export(manifest, format="davis", out=tmp_path / "x", root=root, labels=labels)
    built = actiseg_noise.build("davis", root=tmp_path / "x", out=tmp_path / "again", options={"texts": "texts.json"})
    again = read_manifest(built)
    assert masks_of(again, "clean") == masks_of(manifest, labels)
    texts = [row["noisy_expression" if labels == "noisy" else "expression"] for row in rows(manifest, "samples")]
    assert [row["expression"] for row in rows(again, "samples")] == texts
    voids = [row["void_digest"] for row in rows(manifest, "frames") if row["is_annotated"]]
    assert [row["void_digest"] for row in rows(again, "frames")] == voids
    assert (tmp_path / "x/ImageSets/2017/train.txt").read_text() == "a\nb\n"


def rows(manifest: Manifest, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manifest.table(table).to_pylist()
    return found


def test_davis_numbers_the_visible_objects_without_gaps_and_counts_those_that_come_late(tmp_path: Path) -> None:
    first, second = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    first[:4, :4] = second[:4, :4] = 3
    second[8:12, 8:12] = 9
    clip = make_clip("a", [thing(3, 1), thing(5, 2), thing(9, 3)])
    toy = Toy(tmp_path, [clip], {"a/f000.png": first, "a/f001.png": second})
    manifest = read_manifest(actiseg_noise.build(toy, out=tmp_path / "m"))
    report = export(manifest, format="davis", out=tmp_path / "x")
    assert report["renumbered"] == {"a": {"1": 3, "2": 9}}
    counts = report["counts"]
    assert (counts["objects"], counts["objects_never_visible"], counts["objects_above_the_first_mask"]) == (2, 1, 1)
    assert np.unique(read_png(tmp_path / "x/Annotations/480p/a/f001.png")).tolist() == [0, 1, 2]
    texts = json.loads((tmp_path / "x/texts.json").read_text("utf-8"))
    assert list(texts["a"]) == ["1", "2"]


def test_an_evaluation_split_is_val_in_davis(tmp_path: Path) -> None:
    toy = Toy(tmp_path, [scene_clip("a")], {f"a/{name}.png": scene_mask(0) for name in ("8", "9", "10")})
    manifest = read_manifest(actiseg_noise.build(toy, split="val", out=tmp_path / "m"))
    assert export(manifest, format="davis", out=tmp_path / "x")["split"] == "val"
    assert (tmp_path / "x/ImageSets/2017/val.txt").is_file()


def sam2_found(folder: Path, *, is_palette: bool) -> list[tuple[Any, ...]]:
    """Return what SAM 2's trainer finds: video, object, frame, box, area, in its order."""
    found = []
    for video in sorted(line.strip().rpartition(".")[0] or line.strip() for line in read_lines(folder / "train.txt")):
        for image in sorted((folder / "JPEGImages" / video).glob("*.jpg")):
            number = int(image.name.split(".")[0])
            masks = folder / "Annotations" / video
            if is_palette:
                stored = read_png(masks / f"{number:05d}.png")
                segments = {int(value): stored == value for value in np.unique(stored) if value}
            else:
                files = {int(item.name) + 1: item / f"{number:05d}.png" for item in sorted(masks.iterdir())}
                segments = {number_: read_png(path) > 0 for number_, path in files.items()}
            for object_id, segment in segments.items():
                y, x = np.nonzero(segment)
                box = [int(value) for value in (x.min(), y.min(), x.max(), y.max())]
                found.append((video, object_id, number, box, int(segment.sum())))
    return found


def read_lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


@pytest.mark.parametrize("masks", ["png", "objects"])
def test_sam2_finds_every_object_in_every_frame(tmp_path: Path, masks: str) -> None:
    """What its VOSDataset gave on this export, of index masks and of a folder an object alike."""
    root, manifest = make_scene(tmp_path)
    report = export(manifest, format="sam2", masks=masks, out=tmp_path / "x", root=root)
    panda, knife = ([3, 9, 11, 17], 80), ([20, 20, 23, 22], 12)
    assert sam2_found(tmp_path / "x", is_palette=masks == "png") == [
        *(("a", 1, 8, [2, 1, 7, 6], 36), ("a", 2, 8, *panda), ("a", 3, 8, *knife)),
        *(("a", 1, 9, [5, 1, 10, 6], 36), ("a", 2, 9, *panda), ("a", 3, 9, *knife)),
        *(("a", 1, 10, [8, 1, 13, 6], 36), ("a", 2, 10, *panda), ("a", 3, 10, *knife)),
    ]
    assert report["counts"]["frames_with_void_as_background"] == 3
    with Image.open(next((tmp_path / "x/JPEGImages/a").iterdir())) as image:
        assert image.size == (WIDTH, HEIGHT)


def test_sam2_comes_back_as_a_folder_of_masks(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path, ("a", "b"))
    export(manifest, format="sam2", out=tmp_path / "x", root=root)
    folder = tmp_path / "x/Annotations"
    again = read_manifest(import_labels(clean=folder, noisy=folder, name="again", out=tmp_path / "again"))
    assert masks_of(again, "noisy") == masks_of(manifest, "noisy")


def test_objects_that_overlap_are_refused_as_index_masks_and_written_as_folders(tmp_path: Path) -> None:
    manifest = overlapping(tmp_path)
    for format_, advice in (("davis", "use --format ytvis"), ("sam2", "use --masks objects")):
        with pytest.raises(DataError, match=f"clip 'a', frame 'f000': two objects overlap, .*; {advice}"):
            export(manifest, format=format_, out=tmp_path / "x")
        assert not (tmp_path / "x").exists()
    export(manifest, format="sam2", masks="objects", out=tmp_path / "x")
    areas = [int(np.count_nonzero(read_png(tmp_path / f"x/Annotations/a/{i}/00000.png"))) for i in ("000", "001")]
    assert areas == [16, 16]


def overlapping(folder: Path) -> Manifest:
    """Return a manifest of two objects that share 8 pixels, as somebody else's program may write one."""
    from actiseg_noise.masks import Box, encode_rle

    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:4, :4], mask[8:12, 8:12] = 1, 2
    toy = Toy(folder, [make_clip("a", [thing(1, 1), thing(2, 2)], frames=1)], {"a/f000.png": mask})
    manifest = read_manifest(actiseg_noise.build(toy, out=folder / "m"))
    (clip,) = manifest.iter_clips()
    frame = clip.frames[0]
    moved = encode_rle(np.ones((4, 4), bool), Box(0, 2, 4, 6), HEIGHT, WIDTH)
    masks = frame.masks | {2: replace(frame.masks[2], clean=moved, noisy=moved)}
    changed = replace(clip, frames=(replace(frame, masks=masks),))
    object.__setattr__(manifest, "iter_clips", lambda: iter([changed]))
    return manifest


def test_names_are_folders_of_every_system_and_lines_of_a_list(tmp_path: Path) -> None:
    names = ("take.1", "v:0", " x", "Cut", "cut")
    masks = {f"{name}/f000.png": scene_mask(0) for name in names}
    clips = [make_clip(name, [thing(1, 1), thing(2, 2), thing(3, 3)], frames=1) for name in sorted(names)]
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, clips, masks), out=tmp_path / "m"))
    report = export(manifest, format="sam2", out=tmp_path / "x")
    assert read_lines(tmp_path / "x/train.txt") == ["%20x", "Cut", "cut-2", "take%2E1", "v%3A0"]
    assert report["renamed"] == {"%20x": " x", "cut-2": "cut", "take%2E1": "take.1", "v%3A0": "v:0"}


@pytest.mark.parametrize("format_", MADE_OF_MASKS)
def test_text_content_has_nothing_for_a_format_made_of_masks(tmp_path: Path, format_: str) -> None:
    toy = Toy(tmp_path, [make_clip("a", [thing(1, 1)], frames=0)])
    manifest = read_manifest(actiseg_noise.build(toy, out=tmp_path / "m", content="text"))
    with pytest.raises(
        ActisegError, match=f"of which --format {format_} is made; without masks there are actionvos, r"
    ):
        export(manifest, format=format_, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("format_", MADE_OF_MASKS)
def test_masks_that_were_withheld_are_written_in_no_format(tmp_path: Path, format_: str) -> None:
    _, manifest = make_scene(tmp_path)
    path = manifest.path / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"content": "full"', '"content": "recipe-only"'), "utf-8")
    with pytest.raises(ActisegError, match="withheld"):
        export(manifest.path, format=format_, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("format_", MADE_OF_MASKS)
def test_what_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str) -> None:
    from actiseg_noise.exchange.export_folder import ExportFolder

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    root, manifest = make_scene(tmp_path)
    monkeypatch.setattr(ExportFolder, "write_image", stop)
    with pytest.raises(KeyboardInterrupt):
        export(manifest, format=format_, out=tmp_path / "x", root=root)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest", "scene"]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str) -> None:
    from actiseg_noise.borders import writing

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    root, manifest = make_scene(tmp_path)
    monkeypatch.setattr(writing, "_replace_file", refuse)
    with pytest.raises(ActisegError, match="no room to write: No space left on device"):
        export(manifest, format=format_, out=tmp_path / "x", root=root)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest", "scene"]


@pytest.mark.parametrize("format_", FORMATS)
def test_links_below_the_root_are_read_and_names_that_leave_it_refused(tmp_path: Path, format_: str) -> None:
    root, manifest = make_scene(tmp_path)
    (root / "a").rename(tmp_path / "disk")
    (root / "a").symlink_to(tmp_path / "disk")
    report = export(manifest, format=format_, out=tmp_path / "x", root=root, images="resize")
    written = [path for path in (tmp_path / "x").rglob("*.jpg") if not path.is_symlink()]
    assert report["counts"]["images"] == len(written) == 3
    (clip,) = manifest.iter_clips()
    frames = tuple(replace(frame, image_path="../disk/8.jpg") for frame in clip.frames)
    object.__setattr__(manifest, "iter_clips", lambda **_: iter([replace(clip, frames=frames)]))
    with pytest.raises(DataError, match="names '../disk/8.jpg', which leaves the root"):
        export(manifest, format=format_, out=tmp_path / "y", root=root, images="resize")
    assert not (tmp_path / "y").exists()


def test_the_page_of_exports_names_every_format_with_its_masks() -> None:
    page = (Path(__file__).parents[2] / "docs/exports.md").read_text("utf-8")
    for name, form in FORMATS.items():
        lines = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert all(any(f"`{word}`" in line for line in lines) for word in form.masks), name


@pytest.mark.parametrize("format_", MADE_OF_MASKS)
def test_a_void_strip_and_a_frame_without_mask_are_never_labels(tmp_path: Path, format_: str) -> None:
    _, manifest = make_scene(tmp_path)
    assert (scene_mask(0) == VOID).any()
    report = export(manifest, format=format_, out=tmp_path / "x")
    assert report["counts"]["frames_without_mask_left_out"] == 1
    assert not list((tmp_path / "x").rglob("*11.*"))
