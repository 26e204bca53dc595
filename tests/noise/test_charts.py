"""Charts: what they count is counted right, and the same manifest gives the same picture."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import NOUNS, Toy

import actiseg_noise
from actiseg_noise.borders.writing import figure_formats
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.view.chart_matrix import confusion_shares
from actiseg_noise.view.chart_measure import IOU_BINS, displacements, measure_masks
from actiseg_noise.view.charts import plot_manifest
from actiseg_noise.vocabulary import Vocabulary

RECIPE = Recipe(
    "toy-mix", (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"}))
)
VOCABULARY = Vocabulary({1: ("cup",), 2: ("knife",), 3: ("onion",)}, {1: "cup", 2: "knife", 3: "onion"})


def square(first: int, last: int, canvas: int = 12) -> np.ndarray:
    """Return a mask of rows and columns ``first`` to ``last``."""
    mask = np.zeros((canvas, canvas), bool)
    mask[first : last + 1, first : last + 1] = True
    return mask


@pytest.mark.parametrize(
    ("noisy", "expected"),
    [
        (square(4, 7), {0: 12}),
        (square(3, 8), {1: 20}),
        (square(2, 9), {2: 24, 3: 4}),
        (square(5, 6), {-1: 4}),
    ],
    ids=["the same", "one outward", "two outward, corners at √8", "one inward"],
)
def test_displacement_is_signed_and_in_pixels(noisy: np.ndarray, expected: dict[int, int]) -> None:
    found = np.rint(displacements(square(4, 7), noisy)).astype(int)
    assert Counter(found.tolist()) == expected


def test_there_is_no_boundary_where_the_canvas_ends() -> None:
    half = np.zeros((6, 6), bool)
    half[:, :3] = True
    wider = np.zeros((6, 6), bool)
    wider[:, :5] = True
    assert Counter(displacements(half, wider).tolist()) == {2.0: 6}
    assert displacements(np.ones((3, 3), bool), np.ones((3, 3), bool)).size == 0


def test_masks_are_counted_per_noise_and_a_sample_is_the_same_every_time(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    (whole,) = measure_masks(manifest).values()
    assert whole.masks == whole.sampled == sum(whole.ious) == manifest.info.noises[1].realised
    assert len(whole.ious) == IOU_BINS
    some, again = (measure_masks(manifest, 5)["dilate-v1"] for _ in range(2))
    assert (some.sampled, some.masks, some.ious) == (5, whole.masks, whole.ious)
    assert some.displacements == again.displacements
    assert sum(some.displacements.values()) < sum(whole.displacements.values())


def test_a_confusion_row_sums_to_one_and_rare_categories_are_one_column() -> None:
    counts = Counter({(1, 1): 6, (1, 2): 2, (2, 2): 5, (2, 3): 5, (3, 1): 1})
    shares, columns, rows = confusion_shares(VOCABULARY, counts)
    assert columns == ["cup", "knife", "onion"]
    assert rows == ["cup (8)", "knife (10)", "onion (1)"]
    assert shares.tolist() == [[0.75, 0.25, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    shares, columns, rows = confusion_shares(VOCABULARY, counts, most=2)
    assert (columns, rows) == (["cup", "knife", "all others"], ["cup (8)", "knife (10)"])
    assert shares.tolist() == [[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]]


def test_the_same_manifest_gives_the_same_pictures(built: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    names = ["rates.png", "iou.png", "displacement.png", "confusion.png"]
    one, other = (plot_manifest(manifest, tmp_path / folder) for folder in ("one", "other"))
    assert [path.name for path in one] == names
    for path, again in zip(one, other, strict=True):
        assert path.read_bytes() == again.read_bytes()
        with Image.open(path) as image:
            assert len(set(image.convert("L").resize((200, 200)).tobytes())) > 10, "something is drawn"


@pytest.mark.parametrize("form", ["pdf", "svg"])
def test_a_vector_figure_is_the_same_on_another_day(
    form: str, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No date, no name of what drew it, no random ids; letters as TrueType, which publishers take."""
    manifest = actiseg_noise.read_manifest(built)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    one = plot_manifest(manifest, tmp_path / "one", [form])
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    other = plot_manifest(manifest, tmp_path / "other", [form])
    assert {path.suffix for path in one} == {f".{form}"}
    for path, again in zip(one, other, strict=True):
        content = path.read_bytes()
        assert content == again.read_bytes()
        assert content.startswith({"pdf": b"%PDF", "svg": b"<?xml"}[form])
        assert not re.search(rb"Matplotlib v|CreationDate|dc:date|/Subtype /Type3", content)


def test_formats_of_figures_are_named_or_refused() -> None:
    assert figure_formats("png, PDF,svg,png") == ("png", "pdf", "svg")
    with pytest.raises(ActisegError, match="unknown format of figures 'jpg'"):
        figure_formats("jpg")
    with pytest.raises(ActisegError, match="expected formats such as png,pdf, got ','"):
        figure_formats(",")


def test_only_what_there_is_is_drawn(toy: Toy, tmp_path: Path) -> None:
    text = actiseg_noise.build(toy, recipe="text-40", content="text", out=tmp_path / "text")
    drawn = plot_manifest(actiseg_noise.read_manifest(text), tmp_path / "charts")
    assert [path.name for path in drawn] == ["rates.png", "confusion.png"]
    clean = actiseg_noise.build(toy, recipe="clean", out=tmp_path / "clean")
    assert plot_manifest(actiseg_noise.read_manifest(clean), tmp_path / "none") == []


def test_letters_that_no_font_has_are_no_trouble(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m")
    manifest = actiseg_noise.read_manifest(path)
    manifest.__dict__["vocabulary"] = Vocabulary(dict(NOUNS), dict.fromkeys(NOUNS, "洋葱 лук"))
    assert len(plot_manifest(manifest, tmp_path / "charts")) == 4


def test_the_command_names_its_files(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(folder: Path) -> int:
        monkeypatch.setattr(
            sys, "argv", ["actiseg-noise", "inspect", str(built), "--plot", str(folder), "--figures", "pdf"]
        )
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0)

    assert run(tmp_path / "charts") == 0
    assert f"charts: {tmp_path / 'charts' / 'rates.pdf'}" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file") == 2
    assert "choose another folder for --plot" in capsys.readouterr().err
