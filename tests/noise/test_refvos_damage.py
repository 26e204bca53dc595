"""Damaged files of referring datasets: whatever is wrong is told in one line, that names the place; nothing crashes."""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import FRAMES, refvos_mask, rle, video, write_json, write_mevis_split, write_palette_split
from deposits import save_frame, save_mask

import actiseg_noise
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.datasets.refvos import RefVos
from actiseg_noise.errors import ActisegError, DataError

ONE = {"exp": "the upper one", "anno_id": [17]}


def read_everything(root: Path) -> int:
    """Return how many masks there are, after reading all texts and masks of the split train."""
    dataset = RefVos(root)
    list(dataset.iter_vocabulary(dataset.card.splits))
    clips = dataset.iter_clips("train", with_frames=True)
    return sum(dataset.read_checked_mask(c, f).ndim for c in clips for f in c.frames if f.mask_path is not None)


# --- one thing wrong


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": []}, r"entry 0, key 'a/v\.frames': expected the names .*, at least one; remove the video, or list"),
        (
            {"frames": [0, 5]},
            r"key 'frames': expected the name of a frame in quotes, found 0 at position 0 \(video 'a/v'",
        ),
        ({"frames": ["1", None]}, r"expected the name of a frame in quotes, found null at position 1 \(video 'a/v'\)"),
        ({"frames": ["1", "1"]}, r"key 'frames': expected .* each once, found '1' after '1' \(video 'a/v'\); repair"),
        ({"frames": ["9" * 5000]}, r"key 'frames': '9+' has lone surrogates or more than 240 bytes; .*, rename it"),
        ({"frames": ["C\\x"]}, r"key 'frames': .* cannot be the name of a file or folder of the dataset"),
        ({"expressions": {"0": {"exp": 7}}}, r"key 'a/v\.expressions\.0\.exp': expected a string, .*, found 7"),
        ({"expressions": {"0": {"exp": "x", "anno_id": float("nan")}}}, r"0\.anno_id': expected a list .*, found NaN"),
        ({"expressions": {"0": {"exp": "x", "anno_id": [2**31]}}}, r"0\.anno_id': expected a list of annotation ids"),
        ({"expressions": {"0": {"exp": "x", "obj_id": [1, 300]}}}, r"expressions\.0\.obj_id': expected .*, found 300"),
        ({"expressions": {"": {"exp": "x"}}}, r"expression '': '' cannot be the name of a file or folder"),
        (
            {"expressions": {"0": ONE | {"anno_id": [9]}}},
            r"annotations \[9\] are not in .* \(video 'a/v'\); fetch both",
        ),
    ],
)
def test_a_video_that_is_not_as_it_should_be_is_told_where(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write_mevis_split(tmp_path, "train", {"a/v": video({"0": ONE}) | changes})
    with pytest.raises(DataError, match=message) as caught:
        read_everything(tmp_path)
    assert str(tmp_path / "train/meta_expressions.json") in str(caught.value)


@pytest.mark.parametrize("place", ["video", "frame", "expression"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, place: str) -> None:
    names = {"video": "v", "frame": "1", "expression": "0"} | {place: "\ud800"}
    entry = {"expressions": {names["expression"]: ONE}, "frames": [names["frame"]]}
    (tmp_path / "train").mkdir()
    (tmp_path / "train/meta_expressions.json").write_text(json.dumps({"videos": {names["video"]: entry}}))
    with pytest.raises(DataError, match=r": '.ud800' has lone surrogates or more than 240 bytes"):
        read_everything(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"17": [null, nu', r"malformed JSON at line 1, column 15 \(entry 0\): .* Repair the file or fetch it again"),
        ('{"17": [null, null, null], "17": []}', r"the key '17' stands twice \(entries 0 and 1\); keep one"),
        ('{"17": [{"size": [1, 1], "size": [1, 1]}]}', r"entry 0 \('17'\): the key 'size' stands twice inside it"),
        (
            '{"17": [NaN, null, null]}',
            r"annotation 17, frame '00010': .*, found nan; fetch the file again \(clip 'v:0'",
        ),
        ('{"17": [null]}', r"annotation 17 has 1 masks, but its video has 3 frames; .* \(clip 'v:0'\)"),
        ('{"17": [null, null, ' + "9" * 5000 + "]}", r"malformed JSON .*: a number of too many digits"),
        ('{"17": ' + "[" * 200_000 + "]" * 200_000 + "}", r"malformed JSON .*: nested too deeply"),
        ("[]", r"malformed JSON at line 1, column 1 .*: expected an object"),
    ],
    ids=lambda value: value[:20],
)
def test_run_lengths_that_are_damaged_are_told_where(tmp_path: Path, text: str, message: str) -> None:
    write_mevis_split(tmp_path, "train", {"v": video({"0": ONE})})
    (tmp_path / "train/mask_dict.json").write_text(text)
    with pytest.raises(DataError, match=rf"train/mask_dict\.json: {message}"):
        read_everything(tmp_path)


def test_a_file_that_changes_under_the_reader_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, 2]}')
    entries, stamp = JsonObject(path), path.stat().st_mtime_ns
    path.write_text('{"aa": [1, 2}')
    os.utime(path, ns=(stamp, stamp))
    with pytest.raises(DataError, match=r"entry 0 \('a'\) is not what it was when the file was opened"):
        entries.read("a")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="since Python 3.12 C code has a recursion limit of its own")
def test_an_entry_that_is_too_deep_for_the_reader_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": ' + "[" * 500 + "]" * 500 + "}")
    entries = JsonObject(path)

    def read_below(depth: int) -> Any:
        return entries.read("a") if depth == 0 else read_below(depth - 1)

    assert read_below(0)
    with pytest.raises(DataError, match=r"entry 0 \('a'\) is nested too deeply; repair"):
        read_below(600)


# --- anything wrong


def write_palette(root: Path) -> Path:
    expressions = {"0": {"exp": "a person", "obj_id": "1"}, "1": {"exp": "it", "obj_id": ["2"]}}
    nobody = {"2": {"exp": "nobody", "obj_id": []}}
    videos = {"a/v": video(expressions | nobody)}
    return write_palette_split(root, "train", videos, {"1": "person", "2": "giant_panda"})


def write_second_version(root: Path) -> Path:
    videos = {
        "v": video({"0": {"exp": "both", "obj_id": [3, 4], "anno_id": [18, 17]}, "1": {"exp": "-", "anno_id": []}})
    }
    return write_mevis_split(root, "train", videos, names=("meta_expressions_v2.json", "mask_dict.json"))


def write_at_the_root(root: Path) -> Path:
    listed = [{"exp": "the first", "exp_id": 3, "anno_id": 17}, {"exp": "another", "anno_id": ["20"]}]
    videos = {"UVO/v": video({"0": ONE, "1": ONE}), "w": {"expressions": listed, "frames": list(FRAMES)}}
    return write_mevis_split(root, ".", videos, names=("meta_expressions_train_.json", "mask_dict.json"))


def write_by_frame(root: Path) -> Path:
    runs = {"17": {frame: rle(refvos_mask(step) == 1) for step, frame in enumerate(FRAMES)}}
    return write_mevis_split(root, "train", {"v": video({"0": ONE})}, runs)


def write_per_object(root: Path) -> Path:
    videos = {"v": video({"0": {"exp": "it", "obj_id": 0}, "1": {"exp": "both", "obj_id": [0, "300"]}})}
    write_json(root / "train/meta_expressions.json", {"videos": videos})
    for step, frame in enumerate(FRAMES):
        save_frame(root / f"train/JPEGImages/v/{frame}.jpg")
        for name in ("000", "300"):
            save_mask(root / f"train/Annotations/v/{name}/{frame}.png", (refvos_mask(step) == 1).astype(np.uint8))
    return root


VALUES = (
    *(
        None,
        True,
        -1,
        0,
        17,
        255,
        2**31,
        10**30,
        1.5,
        float("nan"),
        float("inf"),
        [],
        {},
        [[1]],
        ["1"],
        {"a": 1},
        [17, 17],
    ),
    *(
        "",
        " ",
        "17",
        "a",
        "\ud800",
        "../x",
        "/etc",
        "C:/x",
        "a\\b",
        "a/b",
        "a:b",
        "00010.jpg",
        "x" * 300,
        "é",
        "\0",
        "{noun}",
    ),
    *({"size": [12, 16], "counts": [192]}, {"size": [16, 12], "counts": "P6"}, {"size": [10**9, 1], "counts": ""}),
)
PIECES = (
    b"\0",
    b"\xff",
    b"{",
    b"]",
    b",",
    b'"',
    b"NaN",
    b"9" * 5000,
    b"[" * 3000,
    b"\\ud800",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key or position) in a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [pair for key in keys for pair in ((value, key), *places(value[key]))]


def change_values(text: bytes, rng: random.Random) -> bytes:
    """Return JSON in which one to three values or keys are others, gone, repeated or in another order."""
    data = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        found = places(data)
        if not found:
            break
        inside, key = rng.choice(found)
        how = rng.choice(("set", "set", "remove", "move"))
        if how == "set":
            inside[key] = rng.choice(VALUES)
        elif how == "remove":
            del inside[key]
        elif isinstance(inside, dict):
            inside[rng.choice([value for value in VALUES if isinstance(value, str)])] = inside.pop(key)
        else:
            inside.insert(rng.randrange(len(inside)), inside[key])
    return json.dumps(data).encode()


def change_bytes(text: bytes, rng: random.Random) -> bytes:
    """Return a text that is cut, or has bytes that are others, gone or added, or a key twice."""
    data = bytearray(text)
    place = rng.randrange(len(data))
    how = rng.choice(("cut", "set", "remove", "add", "key"))
    if how == "cut":
        del data[place:]
    elif how == "set":
        data[place] = rng.randrange(256)
    elif how == "remove":
        del data[place : place + rng.randrange(1, 20)]
    elif how == "add":
        data[place:place] = rng.choice(PIECES)
    else:
        first, second = rng.sample([match.span() for match in re.finditer(rb'"[^"]*": ', text)], 2)
        data[slice(*first)] = text[slice(*second)]
    return bytes(data)


FORMS = (write_palette, write_second_version, write_at_the_root, write_by_frame, write_per_object)


@pytest.mark.parametrize("write", FORMS)
def test_damage_at_random_is_told_in_one_line(write: Callable[[Path], Path], tmp_path: Path) -> None:
    root = write(tmp_path / "data")
    assert read_everything(root)
    files, refused = sorted(root.rglob("*.json")), 0
    for number in range(80):
        rng = random.Random(f"{write.__name__} {number}")  # noqa: S311
        path = rng.choice(files)
        before = path.read_bytes()
        path.write_bytes(rng.choice((change_values, change_bytes))(before, rng))
        try:
            read_everything(root)
        except ActisegError as error:
            refused += 1
            assert re.fullmatch(r".{20,1500}", str(error)), number
        path.write_bytes(before)
    assert refused > 30


@pytest.mark.parametrize("write", FORMS)
def test_a_build_of_damaged_files_ends_whole_or_not_at_all(write: Callable[[Path], Path], tmp_path: Path) -> None:
    root, out = write(tmp_path / "data"), tmp_path / "out"
    files = sorted(root.rglob("*.json"))
    for number in range(6):
        rng = random.Random(f"{write.__name__} {number}")  # noqa: S311
        path = rng.choice(files)
        before = path.read_bytes()
        path.write_bytes(change_values(before, rng))
        place = out / str(number)
        try:
            actiseg_noise.build("refvos", root=root, out=place, skip_missing=True, content=rng.choice(("full", "text")))
        except ActisegError:
            assert not place.exists()
        path.write_bytes(before)
