"""Texts of a dataset's own, text noise that nothing can take, and clips that share their masks' draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.errors import ActisegError
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import ObjectRecord, expression

FLIPS = Recipe("flips", (NoiseSpec("category_flip-v1", 1.0),))


def build(toy: Toy, recipe: Recipe | str, out: Path, **options: object) -> actiseg_noise.Manifest:
    return actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=recipe, out=out, **options))


def test_a_template_takes_the_noun_and_the_default_is_actionvos_s() -> None:
    assert expression("dog", "run", "a black {noun} on the left") == "a black dog on the left"
    assert expression("dog", "run", "the animal on the left") == "the animal on the left"
    assert expression("dog", "run") == "dog used in the action of run"


def test_noise_changes_the_noun_in_a_text_of_the_dataset_s_own(tmp_path: Path) -> None:
    item = replace(thing(1, 1), template="the {noun} on the left")
    (row,) = (
        build(Toy(tmp_path, [make_clip("a", [item], frames=0)]), FLIPS, tmp_path / "m", content="text")
        .table("samples")
        .to_pylist()
    )
    assert row["expression"] == "the cup on the left"
    assert row["noisy_expression"] == f"the {row['noisy_noun']} on the left" != row["expression"]


def test_a_text_without_its_noun_is_not_eligible(tmp_path: Path) -> None:
    items = [replace(thing(1, 1), template="whatever is on the left"), thing(2, 2)]
    manifest = build(Toy(tmp_path, [make_clip("a", items, frames=0)]), FLIPS, tmp_path / "m", content="text")
    assert [row["text_noise"] for row in manifest.table("samples").to_pylist()] == ["none", "category_flip-v1"]
    assert (manifest.info.noises[0].eligible, manifest.info.noises[0].realised) == (1, 1)


def test_exact_rates_count_what_is_eligible_alone(tmp_path: Path) -> None:
    items = [replace(thing(i, 1), template="it" if i % 2 else None) for i in range(1, 21)]
    half = replace(FLIPS, noises=(NoiseSpec("category_flip-v1", 0.5),), exact_rate=True)
    manifest = build(Toy(tmp_path, [make_clip("a", items, frames=0)]), half, tmp_path / "m", content="text")
    assert (manifest.info.noises[0].eligible, manifest.info.noises[0].realised) == (10, 5)


class OneNoun(Toy):
    """A dataset whose every object is called the same."""

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        yield ObjectRecord(1, 3, "onion", "onion", True)


@pytest.mark.parametrize("recipe", ["flip-20", "text-40", "mixed-40-15"])
def test_text_noise_on_a_dataset_without_categories_is_refused(recipe: str, tmp_path: Path) -> None:
    toy = OneNoun(tmp_path, [make_clip("a", [thing(1, 3)], frames=0)])
    with pytest.raises(ActisegError, match="has text noise, but none of the 1 nouns in 1 categories of dataset 'toy'"):
        actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_clips_of_one_mask_address_get_the_same_noisy_masks(tmp_path: Path) -> None:
    toy = make_toy(clips=1, scale=10, root=tmp_path)
    (clip,) = toy.clips
    shared = [replace(clip, clip_id=f"c{i}", address=f"c{i}", mask_address="video") for i in (1, 2)]
    apart = [replace(other, mask_address=None) for other in shared]
    recipe = Recipe("some", (NoiseSpec("dilate_or_erode-v1", 0.5),))
    digests = [
        [
            [row["noisy_digest"] for row in rows if row["clip_id"] == name]
            for rows in [
                build(Toy(tmp_path, clips, toy.masks), recipe, tmp_path / f"m{k}", gate=False)
                .table("masks")
                .to_pylist()
            ]
            for name in ("c1", "c2")
        ]
        for k, clips in enumerate((shared, apart))
    ]
    assert digests[0][0] == digests[0][1]
    assert digests[1][0] != digests[1][1]
