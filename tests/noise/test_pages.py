"""Generated pages say what is registered, and are up to date."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.recipe import Recipe
from tools.pages.datasets import datasets_page, own_datasets
from tools.pages.markdown import arguments, paragraphs, table
from tools.pages.noises import WITHOUT_EXAMPLES, noises_page, own_noises, pictures, write_page
from tools.pages.pictures import FILL, PAPER, draw_noise, plan_panels

DOCS = Path(__file__).parents[2] / "docs"
MASK = [noise for noise in own_noises() if isinstance(noise, MaskNoise)]


def test_the_page_of_noises_is_up_to_date() -> None:
    assert (DOCS / "noises.md").read_text("utf-8") == noises_page(), "python -m tools.pages.noises"


def test_every_mask_noise_has_its_picture_and_no_other_lies_there() -> None:
    assert {path.name for path in (DOCS / "noises").iterdir()} == {f"{noise.noise_id}.png" for noise in MASK}


@pytest.mark.parametrize("noise", MASK, ids=lambda noise: noise.noise_id)
def test_a_picture_is_what_the_noise_draws(noise: MaskNoise) -> None:
    stored = cv2.imread(str(DOCS / "noises" / f"{noise.noise_id}.png"))
    assert stored is not None
    assert np.array_equal(stored[..., ::-1], draw_noise(noise)), "python -m tools.pages.noises"
    assert (DOCS / "noises" / f"{noise.noise_id}.png").stat().st_size < 50_000


def test_every_noise_of_the_package_is_on_the_page() -> None:
    page = noises_page()
    for name in NOISES:
        if NOISES[name].apply.__module__.startswith("actiseg_noise."):
            assert f"\n## {name}\n" in page
            assert all(f"`{option} = " in page for option in NOISES[name].defaults)
    assert set(WITHOUT_EXAMPLES) <= set(NOISES)


def test_the_recipe_on_the_page_is_a_recipe() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", noises_page(), re.DOTALL)
    assert [spec.noise_id for spec in Recipe.from_json(tomllib.loads(block)).noises] == [
        "category_flip-v1",
        "dilate-v1",
    ]


def test_panels_are_strengths_or_draws() -> None:
    by_name = {noise.noise_id: noise for noise in MASK}
    (row,) = plan_panels(by_name["dilate-v1"])
    assert [panel.options["kernel"] for panel in row] == [7, 15, 31]
    assert [len(row) for row in plan_panels(by_name["dilate_or_erode-v1"])] == [3, 3]
    assert [len(row) for row in plan_panels(by_name["drop_object-v1"])] == [1]
    assert [len(row) for row in plan_panels(by_name["scale_relative-v1"])] == [3]


def test_a_picture_shows_more_of_a_stronger_dilation() -> None:
    picture = pictures()["dilate-v1.png"]
    panels = np.array_split(picture, 3, axis=1)
    filled = [int((panel == np.array(FILL)).all(2).sum()) for panel in panels]
    assert filled == sorted(filled)
    assert (picture == np.array(PAPER)).all(2).mean() > 0.3


def test_the_command_writes_the_page_and_its_pictures(tmp_path: Path) -> None:
    write_page(tmp_path)
    assert (tmp_path / "noises.md").read_bytes() == (DOCS / "noises.md").read_bytes()
    assert len(list((tmp_path / "noises").glob("*.png"))) == len(MASK)


def test_the_page_of_datasets_is_up_to_date() -> None:
    made_by = "python -m tools.pages.datasets > docs/datasets.md"
    assert (DOCS / "datasets.md").read_text("utf-8") == datasets_page(), made_by


def test_every_dataset_is_on_the_page_with_its_card_and_options() -> None:
    page = datasets_page()
    for kind in own_datasets():
        assert f"\n## {kind.card.name}\n" in page
        for text in (kind.card.licence, kind.card.size):
            assert " ".join(text.split()) in page
    assert {kind.card.name for kind in own_datasets()} >= {"kitchen", "vost", "actionvos"}
    assert "| `objects` | `merged` | `merged` (default, as ActionVOS does): all instances are object 1." in page
    assert all(DATASETS[kind.card.name] is kind for kind in own_datasets())


def example() -> None:
    """Return ``x``.

    Layout::

        a/b

    Args:
        one: what one is,
            at length. two: not here.
        other: ``yes`` or no.

    Raises:
        Never.
    """


def test_docstrings_become_markdown() -> None:
    assert paragraphs(example) == "Return `x`.\n\nLayout:\n\n    a/b"
    assert arguments(example) == {"one": "what one is, at length. two: not here.", "other": "`yes` or no."}
    assert table(("a", "b"), [("1\n2", "x|y")]) == "| a | b |\n| --- | --- |\n| 1 2 | x\\|y |"
