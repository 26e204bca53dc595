"""An empty text is one bad clip: refused by name, or left out and counted, and never the end of a dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from builds import Notes
from deposit_davis import write_davis
from deposit_refvos import video, write_palette_split
from deposit_vscos import vscos_entry, write_vscos
from deposits import actionvos_entry, actionvos_folder, actionvos_object, save_mask, write_actionvos
from import_sources import write_level
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.datasets.davis import texts as davis_texts
from actiseg_noise.errors import DataError, MissingTextError
from actiseg_noise.exchange.import_folders import FolderPairs, Folders
from actiseg_noise.exchange.import_prompts import PromptPairs
from actiseg_noise.exchange.import_texts import Texts
from actiseg_noise.exchange.import_trees import TreePairs, find_noisy_tree
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.exchange.published_prompts import PublishedFiles
from actiseg_noise.records import Clip

GOOD, BAD = actionvos_entry(2), actionvos_entry(1)


def write_refvos_with(text: Any, root: Path) -> tuple[str, dict[str, Any]]:
    said = {"0": {"exp": text, "obj_id": "1"}, "1": {"exp": "a red cup", "obj_id": "2"}}
    write_palette_split(root, "train", {"v": video(said)}, {"1": "bowl", "2": "cup"})
    return "v:0", {}


def write_actionvos_with_narration(text: Any, root: Path) -> tuple[str, dict[str, Any]]:
    bad = BAD | {"narration": text}
    write_actionvos(root, {"train": [bad, GOOD]})
    return actionvos_folder(bad), {}


def write_actionvos_with_name(text: Any, root: Path) -> tuple[str, dict[str, Any]]:
    objects = {
        "1": actionvos_object("bin", 18, positive=0),
        "2": actionvos_object("x", 113, positive=1) | {"name": text},
    }
    bad = BAD | {"object_classes": objects}
    write_actionvos(root, {"train": [bad, GOOD]})
    return actionvos_folder(bad), {}


def write_vscos_with(text: Any, root: Path) -> tuple[str, dict[str, Any]]:
    write_vscos(root, {"train": {"P01_11_1": vscos_entry(), "P01_11_2": vscos_entry()}})
    path = root / "EPIC_train_split/EPIC100_state_positive_train.yaml"
    data = yaml.safe_load(path.read_text("utf-8"))
    data["P01_11_1"]["narration"] = text
    path.write_text(yaml.safe_dump(data), "utf-8")
    return "P01_11_1", {}


def write_davis_with(text: Any, root: Path) -> tuple[str, dict[str, Any]]:
    write_davis(root, {"train": ["bear", "dogs-scale"]})
    (root / "texts.json").write_text(json.dumps({"bear": "a brown bear", "dogs-scale": {"1": "a dog", "2": text}}))
    return "dogs-scale", {"options": {"texts": "texts.json"}}


WRITERS = {
    "refvos": write_refvos_with,
    "actionvos": write_actionvos_with_narration,
    "actionvos, an object": write_actionvos_with_name,
    "vscos": write_vscos_with,
    "davis": write_davis_with,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("text", ["", " ", None], ids=["empty", "blank", "null"])
@pytest.mark.parametrize("content", ["text", "full"])
def test_an_empty_text_is_refused_or_left_out_and_counted(
    write: Callable[[Any, Path], tuple[str, dict[str, Any]]], text: Any, content: str, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    clip_id, keywords = write(text, root)
    name = next(key for key in WRITERS if WRITERS[key] is write).partition(",")[0]
    with pytest.raises(DataError, match="pass --skip-missing to leave out and count such clips"):
        actiseg_noise.build(name, root=root, content=content, out=tmp_path / "m", **keywords)
    path = actiseg_noise.build(
        name,
        root=root,
        content=content,
        skip_missing=True,
        out=tmp_path / "m",
        progress=(heard := Notes()),
        **keywords,
    )
    info = actiseg_noise.read_manifest(path).info
    assert info.skipped == (clip_id,)
    assert info.counts["clips"] == 1
    assert heard.notes[-1] == f"warning: left out 1 listed clip, files or texts missing: {clip_id}"


def test_clips_that_are_not_asked_for_may_lack_their_texts(tmp_path: Path) -> None:
    bad = BAD | {"narration": ""}
    write_actionvos(tmp_path / "data", {"train": [bad, GOOD]})
    path = actiseg_noise.build("actionvos", root=tmp_path / "data", clips=[actionvos_folder(GOOD)], out=tmp_path / "m")
    assert actiseg_noise.read_manifest(path).info.counts["clips"] == 1


def test_a_dataset_of_which_nothing_is_left_is_an_error(tmp_path: Path) -> None:
    write_actionvos(tmp_path / "data", {"train": [BAD | {"narration": ""}]})
    with pytest.raises(DataError, match="nothing is left to build: left out 1 listed clip"):
        actiseg_noise.build("actionvos", root=tmp_path / "data", skip_missing=True, out=tmp_path / "m")


def test_texts_in_lines_may_be_empty_too(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text('bear 1 ""\nbear 2 "a bear"\ncow a cow\n')
    texts = davis_texts.SequenceTexts(tmp_path / "t.txt")
    assert texts.of_sequence("cow") == ["a cow"]
    with pytest.raises(MissingTextError, match="has an empty text for sequence 'bear'"):
        texts.of_sequence("bear")


def test_an_import_leaves_out_clean_clips_without_a_text(tmp_path: Path) -> None:
    bad = BAD | {"narration": ""}
    clean = write_actionvos(tmp_path / "clean", {"train": [bad, GOOD]})
    noisy = write_actionvos(tmp_path / "noisy", {"train": [GOOD]})
    pairs = TreePairs(clean, find_noisy_tree(noisy, "train"), "train", with_masks=False, skip_missing=True)
    info = actiseg_noise.read_manifest(write_import(pairs, tmp_path / "m")).info
    assert info.skipped == (actionvos_folder(bad),)
    assert info.counts["clips"] == 1


def test_an_import_leaves_out_noisy_clips_without_a_text(tmp_path: Path) -> None:
    clean = write_actionvos(tmp_path / "clean", {"train": [BAD, GOOD]})
    noisy = write_actionvos(tmp_path / "noisy", {"train": [BAD | {"narration": " "}, GOOD]})
    strict = TreePairs(clean, find_noisy_tree(noisy, "train"), "train", with_masks=False)
    with pytest.raises(MissingTextError, match="narration"):
        write_import(strict, tmp_path / "m")
    pairs = TreePairs(clean, find_noisy_tree(noisy, "train"), "train", with_masks=False, skip_missing=True)
    info = actiseg_noise.read_manifest(write_import(pairs, tmp_path / "m")).info
    assert (info.skipped, info.counts["clips"]) == ((actionvos_folder(BAD),), 1)


@pytest.mark.parametrize(("file", "key"), [("expressions", "exp"), ("objects", "category"), ("expressions", "exp_org")])
def test_published_prompts_without_a_text_are_left_out(file: str, key: str, tmp_path: Path) -> None:
    paths = write_level(tmp_path)
    path = paths[file == "objects"]
    data = json.loads(path.read_text("utf-8"))
    folder = min(data["videos"])
    next(iter(data["videos"][folder][file].values()))[key] = ""
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(MissingTextError, match=f"{key}.*pass --skip-missing"):
        PromptPairs(PublishedFiles(*paths), "train").check()
    pairs = PromptPairs(PublishedFiles(*paths), "train", skip_missing=True)
    info = actiseg_noise.read_manifest(write_import(pairs, tmp_path / "m")).info
    assert (info.skipped, info.counts["clips"]) == ((folder,), len(data["videos"]) - 1)


def test_sequences_of_masks_without_a_text_are_left_out(tmp_path: Path) -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[1:3, 1:3] = 1
    for side in ("clean", "noisy"):
        for sequence in ("a", "b"):
            save_mask(tmp_path / side / sequence / "00000.png", mask)
    folders = Folders(tmp_path / "clean", tmp_path / "noisy")
    texts = {"a": {"clean": "a horse", "noisy": ""}, "b": "a cow"}
    with pytest.raises(MissingTextError, match="'a': expected a text, found an empty one"):
        FolderPairs(folders, "mine", texts=Texts(texts)).check()
    pairs = FolderPairs(folders, "mine", texts=Texts(texts), skip_missing=True)
    info = actiseg_noise.read_manifest(write_import(pairs, tmp_path / "m")).info
    assert (info.skipped, info.counts["clips"]) == (("a",), 1)


def test_a_long_list_of_what_was_left_out_is_cut(tmp_path: Path) -> None:
    class Sparse(Toy):
        def iter_clips(self, split: str, *, with_frames: bool) -> Any:
            for clip in self.clips:
                if clip.clip_id == "clip011":
                    yield clip
                else:
                    self.leave_out(clip.clip_id, MissingTextError("no text"))

    toy = write_toy(make_toy(), tmp_path / "data")
    clips: tuple[Clip, ...] = toy.clips
    heard = Notes()
    actiseg_noise.build(Sparse(toy.root, clips, skip_missing=True), out=tmp_path / "m", progress=heard)
    assert heard.notes[0].startswith("warning: left out 11 listed clips, files or texts missing: clip000, clip001, ")
    assert heard.notes[0].endswith("clip009, …")
