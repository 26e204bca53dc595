"""Export to ActionVOS's layout: what is written is, fed back through our own adapter, the manifest's labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deposits import actionvos_entry, actionvos_folder, write_actionvos, write_vost
from import_sources import LEVEL, published_categories, published_expressions, write_level
from PIL import Image
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.errors import ActisegError, DataError, ManifestError
from actiseg_noise.exchange.export_actionvos import export_actionvos
from actiseg_noise.exchange.import_prompts import PromptPairs
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.exchange.published_prompts import PublishedFiles
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.web.pictures import read_picture


def labels_of(manifest: Manifest, side: str) -> list[tuple[Any, ...]]:
    """Return texts and mask digests of all clips, in the order of the dataset's own list."""
    order = {row["clip_id"]: row["source_order"] for row in manifest.table("clips").to_pylist()}
    found = []
    for row in manifest.table("samples").to_pylist():
        words = (row[f"{side}category_id"], row[f"{side}noun"], row[f"{side}expression"], row["is_positive"])
        found.append((order[row["clip_id"]], "", row["object_id"], *words))
    for row in manifest.table("masks").to_pylist():
        digest = row["noisy_digest"] if side else row["clean_digest"]
        found.append((order[row["clip_id"]], row["frame_id"], row["object_id"], digest))
    places = {number: place for place, number in enumerate(sorted(order.values()))}
    return sorted((places[number], *rest) for number, *rest in found)


def read_back(root: Path, split: str = "train", **options: Any) -> Manifest:
    """Return the clean manifest that the adapter makes of an exported tree."""
    out = root.parent / f"{root.name}-again"
    return read_manifest(actiseg_noise.build("actionvos", root=root, split=split, out=out, **options))


def build_toy(tmp_path: Path, **more: Any) -> Manifest:
    toy = make_toy(clips=6, scale=10)
    return read_manifest(actiseg_noise.build(toy, recipe="mixed-40-15", out=tmp_path / "m", gate=False, **more))


def test_a_toy_with_void_comes_back_with_its_noisy_labels(tmp_path: Path) -> None:
    manifest = build_toy(tmp_path)
    report = export_actionvos(manifest, tmp_path / "x")
    assert labels_of(read_back(tmp_path / "x"), "") == labels_of(manifest, "noisy_")
    assert labels_of(manifest, "noisy_") != labels_of(manifest, "")
    assert report["counts"]["frames_with_void_as_background"] == manifest.info.counts["frames"]


def test_clean_labels_are_exported_on_request(tmp_path: Path) -> None:
    manifest = build_toy(tmp_path)
    export_actionvos(manifest, tmp_path / "x", labels="clean")
    assert labels_of(read_back(tmp_path / "x"), "") == labels_of(manifest, "")
    assert "_org" not in (tmp_path / "x/ImageSets/train_objects_category.json").read_text("utf-8")


def test_kitchen_comes_back_with_its_noisy_labels_and_images(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    manifest = read_manifest(noisy_val)
    export_actionvos(manifest, tmp_path / "x", root=kitchen_root, images="copy")
    assert labels_of(read_back(tmp_path / "x", "val"), "") == labels_of(manifest, "noisy_")
    frame = manifest.table("frames").to_pylist()[0]
    copy = next(tmp_path.glob("x/JPEGImages_Sparse/val/00000001_*")) / f"{frame['frame_id']}.jpg"
    assert copy.read_bytes() == (kitchen_root / frame["image_path"]).read_bytes()


def test_vost_comes_back_with_its_noisy_labels(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "vost")
    recipe = actiseg_noise.Recipe(
        "hard",
        (
            actiseg_noise.NoiseSpec("category_flip-v1", 1.0),
            actiseg_noise.NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"}),
        ),
    )
    manifest = read_manifest(actiseg_noise.build("vost", root=root, recipe=recipe, out=tmp_path / "m"))
    export_actionvos(manifest, tmp_path / "x", root=root, images="none")
    assert labels_of(read_back(tmp_path / "x"), "") == labels_of(manifest, "noisy_")
    folders = sorted(path.name for path in (tmp_path / "x/Annotations_Sparse/train").iterdir())
    assert folders == [
        "00000001_10_tear_aluminium_foil_tear_aluminium foil",
        "00000002_9_cut_jalapeño_cut_jalapeño",
        "00000003_455_open_cereal box: the big one_open_cereal box: the big one",
    ]


def build_actionvos(tmp_path: Path, **more: Any) -> tuple[Path, Manifest]:
    """Return a tree with one clip and a manifest of its text noise."""
    root = write_actionvos(tmp_path / "tree", {"train": [actionvos_entry(4)]})
    built = actiseg_noise.build("actionvos", root=root, recipe="text-60", out=tmp_path / "m", gate=False, **more)
    return root, read_manifest(built)


def test_clean_labels_of_actionvos_come_out_as_they_went_in(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    export_actionvos(manifest, tmp_path / "x", labels="clean", root=root, images="copy")
    assert json.loads((tmp_path / "x/ImageSets/train.json").read_text("utf-8")) == [actionvos_entry(4)]
    folder = actionvos_folder(actionvos_entry(4))
    for kind, suffix in (("Annotations", "png"), ("Weights", "png"), ("JPEGImages", "jpg")):
        name = f"{kind}_Sparse/train/{folder}/frame_0000000954.{suffix}"
        before, after = (np.asarray(Image.open(path / name)) for path in (root, tmp_path / "x"))
        assert np.array_equal(before, after), name


def test_the_files_have_the_published_keys_in_the_published_order_and_types(tmp_path: Path) -> None:
    _, manifest = build_actionvos(tmp_path)
    export_actionvos(manifest, tmp_path / "x")
    files = {p.name: json.loads(p.read_text("utf-8")) for p in (tmp_path / "x/ImageSets").iterdir()}
    (entry,) = files["train.json"]
    assert list(map(kind, entry.items())) == [
        ("seq_id", int),
        ("video", str),
        ("start", int),
        ("narration", str),
        ("verb", str),
        ("verb_class", int),
        ("noun", str),
        ("noun_class", int),
        ("end", int),
        ("sparse_frames", list),
        ("object_classes", dict),
    ]
    assert entry["sparse_frames"] == ["frame_0000000954.jpg", "frame_0000000992.jpg"]
    assert list(entry["object_classes"]) == ["1", "2", "3"]
    assert list(map(kind, entry["object_classes"]["1"].items())) == [
        ("name", str),
        ("class_id", int),
        ("handbox", int),
        ("narration", int),
        ("positive", int),
    ]
    folder = actionvos_folder(actionvos_entry(4))
    said = files["train_meta_expressions_promptaction.json"]["videos"][folder]
    assert (list(said), list(said["expressions"])) == (["expressions", "frames"], ["0", "1", "2"])
    assert said["frames"] == ["frame_0000000954", "frame_0000000992"]
    assert list(map(kind, said["expressions"]["0"].items())) == [
        ("exp", str),
        ("obj_id", str),
        ("positive", int),
        ("class_id", int),
        ("class_id_org", int),
        ("exp_org", str),
    ]
    named = files["train_objects_category.json"]["videos"][folder]
    assert (list(named), list(named["objects"])) == (["objects"], ["1", "2", "3"])
    assert list(map(kind, named["objects"]["1"].items())) == [
        ("category", str),
        ("positive", int),
        ("class_id", int),
        ("class_id_org", int),
        ("category_org", str),
    ]


def kind(item: tuple[str, object]) -> tuple[str, type]:
    """Return a member's key and the exact type of its value: true is no 1."""
    return item[0], type(item[1])


def test_the_published_pair_comes_out_of_an_import_byte_for_byte(tmp_path: Path) -> None:
    files = PublishedFiles(*write_level(tmp_path / "level"))
    manifest = read_manifest(write_import(PromptPairs(files, "train"), tmp_path / "m"))
    export_actionvos(manifest, tmp_path / "x")
    written = tmp_path / "x/ImageSets"
    said = (written / "train_meta_expressions_promptaction.json").read_text("utf-8")
    named = (written / "train_objects_category.json").read_text("utf-8")
    assert said == json.dumps(published_expressions(LEVEL))
    assert named == json.dumps(published_categories(LEVEL))
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["ImageSets", "export.json"]


def test_masks_are_palette_files_in_the_davis_colours(tmp_path: Path) -> None:
    export_actionvos(build_toy(tmp_path), tmp_path / "x")
    with Image.open(next((tmp_path / "x/Annotations_Sparse/train").glob("*/*.png"))) as image:
        assert (image.mode, image.size) == ("P", (320, 240))
        palette = image.getpalette() or []
    assert palette[:18] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128]


def test_review_flags_stay_where_the_published_files_have_them(tmp_path: Path) -> None:
    root = write_actionvos(tmp_path / "tree")
    built = actiseg_noise.build("actionvos", root=root, split="val_human", content="text", out=tmp_path / "m")
    export_actionvos(read_manifest(built), tmp_path / "x", labels="clean")
    original = json.loads((root / "ImageSets/val_human.json").read_text("utf-8"))
    assert json.loads((tmp_path / "x/ImageSets/val_human.json").read_text("utf-8")) == original


def test_object_ids_with_gaps_are_renumbered_and_listed(tmp_path: Path) -> None:
    mask = np.zeros((24, 32), np.uint8)
    mask[:4, :4], mask[8:12, 8:12] = 3, 7
    toy = Toy(tmp_path, [make_clip("a", [thing(3, 1), thing(7, 2)], frames=1)], {"a/f000.png": mask})
    manifest = read_manifest(actiseg_noise.build(toy, out=tmp_path / "m"))
    report = export_actionvos(manifest, tmp_path / "x")
    assert report["renumbered"] == {"00000001_a_use_things": {"1": 3, "2": 7}}
    assert json.loads((tmp_path / "x/export.json").read_text("utf-8"))["renumbered"] == report["renumbered"]
    exported = np.asarray(Image.open(tmp_path / "x/Annotations_Sparse/train/00000001_a_use_things/f000.png"))
    assert (exported[0, 0], exported[8, 8]) == (1, 2)


def test_separators_in_names_become_hyphens(tmp_path: Path) -> None:
    toy = Toy(tmp_path, [make_clip("a", [thing(1, 1)], frames=0, video_id="P01/1", noun="..\\x", verb="")])
    manifest = read_manifest(actiseg_noise.build(toy, out=tmp_path / "m", content="text"))
    export_actionvos(manifest, tmp_path / "x")
    said = json.loads((tmp_path / "x/ImageSets/train_objects_category.json").read_text("utf-8"))
    assert list(said["videos"]) == ["00000001_P01-1_-_..-x"]


def test_an_expression_that_is_no_action_prompt_is_exact_and_counted(tmp_path: Path) -> None:
    clip = make_clip("a", [replace(thing(1, 1), template="the {noun} on the left")], frames=0)
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, [clip]), out=tmp_path / "m", content="text"))
    report = export_actionvos(manifest, tmp_path / "x")
    assert report["counts"]["expressions_that_the_list_of_actions_cannot_say"] == 1
    said = json.loads((tmp_path / "x/ImageSets/train_meta_expressions_promptaction.json").read_text("utf-8"))
    assert said["videos"]["00000001_a_use_things"]["expressions"]["0"]["exp"] == "the cup on the left"


def edit(manifest: Manifest, table: str, column: str, value: object) -> Manifest:
    """Write ``value`` into the first cell of a column, as somebody with bad intent would."""
    path = manifest.path / f"{table}.parquet"
    rows = pq.read_table(path)
    index = rows.column_names.index(column)
    field = rows.schema.field(index)
    cells = pa.array([value, *rows[column].to_pylist()[1:]], field.type)
    pq.write_table(rows.set_column(index, field, [cells]), path)
    return read_manifest(manifest.path)


@pytest.mark.parametrize("column", ["image_path", "weight_path"])
@pytest.mark.parametrize(
    "path", ["../secret.jpg", "/etc/secret.jpg", "a/../../secret.jpg", "C:\\secret.jpg", "a\\..\\secret.jpg"]
)
def test_a_path_that_leaves_the_root_is_refused(tmp_path: Path, column: str, path: str) -> None:
    root, manifest = build_actionvos(tmp_path)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with pytest.raises(DataError, match="which leaves the root; such a manifest is not exported"):
        export_actionvos(edit(manifest, "frames", column, path), tmp_path / "x", root=root, images="copy")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "secret.jpg", "tree"]


def test_links_below_the_root_are_the_users_own_and_followed(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    images = root / "JPEGImages_Sparse"
    images.rename(tmp_path / "other-disk")
    images.symlink_to(tmp_path / "other-disk")
    export_actionvos(manifest, tmp_path / "x", root=root, images="copy")
    copies = sorted((tmp_path / "x/JPEGImages_Sparse").rglob("*.jpg"))
    assert [copy.is_symlink() for copy in copies] == [False, False]
    assert copies[0].read_bytes() == next((tmp_path / "other-disk").rglob("*954.jpg")).read_bytes()
    export_actionvos(manifest, tmp_path / "y", root=root, images="link")
    assert all(link.is_symlink() for link in (tmp_path / "y/JPEGImages_Sparse").rglob("*.jpg"))


def test_an_image_that_is_a_link_to_itself_is_missing(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    image = root / manifest.table("frames").to_pylist()[0]["image_path"]
    image.unlink()
    image.symlink_to(image.name)
    with pytest.raises(DataError, match="is missing. Point --root"):
        export_actionvos(manifest, tmp_path / "x", root=root, images="copy")
    assert not (tmp_path / "x").exists()


def test_an_image_of_a_name_that_no_system_takes_is_missing(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    edited = edit(manifest, "frames", "image_path", f"{'x' * 300}.jpg")
    with pytest.raises(DataError, match="is missing. Point --root"):
        export_actionvos(edited, tmp_path / "x", root=root, images="resize")


def test_weights_are_pngs_whatever_a_manifest_names(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    (root / "key").write_text("secret")
    with pytest.raises(DataError, match="expected a PNG of weights, the manifest names 'key'"):
        export_actionvos(edit(manifest, "frames", "weight_path", "key"), tmp_path / "x", root=root)


def test_weights_of_another_size_than_the_masks_are_refused(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    Image.new("P", (4, 4)).save(next((root / "Weights_Sparse").rglob("*.png")))
    with pytest.raises(DataError, match="Weights_Sparse.*: the weights are 4×4, their masks "):
        export_actionvos(manifest, tmp_path / "x", root=root)


def test_every_evaluation_split_has_the_flags_that_the_metrics_script_asks_for(tmp_path: Path) -> None:
    toy = Toy(tmp_path, [make_clip("a", [thing(1, 1)], frames=0)])
    for split, flags in (("train", set()), ("val", {"redundant", "missing", "other"})):
        built = actiseg_noise.build(toy, split=split, out=tmp_path / split, content="text")
        export_actionvos(read_manifest(built), tmp_path / f"x-{split}")
        (entry,) = json.loads((tmp_path / f"x-{split}/ImageSets/{split}.json").read_text("utf-8"))
        assert {name for name in ("redundant", "missing", "other") if entry.get(name) is False} == flags


def test_a_picture_that_is_a_link_to_itself_is_left_out_of_a_preview(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    (frame, *_) = next(manifest.iter_clips()).frames
    assert read_picture(frame, root) is not None
    image = root / str(frame.image_path)
    image.unlink()
    image.symlink_to(image.name)
    assert read_picture(frame, root) is None


@pytest.mark.parametrize("frame_id", ["../../../escape", "a/b", "..", ""])
def test_a_frame_whose_name_leads_elsewhere_is_refused(tmp_path: Path, frame_id: str) -> None:
    _, manifest = build_actionvos(tmp_path)
    with pytest.raises(DataError, match=r"frame_id: .* cannot be the name of a file"):
        export_actionvos(edit(manifest, "frames", "frame_id", frame_id), tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "tree"]


def test_a_name_longer_than_file_systems_allow_is_refused(tmp_path: Path) -> None:
    _, manifest = build_actionvos(tmp_path)
    with pytest.raises(DataError, match="is longer than 255 bytes"):
        export_actionvos(edit(manifest, "clips", "noun", "n" * 300), tmp_path / "x")


def test_links_point_to_the_images(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    export_actionvos(manifest, tmp_path / "x", root=root, images="link")
    links = sorted((tmp_path / "x/JPEGImages_Sparse").rglob("*.jpg"))
    assert [link.resolve().is_relative_to(root.resolve()) and link.is_symlink() for link in links] == [True, True]


def test_missing_weight_maps_are_counted_and_missing_images_refused(tmp_path: Path) -> None:
    root, manifest = build_actionvos(tmp_path)
    next((root / "Weights_Sparse").rglob("*.png")).unlink()
    report = export_actionvos(manifest, tmp_path / "x", root=root)
    assert (report["counts"]["weights"], report["counts"]["weights_not_found"]) == (1, 1)
    next((root / "JPEGImages_Sparse").rglob("*.jpg")).unlink()
    with pytest.raises(DataError, match=r"frame 'frame_\d+': .* is missing. Point --root"):
        export_actionvos(manifest, tmp_path / "y", root=root, images="copy")


def test_withheld_masks_cannot_be_exported(tmp_path: Path) -> None:
    _, manifest = build_actionvos(tmp_path)
    path = manifest.path / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"content": "full"', '"content": "recipe-only"'), "utf-8")
    with pytest.raises(ManifestError, match="withheld.*Build the manifest again from its recipe"):
        export_actionvos(read_manifest(manifest.path), tmp_path / "x")


def test_an_export_replaces_only_an_export_and_only_by_force(tmp_path: Path) -> None:
    _, manifest = build_actionvos(tmp_path)
    export_actionvos(manifest, tmp_path / "x")
    with pytest.raises(ActisegError, match="the output exists. Choose another --out, or replace it with --force"):
        export_actionvos(manifest, tmp_path / "x")
    export_actionvos(manifest, tmp_path / "x", labels="clean", force=True)
    assert json.loads((tmp_path / "x/export.json").read_text("utf-8"))["labels"] == "clean"
    for folder in (tmp_path / "tree", manifest.path):
        with pytest.raises(ActisegError, match="exists and is no export"):
            export_actionvos(manifest, folder, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "tree", "x"]


def test_an_interrupted_export_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actiseg_noise.exchange.export_folder import ExportFolder

    _, manifest = build_actionvos(tmp_path)
    export_actionvos(manifest, tmp_path / "x")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ExportFolder, "write_mask", stop)
    with pytest.raises(KeyboardInterrupt):
        export_actionvos(manifest, tmp_path / "x", labels="clean", force=True)
    assert json.loads((tmp_path / "x/export.json").read_text("utf-8"))["labels"] == "noisy"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "tree", "x"]


def test_force_deletes_no_file_that_the_export_did_not_write(tmp_path: Path) -> None:
    _, manifest = build_actionvos(tmp_path)
    export_actionvos(manifest, tmp_path / "x")
    (tmp_path / "x/.DS_Store").write_bytes(b"")
    export_actionvos(manifest, tmp_path / "x", force=True)
    (tmp_path / "x/ImageSets/notes.txt").write_text("mine")
    with pytest.raises(ActisegError, match="--force would delete 1 file that the export did not write"):
        export_actionvos(manifest, tmp_path / "x", force=True)
    assert (tmp_path / "x/ImageSets/notes.txt").read_text() == "mine"
