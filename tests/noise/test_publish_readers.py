"""Other people's readers of a publication: Hugging Face datasets, DuckDB, Croissant, git, and a shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from publish_fakes import BLOCK, MASKS, Made, run

import actiseg_noise
from actiseg_noise.publishing.publication import publish


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory, noisy_val: Path, clean_val: Path) -> Path:
    """A publication of the embedded dataset, in a folder of its own."""
    return publish([noisy_val, clean_val], tmp_path_factory.mktemp("hub") / "pub").path


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
