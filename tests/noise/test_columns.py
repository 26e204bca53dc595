"""Text builds by column: the same rows, digests and counts as row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from action_toys import FLAG, FLIP, SWAP
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Toy, make_clip, make_toy, thing

from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.clip_columns import ClipColumns
from actiseg_noise.building.draws import draw_texts
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.plan import Tally
from actiseg_noise.building.request import make_request
from actiseg_noise.building.text import NoisyText, noise_text
from actiseg_noise.manifest import bulk
from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.manifest.bulk import BatchColumns, add_batch, seal_columns
from actiseg_noise.manifest.digest import RowDigest, TableDigest
from actiseg_noise.manifest.schema import ACTION_TABLES, CLIPS, MASKS, NO_NOISE, SAMPLES, Table
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import NOUN, Clip

SUBSTITUTE, WITHIN = "noun_substitution-v1", "asymmetric_flip-v1"
NAMES = ("plain", 'a "b" \\ c', "crème\tfraîche", "鍋", "\x7f", "")
CLIPS_ = [
    *make_toy(clips=30).clips,
    make_clip(
        "one", [replace(thing(1, 1), template=f"the {NOUN} on the left"), replace(thing(2, 2), template="it")], 2
    ),
    make_clip('quo"te', [replace(thing(3, 4), handbox=True, in_narration=None)], 1, narration='say "x\\y"'),
    make_clip("z nobody", [], 1, narration="crème", start_frame=3, verb_class=None, redundant=True),
]
RECIPES = [
    Recipe("flips", (NoiseSpec(FLIP, 0.4), NoiseSpec(SUBSTITUTE, 1.0))),
    Recipe("within", (NoiseSpec(WITHIN, 0.5), NoiseSpec(SUBSTITUTE, 0.3), NoiseSpec(FLIP, 0.5))),
    Recipe("clean"),
    Recipe("actions", (NoiseSpec(SWAP, 0.4), NoiseSpec(FLAG, 0.3), NoiseSpec(FLIP, 0.4))),
    Recipe("exact", (NoiseSpec(FLIP, 0.4), NoiseSpec(SUBSTITUTE, 0.5)), exact_rate=True),
]


def worker_of(recipe: Recipe, clips: Sequence[Clip] = CLIPS_) -> Worker:
    return Worker(make_request(Toy(Path("toy"), clips), BuildOptions(recipe=recipe, content="text")).job())


@pytest.fixture
def by_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Arrow's loops do what they can, however few rows there are."""
    monkeypatch.setattr(bulk, "LEAST_ROWS", 1)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.recipe_id)
@pytest.mark.parametrize("clips", [CLIPS_, CLIPS_[:30], CLIPS_[-1:]], ids=["all", "plain", "without objects"])
@pytest.mark.parametrize("least", [1, 1_000_000])
def test_columns_are_the_rows(
    recipe: Recipe, clips: Sequence[Clip], least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LEAST_ROWS", least)
    worker = worker_of(recipe)
    batches, tally = worker.batches(ClipColumns(clips))
    rows, counted = worker.rows(clips)
    assert tally.rows == counted.rows
    for table in worker.tables:
        assert batches[table.name].equals(to_batch(rows[table.name], table.arrow()))
        assert batches[table.name].to_pylist() == [row._asdict() for row in rows[table.name]]


def test_a_clip_that_is_none_is_refused_by_columns_too() -> None:
    with pytest.raises(Exception, match="object ids must ascend without repeats"):
        worker_of(RECIPES[0]).batches(ClipColumns([make_clip("a", [thing(2, 1), thing(1, 1)], 0)]))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.recipe_id)
def test_texts_of_many_clips_are_those_of_each(recipe: Recipe) -> None:
    plan = worker_of(recipe).plan
    together, alone = Tally(len(recipe.noises)), Tally(len(recipe.noises))
    texts = draw_texts(ClipColumns(CLIPS_), plan, together)
    noises = [*(slot.noise.noise_id for slot in plan.text), NO_NOISE]
    drawn = zip(texts.noisy.tolist(), texts.slots.tolist(), texts.harmful.tolist(), strict=True)
    found = [NoisyText(texts.table.labels[label], noises[slot], harm) for label, slot, harm in drawn]
    assert found == [text for clip in CLIPS_ for text in noise_text(clip, plan, alone)]
    assert together.rows == alone.rows


# --- digests by Arrow


def values_of(kind: str, nullable: bool) -> st.SearchStrategy[Any]:
    """Return values of a column's type."""
    strategy: st.SearchStrategy[Any] = {
        "str": st.sampled_from(NAMES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
        "bool": st.booleans(),
        "uint8": st.integers(0, 255),
        "int32": st.integers(-(2**31), 2**31 - 1),
        "int64": st.integers(-(2**63), 2**63 - 1),
        "float64": st.floats(0, 1),
    }[kind]
    return strategy | st.none() if nullable else strategy


@st.composite
def tables_and_columns(draw: st.DrawFn) -> tuple[Table, list[list[Any]]]:
    """Return a table and values of its columns but the last."""
    table = draw(st.sampled_from([*ACTION_TABLES, CLIPS, SAMPLES]))
    count = draw(st.integers(1, 4))
    kinds = [values_of(column.type, bool(column.null)) for column in table.columns[:-1]]
    if draw(st.booleans()):  # nothing to escape
        kinds = [st.sampled_from(["a", "é", "鍋"]) if c.type == "str" else k for c, k in zip(table.columns, kinds)]  # noqa: B905
    return table, [draw(st.lists(kind, min_size=count, max_size=count)) for kind in kinds]


@settings(max_examples=50, deadline=None)
@given(tables_and_columns())
def test_sealed_columns_have_the_digests_of_their_rows(drawn: tuple[Table, list[list[Any]]]) -> None:
    table, columns = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "LEAST_ROWS", 1)
        batch = seal_columns(table, columns, table.arrow())
        assert [tuple(row.values()) for row in batch.to_pylist()] == [
            RowDigest(table).seal(row) for row in zip(*columns, strict=True)
        ]
        fast, slow = TableDigest(table), TableDigest(table)
        add_batch(fast, batch)
        slow.update(batch.to_pydict())
    assert (fast.rows, fast.columns) == (slow.rows, slow.columns)


@pytest.mark.usefixtures("by_arrow")
def test_a_part_of_a_batch_has_the_digest_of_its_rows() -> None:
    columns = [["a", "b", "c"] if column.type == "str" else [1, 2, 3] for column in MASKS.columns[:-1]]
    part = seal_columns(MASKS, columns, MASKS.arrow()).slice(1)
    fast, slow = TableDigest(MASKS), TableDigest(MASKS)
    add_batch(fast, part)
    slow.update(part.to_pydict())
    assert (fast.rows, fast.columns) == (slow.rows, slow.columns)


def test_a_build_of_plain_texts_goes_through_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "LEAST_ROWS", 1)
    monkeypatch.setattr(bulk, "RowDigest", OnlyTexts)
    monkeypatch.setattr(bulk, "json_of_column", None)  # not called
    batches, _ = worker_of(RECIPES[3], CLIPS_[:30]).batches(ClipColumns(CLIPS_[:30]))
    assert batches["masks"].num_rows == 0
    for table in ACTION_TABLES[:3]:
        assert len(batches[table.name].column("row_digest")[0].as_py()) == 32
        values = [column for column in table.columns if column.null and column.type == "str"]
        if not values:
            add_batch(TableDigest(table), batches[table.name])


class OnlyTexts(RowDigest):
    """A digest of rows that none is given to as a tuple."""

    def __call__(self, row: Sequence[Any]) -> str:
        raise AssertionError(row)


def test_texts_too_long_for_one_array_are_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "LEAST_ROWS", 1)
    monkeypatch.setattr(bulk, "MOST_BYTES", 0)
    monkeypatch.setattr(bulk, "_joined", None)  # not called
    monkeypatch.setattr(bulk, "_row_texts", None)
    batches, _ = worker_of(RECIPES[0]).batches(ClipColumns(CLIPS_[:3]))
    add_batch(TableDigest(SAMPLES), batches["samples"])


def test_columns_of_a_batch_are_lists_made_when_asked_for() -> None:
    batches, _ = worker_of(RECIPES[0]).batches(ClipColumns(CLIPS_))
    columns = BatchColumns(batches["samples"])
    assert dict(columns) == batches["samples"].to_pydict()
    assert "noun" in columns
    assert "flag_noise" not in columns
    assert len(columns) == len(SAMPLES.columns)
