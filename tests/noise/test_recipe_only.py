"""Recipe-only: masks are withheld, digests stay, and who has the dataset proves equality and builds the masks again."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.check.verify import verify
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError, ManifestError
from actiseg_noise.manifest.command import build_command
from actiseg_noise.manifest.info import read_info
from actiseg_noise.publishing.publication import publish
from actiseg_noise.recipe import NoiseSpec, Recipe

MIX = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
)
WITHHELD = {"frames": ["void_rle"], "masks": ["clean_rle", "noisy_rle"]}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return write_toy(make_toy(), tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def full(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return actiseg_noise.build(toy, recipe=MIX, out=tmp_path_factory.mktemp("full") / "m")


@pytest.fixture
def withheld(full: Path, tmp_path: Path) -> Path:
    return publish([full], tmp_path / "pub", labels="recipe-only").path / "train/toy-mix-s0"


def test_every_derived_mask_is_left_out_and_nothing_else(full: Path, withheld: Path) -> None:
    before, after = actiseg_noise.read_manifest(full), actiseg_noise.read_manifest(withheld)
    assert (after.info.content, after.digest) == ("recipe-only", before.digest)
    for name in ("clips", "frames", "samples", "masks"):
        gone = WITHHELD.get(name, [])
        one, other = before.table(name), after.table(name)
        assert other.drop_columns(gone) == one.drop_columns(gone)
        assert all(other[column].null_count == other.num_rows for column in gone)
        assert all(one[column].null_count < one.num_rows for column in gone)
    codes = set(before.table("masks")["clean_rle"].to_pylist())
    data = b"".join(path.read_bytes() for path in withheld.parent.parent.rglob("*") if path.is_file())
    assert not any(code.encode() in data for code in codes if len(code) > 8)


def test_it_holds_by_itself_and_against_the_dataset(withheld: Path, toy: Toy) -> None:
    manifest = actiseg_noise.read_manifest(withheld)
    assert verify(manifest) == []
    assert compare_with_dataset(manifest, dataset=toy) == []


def test_a_dataset_that_is_another_is_told_by_the_digests(withheld: Path, toy: Toy) -> None:
    path, mask = next(iter(make_toy().masks.items()))
    other = Toy(toy.root, toy.clips, {path: mask[::-1]})
    findings = compare_with_dataset(actiseg_noise.read_manifest(withheld), dataset=other)
    assert findings[0].where.startswith("masks.parquet, row clip_id=")
    assert "_digest" in findings[0].where + findings[0].expected + str(findings[0].comparison)


def test_its_recipe_builds_the_full_manifest_with_the_same_digest(withheld: Path, full: Path, toy: Toy) -> None:
    rebuilt = actiseg_noise.build(
        toy, recipe=withheld / "recipe.toml", vocabulary=withheld / "vocabulary.json", out=withheld.parent / "full"
    )
    one, other = actiseg_noise.read_manifest(full), actiseg_noise.read_manifest(rebuilt)
    assert (other.digest, other.info.content) == (one.digest, "full")
    assert other.table("masks") == one.table("masks")


def test_the_command_that_the_bench_names_builds_it(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver types what the refusal says, and trains on the result."""
    pytest.importorskip("torch", reason="without the bench extra nobody trains")
    from actiseg_bench import ManifestDataset

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))
    folder = next((publish([noisy_val], "pub", labels="recipe-only").path / "val").iterdir())
    with pytest.raises(ManifestError, match=r"its masks were withheld .* Build them from your own copy") as refusal:
        ManifestDataset(folder)
    command = str(refusal.value).partition("dataset: ")[2]
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert actiseg_noise.read_manifest("rebuilt").digest == actiseg_noise.read_manifest(noisy_val).digest
    assert len(ManifestDataset("rebuilt")) == 8


def test_the_page_says_what_is_kept_and_what_is_not(withheld: Path) -> None:
    page = (withheld.parents[1] / "README.md").read_text("utf-8")
    assert "`clean_rle`, `noisy_rle` and `void_rle` are null" in page
    assert "so do narrations, nouns and expressions" in page
    assert "actiseg-noise verify train/toy-mix-s0 --root DIR" in page
    recipe, vocabulary = "train/toy-mix-s0/recipe.toml", "train/toy-mix-s0/vocabulary.json"
    assert f"build --dataset toy --split train --root DIR --recipe {recipe} --vocabulary {vocabulary} --out" in page


# --- damage


def change(folder: Path, table: str, column: str, value: Any) -> None:
    """Set the first cell of a column, and its digest in ``manifest.json``, as one who means to deceive would."""
    from actiseg_noise.manifest.digest import TableDigest
    from actiseg_noise.manifest.schema import TABLES

    path = next(folder.glob(f"{table}*.parquet"))
    stored = pq.read_table(path)
    columns = stored.to_pydict()
    columns[column][0] = value
    pq.write_table(pa.table(columns, schema=stored.schema), path)
    digest = TableDigest(next(t for t in TABLES if t.name == table))
    digest.update(columns)
    data = json.loads((folder / "manifest.json").read_text())
    data["columns"][table] = digest.columns
    (folder / "manifest.json").write_text(json.dumps(data))


def test_a_code_that_should_be_withheld_is_found(withheld: Path) -> None:
    change(withheld, "masks", "noisy_rle", "abc")
    finding = verify(actiseg_noise.read_manifest(withheld))[0]
    assert finding.where.endswith("noisy_rle")
    assert (finding.expected, finding.found) == ("null (content recipe-only)", "a code")


@pytest.mark.parametrize(("table", "column"), [("masks", "clean_rle"), ("frames", "void_rle")])
def test_a_code_that_is_missing_from_a_full_manifest_is_found(
    toy: Toy, tmp_path: Path, table: str, column: str
) -> None:
    folder = actiseg_noise.build(toy, recipe=MIX, out=tmp_path / "m")
    change(folder, table, column, None)
    finding = verify(actiseg_noise.read_manifest(folder))[0]
    assert finding.where.endswith(column)
    assert (finding.expected, finding.found) == ("a code (content full)", "null")


# --- what cannot be


def state(folder: Path, update: Callable[[dict[str, Any]], object]) -> None:
    """Change ``manifest.json``."""
    data = json.loads((folder / "manifest.json").read_text())
    update(data)
    (folder / "manifest.json").write_text(json.dumps(data))


def test_what_has_no_mask_or_no_recipe_is_refused(toy: Toy, withheld: Path, tmp_path: Path) -> None:
    text = actiseg_noise.build(toy, recipe="text-40", content="text", out=tmp_path / "text")
    with pytest.raises(ActisegError, match="content text has no masks to leave out; publish it with --labels full"):
        publish([text], tmp_path / "out", labels="recipe-only")
    with pytest.raises(ActisegError, match=r"masks were withheld .* publish it with --labels recipe-only"):
        publish([withheld], tmp_path / "out")
    publish([withheld], tmp_path / "again", labels="recipe-only")
    imported = actiseg_noise.build(toy, out=tmp_path / "imported")
    state(imported, lambda data: data.update(imported={"form": "pair of folders"}))
    with pytest.raises(ActisegError, match="imported labels have no recipe that builds them again"):
        publish([imported], tmp_path / "out", labels="recipe-only")
    assert not (tmp_path / "out").exists()


# --- the command


def test_the_command_carries_all_that_decides_the_rows(toy: Toy, tmp_path: Path) -> None:
    names = [toy.clips[3].clip_id, toy.clips[5].clip_id]
    folder = actiseg_noise.build(
        toy, split="val", recipe="flip-40", content="text", clips=names, limit=1, allow_eval=True, out=tmp_path / "m"
    )
    state(folder, lambda data: data["dataset"].update(options={"objects": "two words"}))
    state(folder, lambda data: data["noises"][0].update(interval=[900, 901]))
    command = build_command(read_info(folder), "a b", "new")
    assert command == (
        "actiseg-noise build --dataset toy --split val --root DIR --recipe 'a b/recipe.toml' "
        "--vocabulary 'a b/vocabulary.json' --option 'objects=two words' --content text "
        "'--clips=@a b/clips.txt' --allow-eval --no-gate --out new"
    )
    state(folder, lambda data: data.update(selection={"limit": 1}))
    assert " --content text --limit 1 --allow-eval " in build_command(read_info(folder), "a", "new")


def test_named_clips_travel_in_a_file(toy: Toy, tmp_path: Path) -> None:
    names = [toy.clips[3].clip_id, toy.clips[5].clip_id]
    source = actiseg_noise.build(toy, recipe=MIX, clips=names, out=tmp_path / "m")
    folder = publish([source], tmp_path / "pub").path / "train/toy-mix-s0-clips2"
    assert (folder / "clips.txt").read_text("utf-8").splitlines() == names


def test_what_was_left_out_here_stays_left_out_where_it_is_not_missing(toy: Toy, tmp_path: Path) -> None:
    source = actiseg_noise.build(toy, recipe=MIX, limit=3, out=tmp_path / "m")
    state(source, lambda data: data.update(skipped=["clip099"]))
    folder = publish([source], tmp_path / "pub").path / "train/toy-mix-s0-first3"
    assert (folder / "clips.txt").read_text("utf-8").splitlines() == ["clip000", "clip001", "clip002"]
    assert f" --clips=@{folder}/clips.txt --out" in build_command(read_info(folder), str(folder), "new")
