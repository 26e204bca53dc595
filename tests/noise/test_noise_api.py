"""``import actiseg_noise``: the public names, cheap to import, typed for users, at home in a notebook."""

from __future__ import annotations

import importlib
import inspect as introspection
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toys import Toy, make_toy

import actiseg_noise
from actiseg_noise.borders.images import read_frame
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import NOISES, Label
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parents[2]
RECIPE = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
)
FUNCTIONS = {
    *(
        "build",
        "read_manifest",
        "verify",
        "diff",
        "inspect",
        "preview",
        "preview_movie",
        "view_manifest",
        "export",
        "import_labels",
        "clean",
        "publish",
    ),
    *("load_recipe", "register_dataset", "dataset_root", "text_noise", "mask_noise"),
}
CLASSES = {
    *("Manifest", "Recipe", "NoiseSpec", "ActisegError", "DataError", "GateError", "ManifestError"),
    *("UnknownNameError", "UnverifiedError"),
}


def test_the_public_names_are_these_and_no_others() -> None:
    assert dir(actiseg_noise) == sorted(FUNCTIONS | CLASSES | {"__version__"})
    assert sorted(actiseg_noise.__all__) == dir(actiseg_noise)


def test_public_names_keep_their_meaning_whatever_else_is_imported() -> None:
    for module in pkgutil.walk_packages(actiseg_noise.__path__, "actiseg_noise."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert all(introspection.isfunction(getattr(actiseg_noise, name)) for name in FUNCTIONS)
    assert all(introspection.isclass(getattr(actiseg_noise, name)) for name in CLASSES)
    assert actiseg_noise.__version__.count(".") >= 2


@pytest.mark.parametrize("name", sorted(FUNCTIONS | CLASSES))
def test_every_public_name_is_documented(name: str) -> None:
    text = introspection.getdoc(getattr(actiseg_noise, name))
    assert text
    assert len(text.splitlines()[0]) > 20


def test_errors_of_the_package_are_caught_by_one_name() -> None:
    errors = [name for name in CLASSES if name.endswith("Error")]
    assert len(errors) == 6
    assert all(issubclass(getattr(actiseg_noise, name), actiseg_noise.ActisegError) for name in errors)


# --- notebooks


def test_a_manifest_says_what_it_is(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    info = manifest.info
    assert repr(manifest) == (
        f"<Manifest toy/train/toy-mix-s0: 12 clips, {info.counts['samples']} samples, {info.counts['masks']} masks, "
        f"full; digest {info.digest[:12]}>"
    )
    page = manifest._repr_html_()
    assert page.startswith("<table><caption>toy/train/toy-mix-s0</caption>")
    flips = info.noises[0]
    assert f"<th>category_flip-v1</th><td>{flips.realised} of {flips.eligible} (" in page
    assert f"<th>digest</th><td>{info.digest}</td>" in page


def test_the_table_of_a_notebook_lets_no_markup_through(tmp_path: Path) -> None:
    path = actiseg_noise.build(make_toy(), recipe=Recipe("clean", title="<b>"), out=tmp_path / "m")
    manifest = actiseg_noise.read_manifest(path)
    manifest.info.dataset["title"] = "<script>alert(1)</script>"
    assert "<script>" not in manifest._repr_html_()
    assert "&lt;script&gt;" in manifest._repr_html_()


def test_a_manifest_is_a_collection_of_clips(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    assert len(manifest) == 12
    assert [clip.clip_id for clip in manifest] == manifest.table("clips")["clip_id"].to_pylist()


def test_a_table_becomes_a_data_frame(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    frame = manifest.to_pandas()
    assert (frame.text_noise != "none").sum() == manifest.info.noises[0].realised
    assert list(manifest.to_pandas("masks", ["iou", "sample_id"]).columns) == ["iou", "sample_id"]


def test_without_pandas_the_error_says_what_to_install(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actiseg_noise.manifest.read.find_spec", lambda name: None)
    with pytest.raises(ActisegError, match="to_pandas needs pandas, which is not installed: pip install pandas"):
        actiseg_noise.read_manifest(built).to_pandas()


def test_a_sheet_is_a_picture_in_a_notebook(built: Path, tmp_path: Path) -> None:
    sheet = actiseg_noise.preview(built, limit=2, out=tmp_path / "deep" / "sheet.png")
    shown = sheet._repr_png_()
    assert shown is not None
    assert shown.startswith(b"\x89PNG")
    assert np.array_equal(read_frame(tmp_path / "deep" / "sheet.png"), np.asarray(sheet.image))
    assert sheet.root is None
    with pytest.raises(ActisegError, match="--limit must be at least 1, got 0"):
        actiseg_noise.preview(built, limit=0)


def test_what_inspect_and_diff_found_is_printed(toy: Toy, built: Path, tmp_path: Path) -> None:
    inspection = actiseg_noise.inspect(built)
    text, page = str(inspection), inspection._repr_html_()
    flips = inspection.info.noises[0]
    assert text.splitlines()[0] == "toy/train/toy-mix-s0"
    assert f"{flips.realised} of {flips.eligible}" in text
    assert page.count("<table>") == len(inspection.sections())
    assert f"<td>{flips.realised} of {flips.eligible}</td>" in page
    clean = actiseg_noise.build(toy, recipe="clean", out=tmp_path / "m")
    changed = sum(slot.realised for slot in inspection.info.noises[:1])
    assert (
        f"samples: {changed} of {inspection.info.counts['samples']} common rows differ, 0 only in A, 0 only in B"
        in str(actiseg_noise.diff(built, clean))
    )
    assert str(actiseg_noise.diff(built, built)).endswith(": equal, every row has the same labels")


# --- one implementation for the command and for users


def test_functions_take_a_folder_as_text_as_path_and_an_open_manifest(built: Path, tmp_path: Path) -> None:
    for number, manifest in enumerate((str(built), built, actiseg_noise.read_manifest(built))):
        assert actiseg_noise.verify(manifest) == []
        assert actiseg_noise.diff(manifest, built).is_equal
        assert actiseg_noise.inspect(manifest).info.digest == actiseg_noise.read_manifest(built).digest
        report = actiseg_noise.export(manifest, format="refvos", masks="rle", out=str(tmp_path / f"x{number}"))
        assert report["format"] == "refvos"


def test_one_manifest_or_several_are_published(built: Path, tmp_path: Path) -> None:
    for number, manifests in enumerate((str(built), built, [built])):
        made = actiseg_noise.publish(manifests, out=str(tmp_path / f"p{number}"))
        assert [item.folder for item in made.manifests] == ["train/toy-mix-s0"]


def test_charts_are_drawn_where_asked(built: Path, tmp_path: Path) -> None:
    assert actiseg_noise.inspect(built).charts == ()
    charts = actiseg_noise.inspect(built, plot=str(tmp_path / "charts")).charts
    assert sorted(path.name for path in charts) == sorted(path.name for path in (tmp_path / "charts").iterdir())
    assert len(charts) == 4


def test_a_dataset_is_registered_by_a_decorator(monkeypatch: pytest.MonkeyPatch) -> None:
    list(DATASETS)
    monkeypatch.setattr(DATASETS, "_things", dict(DATASETS._things))

    @actiseg_noise.register_dataset("mine")
    class Mine(Toy):
        pass

    assert DATASETS["mine"] is Mine
    assert issubclass(Mine, Dataset)
    with pytest.raises(ValueError, match="two datasets are called 'mine'"):
        actiseg_noise.register_dataset("mine")(Toy)


def test_noises_are_registered_by_decorators(monkeypatch: pytest.MonkeyPatch) -> None:
    list(NOISES)
    monkeypatch.setattr(NOISES, "_things", dict(NOISES._things))

    @actiseg_noise.text_noise("shout-v1", is_eligible=lambda *_: True, summary="Capitals.", source="a test")
    def shout(key: Key, label: Label, vocabulary: Vocabulary) -> Label:
        return Label(label.category_id, label.noun.upper())

    @actiseg_noise.mask_noise(
        "same-v1", resolve=lambda *_: {}, reach=lambda _: 0, defaults={}, summary="Nothing.", source="a test"
    )
    def same(key: Key, mask: BinaryMask) -> BinaryMask:
        return mask

    assert (NOISES["shout-v1"].apply, NOISES["shout-v1"].kind) == (shout, "text")
    assert (NOISES["same-v1"].apply, NOISES["same-v1"].kind) == (same, "mask")


# --- types

USER = """
from pathlib import Path

import actiseg_noise
from actiseg_noise import Manifest, NoiseSpec, Recipe


def clip_lengths(manifest: Manifest) -> dict[str, int]:
    return {clip.clip_id: len(clip.frames) for clip in manifest}


def areas(manifest: Manifest) -> list[tuple[str, int, float]]:
    return [(m.sample_id, m.noisy_area, m.iou) for clip in manifest.iter_clips() for m in clip.masks]


recipe = Recipe("mine", (NoiseSpec("category_flip-v1", 0.3),))
path: Path = actiseg_noise.build("kitchen", recipe=recipe, out="out")
opened = actiseg_noise.read_manifest(path)
digest: str = opened.digest
nouns: list[str] = [sample.text("noisy").noun for clip in opened for sample in clip.samples]
problems: list[str] = [f"{finding.where}: {finding.found}" for finding in actiseg_noise.verify(path, root="data")]
same: bool = actiseg_noise.diff(path, "other").is_equal
rates = [slot.rate for slot in actiseg_noise.inspect(path).info.noises]
actiseg_noise.preview(path, out="sheet.png", clips=["a"])
report = actiseg_noise.export(path, format="actionvos", out="labels", images="copy")
again: Path = actiseg_noise.import_labels(clean="clean", noisy="noisy", out="imported")
actiseg_noise.publish([path], "published", labels="recipe-only")
print(actiseg_noise.__version__, report["counts"], rates, opened.to_pandas("masks"))
"""
WRONG = USER.replace('out="labels"', "out=3").replace("clip.samples", "clip.smaples")


def check_types(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run ``mypy --strict`` on a user's file, the package being installed."""
    (folder / "user.py").write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", "user.py"]
    return subprocess.run(
        [*command, f"--cache-dir={ROOT / '.mypy_cache' / 'user'}"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_type_checkers_accept_a_users_file_and_find_its_mistakes(tmp_path: Path) -> None:
    accepted = check_types(tmp_path, USER)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    refused = check_types(tmp_path, WRONG)
    assert refused.returncode == 1
    assert 'Argument "out" to "export" has incompatible type "int"' in refused.stdout
    assert '"ManifestClip" has no attribute "smaples"' in refused.stdout
