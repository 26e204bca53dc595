"""``manifest.json`` and ``vocabulary.json`` of strangers: a value of another type or range is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forging import TOY_MIX, edit_info

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, ManifestError
from actiseg_noise.fields import Fields, check_depth
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.schema import TABLES

RECIPE = TOY_MIX


VALUES = (None, "x", 5, -1, 0.5, True, 1e308, [], [1], {}, {"a": 1}, [[[]]], "\ud800", 10**30)
# What a value has to be → those of VALUES that are it.
FITS: dict[str, tuple[Any, ...]] = {
    "text": ("x",),
    "text or null": ("x", None),
    "one of a few words, or a digest": (),
    "flag": (True,),
    "whole number": (5, -1),
    "count": (5,),
    "count or null": (5, None),
    "share": (0.5,),
    "share or null": (0.5, None),
    "list": ([],),
    "list that is not empty": (),
    "object": ({}, {"a": 1}),
    "object of texts": ({},),
    "object with keys of its own": (),
    "option of any noise": (None, "x", 5, -1, 0.5, True, 1e308, [], [1], {}, {"a": 1}, [[[]]]),
    "anything, as it is computed from others": VALUES,
}
# What has to be so → the places; `[]` is any item of a list.
PLACES = {
    "text": (
        "tool_version, dataset.name, dataset.source, dataset.version, dataset.title, dataset.splits[], "
        "dataset.eval_splits[], split, recipe.id, recipe.title, recipe.noise[].noise, vocabulary.origin, "
        "noises[].noise_id, tables.clips, tables.frames, tables.samples, tables.masks"
    ),
    "text or null": "dataset.size, dataset.licence, dataset.citation, dataset.homepage, dataset.how_to_get",
    "one of a few words, or a digest": "recipe.temporal, content, vocabulary.digest, noises[].unit, digest",
    "flag": "dataset.is_embedded, recipe.exact_rate, recipe.sequential, recipe.allow_erase",
    "whole number": "recipe.seed",
    "count": (
        "schema_version, counts.clips, counts.frames, counts.samples, counts.masks, noises[].eligible, "
        "noises[].realised, noises[].on_positives, noises[].interval[], files.clips.parquet, files.frames.parquet, "
        "files.samples.parquet, files.masks.parquet, files.vocabulary.json"
    ),
    "count or null": "dataset.void_id",
    "share": "recipe.noise[].rate, noises[].requested, noises[].threshold",
    "share or null": "severity.harmful_positives, severity.median_iou",
    "list": "dataset.splits, dataset.eval_splits, recipe.noise, noises, skipped",
    "list that is not empty": "noises[].interval",
    "object": "dataset.options, selection, imported",
    "object of texts": "columns.clips, columns.frames, columns.samples, columns.masks, uses",
    "object with keys of its own": (
        "dataset, recipe, recipe.noise[], vocabulary, counts, noises[], severity, tables, columns, files"
    ),
    "option of any noise": "recipe.noise[].kernel, recipe.noise[].unit",
    "anything, as it is computed from others": "noises[].rate, seed",
}
EXPECTED = {place: kind for kind, places in PLACES.items() for place in places.split(", ")}
EXPECTED |= {f"columns.{table.name}.{name}": "text" for table in TABLES for name in table.arrow().names[:-1]}
"""Of the columns all but the last, the digest of the row."""


def iter_places(data: Any, way: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Yield every value inside ``data``: what holds it, its key there, and its place."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in pairs:
        place = f"{way}[]" if isinstance(data, list) else f"{way}.{key}".lstrip(".")
        yield data, key, place
        yield from iter_places(item, place)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_any_other_type_at_any_key_is_an_error_that_names_the_file(built: Path, value: Any) -> None:
    text = (built / "manifest.json").read_text()
    places = [place for *_, place in iter_places(json.loads(text))]
    assert set(places) == set(EXPECTED)
    accepted = []
    for number in range(len(places)):
        data = json.loads(text)
        holder, key, place = list(iter_places(data))[number]
        holder[key] = value
        try:
            ManifestInfo.from_json(data)
        except ActisegError as error:
            assert "manifest.json" in str(error)
        else:
            accepted.append(place)
    assert accepted == [place for place in places if repr(value) in map(repr, FITS[EXPECTED[place]])]


@pytest.mark.parametrize("name", ["manifest.json", "vocabulary.json"])
def test_a_key_that_stands_twice_is_refused(folder: Path, name: str) -> None:
    path = folder / name
    path.write_text('{"origin": "a", "split": "b",' + path.read_text()[1:])
    with pytest.raises(ManifestError, match=r"\.json: the key '(split|origin)' stands twice in one object"):
        verify(folder)


@pytest.mark.parametrize("split", ["../../x", "/etc/x", "a\nb", "\x1b]0;x\x07", "..", "", "a`b", "-rf", "x" * 300])
def test_a_split_or_dataset_that_cannot_name_a_folder_is_refused(folder: Path, split: str) -> None:
    edit_info(folder, lambda data: data.update(split=split))
    with pytest.raises(ManifestError, match=r"manifest\.json: split: expected a name"):
        actiseg_noise.publish(folder, folder.parent / "publication")
    assert not (folder.parent / "publication").exists()


def test_depth_is_limited() -> None:
    deep: list[Any] = []
    for _ in range(60):
        deep = [deep]
    with pytest.raises(ActisegError, match="x: lists and objects lie in each other more than 50 deep"):
        check_depth(deep, "x")


def test_a_field_says_where_what_and_what_was_expected() -> None:
    fields = Fields({"a": {"b": "x"}}, "file.json").inner("a")
    with pytest.raises(ActisegError, match=r'^file\.json: a\.b: expected a whole number from 1 to 3, found "x"$'):
        fields.integer("b", least=1, most=3)
    assert fields.integer("c", 7) == 7
