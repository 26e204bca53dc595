"""EPIC-KITCHENS' real table of validation actions, held against what ActionVOS made of VISOR and of it."""

from __future__ import annotations

import ast
import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from deposit_visor import SPARSE, annotated, rectangle, write_table

from actiseg_noise.datasets.actionvos import ActionVos
from actiseg_noise.datasets.visor import Visor
from actiseg_noise.datasets.visor.actions import Action, read_actions
from actiseg_noise.records import Clip

Json = dict[str, Any]


@pytest.fixture(scope="module")
def reviewed(real_actionvos: Path) -> list[Json]:
    """Return the 353 entries of val_human.json."""
    return json.loads((real_actionvos / "ImageSets/val_human.json").read_text())


@pytest.fixture(scope="module")
def actions(real_epic: Path, reviewed: list[Json]) -> dict[str, list[Action]]:
    """Return the real actions of the 43 videos."""
    return read_actions([real_epic / "EPIC_100_validation.csv"], {entry["video"] for entry in reviewed})


def find_action(entry: Json, actions: dict[str, list[Action]]) -> Action | None:
    """Return the action of the table that an entry tells of; narration, verb, noun and classes must be equal."""
    told = ("start_frame", "stop_frame", "narration", "verb", "verb_class", "noun", "noun_class")
    said = [entry[key] for key in ("start", "end", "narration", "verb", "verb_class", "noun", "noun_class")]
    found = [a for a in actions.get(entry["video"], ()) if [getattr(a, key) for key in told] == said]
    assert len(found) <= 1
    return found[0] if found else None


def test_all_9668_rows_of_138_videos_are_read(real_epic: Path) -> None:
    path = real_epic / "EPIC_100_validation.csv"
    with path.open(newline="") as stream:
        videos = {row["video_id"] for row in csv.DictReader(stream)}
    found = read_actions([path], videos)
    assert (len(found), sum(map(len, found.values()))) == (138, 9668)
    assert all(
        first.narration_number < second.narration_number for v in found.values() for first, second in pairwise(v)
    )


def test_the_99_entries_whose_video_is_in_the_table_are_found_in_it(
    reviewed: list[Json], actions: dict[str, list[Action]]
) -> None:
    expected = [entry for entry in reviewed if entry["video"] in actions]
    assert len(expected) == 99
    assert all(find_action(entry, actions) for entry in expected)


def test_sequences_are_numbered_in_the_order_of_narrations(
    reviewed: list[Json], actions: dict[str, list[Action]]
) -> None:
    numbered = [(e["seq_id"], action) for e in reviewed if (action := find_action(e, actions))]
    told = [action for _, action in sorted(numbered, key=lambda pair: pair[0])]
    pairs = [(a, b) for a, b in pairwise(told) if a.video_id == b.video_id]
    assert len(pairs) > 80
    assert all(a.narration_number < b.narration_number for a, b in pairs)


def test_narrated_objects_are_those_of_the_classes_that_the_row_names(
    reviewed: list[Json], actions: dict[str, list[Action]]
) -> None:
    flags = {True: 0, False: 0}
    for entry in reviewed:
        if action := find_action(entry, actions):
            for item in entry["object_classes"].values():
                flags[item["class_id"] in action.noun_classes] += 1
                assert bool(item["narration"]) == (item["class_id"] in action.noun_classes)
    assert flags == {True: 110, False: 533}


def test_the_other_rules_that_the_entries_show(reviewed: list[Json]) -> None:
    for entry in reviewed:
        names = [item["name"] for item in entry["object_classes"].values()]
        assert names == sorted(names)
        frames = entry["sparse_frames"]
        assert len(frames) >= 2
        assert frames == sorted(frames)
        assert all(entry["start"] <= int(frame[6:16]) <= entry["end"] for frame in frames)
        hands = [item for item in entry["object_classes"].values() if item["name"] in ("left hand", "right hand")]
        assert all(item["handbox"] for item in hands)


def test_every_object_name_is_a_word_of_its_class(real_epic: Path, reviewed: list[Json]) -> None:
    with (real_epic / "EPIC_100_noun_classes_v2.csv").open(newline="") as stream:
        words = {
            int(row["id"]): {_as_said(word) for word in (row["key"], *ast.literal_eval(row["instances"]))}
            for row in csv.DictReader(stream)
        }
    items = [item for entry in reviewed for item in entry["object_classes"].values()]
    assert len(items) == 2096
    assert [item for item in items if item["name"] not in words[item["class_id"]]] == []


def _as_said(noun: str) -> str:
    """Return 'cereal bag' of 'bag:cereal'."""
    head, *modifiers = noun.split(":")
    return " ".join([*modifiers, head])


def test_a_deposit_of_the_real_actions_gives_the_real_entries(
    real_epic: Path, real_actionvos: Path, reviewed: list[Json], actions: dict[str, list[Action]], tmp_path: Path
) -> None:
    """Masks are not at hand, so objects are rectangles: ids, nouns, classes, frames and narration flags are real."""
    entries = [entry for entry in reviewed if find_action(entry, actions)]
    write_rectangles(tmp_path, entries)
    (tmp_path / "EPIC_100_validation.csv").write_bytes((real_epic / "EPIC_100_validation.csv").read_bytes())
    write_table(tmp_path / "EPIC_100_train.csv", [])
    ours = {clip.address: clip for clip in Visor(tmp_path).iter_clips("val", with_frames=False)}
    known = {c.address: c for c in ActionVos(real_actionvos).iter_clips("val_human", with_frames=False)}
    theirs = [clip for clip in known.values() if clip.video_id in actions]
    assert len(theirs) == 99
    for clip in theirs:
        assert essence(ours[clip.address]) == essence(clip)


def write_rectangles(root: Path, entries: list[Json]) -> None:
    """Write annotations and frame mapping; a frame has the objects that every action over it has."""
    folder = root / SPARSE / "annotations/val"
    folder.mkdir(parents=True)
    mapping: dict[str, dict[str, str]] = {}
    for video in {entry["video"] for entry in entries}:
        mine = [entry for entry in entries if entry["video"] == video]
        frames = []
        for frame in {frame for entry in mine for frame in entry["sparse_frames"]}:
            over = [entry["object_classes"].values() for entry in mine if frame in entry["sparse_frames"]]
            shared = set.intersection(*({(item["name"], item["class_id"]) for item in items} for items in over))
            objects = [{"name": n, "class_id": c, "segments": [rectangle(0, 0, 99, 99)]} for n, c in shared]
            frames.append(annotated(video, int(frame[6:16]), *objects))
        mapping[video] = {f["image"]["name"]: f["image"]["name"].removeprefix(f"{video}_") for f in frames}
        (folder / f"{video}.json").write_text(json.dumps({"video_annotations": frames}))
    (root / "frame_mapping.json").write_text(json.dumps(mapping))


def essence(clip: Clip) -> tuple[object, ...]:
    """Return what rectangles do not change."""
    objects = [(o.object_id, o.noun, o.category, o.category_id, o.in_narration) for o in clip.objects]
    text = (clip.clip_id[9:], clip.narration, clip.verb, clip.verb_class, clip.noun, clip.noun_class)
    return (*text, clip.start_frame, clip.stop_frame, objects, [frame.frame_id for frame in clip.frames])
