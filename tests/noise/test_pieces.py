"""A manifest is verified in pieces: the same findings in the same order, whatever the pieces and the workers."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import edit_info
from toys import Toy

import actiseg_noise
from actiseg_noise.borders import distinct
from actiseg_noise.borders import median as median_module
from actiseg_noise.borders.distinct import Distinct, digest_of
from actiseg_noise.borders.median import Median
from actiseg_noise.check import pieces as pieces_module
from actiseg_noise.check.pieces import Pieces, usual_workers
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, DataError, ManifestError
from actiseg_noise.manifest import parts as parts_module
from actiseg_noise.manifest import write
from actiseg_noise.manifest.parts import parts_of, spans_of
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import ClipSpan, iter_rows
from actiseg_noise.recipe import NoiseSpec, Recipe

RECIPE = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
)
Rows = list[dict[str, Any]]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files, row groups, parts and spans be of a few rows."""
    for name in ("ROWS_PER_GROUP", "ROWS_PER_FILE"):
        monkeypatch.setattr(write, name, 8)
    monkeypatch.setattr(parts_module, "ROWS_PER_PART", 8)
    monkeypatch.setattr(parts_module, "CLIPS_PER_SPAN", 3)


@pytest.fixture
def parts(small: None, toy: Toy, tmp_path: Path) -> Path:
    """Return the manifest in files of eight rows."""
    return actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "parts")


def edit(folder: Path, name: str, change: Callable[[Rows], object]) -> None:
    """Change the rows of a table, file by file joined and cut again as they were; digests stay."""
    paths = sorted(folder.glob(f"{name}*.parquet"))
    tables = [pq.read_table(path) for path in paths]
    rows = [row for table in tables for row in table.to_pylist()]
    change(rows)
    schema = pa.schema([field.with_nullable(True) for field in tables[0].schema])
    starts = [0]
    for table in tables:
        starts.append(starts[-1] + table.num_rows)
    starts[-1] = len(rows)
    for path, first, stop in zip(paths, starts, starts[1:], strict=False):
        part = [dict(row) for row in rows[first:stop]]
        pq.write_table(pa.Table.from_pylist(part, schema=schema), path)


def swap(rows: Rows, first: int, second: int) -> None:
    rows[first], rows[second] = rows[second], rows[first]


def set_all(rows: Rows, column: str, value: Any, every: int = 1) -> None:
    for row in rows[::every]:
        row[column] = value


EDITS: dict[str, list[tuple[str, Callable[[Rows], object]]]] = {
    "nothing": [],
    "one noun": [("samples", lambda rows: rows[20].update(noisy_noun="spoon"))],
    "all nouns": [("samples", lambda rows: set_all(rows, "noisy_noun", "spoon"))],
    "every third path": [("frames", lambda rows: set_all(rows, "image_path", "x.jpg", 3))],
    "areas": [("masks", lambda rows: set_all(rows, "clean_area", 3, 5))],
    "rows in another order": [("samples", lambda rows: swap(rows, 3, 30))],
    "neighbours at the end of a part": [("samples", lambda rows: swap(rows, 7, 8))],
    "all rows backwards": [("masks", lambda rows: rows.reverse())],
    "one null": [("samples", lambda rows: rows[9].update(noun=None))],
    "nulls and an order": [("masks", lambda rows: (rows[9].update(iou=7.0), swap(rows, 20, 40)))],
    "many nulls": [("samples", lambda rows: set_all(rows, "noun", None))],
    "a row is gone": [("samples", lambda rows: rows.pop(12))],
    "frames of no clip": [("frames", lambda rows: rows[2].update(clip_id="clip0005"))],
    "masks without frames": [("frames", lambda rows: rows[2].update(height=None))],
}

UNREAD = ("all rows backwards", "many nulls")
"""Where so much is wrong that a table is not read to its end, where that is depends on its parts."""


def found(folder: Path, **options: Any) -> list[tuple[Any, ...]]:
    return [(f.where, f.expected, f.found, f.more, f.others, f.comparison) for f in verify(folder, **options)]


@pytest.mark.parametrize("name", EDITS)
def test_what_is_found_depends_on_no_piece(
    name: str, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table, change in EDITS[name]:
        edit(parts, table, change)
    manifest = actiseg_noise.read_manifest(parts)
    in_pieces = found(parts)
    assert len(parts_of(manifest, "masks")) > 5
    assert len(spans_of(manifest)) == 4
    monkeypatch.setattr(parts_module, "CLIPS_PER_SPAN", 1_000)
    assert found(parts) == in_pieces
    whole = tmp_path / "whole"
    join(manifest, whole)
    if name not in UNREAD:
        assert found(whole) == [without_files(one) for one in in_pieces]
    assert bool(in_pieces) == (name != "nothing")


def without_files(finding: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a finding without what it says about the files of a table."""
    where, expected, said, *more = finding
    where = re.sub(r"-[0-9]+-of-[0-9]+\.parquet", ".parquet", where)
    said = re.sub(r" \(of another size than listed: [^)]*\)", "", said)
    return where, re.sub(r", the last of \S+", "", expected), said, *more


def join(manifest: Manifest, folder: Path) -> None:
    """Write the files of each table as one, read as one part."""
    folder.mkdir()
    for name in ("manifest.json", "vocabulary.json"):
        shutil.copy(manifest.path / name, folder / name)
    for table in manifest.schema:
        rows = pa.concat_tables([pq.read_table(path) for path in manifest.files_of(table.name)])
        pq.write_table(rows, folder / table.file_name)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name != "manifest.json"}
    edit_info(folder, lambda data: data.update(files=sizes))


@pytest.mark.parametrize("name", ["nothing", "all nouns", "rows in another order", "frames of no clip", "many nulls"])
def test_what_is_found_depends_on_no_number_of_workers(name: str, parts: Path) -> None:
    for table, change in EDITS[name]:
        edit(parts, table, change)
    assert found(parts, workers=2) == found(parts)


def test_numbers_of_workers_start_at_one(parts: Path) -> None:
    with pytest.raises(ActisegError, match="--workers must be at least 1, got 0"):
        verify(parts, workers=0)


def test_parts_hold_every_row_once_and_spans_every_clip(parts: Path) -> None:
    manifest = actiseg_noise.read_manifest(parts)
    for table in manifest.schema:
        rows = [
            pq.ParquetFile(part.path).metadata.row_group(group).num_rows
            for part in parts_of(manifest, table.name)
            for group in range(part.first, part.stop)
        ]
        assert sum(rows) == manifest.info.counts[table.name]
        ids = [row for span in spans_of(manifest) for row in iter_rows(manifest, table.name, ["clip_id"], span)]
        assert ids == list(iter_rows(manifest, table.name, ["clip_id"]))
    assert "" in spans_of(manifest)[0], "a clip before the first that is listed"
    assert "\U0010ffff" in spans_of(manifest)[-1]


def test_a_span_is_read_without_the_row_groups_of_other_clips(parts: Path) -> None:
    manifest = actiseg_noise.read_manifest(parts)
    first, *_, last = (row[0] for row in iter_rows(manifest, "clips", ["clip_id"]))
    some = sum(batch.num_rows for batch in manifest.iter_batches("masks", span=ClipSpan(last, None)))
    every = sum(batch.num_rows for batch in manifest.iter_batches("masks", span=ClipSpan(first, None)))
    assert 0 < some < every / 2
    assert every == manifest.info.counts["masks"]


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [(1, 2, "samples-00002-of-0000"), (0, 1, "samples-00001-of-0000")],
)
def test_files_that_were_exchanged_are_named(parts: Path, first: int, second: int, where: str) -> None:
    paths = sorted(parts.glob("samples*.parquet"))
    one, other = paths[first].read_bytes(), paths[second].read_bytes()
    paths[first].write_bytes(other)
    paths[second].write_bytes(one)
    order = [finding for finding in verify(parts) if "a key above" in finding.expected]
    assert order[0].where.startswith(where)
    assert order[0].expected.endswith(f", the last of {paths[first].name}")


def test_a_file_that_was_cut_to_fewer_rows_is_named(parts: Path) -> None:
    path = sorted(parts.glob("samples*.parquet"))[1]
    pq.write_table(pq.read_table(path).slice(0, 3), path)
    counts = next(finding for finding in verify(parts) if finding.where == "samples.parquet, rows")
    assert counts.found.endswith(f" (of another size than listed: {path.name})")


def test_a_file_that_breaks_off_is_named(parts: Path) -> None:
    path = sorted(parts.glob("masks*.parquet"))[2]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ManifestError, match=f"{path.name}: not a readable Parquet file"):
        verify(parts, workers=2)


def test_an_error_of_a_worker_is_the_callers(parts: Path) -> None:
    path = sorted(parts.glob("masks*.parquet"))[2]
    opened = actiseg_noise.read_manifest(parts)
    path.unlink()
    with pytest.raises(ManifestError, match=path.name):
        verify(opened, workers=2)


def test_a_worker_that_dies_is_said(parts: Path) -> None:
    with (
        Pieces(actiseg_noise.read_manifest(parts), 2) as pieces,
        pytest.raises(ActisegError, match="a worker process ended in the middle of its work"),
    ):
        list(pieces.map(end_at_once, [(), ()]))


def end_at_once(manifest: Manifest) -> None:
    os._exit(3)


def test_small_manifests_are_verified_in_this_process(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = actiseg_noise.read_manifest(parts)
    monkeypatch.setattr(pieces_module, "usable_cores", lambda: 5)
    assert usual_workers(manifest) == 5, "its parts are of eight rows"
    monkeypatch.setattr(parts_module, "ROWS_PER_PART", 1_000)
    assert usual_workers(manifest) == 1


@pytest.mark.parametrize("held", [1, 4, 1_000])
@pytest.mark.parametrize(
    "numbers", [[0.5], [0.25, 1.0], [1.0, 0.0, 0.0], [k * 0.37 % 1 for k in range(500)], [0.1] * 7 + [0.2] * 7]
)
def test_the_median_of_any_number_of_numbers(held: int, numbers: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(median_module, "NUMBERS_HELD", held)
    whole, half = Median(), Median()
    for number in numbers[: len(numbers) // 2]:
        whole.extend([number])
    half.extend(numbers[len(numbers) // 2 :])
    whole.join(pickle.loads(pickle.dumps(half)))  # noqa: S301
    assert len(whole) == len(numbers)
    assert whole.value() == median(numbers)


def test_there_is_no_median_of_nothing() -> None:
    assert Median().value() is None


@pytest.mark.parametrize("held", [1, 3, 1_000])
@pytest.mark.parametrize("digests", [1, 7, 1_000])
@pytest.mark.parametrize("again", [None, 0, 2, 57])
def test_a_text_that_comes_twice_is_found(
    held: int, digests: int, again: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distinct, "TEXTS_HELD", held)
    monkeypatch.setattr(distinct, "DIGESTS_HELD", digests)
    texts = [f"clip {number}" for number in range(60)]
    more = [] if again is None else [texts[again]]
    with Distinct() as seen:
        is_new = [seen.add(text) for text in texts + more]
        repeated = seen.find_repeated()
    assert all(is_new[:60])
    assert all(is_new) == (again is None or again >= held)
    assert repeated == (digest_of(texts[again]) if again is not None and again >= held else None)


def test_two_clips_of_one_address_are_refused_however_many_there_are(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distinct, "TEXTS_HELD", 2)
    clips = list(toy.clips)
    clips[9] = replace(clips[9], address=clips[5].address)
    with pytest.raises(DataError, match=f"clip '{clips[9].clip_id}': another clip has the address"):
        actiseg_noise.build(Toy(toy.root, clips, toy.masks), recipe=RECIPE, out=tmp_path / "m")
    assert not list(tmp_path.glob("m*"))


SCRIPT = """
import actiseg_noise
{guard}print(len(actiseg_noise.verify({folder!r}, workers=2)))
"""


def run_python(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], input=given, capture_output=True, text=True, check=False)


def test_workers_from_a_script_without_a_main_guard_are_refused_with_the_reason(parts: Path, tmp_path: Path) -> None:
    script, text = tmp_path / "script.py", SCRIPT.format(guard="", folder=str(parts))
    script.write_text(text)
    for done in (run_python(str(script)), run_python("-", given=text)):
        line = done.stderr.strip().splitlines()[-1]
        assert "the script that calls verify as the module `__main__`" in line
        assert "memory" not in line
    script.write_text(SCRIPT.format(guard="if __name__ == '__main__': ", folder=str(parts)))
    assert run_python(str(script)).stdout == "0\n"


def test_worker_processes_that_verify_log_as_their_parent_does(parts: Path) -> None:
    command = ("-m", "actiseg_noise", "--log-level", "debug", "verify", str(parts), "--workers")
    alone, several = (run_python(*command, workers).stderr for workers in ("1", "2"))
    masks = f"opening {parts / 'masks-00001-of-'}"
    assert masks in alone
    assert several.count(masks) >= alone.count(masks)
