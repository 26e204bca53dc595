"""Publishing: what a folder for the hub holds, and that other people's readers read it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from toys import make_toy, write_toy

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.manifest import write
from actiseg_noise.publishing.front_matter import size_category, split_name
from actiseg_noise.publishing.licence import find_licence
from actiseg_noise.publishing.publication import Publication, UnverifiedError, publish
from actiseg_noise.publishing.shards import Published
from actiseg_noise.publishing.toml import recipe_toml
from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe, recipe_names

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MIX = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
    title="flips | fat masks",
)
MASKS = "train/toy-mix-s0/masks-00000-of-00001.parquet"


class Made(NamedTuple):
    """Two manifests of the toy and their publication."""

    noisy: Path
    clean: Path
    out: Path
    publication: Publication


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("toy")
    toy = write_toy(make_toy(), folder / "root")
    noisy = actiseg_noise.build(toy, recipe=MIX, out=folder / "noisy")
    clean = actiseg_noise.build(toy, recipe="clean", out=folder / "clean")
    return Made(noisy, clean, folder / "pub", publish([noisy, clean], folder / "pub"))


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory, noisy_val: Path, clean_val: Path) -> Path:
    """A publication of the embedded dataset, in a folder of its own."""
    return publish([noisy_val, clean_val], tmp_path_factory.mktemp("hub") / "pub").path


def front_matter(out: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((out / "README.md").read_text("utf-8").split("---\n")[1]))


def run(*arguments: object, cwd: Path, **more: str) -> str:
    """Run a command and return what it printed."""
    paths = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": paths, **more}
    done = subprocess.run(
        list(map(str, arguments)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- what is in it


def test_a_manifest_in_it_is_a_manifest_with_the_same_digest(made: Made) -> None:
    for source, folder in ((made.noisy, "train/toy-mix-s0"), (made.clean, "train/clean-s0")):
        before, after = actiseg_noise.read_manifest(source), actiseg_noise.read_manifest(made.out / folder)
        assert after.digest == before.digest
        assert verify(after) == []
        for table in ("clips", "frames", "samples"):
            assert after.table(table) == before.table(table)
        masks = [row | {"noisy_rle": row["noisy_rle"] or row["clean_rle"]} for row in before.table("masks").to_pylist()]
        assert after.table("masks").to_pylist() == masks, "the code to train on is there even where it is the clean one"


def test_the_files_of_a_manifest_have_the_hubs_names(made: Made) -> None:
    names = sorted(path.name for path in (made.out / "train/toy-mix-s0").iterdir())
    tables = [f"{name}-00000-of-00001.parquet" for name in ("clips", "frames", "masks", "samples")]
    assert names == sorted([*tables, "manifest.json", "recipe.toml", "vocabulary.json"])
    assert sorted(path.name for path in made.out.iterdir()) == [
        ".gitattributes",
        "README.md",
        "SHA256SUMS",
        "croissant.json",
        "preview.webp",
        "train",
    ]


def test_every_row_says_where_it_is_from_and_a_mask_its_size(made: Made) -> None:
    for table in ("clips", "frames", "samples", "masks"):
        rows = pq.read_table(made.out / f"train/toy-mix-s0/{table}-00000-of-00001.parquet").to_pylist()
        assert {(row["split"], row["recipe"], row["seed"]) for row in rows} == {("train", "toy-mix", 0)}
    assert {(row["height"], row["width"]) for row in rows} == {(24, 32)}
    assert all(row["noisy_rle"] for row in rows)
    assert {row["noisy_rle"] == row["clean_rle"] for row in rows} == {True, False}


def test_the_columns_of_a_publication_are_no_part_of_its_manifest(made: Made) -> None:
    before, after = (actiseg_noise.read_manifest(path).info for path in (made.noisy, made.out / "train/toy-mix-s0"))
    assert {name: list(columns) for name, columns in after.columns.items()} == {
        name: list(columns) for name, columns in before.columns.items()
    }


def test_a_publication_is_built_again_compared_and_published_again(made: Made, tmp_path: Path) -> None:
    folder = made.out / "train/toy-mix-s0"
    toy = write_toy(make_toy(), tmp_path / "root")
    assert verify(folder, dataset=toy) == []
    assert actiseg_noise.diff(made.noisy, folder).is_equal
    again = publish([folder], tmp_path / "again").path
    assert pq.read_table(again / MASKS).equals(pq.read_table(made.out / MASKS))


def test_a_changed_code_of_a_publication_is_found_by_its_row(made: Made, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(made.out / "train/toy-mix-s0", tmp_path / "m"))
    table = pq.read_table(folder / "masks-00000-of-00001.parquet")
    codes = table["noisy_rle"].to_pylist()
    other = next(code for code in codes if code != codes[0])
    index = table.column_names.index("noisy_rle")
    changed = table.set_column(index, table.schema.field(index), [[other, *codes[1:]]])
    pq.write_table(changed, folder / "masks-00000-of-00001.parquet")
    assert "noisy_rle" in verify(folder)[0].where


def test_the_decoding_on_the_page_needs_the_folder_pandas_and_pycocotools_alone(made: Made, tmp_path: Path) -> None:
    import shutil

    out = Path(shutil.copytree(made.out, tmp_path / "alone"))
    blocks = [code for kind, code in BLOCK.findall((out / "README.md").read_text("utf-8")) if "decode(" in code]
    assert len(blocks) == 1
    without = "import sys\nsys.modules.update(actiseg_noise=None, actiseg_bench=None, torch=None)\n"
    printed = run(sys.executable, "-c", without + blocks[0], cwd=out)
    size, found, stated = re.fullmatch(r"(\(24, 32\)) (\d+) (\d+)\n", printed).groups()  # type: ignore[union-attr]
    assert (size, found) == ("(24, 32)", stated)


def test_without_masks_the_page_decodes_none(made: Made, tmp_path: Path) -> None:
    page = (publish([made.noisy], tmp_path / "pub", labels="recipe-only").path / "README.md").read_text("utf-8")
    assert "decode(" not in page


def test_the_page_says_where_the_tool_is_installed_from(made: Made, tmp_path: Path) -> None:
    page = (made.out / "README.md").read_text("utf-8")
    assert f'pip install "actiseg-nl=={actiseg_noise.__version__}"' in page
    out = publish([made.noisy], tmp_path / "pub", tool_url="https://example.org/actiseg-nl.git").path
    page = (out / "README.md").read_text("utf-8")
    assert 'pip install "actiseg-nl @ git+https://example.org/actiseg-nl.git"' in page
    assert "Its source is at https://example.org/actiseg-nl.git." in page


def test_the_tools_address_is_that_of_its_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    from email.message import Message

    from actiseg_noise.publishing import places

    stated = Message()
    monkeypatch.setattr(places, "metadata", lambda _: stated)
    assert places.tool_address() is None
    stated["Project-URL"] = "Paper, https://arxiv.org/abs/2509.16677"
    assert places.tool_address() is None, "a paper is no place to install from"
    stated["Project-URL"] = "Repository, https://example.org/actiseg-nl"
    assert places.tool_address() == "https://example.org/actiseg-nl"


def test_large_tables_are_shards(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "ROWS_PER_GROUP", 20)
    out = publish([made.noisy], tmp_path / "pub", shard_mb=0.001).path
    manifest = actiseg_noise.read_manifest(out / "train/toy-mix-s0")
    assert len([name for name in manifest.info.files if name.startswith("masks-")]) == 4
    assert verify(manifest) == []
    entry = next(c for c in front_matter(out)["configs"] if c["config_name"] == "toy-mix-s0-masks")
    assert entry["data_files"][0]["path"] == [f"train/toy-mix-s0/masks-0000{i}-of-00004.parquet" for i in range(4)]


def test_the_front_matter_says_what_the_hub_reads(made: Made) -> None:
    found = front_matter(made.out)
    assert found["license"] == "unknown"
    assert found["size_categories"] == ["n<1K"]
    assert found["task_categories"] == ["image-segmentation"]
    assert {"label-noise", "toy"} <= set(found["tags"])
    first = found["configs"][0]
    assert first == {
        "config_name": "toy-mix-s0-samples",
        "data_files": [{"split": "train", "path": "train/toy-mix-s0/samples-00000-of-00001.parquet"}],
        "default": True,
    }
    assert [c["config_name"] for c in found["configs"]][:4] == [
        f"toy-mix-s0-{table}" for table in ("samples", "clips", "frames", "masks")
    ]
    sizes = {info["config_name"]: info["splits"][0] for info in found["dataset_info"]}
    assert sizes["toy-mix-s0-samples"]["num_examples"] == 34


def test_one_variant_of_two_splits_is_one_configuration(made: Made, tmp_path: Path) -> None:
    toy = make_toy()
    val = actiseg_noise.build(toy, split="val", recipe="clean", content="text", out=tmp_path / "val")
    out = publish([made.clean, val], tmp_path / "pub").path
    files = {c["config_name"]: [f["split"] for f in c["data_files"]] for c in front_matter(out)["configs"]}
    assert files["clean-s0-samples"] == ["train", "val"]
    assert files["clean-s0-masks"] == ["train"], "a table without rows is no split"


def test_the_page_shows_realised_rates_severity_and_digests(made: Made) -> None:
    page = (made.out / "README.md").read_text("utf-8")
    info = actiseg_noise.read_manifest(made.noisy).info
    flips = info.noises[0]
    assert f"{flips.realised} of {flips.eligible} samples" in page
    assert f"{info.severity['median_iou']:.3f}" in page
    assert info.digest in page
    assert "flips &#124; fat masks" in page, "a pipe would end the cell"
    assert "Licence: none." in page


def test_checksums_are_those_that_sha256sum_checks(made: Made) -> None:
    printed = run("sha256sum", "-c", "SHA256SUMS", cwd=made.out)
    assert printed.count(": OK\n") == 2 * 7 + 4


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_read_back_from_its_file(name: str) -> None:
    recipe = load_recipe(name)
    assert Recipe.from_json(tomllib.loads(recipe_toml(recipe))) == recipe


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.recursive(
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_any_title_and_option_is_read_back(title: str, value: object) -> None:
    text = recipe_toml(Recipe("some", (NoiseSpec("dilate-v1", 0.5, {"kernel": value}),), title=title))
    data = tomllib.loads(text)
    assert (data["title"], data["noise"][0]["kernel"]) == (title, value)


def test_the_recipe_in_it_is_the_manifests(made: Made) -> None:
    assert load_recipe(made.out / "train/toy-mix-s0/recipe.toml") == MIX


# --- pictures


def toy_with_frames(root: Path, licence: str) -> Any:
    """A toy whose frames are on disk, red, under a licence."""
    from dataclasses import replace

    from PIL import Image

    toy = write_toy(make_toy(clips=3), root)
    for clip in toy.clips:
        for frame in clip.frames:
            Image.new("RGB", (64, 48), (200, 30, 40)).save(root / str(frame.image_path))
    toy.card = replace(toy.card, licence=licence)  # type: ignore[misc]
    return toy


def has_red(path: Path) -> bool:
    from PIL import Image

    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return bool((np.abs(pixels - (200, 30, 40)).max(2) < 20).sum() > 1000)


def test_the_page_shows_a_small_picture(made: Made) -> None:
    from PIL import Image

    assert "](preview.webp)" in (made.out / "README.md").read_text("utf-8")
    assert 0 < (made.out / "preview.webp").stat().st_size <= 300_000
    with Image.open(made.out / "preview.webp") as picture:
        assert (picture.format, picture.width) == ("WEBP", 1600)


def test_a_picture_that_is_too_large_is_made_coarser_then_smaller() -> None:
    from io import BytesIO

    from PIL import Image

    from actiseg_noise.borders.images import webp_bytes

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    picture = Image.fromarray(noise)
    fine, coarse, small = (webp_bytes(picture, most) for most in (100_000, 2_000, 600))
    assert len(fine) > 2_000 >= len(coarse)
    assert len(small) <= 600
    assert [Image.open(BytesIO(data)).size for data in (fine, coarse, small)] == [(64, 64), (64, 64), (32, 32)]


@pytest.mark.parametrize(
    ("licence", "options", "shown"),
    [("CC0-1.0", {}, True), ("CC BY-NC 4.0", {}, False), ("CC BY-NC 4.0", {"images_allowed": True}, True)],
)
def test_the_picture_shows_frames_that_may_be_passed_on(
    tmp_path: Path, licence: str, options: dict[str, Any], shown: bool
) -> None:
    toy = toy_with_frames(tmp_path / "root", licence)
    manifest = actiseg_noise.build(toy, recipe=MIX, out=tmp_path / "m", gate=False)
    out = publish([manifest], tmp_path / "pub", root=toy.root, **options).path
    assert has_red(out / "preview.webp") is shown


def test_images_are_refused_where_the_licence_does_not_allow_them(tmp_path: Path) -> None:
    toy = toy_with_frames(tmp_path / "root", "CC BY-NC 4.0")
    manifest = actiseg_noise.build(toy, recipe=MIX, out=tmp_path / "m", gate=False)
    options: dict[str, Any] = {"images": 1, "root": toy.root}
    refused = r"--images: 'CC BY-NC 4.0' allows passing on images for some purposes alone, .*--images-allowed"
    with pytest.raises(ActisegError, match=refused):
        publish([manifest], tmp_path / "pub", **options)
    assert not (tmp_path / "pub").exists()
    made = publish([manifest], tmp_path / "pub", images_allowed=True, **options)
    assert made.manifests[0].images is not None
    assert made.manifests[0].images.rows == 2
    assert not [caution for caution in made.cautions if "left out" in caution]
    (toy.root / "clip000/f001.jpg").unlink()
    few = publish([manifest], tmp_path / "pub", images_allowed=True, force=True, images="all", root=toy.root)
    assert few.cautions[-1] == (
        f"1 of 6 frames of train/toy-mix-s0 is not in {toy.root}, or unreadable, and is left out of the pictures"
    )
    with pytest.raises(ActisegError, match=r"--images: .* is published without masks, so there is nothing to draw"):
        publish([manifest], tmp_path / "other", labels="recipe-only", images_allowed=True, **options)
    with pytest.raises(ActisegError, match=r"--images: where is toy\? Name its folder: --root DIR"):
        publish([manifest], tmp_path / "other", images=1, images_allowed=True)
    with pytest.raises(ActisegError, match=r"--images: no frame of .* is in .*empty; --root DIR"):
        (tmp_path / "empty").mkdir()
        publish([manifest], tmp_path / "other", images=1, images_allowed=True, root=tmp_path / "empty")
    with pytest.raises(ActisegError, match=r"--images few: expected how many clips, at least 1, or all"):
        publish([manifest], tmp_path / "other", images="few")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "m", "pub", "root"]


def test_hugging_face_datasets_see_the_images_as_pictures(tmp_path: Path) -> None:
    toy = toy_with_frames(tmp_path / "root", "CC0-1.0")
    manifest = actiseg_noise.build(toy, recipe=MIX, out=tmp_path / "m", gate=False)
    out = publish([manifest], tmp_path / "pub", images="all", root=toy.root).path
    code = """
import sys
from datasets import load_dataset
rows = load_dataset(sys.argv[1], "toy-mix-s0-images", split="train")
print(len(rows), *[type(rows.features[name]).__name__ for name in ("image", "clean_masks", "noisy_masks")])
print(rows[0]["image"].size, rows[0]["noisy_masks"].size, rows[0]["image"].getpixel((3, 3)))
"""
    printed = run(sys.executable, "-c", code, out, cwd=tmp_path, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    count, size = printed.splitlines()
    assert count == "6 Image Image Image"
    assert size.startswith("(64, 48) (64, 48) (2")
    assert verify(out / "train/toy-mix-s0") == []
    assert "`toy-mix-s0-images`" in (out / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("licence", "is_free"),
    [
        *(("Apache-2.0", True), ("CC BY 4.0", True), ("CC BY-SA 4.0", True), ("CC0 1.0", True)),
        *(("CC BY-NC-SA 4.0", False), ("CC BY-ND 4.0", False), ("not stated", False), ("my own", False)),
    ],
)
def test_images_are_free_under_licences_that_ask_for_no_purpose(licence: str, is_free: bool) -> None:
    assert (find_licence(licence).image_refusal is None) is is_free


# --- other people's readers


def test_hugging_face_datasets_load_it(made: Made, tmp_path: Path) -> None:
    code = """
import sys
from datasets import load_dataset
samples = load_dataset(sys.argv[1], "toy-mix-s0-samples", split="train")
masks = load_dataset(sys.argv[1], "toy-mix-s0-masks", split="train")
default = load_dataset(sys.argv[1], split="train")
print(len(samples), len(masks), default.column_names == samples.column_names, samples[0]["noisy_noun"])
"""
    printed = run(sys.executable, "-c", code, made.out, cwd=tmp_path, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    manifest = actiseg_noise.read_manifest(made.noisy)
    noun = manifest.table("samples")["noisy_noun"][0].as_py()
    assert printed == f"{manifest.info.counts['samples']} {manifest.info.counts['masks']} True {noun}\n"


def test_duckdb_and_pandas_read_it(made: Made) -> None:
    import duckdb
    import pandas as pd

    counts = actiseg_noise.read_manifest(made.noisy).info
    flipped = duckdb.sql(f"select count(*) from '{made.out}/train/*/samples-*.parquet' where text_noise != 'none'")  # noqa: S608
    assert flipped.fetchall() == [(counts.noises[0].realised,)]
    assert len(pd.read_parquet(made.out / MASKS)) == counts.counts["masks"]


def records(metadata: Path, name: str, **options: Any) -> list[dict[str, Any]]:
    """Return what mlcroissant reads of one table."""
    code = """
import json, sys, mlcroissant
from pathlib import Path
dataset = mlcroissant.Dataset(jsonld=sys.argv[1], mapping={k: Path(v) for k, v in json.loads(sys.argv[3]).items()})
issues = dataset.metadata.ctx.issues
assert not issues.errors and not issues.warnings, issues.report()
rows = [{k: v.decode() if isinstance(v, bytes) else v for k, v in row.items()} for row in dataset.records(sys.argv[2])]
print(json.dumps(rows, default=lambda value: value.item()))
"""
    printed = run(sys.executable, "-c", code, metadata, name, json.dumps(options), cwd=metadata.parent)
    return list(json.loads(printed))


def test_croissant_is_valid_and_reads_every_row(made: Made) -> None:
    rows = records(made.out / "croissant.json", "train/toy-mix-s0-samples")
    prefix = "train/toy-mix-s0-samples/"
    origin = {"split": "train", "recipe": "toy-mix", "seed": 0}
    expected = [row | origin for row in actiseg_noise.read_manifest(made.noisy).table("samples").to_pylist()]
    assert [{key.removeprefix(prefix): value for key, value in row.items()} for row in rows] == expected


def test_croissant_names_every_file_with_its_digest_and_its_true_address(made: Made, tmp_path: Path) -> None:
    from hashlib import sha256

    out = publish([made.noisy], tmp_path / "pub", url="https://example.org/toy/").path
    for folder, url in ((made.out, ""), (out, "https://example.org/toy/")):
        metadata = json.loads((folder / "croissant.json").read_text("utf-8"))
        assert metadata["url"] == (url.rstrip("/") or "https://arxiv.org/abs/2509.16677"), "the toy has no page"
        files = [entry for entry in metadata["distribution"] if entry["@type"] == "cr:FileObject"]
        for entry in files:
            path = folder / entry["contentUrl"].removeprefix(url)
            assert (entry["contentUrl"], entry["sha256"]) == (
                f"{url}{entry['@id']}",
                sha256(path.read_bytes()).hexdigest(),
            )
            assert entry["contentSize"] == f"{path.stat().st_size} B"
        beside = {".gitattributes", "README.md", "SHA256SUMS", "croissant.json"}
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert {entry["@id"] for entry in files} == there - beside
        assert "2509.16677" in metadata["citeAs"], "the toy states none of its own"


def test_text_files_keep_their_ends_of_lines_and_large_ones_go_through_lfs(made: Made) -> None:
    lines = (made.out / ".gitattributes").read_text("utf-8").splitlines()
    assert lines[0] == "* -text"
    assert {"*.md text eol=lf", "SHA256SUMS text eol=lf", "*.parquet filter=lfs diff=lfs merge=lfs -text"} <= {*lines}


def test_a_folder_that_lies_in_git_itself_is_sealed_without_lfs(made: Made, tmp_path: Path) -> None:
    import shutil

    from actiseg_noise.publishing.checksums import seal

    out = Path(shutil.copytree(made.out, tmp_path / "pub"))
    seal(out, lfs=False)
    assert "lfs" not in (out / ".gitattributes").read_text("utf-8")
    assert run("sha256sum", "-c", "SHA256SUMS", cwd=out).count(": OK\n") == 2 * 7 + 4


def test_croissant_of_a_repository_reads_files_of_the_repository(made: Made, tmp_path: Path) -> None:
    out = publish([made.noisy], tmp_path / "pub", repo_id="someone/toy-noise").path
    metadata = json.loads((out / "croissant.json").read_text("utf-8"))
    assert metadata["url"] == "https://huggingface.co/datasets/someone/toy-noise"
    assert metadata["distribution"][0]["contentUrl"] == metadata["url"]
    page, digest = (out / "README.md").read_text("utf-8"), actiseg_noise.read_manifest(made.noisy).digest
    assert f"verify hf://datasets/someone/toy-noise/train/toy-mix-s0#digest={digest}" in page
    assert 'load_dataset("someone/toy-noise", "toy-mix-s0-samples"' in (out / "README.md").read_text("utf-8")
    rows = records(out / "croissant.json", "train/toy-mix-s0-masks", repository=str(out))
    assert len(rows) == actiseg_noise.read_manifest(made.noisy).info.counts["masks"]


def test_the_page_can_be_followed_as_it_is_typed(
    kitchen: Path, kitchen_root: Path, tmp_path: Path, noisy_val: Path
) -> None:
    more = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "ACTISEG_KITCHEN_ROOT": str(kitchen_root)}
    blocks = BLOCK.findall((kitchen / "README.md").read_text("utf-8"))
    assert [kind for kind, _ in blocks] == ["python", "python", "python", "python", "bash", "bash"]
    for kind, code in blocks:
        command = ("bash", "-euo", "pipefail", "-c", code) if kind == "bash" else (sys.executable, "-c", code)
        assert run(*command, cwd=kitchen, **more).strip()
    rebuilt = next((kitchen.parent / "rebuilt/val").glob("mixed-40-15-s0*"))
    assert actiseg_noise.read_manifest(rebuilt).digest == actiseg_noise.read_manifest(noisy_val).digest


# --- what is refused


@pytest.fixture
def edited(made: Made, tmp_path: Path) -> Path:
    """A manifest with one noun changed."""
    import shutil

    folder = Path(shutil.copytree(made.noisy, tmp_path / "edited"))
    table = pq.read_table(folder / "samples.parquet")
    index = table.column_names.index("noisy_noun")
    nouns = ["spoon", *table["noisy_noun"].to_pylist()[1:]]
    pq.write_table(table.set_column(index, table.schema.field(index), [nouns]), folder / "samples.parquet")
    return folder


def test_a_manifest_that_fails_verify_is_not_published(made: Made, edited: Path, tmp_path: Path) -> None:
    with pytest.raises(UnverifiedError, match=r"edited: the manifest is not what it says") as refusal:
        publish([made.clean, edited], tmp_path / "pub")
    assert "column noisy_noun" in refusal.value.findings[0].where
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edited"]


def test_the_command_prints_the_findings_and_exits_with_1(
    edited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", "publish", str(edited), "--out", str(tmp_path / "pub")])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    assert stop.value.code == 1
    assert "column noisy_noun: expected" in printed.out
    assert "so it is not published" in printed.err


def test_the_command_says_what_to_think_of(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", "publish", str(made.noisy), "--out", str(tmp_path / "pub")])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    assert stop.value.code == 0
    assert actiseg_noise.read_manifest(made.noisy).digest in printed.out
    assert "caution: whether 'none' allows derived masks to be passed on is not known" in printed.err
    assert "--labels recipe-only" in printed.err


def test_manifests_that_do_not_belong_together_are_refused(made: Made, clean_val: Path, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match=r"is of toy 1 and .* of kitchen 1: a publication has one dataset"):
        publish([made.noisy, clean_val], tmp_path / "pub")
    with pytest.raises(ActisegError, match=r"are both train/toy-mix-s0; publish one of them"):
        publish([made.noisy, made.noisy], tmp_path / "pub")
    with pytest.raises(ActisegError, match="no manifest to publish"):
        publish([], tmp_path / "pub")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "recipe"}, r"unknown --labels 'recipe'\. Did you mean 'recipe-only'\?"),
        ({"repo_id": "a/b/c"}, r"--repo-id a/b/c: expected OWNER/NAME"),
        ({"repo_id": 'a"b'}, r"--repo-id a\"b: expected OWNER/NAME"),
        ({"url": "data/here"}, r"--url: expected an address of the web without a user's name"),
        ({"url": "https://me:word@example.org/a"}, r"--url: expected an address of the web without a user's name"),
        ({"tool_url": "https://a.org/$(reboot)"}, r"--tool-url: expected an address of the web"),
        ({"repo_id": "a/b", "url": "https://a.org"}, r"--repo-id and --url are two addresses; give one of them"),
        ({"shard_mb": 0}, r"--shard-mb must be above 0, got 0"),
    ],
)
def test_bad_usage_is_refused(made: Made, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ActisegError, UnknownNameError), match=message):
        publish([made.noisy], tmp_path / "pub", **options)
    assert list(tmp_path.iterdir()) == []


def test_only_a_publication_is_replaced_and_only_on_request(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "pub"
    publish([made.noisy, made.clean], out)
    with pytest.raises(ActisegError, match=r"pub: the output exists\. .* replace it with --force"):
        publish([made.noisy], out)
    publish([made.noisy], out, force=True)
    assert [path.name for path in (out / "train").iterdir()] == ["toy-mix-s0"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ActisegError, match=r"--force would delete 1 file .* the first notes\.txt"):
        publish([made.noisy], out, force=True)
    (tmp_path / "photos").mkdir()
    with pytest.raises(ActisegError, match=r"photos: exists and is not a publication"):
        publish([made.noisy], tmp_path / "photos", force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "pub"]


def test_an_interrupted_publication_leaves_nothing(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "pub"
    publish([made.noisy], out)
    monkeypatch.setattr("actiseg_noise.publishing.publication.croissant", interrupt)
    for folder, force in ((out, True), (tmp_path / "new", False)):
        with pytest.raises(KeyboardInterrupt):
            publish([made.clean], folder, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["pub"]
    assert [path.name for path in (out / "train").iterdir()] == ["toy-mix-s0"]


def test_what_a_killed_replacement_left_is_put_back(made: Made, tmp_path: Path) -> None:
    out, room = tmp_path / "pub", tmp_path / ".pub.partial"
    publish([made.noisy], out)
    room.mkdir()
    out.rename(room / "old")
    with pytest.raises(ActisegError, match="the output exists"):
        publish([made.noisy], out)
    assert (out / "README.md").is_file()
    assert not room.exists()


# --- words


@pytest.mark.parametrize(
    ("text", "expected", "allows"),
    [
        ("CC BY-NC 4.0", {"license": "cc-by-nc-4.0"}, True),
        ("CC BY-NC-SA 4.0", {"license": "cc-by-nc-sa-4.0"}, True),
        ("CC BY-NC 4.0 (EPIC-KITCHENS, VISOR)", {"license": "cc-by-nc-4.0"}, True),
        ("CC BY-NC-ND 4.0", {"license": "cc-by-nc-nd-4.0"}, False),
        ("Apache-2.0", {"license": "apache-2.0"}, True),
        ("", {"license": "unknown"}, None),
        ("not stated: ask the authors", {"license": "unknown"}, None),
        ("CC BY-NC 4.0; ask for more", {"license": "other", "license_name": "cc-by-nc-4.0-ask-for-more"}, None),
    ],
)
def test_a_licence_has_the_hubs_identifier(text: str, expected: dict[str, str], allows: bool | None) -> None:
    licence = find_licence(text)
    assert licence.front_matter == expected
    assert licence.allows_derivatives is allows
    assert (licence.caution is None) == (allows is True)


@pytest.mark.parametrize(("rows", "name"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (2_500_000, "1M<n<10M")])
def test_sizes_have_the_hubs_words(rows: int, name: str) -> None:
    assert size_category(rows) == name


def test_a_split_has_a_name_that_the_hub_allows() -> None:
    assert (split_name("val_human"), split_name("test-dev")) == ("val_human", "test_dev")


def test_cautions_are_of_masks_that_are_passed_on_and_of_files_that_are_not(tmp_path: Path) -> None:
    toy = make_toy()
    text = actiseg_noise.build(toy, content="text", out=tmp_path / "text")
    assert publish([text], tmp_path / "one").cautions == ()
    full = actiseg_noise.build(toy, out=tmp_path / "full")
    data = json.loads((full / "manifest.json").read_text())
    data["imported"] = {"form": "mask folders"}
    data["dataset"]["options"] = {"texts": "/home/me/texts.json"}
    (full / "manifest.json").write_text(json.dumps(data))
    made = publish([full], tmp_path / "two")
    licence, option = made.cautions
    assert licence.endswith("is not known here; ask its authors"), (
        "recipe-only is not offered: nothing could rebuild it"
    )
    assert option.startswith("the option texts=/home/me/texts.json names a file of yours")
    assert not (made.path / "train/clean-s0/recipe.toml").exists()


def test_imported_labels_say_what_they_were_made_from(made: Made, tmp_path: Path) -> None:
    from dataclasses import replace

    from actiseg_noise.publishing.card import card

    item = made.publication.manifests[0]
    origin = {"form": "pair of folders", "noisy": "osvos"}
    page = card([Published("train/a-s0", replace(item.info, imported=origin), item.in_memory)])
    assert "## Made from" in page
    assert '"form": "pair of folders"' in page
    assert "## Build it again" not in page
    assert "verify train/a-s0 --root" not in page
