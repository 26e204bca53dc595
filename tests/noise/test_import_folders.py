"""Import of any pair of clean and noisy mask folders, and the command line around all forms."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from deposits import save_frame, save_mask, write_actionvos
from import_sources import write_level
from PIL import Image

from actiseg_noise.check.verify import verify
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.exchange.import_folders import FolderPairs, Folders
from actiseg_noise.exchange.import_texts import Texts, read_texts
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.manifest.read import Manifest, read_manifest

Mask = npt.NDArray[np.uint8]

CLEAN = np.array([[1, 1, 0, 0], [1, 1, 0, 2]], np.uint8)
NOISY = np.array([[1, 1, 1, 0], [1, 0, 2, 2]], np.uint8)


def write_folder(folder: Path, masks: Mapping[str, Mask], *, binary: bool = False) -> Path:
    """Write masks, ``"<sequence>/<frame>"`` → ids; ``binary`` as grey PNGs, as DAVIS 2016 has them."""
    for name, mask in masks.items():
        path = folder / f"{name}.png"
        save_mask(path, mask)
        if binary:
            Image.fromarray(mask).save(path)
    return folder


def make_pair(tmp_path: Path, clean: Mapping[str, Mask], noisy: Mapping[str, Mask]) -> Folders:
    return Folders(write_folder(tmp_path / "clean", clean), write_folder(tmp_path / "noisy", noisy))


def import_pair(folders: Folders, **options: object) -> Manifest:
    pairs = FolderPairs(folders, "mine", **options)  # type: ignore[arg-type]
    return read_manifest(write_import(pairs, folders.clean.parent / "m"))


def areas(manifest: Manifest) -> list[tuple[object, ...]]:
    names = ["sample_id", "frame_id", "clean_area", "noisy_area", "mask_noise", "iou"]
    return [tuple(row.values()) for row in manifest.table("masks", names).to_pylist()]


def test_ids_are_those_on_disk(tmp_path: Path) -> None:
    manifest = import_pair(make_pair(tmp_path, {"a/1": CLEAN, "a/2": CLEAN}, {"a/1": NOISY, "a/2": CLEAN}))
    assert areas(manifest) == [
        ("a/1", "1", 4, 4, "imported", 0.6),
        ("a/2", "1", 1, 2, "imported", 0.5),
        ("a/1", "2", 4, 4, "none", 1.0),
        ("a/2", "2", 1, 1, "none", 1.0),
    ]
    assert verify(manifest) == []
    assert manifest.info.name == "mine/train/imported-mine-s0"


def test_a_binary_folder_has_one_object(tmp_path: Path) -> None:
    clean = write_folder(tmp_path / "clean", {"a/1": np.where(CLEAN > 0, 255, 0).astype(np.uint8)}, binary=True)
    noisy = write_folder(tmp_path / "noisy", {"a/1": np.where(NOISY > 0, 255, 0).astype(np.uint8)}, binary=True)
    manifest = import_pair(Folders(clean, noisy))
    assert areas(manifest) == [("a/1", "1", 5, 6, "imported", 4 / 7)]


def test_ids_beside_a_foreground_are_refused_with_the_way_out(tmp_path: Path) -> None:
    clean = write_folder(tmp_path / "clean", {"a/1": np.where(CLEAN > 0, 255, 0).astype(np.uint8)}, binary=True)
    folders = Folders(clean, write_folder(tmp_path / "noisy", {"a/1": NOISY}))
    with pytest.raises(DataError, match=r"a: clean \[255\], noisy \[1, 2\]. Pass --objects union to compare the"):
        import_pair(folders)
    assert areas(import_pair(folders, objects="union")) == [("a/1", "1", 5, 6, "imported", 4 / 7)]


def test_ids_that_only_the_noisy_side_has_are_refused(tmp_path: Path) -> None:
    folders = make_pair(tmp_path, {"a/1": np.minimum(CLEAN, 1)}, {"a/1": NOISY})
    with pytest.raises(DataError, match=r"1 sequences have other ids.*a: clean \[1\], noisy \[1, 2\]"):
        import_pair(folders)


def test_an_object_that_the_noisy_side_lost_is_empty_there(tmp_path: Path) -> None:
    manifest = import_pair(make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": np.where(NOISY == 1, NOISY, 0)}))
    assert areas(manifest) == [("a/1", "1", 4, 4, "imported", 0.6), ("a/2", "1", 1, 0, "imported", 0.0)]


def test_void_is_never_painted(tmp_path: Path) -> None:
    clean = np.array([[1, 1, 255, 0]], np.uint8)
    noisy = np.array([[0, 1, 1, 255]], np.uint8)
    folders = make_pair(tmp_path, {"a/1": clean}, {"a/1": noisy})
    with pytest.raises(DataError, match=r"clean \[1, 255\].*or --void ID where a value means pixels without label"):
        import_pair(folders)
    manifest = import_pair(folders, void_id=255)
    assert areas(manifest) == [("a/1", "1", 2, 1, "imported", 0.5)]
    assert manifest.table("frames")["void_rle"].to_pylist() != [None]
    assert verify(manifest) == []


def test_backups_beside_masks_are_not_read(tmp_path: Path) -> None:
    folders = make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY, "a/1_org": CLEAN})
    assert import_pair(folders).table("frames")["frame_id"].to_pylist() == ["1"]


def test_what_one_side_lacks_is_listed_or_left_out_and_counted(tmp_path: Path) -> None:
    small = CLEAN[:1]
    folders = make_pair(
        tmp_path,
        {"a/1": CLEAN, "a/2": CLEAN, "a/3": CLEAN, "b/1": CLEAN},
        {"a/1": CLEAN, "a/3": small, "a/4": CLEAN, "c/1": CLEAN},
    )
    with pytest.raises(DataError, match="2 sequences are on one side only: b: only in --clean; c: only in --noisy"):
        import_pair(folders)
    (folders.noisy / "b").mkdir()
    manifest = import_pair(folders, skip_missing=True)
    assert manifest.table("frames")["frame_id"].to_pylist() == ["1"]
    assert manifest.info.skipped == ("b", "c")
    assert manifest.info.imported["skipped_frames"] == 3


def test_frames_without_a_pair_are_listed_with_the_reason(tmp_path: Path) -> None:
    folders = make_pair(
        tmp_path, {"a/2": CLEAN, "a/3": CLEAN, "a/10": CLEAN}, {"a/3": CLEAN[:1], "a/4": CLEAN, "a/10": CLEAN}
    )
    message = "3 frames have no pair of masks: a/2: no noisy mask; a/3: clean 4×2, noisy 4×1 pixels; a/4: no clean mask"
    with pytest.raises(DataError, match=message):
        import_pair(folders)


def test_objects_are_called_after_the_sequence_without_texts(tmp_path: Path) -> None:
    manifest = import_pair(make_pair(tmp_path, {"horsejump-high/1": CLEAN}, {"horsejump-high/1": NOISY}))
    row = manifest.table("samples").to_pylist()[0]
    assert (row["noun"], row["expression"], row["noisy_expression"]) == ("horsejump high",) * 3
    assert (row["is_positive"], row["handbox"]) == (True, None)


def test_texts_name_objects_on_both_sides(tmp_path: Path) -> None:
    file = tmp_path / "texts.json"
    file.write_text(json.dumps({"a": {"1": "a horse", "2": {"clean": "a rider", "noisy": "a jockey"}}}), "utf-8")
    manifest = import_pair(make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": CLEAN}), texts=read_texts(file))
    rows = manifest.table("samples").to_pylist()
    assert [row["expression"] for row in rows] == ["a horse", "a rider"]
    assert [row["noisy_expression"] for row in rows] == ["a horse", "a jockey"]
    assert [row["text_noise"] for row in rows] == ["none", "imported"]
    assert [row["is_harmful"] for row in rows] == [False, True]
    assert list(manifest.info.imported["files"]) == ["texts.json"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"b": "a horse"}, "1 entries .*: 'b': no such sequence"),
        ({"a": {"1": "a horse"}}, r"'a': texts of objects \['1'\], objects \(1, 2\)"),
        ({"a": 3}, "'a': expected a text, .*found 3"),
        ({"a": {"x": "a horse"}}, "'a': expected a text"),
        ({"a": ""}, "'a': expected a text"),
        ({"a": "a \ud800 horse"}, "'a': expected a text"),
        ({"a": {"clean": "a horse", "noisy": "\ud800"}}, "'a': expected a text"),
    ],
)
def test_texts_that_do_not_fit_are_refused(tmp_path: Path, data: dict[str, object], message: str) -> None:
    folders = make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY})
    with pytest.raises(DataError, match=message):
        import_pair(folders, texts=Texts(data))


def test_images_are_found_beside_the_masks(tmp_path: Path) -> None:
    folders = make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY})
    save_frame(tmp_path / "frames/a/1.jpg", 2, 4)
    with pytest.raises(ActisegError, match=f"pass --root {tmp_path}"):
        Folders(folders.clean, folders.noisy, tmp_path / "frames")
    rooted = Folders(folders.clean, folders.noisy, tmp_path / "frames", tmp_path)
    frame = import_pair(rooted).table("frames").to_pylist()[0]
    assert (frame["image_path"], frame["mask_path"]) == ("frames/a/1.jpg", "clean/a/1.png")


def test_a_colour_mask_is_refused_by_name(tmp_path: Path) -> None:
    folders = make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY})
    Image.new("RGB", (4, 2)).save(folders.noisy / "a/1.png")
    with pytest.raises(DataError, match="noisy/a/1.png: expected an index mask"):
        import_pair(folders)


def test_a_folder_one_level_too_deep_is_refused_with_the_right_one_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY})
    monkeypatch.chdir(folders.clean / "a")
    with pytest.raises(ActisegError, match=f"--clean .: .* found none. Did you mean {folders.clean}?"):
        import_pair(Folders(Path(), folders.noisy))


def test_a_folder_one_level_too_high_is_refused_with_the_right_one(tmp_path: Path) -> None:
    folders = make_pair(tmp_path, {"480p/a/1": CLEAN}, {"480p/a/1": NOISY})
    with pytest.raises(ActisegError, match="found none. Did you mean .*/clean/480p"):
        import_pair(folders)


def test_sequences_within_several_groups_are_called_after_both(tmp_path: Path) -> None:
    names = ("P01/a/1", "P02/a/1")
    folders = make_pair(tmp_path, dict.fromkeys(names, CLEAN), dict.fromkeys(names, NOISY))
    save_frame(tmp_path / "images/P02/a/1.jpg", 2, 4)
    manifest = import_pair(Folders(folders.clean, folders.noisy, tmp_path / "images", tmp_path))
    assert [row[0] for row in areas(manifest)] == ["P01_a/1", "P01_a/2", "P02_a/1", "P02_a/2"]
    rows = manifest.table("frames", ["image_path", "mask_path"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (None, "clean/P01/a/1.png"),
        ("images/P02/a/1.jpg", "clean/P02/a/1.png"),
    ]


def test_two_folders_of_masks_are_one_sequence(tmp_path: Path) -> None:
    manifest = import_pair(make_pair(tmp_path, {"1": CLEAN, "2": CLEAN}, {"1": NOISY, "2": CLEAN}))
    assert [row[:2] for row in areas(manifest)] == [
        ("clean/1", "1"),
        ("clean/2", "1"),
        ("clean/1", "2"),
        ("clean/2", "2"),
    ]
    assert [row["mask_path"] for row in manifest.table("frames", ["mask_path"]).to_pylist()] == ["1.png", "2.png"]


def test_where_sizes_differ_that_is_said_even_where_nothing_is_left(tmp_path: Path) -> None:
    folders = make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": np.zeros((4, 8), np.uint8)})
    with pytest.raises(DataError, match=r"1 were left out. 1 frames have no pair of masks: a/1: clean 4×2, noisy 8×4"):
        import_pair(folders, skip_missing=True)


def test_texts_per_frame_are_called_that(tmp_path: Path) -> None:
    folders = make_pair(tmp_path, {"a/00001": CLEAN}, {"a/00001": NOISY})
    with pytest.raises(DataError, match="'a': texts per frame, but a text is of an object, in all of its frames"):
        import_pair(folders, texts=Texts({"a": {"00001": "a cup"}}))


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs ``actiseg-noise`` and gives (exit code, out, err)."""
    monkeypatch.chdir(tmp_path)

    def run_(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actiseg-noise", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return run_


def test_folders_are_imported_verified_and_inspected_as_typed(run: Run, tmp_path: Path) -> None:
    make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY})
    code, out, _ = run("import", "--clean", "clean", "--noisy", "noisy")
    assert (code, "written to manifests/noisy/train/imported-noisy-s0" in out) == (0, True)
    assert run("verify", "manifests/noisy/train/imported-noisy-s0")[0] == 0
    assert "IoU with the clean mask: imported" in run("inspect", "manifests/noisy/train/imported-noisy-s0")[1]
    code, _, err = run("verify", "manifests/noisy/train/imported-noisy-s0", "--root", "clean")
    assert (code, "no dataset that can be read again" in err) == (2, True)


def test_all_three_forms_print_json(run: Run, tmp_path: Path) -> None:
    make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY})
    write_level(tmp_path / "level")
    write_actionvos(tmp_path / "tree")
    pair = [f"level/train_{kind}.json" for kind in ("meta_expressions_promptaction", "objects_category")]
    forms = {
        "mask folders": ("--clean", "clean", "--noisy", "noisy"),
        "published prompts": ("--expressions", pair[0], "--categories", pair[1]),
        "actionvos tree": ("--dataset", "actionvos", "--clean", "tree", "--noisy", "tree"),
    }
    for form, options in forms.items():
        code, out, _ = run("import", *options, "--out", form, "--json")
        assert (code, json.loads(out)["imported"]["form"]) == (0, form)
    assert json.loads(run("inspect", "actionvos tree", "--json")[1])["counts"]["clips"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --clean DIR and --noisy DIR, or --expressions FILE and --categories FILE"),
        (("--clean", "clean"), "give --clean DIR and --noisy DIR"),
        (("--expressions", "e.json"), "are the two files of one noise level: give both"),
        (("--expressions", "e.json", "--categories", "c.json"), "e.json: the file is missing"),
        (("--expressions", "e.json", "--categories", "c.json", "--noisy", "noisy"), "--noisy: not with --expressions"),
        (("--clean", "clean", "--noisy", "nowhere"), "--noisy nowhere: no such folder"),
        (("--dataset", "actionvos", "--clean", "nowhere", "--noisy", "noisy"), "--clean nowhere: no such folder"),
        (("--dataset", "actionvos", "--clean", "clean", "--noisy", "nowhere"), "--noisy nowhere: no such folder"),
        (("--clean", "clean", "--noisy", "noisy", "--dataset", "vost"), "in ActionVOS's layout alone"),
        (("--clean", "clean", "--noisy", "noisy", "--objects", "all"), "--objects 'all': expected one of ids, union"),
        (("--clean", "clean", "--noisy", "noisy", "--void", "300"), "--void 300: expected an id from 1 to 255"),
        (("--clean", "clean", "--noisy", "noisy", "--name", "vost"), "a registered dataset has this name"),
        (("--clean", "clean", "--noisy", "noisy", "--name", "!?"), "a name needs letters or digits"),
        (("--clean", "clean", "--noisy", "noisy", "--limit", "0"), "--limit must be at least 1, got 0"),
        (("--clean", "clean", "--noisy", "noisy", "--content", "none"), "unknown content 'none'"),
        (("--clean", "clean", "--noisy", "noisy", "--texts", "no.json"), "no.json: the file is missing"),
    ],
)
def test_bad_usage_prints_its_reason_and_exits_with_2(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    make_pair(tmp_path, {"a/1": CLEAN}, {"a/1": NOISY})
    code, out, err = run("import", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean", "noisy"]


def test_an_interrupted_import_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pair(tmp_path, {"a/1": CLEAN, "b/1": CLEAN}, {"a/1": NOISY, "b/1": NOISY})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderPairs, "read_masks", stop)
    code, _, err = run("import", "--clean", "clean", "--noisy", "noisy", "--out", "deep/m")
    assert (code, "interrupted; nothing is at deep/m" in err) == (130, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean", "noisy"]
