"""Asymmetric flips: to a category of the same clip, or by a confusion matrix."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.noises.asymmetric_flip import asymmetric_flip, has_a_likely_mistake, resolve_confusion
from actiseg_noise.noises.base import Label
from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe
from actiseg_noise.vocabulary import Vocabulary

VOCABULARY = Vocabulary(
    {1: ("cup", "mug"), 4: ("knife",), 9: ("bin", "garbage", "trash")}, {1: "cup", 4: "knife", 9: "bin"}
)


def flips(table: object, label: Label, count: int = 3000) -> Counter[Label]:
    """Return how often a label became which other."""
    parameters = resolve_confusion({"confusion": table}, VOCABULARY)
    return Counter(asymmetric_flip(Key(i), label, VOCABULARY, **parameters) for i in range(count))


def test_within_a_clip_every_other_category_is_as_likely() -> None:
    counts = flips("clip", Label(9, "bin"))
    assert set(counts) == {Label(1, "cup"), Label(1, "mug"), Label(4, "knife")}
    assert counts[Label(4, "knife")] == pytest.approx(1500, abs=5 * 750**0.5)
    assert counts[Label(1, "mug")] == pytest.approx(750, abs=5 * 560**0.5)


def test_by_table_categories_are_drawn_by_their_weights() -> None:
    counts = flips({"knife": {"cup": 3, "bin": 1}}, Label(4, "knife"))
    assert counts[Label(1, "cup")] + counts[Label(1, "mug")] == pytest.approx(2250, abs=5 * 563**0.5)
    assert counts[Label(9, "bin")] == pytest.approx(250, abs=5 * 229**0.5)


def test_weights_are_relative_ids_are_names_too_and_the_order_of_a_table_means_nothing() -> None:
    written = [
        {"knife": {"cup": 3, "bin": 1}},
        {"4": {"bin": 0.25, "1": 0.75}},
        {4: {9: 0.25, 1: 0.75}},
        {"knife": {"knife": 7, "cup": 0.75, "bin": 0.25}, "cup": {"cup": 1, "bin": 0}},
    ]
    rows = [resolve_confusion({"confusion": table}, VOCABULARY)["confusion"][4] for table in written]
    assert rows[0] == ((1, 9), (3.0, 4.0))
    assert rows[1:] == 3 * [((1, 9), (0.75, 1.0))]
    assert flips(written[0], Label(4, "knife"), 200) == flips(written[1], Label(4, "knife"), 200)


def test_a_category_without_a_weight_for_another_is_not_eligible() -> None:
    parameters = resolve_confusion({"confusion": {"knife": {"cup": 1}, "cup": {"cup": 1, "bin": 0}}}, VOCABULARY)
    assert has_a_likely_mistake(Label(4, "knife"), VOCABULARY, **parameters)
    assert not has_a_likely_mistake(Label(1, "cup"), VOCABULARY, **parameters)
    assert not has_a_likely_mistake(Label(9, "bin"), VOCABULARY, **parameters)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"knif": {"cup": 1}}, r"the vocabulary has no category 'knif'\. Did you mean 'knife'\?"),
        ({"knife": {"cpu": 1}}, r"no category 'cpu'\. Did you mean 'cup'\?"),
        ({"knife": {"77": 1}}, r"no category '77'\.$"),
        ({"knife": {"cup": -1}}, r"row 'knife': the weight of 'cup' must be a number from 0, got -1"),
        ({"knife": {"cup": True}}, r"must be a number from 0, got True"),
        ({"knife": {"cup": "1"}}, r"must be a number from 0, got '1'"),
        ({"knife": {"cup": float("nan")}}, r"must be a number from 0, got nan"),
        ({"knife": {"cup": float("inf")}}, r"must be a number from 0, got inf"),
        ({"knife": "cup"}, r"row 'knife': expected a table \{category: weight\}, got 'cup'"),
        ({"knife": {"cup": 1}, "4": {"bin": 1}}, r"category 4 has two rows, one of them called '4'"),
        ({"knife": {"cup": 1, "1": 2}}, r"row 'knife': category 1 is named twice, once as '1'"),
        ({}, r"no row has a weight above 0 for another category"),
        ({"knife": {"knife": 1}}, r"no row has a weight above 0 for another category"),
        ("clips", r'confusion must be "clip", a table .*; got \'clips\''),
        (3, r'confusion must be "clip"'),
    ],
)
def test_a_table_that_is_none_is_refused(table: object, message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        resolve_confusion({"confusion": table}, VOCABULARY)


def test_a_name_in_digits_is_a_name_first() -> None:
    odd = Vocabulary({1: ("a",), 2: ("b",)}, {1: "2", 2: "b"})
    assert resolve_confusion({"confusion": {"2": {"b": 1}}}, odd)["confusion"] == {1: ((2,), (1.0,))}


# --- through a build


def rows_of(toy: Toy, recipe: Recipe, out: Path) -> list[dict[str, object]]:
    """Build text alone and return the rows of samples."""
    path = actiseg_noise.build(toy, recipe=recipe, out=out, content="text", gate=False)
    return actiseg_noise.read_manifest(path).table("samples").to_pylist()


def test_a_build_flips_within_the_clip(tmp_path: Path) -> None:
    rows = rows_of(make_toy(clips=40), Recipe("r", (NoiseSpec("asymmetric_flip-v1", 1.0),)), tmp_path / "m")
    assert any(row["noisy_category_id"] != row["category_id"] for row in rows)
    for row in rows:
        neighbours = {r["category_id"] for r in rows if r["clip_id"] == row["clip_id"]} - {row["category_id"]}
        nouns = {r["noun"] for r in rows if r["clip_id"] == row["clip_id"] and r["category_id"] != row["category_id"]}
        assert (row["text_noise"] == "none") == (not neighbours)
        if neighbours:
            assert row["noisy_category_id"] in neighbours
            assert row["noisy_noun"] in nouns
            assert row["is_harmful"]


def test_a_clip_of_one_category_stays_clean(tmp_path: Path) -> None:
    alone = make_clip("a", [thing(1, 2), thing(2, 2, noun=1)])
    rows = rows_of(Toy(tmp_path, [alone]), Recipe("r", (NoiseSpec("asymmetric_flip-v1", 1.0),)), tmp_path / "m")
    assert [row["text_noise"] for row in rows] == ["none", "none"]


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_recipe_takes_the_table_from_a_file_beside_it(tmp_path: Path, suffix: str) -> None:
    table = {"knife": {"cup": 0.5, "pan": 0.5}, "pan": {"cup": 1.0}}
    as_toml = "\n".join(f"[{name}]\n" + "\n".join(f"{k} = {v}" for k, v in row.items()) for name, row in table.items())
    (tmp_path / f"confusion.{suffix}").write_text(json.dumps(table) if suffix == "json" else as_toml)
    recipe_file = tmp_path / "mine.toml"
    recipe_file.write_text(
        f'id = "mine"\n[[noise]]\nnoise = "asymmetric_flip-v1"\nrate = 1\nconfusion = "@confusion.{suffix}"\n'
    )
    recipe = load_recipe(recipe_file)
    assert recipe.noises[0].options == {"confusion": table}
    became: dict[object, set[object]] = {}
    for row in rows_of(make_toy(clips=60), recipe, tmp_path / "m"):
        became.setdefault(row["category_id"], set()).add(row["noisy_category_id"])
    assert became[2] == {1, 5}
    assert became[5] == {1}
    assert all(became[category] == {category} for category in (1, 3, 4, 300))
