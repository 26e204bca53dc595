"""Publishing: what a folder for the hub holds, and in which words."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publish_fakes import BLOCK, MASKS, MIX, Made, front_matter, run
from toys import make_toy, write_toy

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.manifest import write
from actiseg_noise.publishing.front_matter import size_category, split_name
from actiseg_noise.publishing.licence import find_licence
from actiseg_noise.publishing.publication import publish
from actiseg_noise.publishing.shards import Published
from actiseg_noise.publishing.toml import recipe_toml
from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe, recipe_names


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
