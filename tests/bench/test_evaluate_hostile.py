"""Predictions damaged at random: they are scored, or refused with a message; nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from form_fakes import ONE, TWO, code, entry, manifest_of, only, save_binary, truth_json, write_json

from actiseg_bench.scoring.davis_forms import evaluate_davis_of_any_form
from actiseg_bench.scoring.manifest_objects import evaluate_objects
from actiseg_bench.scoring.mask_folders import Rules
from actiseg_bench.scoring.nested_folders import NestedMasks
from actiseg_bench.scoring.results_masks import ResultsMasks
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.errors import ActisegError

Damage = Callable[[random.Random, Path], None]
STRANGE: list[Any] = [None, True, -1, 0, 1.5, 10**30, float("nan"), "", "..", "../../x", "é\0", [], {}, [[]], "0" * 99]
NAMES = ("..x", "0", "000", "1", "v", "v:0", "v%3A0", "%2E%2E", "a b", "é", "x" * 200, "-1", "1.0")
WIDE = [[2, 2, 2, 0], [0, 0, 0, 0]]
LENIENT = Rules(missing="empty", resize="nearest", unknown_ids="background", unknown_clips="ignore")
OBJECTS = manifest_of({("v", "v"): [TWO, TWO, TWO], ("w~1", "w"): [ONE] * 3, ("w~2", "w"): [WIDE] * 3})
EXPRESSIONS = manifest_of({("v:0", "v"): [ONE] * 3, ("v:1", "v"): [ONE] * 3})


def damage_files(chance: random.Random, root: Path) -> None:
    """Cut, overwrite, remove, rename or add files and folders."""
    for _ in range(chance.randint(1, 3)):
        paths = sorted(root.rglob("*"))
        if not paths:
            return
        path = chance.choice(paths)
        what = chance.randrange(5)
        if path.is_file() and what < 2:
            data = bytearray(path.read_bytes())
            place = chance.randrange(len(data) + 1)
            path.write_bytes(data[:place] if what else data[:place] + chance.randbytes(3) + data[place + 3 :])
        elif path.is_file() and what == 2:
            path.unlink()
        elif what == 3:
            target = path.with_name(chance.choice(NAMES) + path.suffix)
            if not target.exists():
                path.rename(target)
        elif path.is_dir():
            size = chance.choice([(2, 4), (4, 2), (1, 1)])
            mask = np.full(size, chance.choice([0, 1, 2, 255]), np.uint8)
            write_index_mask(path / f"{chance.randrange(4):05d}.png", mask)


def change_value(chance: random.Random, value: Any) -> Any:
    """Return a JSON value with something in it exchanged."""
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], change_value(chance, value[place]), *value[place + 1 :]]
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        if chance.random() < 0.2:
            return {name: item for name, item in value.items() if name != key}
        return value | {key: change_value(chance, value[key])}
    if isinstance(value, str) and chance.random() < 0.5:
        return value[: chance.randrange(len(value) + 1)] + chance.choice(["", "0", "zz", "P", "\ud800"])
    return chance.choice(STRANGE)


def damage_json(chance: random.Random, path: Path) -> None:
    """Exchange values, or cut the text."""
    path.write_text(json.dumps(change_value(chance, json.loads(path.read_text()))))
    if chance.random() < 0.2:
        text = path.read_text()
        path.write_text(text[: chance.randrange(len(text))])


def is_scored(score: Callable[[], Any]) -> bool:
    """Return whether predictions were scored; anything but a message fails the test."""
    try:
        found = score().to_json()
    except ActisegError as error:
        assert "Traceback" not in str(error)
        assert str(error)
        return False
    json.dumps(found)
    return True


@pytest.fixture
def predictions(tmp_path: Path) -> dict[str, Callable[[], Path]]:
    """Undamaged predictions of every form, written anew by each call."""
    made = iter(range(10_000))

    def fresh(name: str) -> Path:
        return tmp_path / f"{name}{next(made)}"

    def objects() -> Path:
        root = fresh("objects")
        for video in ("v", "w"):
            for one in (1, 2):
                save_binary(root / video / str(one), *only(one, *[TWO] * 3))
        return root

    def expressions() -> Path:
        root = fresh("expressions")
        for name in ("0", "1"):
            save_binary(root / "v" / name, *[ONE] * 3)
        return root

    def results() -> Path:
        tracks = [entry(1, only(one, *[TWO] * 3)) for one in (1, 2)] + [entry(1, [ONE, None, ONE], object_id=1)]
        return write_json(fresh("results").with_suffix(".json"), tracks)

    def truth() -> Path:
        return truth_json(fresh("truth").with_suffix(".json"), {"v": [only(1, *[TWO] * 3), only(2, *[TWO] * 3)]})

    return {"objects": objects, "expressions": expressions, "results": results, "truth": truth}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rules", [Rules(), LENIENT], ids=["strict", "lenient"])
def test_damaged_folders_are_scored_or_refused(
    predictions: dict[str, Callable[[], Path]], seed: int, rules: Rules
) -> None:
    chance = random.Random(seed)  # noqa: S311 - damage is no secret
    gt, scored = predictions["objects"](), 0
    for _ in range(6):
        pred = predictions["objects"]()
        damage_files(chance, pred)
        scored += is_scored(lambda pred=pred: evaluate_davis_of_any_form(pred, gt, rules=rules))  # type: ignore[misc]
        is_scored(lambda pred=pred: evaluate_objects(NestedMasks(pred), OBJECTS, rules=rules))  # type: ignore[misc]
        is_scored(lambda pred=pred: evaluate_davis_of_any_form(gt, pred, rules=rules))  # type: ignore[misc]
        pred = predictions["expressions"]()
        damage_files(chance, pred)
        scored += is_scored(lambda pred=pred: evaluate_objects(NestedMasks(pred), EXPRESSIONS, rules=rules))  # type: ignore[misc]
    assert scored or rules != LENIENT


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rules", [Rules(), LENIENT], ids=["strict", "lenient"])
def test_damaged_json_is_scored_or_refused(predictions: dict[str, Callable[[], Path]], seed: int, rules: Rules) -> None:
    chance = random.Random(seed)  # noqa: S311 - damage is no secret
    gt = predictions["truth"]()
    for _ in range(12):
        pred = predictions["results"]()
        damage_json(chance, pred)
        is_scored(lambda pred=pred: evaluate_davis_of_any_form(pred, gt, rules=rules))  # type: ignore[misc]
        is_scored(lambda pred=pred: evaluate_objects(ResultsMasks(pred, {"1": "v"}), OBJECTS, rules=rules))  # type: ignore[misc]
        broken = predictions["truth"]()
        damage_json(chance, broken)
        is_scored(lambda gt=broken: evaluate_davis_of_any_form(predictions["results"](), gt, rules=rules))  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(4))
def test_damaged_expressions_are_a_ground_truth_or_refused(
    predictions: dict[str, Callable[[], Path]], seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - damage is no secret
    pred = predictions["expressions"]()
    said = {str(one): {"exp": "a box", "anno_id": [one]} for one in range(2)}
    listed = {"videos": {"v": {"expressions": said, "frames": ["00000", "00001", "00002"]}}}
    for _ in range(12):
        files = [write_json(tmp_path / "meta_expressions.json", listed)]
        files.append(write_json(tmp_path / "mask_dict.json", {str(one): [code(ONE)] * 3 for one in range(2)}))
        assert is_scored(lambda: evaluate_davis_of_any_form(pred, tmp_path))
        damage_json(chance, chance.choice(files))
        is_scored(lambda: evaluate_davis_of_any_form(pred, tmp_path, rules=LENIENT))


def test_undamaged_predictions_are_scored(predictions: dict[str, Callable[[], Path]]) -> None:
    gt, truth = predictions["objects"](), predictions["truth"]()
    assert is_scored(lambda: evaluate_davis_of_any_form(predictions["objects"](), gt))
    assert is_scored(lambda: evaluate_objects(NestedMasks(predictions["objects"]()), OBJECTS))
    assert is_scored(lambda: evaluate_objects(NestedMasks(predictions["expressions"]()), EXPRESSIONS))
    assert is_scored(lambda: evaluate_objects(ResultsMasks(predictions["results"](), {"1": "v"}), OBJECTS))
    assert is_scored(lambda: evaluate_davis_of_any_form(predictions["results"](), truth))
