"""Manifests and recipes of strangers, edited with every digest made anew: refused or named, and nothing else."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import edit_info, forge
from toys import Toy

import actiseg_noise
from actiseg_noise import terminal
from actiseg_noise.borders.drafts import FolderDraft
from actiseg_noise.borders.images import frame_size, read_frame, read_index_mask, write_index_mask
from actiseg_noise.borders.writing import WriteError, whole_csv
from actiseg_noise.building.workspace import check_output
from actiseg_noise.check import verify as verify_module
from actiseg_noise.check.verify import CHECKS, Subject, run_checks, verify
from actiseg_noise.errors import ActisegError, DataError, ManifestError
from actiseg_noise.fields import Fields, check_depth
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.masks import Box, Rle, empty_rle, encode_rle, read_areas, read_runs
from actiseg_noise.plain import markdown_block, markdown_code, markdown_inline, markdown_text, printable, web_address
from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe

RECIPE = Recipe(
    "toy-mix", (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.7, {"kernel": 3, "unit": "px"}))
)


def recode(row: dict[str, Any], counts: str, area: int) -> None:
    """Give a mask another code, with the digests that fit it."""
    digest = Rle(12, 16, counts, area).digest()
    row.update(clean_rle=counts, clean_area=area, clean_digest=digest, noisy_rle=None, noisy_area=area)
    row.update(noisy_digest=digest, iou=1.0)


def canvas(folder: Path) -> tuple[int, int]:
    frame = pq.read_table(folder / "frames.parquet").to_pylist()[0]
    return frame["height"], frame["width"]


# --- run lengths, sizes, texts


@pytest.mark.parametrize("counts", ["::", "0", "10", "\0\0", "é", "o" * 99, "P" * 8 + "0", ""])
def test_run_lengths_that_do_not_fill_the_frame_are_a_finding_though_every_digest_fits(
    folder: Path, counts: str
) -> None:
    size = canvas(folder)

    def change(rows: list[dict[str, Any]]) -> None:
        recode(rows[0], counts, 0)
        rows[0]["clean_digest"] = rows[0]["noisy_digest"] = Rle(*size, counts, 0).digest()

    forge(folder, "masks", change)
    found = [finding for finding in verify(folder) if finding.where.endswith("_rle")]
    assert found[0].expected == f"run lengths of a canvas of {size[1]}×{size[0]} pixels"


def test_a_mask_on_pixels_without_label_is_a_finding_though_every_digest_fits(folder: Path) -> None:
    height, width = canvas(folder)
    everywhere = encode_rle(np.ones((height, width), bool), Box(0, 0, height, width), height, width).counts

    def hide(rows: list[dict[str, Any]]) -> None:
        rows[0] |= {"void_rle": everywhere, "void_digest": Rle(height, width, everywhere, 0).digest()}

    forge(folder, "frames", hide)
    (finding,) = verify(folder)
    assert "clean_rle" in finding.where and "void_rle of its frame" in finding.expected


def test_areas_are_read_many_at_once_and_what_is_no_code_is_none() -> None:
    good = empty_rle(4, 6).counts
    assert read_areas([good, "é", "5", good], [(4, 6)] * 3 + [(-4, -6)]) == [0, None, None, None]
    assert read_areas(["04`0"], [(4, 5)]) == [4]
    assert read_areas([], []) == []


def test_runs_whose_sum_overflows_do_not_pass() -> None:
    """2^35 again and again: a sum of 64 bits comes round to any number."""
    with pytest.raises(ActisegError, match="do not fill a canvas"):
        read_runs("oooooo?" * 40_000, 4, 6)


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("samples", "expression", "a" * 70_000, r"'expression' has a text of 70,000 bytes; expected at most 65,536"),
        ("masks", "parameters", "[" * 70_000, r"'parameters' has a text of 70,000 bytes"),
        ("masks", "clean_rle", "0" * 9_000_000, r"'clean_rle' has a text of 9,000,000 bytes; expected at most 8,388"),
    ],
)
def test_a_text_that_is_too_long_is_refused_wherever_it_is_read(
    folder: Path, table: str, column: str, value: str, message: str
) -> None:
    forge(folder, table, lambda rows: rows[0].update({column: value}))
    for read in (verify, lambda path: list(actiseg_noise.read_manifest(path).iter_clips())):
        with pytest.raises(ManifestError, match=message):
            read(folder)


def test_a_text_that_is_no_utf8_names_its_column(folder: Path) -> None:
    path = folder / "clips.parquet"
    stored = pq.read_table(path)
    raw = pa.array([text.encode() + b"\xff" for text in stored["narration"].to_pylist()], pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    place = stored.schema.get_field_index("narration")
    pq.write_table(stored.set_column(place, stored.schema.field(place), text), path)
    with pytest.raises(ManifestError, match=r"clips\.parquet: the column 'narration' has a text that is no UTF-8"):
        verify(folder)


def test_a_column_that_unpacks_to_more_than_its_rows_can_hold_is_refused_before_it_is_read(folder: Path) -> None:
    path = folder / "clips.parquet"
    stored = pq.read_table(path)
    place = stored.schema.get_field_index("narration")
    texts = pa.array(["a" * 40_000_000, *stored["narration"].to_pylist()[1:]])
    pq.write_table(stored.set_column(place, stored.schema.field(place), texts), path, compression="zstd")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ManifestError, match=r"the column 'narration' unpacks to 40,\d+,\d+ bytes for 12 rows"):
        actiseg_noise.read_manifest(folder)


def test_a_table_of_far_more_rows_than_stated_is_refused_unread(folder: Path) -> None:
    path = folder / "samples.parquet"
    pq.write_table(pq.read_table(path).take([0] * 200_000), path)
    with pytest.raises(ManifestError, match=r"'samples' has 200,000 rows, but manifest\.json counts"):
        actiseg_noise.read_manifest(folder)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("frames", "height", -5), ("frames", "width", 10**9), ("samples", "object_id", 0), ("masks", "noisy_area", -1)],
)
def test_a_number_out_of_range_is_a_finding_and_no_reader_takes_it(
    folder: Path, table: str, column: str, value: int
) -> None:
    forge(folder, table, lambda rows: rows[0].update({column: value}))
    assert verify(folder)[0].where.endswith(f"column {column}")
    with pytest.raises(ManifestError, match=rf"the column '{column}' has {value}; expected a number in"):
        actiseg_noise.read_manifest(folder).table(table)


def test_a_pipe_in_the_place_of_a_file_does_not_hang(folder: Path) -> None:
    (folder / "vocabulary.json").unlink()
    os.mkfifo(folder / "vocabulary.json")
    with pytest.raises(ManifestError, match="a pipe or device stands where the file should be"):
        verify(folder)


def test_a_footer_whose_names_are_no_utf8_is_a_damaged_file(folder: Path) -> None:
    table = folder / "frames.parquet"
    content = table.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    table.write_bytes(content[:footer] + content[footer:].replace(b"frame_id", b"\xff\xferame_"))
    with pytest.raises(ManifestError, match=r"frames\.parquet: "):
        actiseg_noise.read_manifest(folder).table("frames")


def test_a_full_disk_names_the_table_that_was_written(folder: Path, tmp_path: Path) -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
    try:
        with pytest.raises(WriteError, match=r"masks.*: cannot be written \(no room to write"):
            actiseg_noise.publish(folder, out=tmp_path / "published")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    assert not (tmp_path / "published").exists()


def test_a_picture_of_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_index_mask(path, np.zeros((4, 6), np.uint8))
    os.truncate(path, 1 << 30)
    for read in (read_index_mask, read_frame, frame_size):
        with pytest.raises(DataError, match=r"mask.png: 1,073,741,824 bytes, expected .* of at most 536,870,912"):
            read(path)


def test_a_manifest_of_gigabytes_is_refused_unread(folder: Path) -> None:
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(10**11)
    with pytest.raises(ManifestError, match=r"100,000,000,000 bytes, expected a file of at most 67,108,864"):
        actiseg_noise.read_manifest(folder)


# --- manifest.json


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


def test_what_a_kill_left_of_a_finished_build_goes_with_the_refusal_unless_it_is_in_use(folder: Path) -> None:
    room = folder.with_name(f".{folder.name}.partial")
    for content in ([], ["lock"]):
        room.mkdir(exist_ok=True)
        for name in content:
            (room / name).write_text("")
        with pytest.raises(ActisegError, match="the output exists"):
            check_output(folder, force=False)
        assert room.exists() == bool(content)


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


# --- recipes


ODD_NUMBER = "expected an odd number of pixels as the kernel, 3 or more, got "
OPTION = r"r\.toml, noise 1: kernel: expected a text, a finite number, true, false, or lists of them; found "


def dilation(tmp_path: Path, lines: str) -> Path:
    """Write a recipe of one dilation with options."""
    path = tmp_path / "r.toml"
    path.write_text(f'id = "a"\n[[noise]]\nnoise = "dilate-v1"\nrate = 1\n{lines}\n')
    return path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("kernel = 1e308", rf"^{ODD_NUMBER}1e\+308; at most 10,000$"),
        ("kernel = inf", f"{OPTION}inf$"),
        ("kernel = nan", f"{OPTION}nan$"),
        ("kernel = []", rf"^{ODD_NUMBER}\[\]; at most 10,000$"),
        ("kernel = 'x'", f"^{ODD_NUMBER}'x'; at most 10,000$"),
        ("kernel = 1979-05-27", rf"{OPTION}datetime\.date\(1979, 5, 27\)$"),
        (f"kernel = {'9' * 400}", f"{OPTION}9+$"),
        (f"kernel = {'[' * 80 + ']' * 80}", r"r\.toml: lists and objects lie in each other more than 50 deep$"),
        ("kernel = 3\nunit = 5", "^expected 480p or px as the boundary's unit, got 5$"),
    ],
)
def test_an_option_that_no_noise_can_have_is_an_error(tmp_path: Path, toy: Toy, lines: str, message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        actiseg_noise.build(toy, recipe=load_recipe(dilation(tmp_path, lines)), out=tmp_path / "m")


def test_an_option_that_a_noise_has_builds(tmp_path: Path, toy: Toy) -> None:
    recipe = load_recipe(dilation(tmp_path, "kernel = 3\nunit = 'px'"))
    assert actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m").is_dir()


@pytest.mark.parametrize("line", ["tolerance = 1e308", "tolerance = 1e9"])
def test_a_length_beyond_all_pictures_is_refused(tmp_path: Path, toy: Toy, line: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f'id = "a"\n[[noise]]\nnoise = "simplify-v1"\nrate = 1\n{line}\n')
    with pytest.raises(ActisegError, match="a positive number, got .*; expected 0.001 to 10,000"):
        actiseg_noise.build(toy, recipe=load_recipe(path), out=tmp_path / "m")


# --- what verify says


def test_the_sentence_names_the_checks_that_ran_and_no_other(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = verify(built).checked
    for check in CHECKS:
        monkeypatch.setattr(verify_module, "CHECKS", tuple(other for other in CHECKS if other is not check))
        shorter = verify(built)
        assert shorter.checked == tuple(name for name in whole if name != check.name)
        assert f"{check.name}," not in shorter.summary().splitlines()[0]


def test_a_check_that_another_one_stopped_is_said_to_be_unchecked(folder: Path) -> None:
    forge(folder, "frames", lambda rows: rows.pop(0))
    found = verify(folder)
    assert "draws" not in found.checked
    assert "not checked, as what is above must be right first: references, recipe" in found.summary()


def test_one_space_in_a_clean_prompt_does_not_stop_the_draws_of_the_others(folder: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["expression"] += " "
        for row in rows:
            row["noisy_expression"] = "left hand used in the action of nothing"

    forge(folder, "samples", change)
    (finding,) = verify(folder)
    assert finding.where.endswith("column noisy_expression")
    assert finding.more > 10


def test_a_category_that_the_vocabulary_lacks_is_a_finding(folder: Path) -> None:
    forge(folder, "samples", lambda rows: rows[3].update(category_id=2_147_483_647))
    (finding,) = verify(folder)
    assert finding.where.endswith("column category_id") and finding.found == "2147483647"
    assert finding.expected.endswith("in vocabulary.json")


def test_invented_imports_contradict_noises_that_were_drawn(folder: Path) -> None:
    edit_info(folder, lambda data: data.update(imported={"a": 1}))
    assert {finding.where for finding in verify(folder)} == {"manifest.json, recipe noise", "manifest.json, noises"}


def test_an_invented_use_is_a_finding(folder: Path) -> None:
    edit_info(folder, lambda data: data.update(uses={"x": "y"}))
    assert [finding.where for finding in verify(folder)] == ["manifest.json, uses"]


def test_a_noise_that_is_not_here_is_said_with_the_reason(folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["recipe"]["noise"][0]["noise"] = data["noises"][0]["noise_id"] = "elsewhere-v1"

    edit_info(folder, change)
    forge(folder, "samples", lambda rows: [row.update(text_noise="elsewhere-v1") for row in rows if row["is_harmful"]])
    found = run_checks(Subject(actiseg_noise.read_manifest(folder)), [c for c in CHECKS if c.name == "draws"])
    assert found.checked == ()
    assert "not checked, as its recipe cannot be drawn here (unknown noise 'elsewhere-v1'" in found.summary()


def test_keys_that_nobody_knows_are_said_to_be_unchecked(folder: Path) -> None:
    edit_info(folder, lambda data: data.update(proof="yes"))
    assert "as this version knows no such key: what manifest.json says under 'proof'" in verify(folder).summary()


FIRST_MASK = "masks.parquet, row clip_id='clip000', frame_idx=0, object_id"
LAST_MASKS = "masks.parquet, row clip_id='clip011', frame_idx"
NO_SAMPLE = ("a row in samples.parquet of this object", "none")
INSIDE = "a path inside the dataset's root"
Said = tuple[str, str, str]
"""Where, what was expected, what was found."""


def said(folder: Path) -> list[Said]:
    return [(finding.where, finding.expected, finding.found) for finding in verify(folder)]


@pytest.mark.parametrize(
    ("table", "change", "expected"),
    [
        (
            "samples",
            lambda rows: rows[0].update(sample_id="clip000/9"),
            [("samples.parquet, row clip_id='clip000', object_id=1, column sample_id", "'clip000/1'", "'clip000/9'")],
        ),
        (
            "masks",
            lambda rows: rows[0].update(sample_id="clip000/9"),
            [(f"{FIRST_MASK}=1, column sample_id", "'clip000/1'", "'clip000/9'")],
        ),
        (
            "masks",
            lambda rows: rows[0].update(frame_id="other"),
            [(f"{FIRST_MASK}=1, column frame_id", "'f000'", "'other'")],
        ),
        (
            "masks",
            lambda rows: rows[0].update(object_id=255),
            [
                (f"{FIRST_MASK}=255, column sample_id", "'clip000/255'", "'clip000/1'"),
                (f"{FIRST_MASK}=255", *NO_SAMPLE),
            ],
        ),
        (
            "masks",
            lambda rows: rows.remove(next(row for row in rows if row["mask_noise"] == "none")),
            [("masks.parquet, clip_id='clip000'", "2 rows (2 annotated frames × 1 objects)", "1")],
        ),
        (
            "frames",
            lambda rows: rows.pop(),
            [(f"{LAST_MASKS}=1, object_id=1, frame", "a row in frames.parquet", "none")],
        ),
        (
            "samples",
            lambda rows: rows.pop(),
            [
                (f"{LAST_MASKS}=0, object_id=3", *NO_SAMPLE),
                (f"{LAST_MASKS}=1, object_id=3", *NO_SAMPLE),
                ("masks.parquet, clip_id='clip011'", "4 rows (2 annotated frames × 2 objects)", "6"),
            ],
        ),
        ("clips", lambda rows: rows.clear(), [("clips.parquet, rows", "at least one", "0")]),
        (
            "samples",
            lambda rows: rows.clear(),
            [("samples.parquet, rows", "at least one", "0"), ("manifest.json, realised category_flip-v1", "13", "0")],
        ),
        (
            "frames",
            lambda rows: rows[0].update(image_path="/etc/passwd"),
            [("frames.parquet, row clip_id='clip000', frame_idx=0, column image_path", INSIDE, "'/etc/passwd'")],
        ),
        (
            "frames",
            lambda rows: rows[0].update(mask_path="../x.png"),
            [("frames.parquet, row clip_id='clip000', frame_idx=0, column mask_path", INSIDE, "'../x.png'")],
        ),
    ],
)
def test_rows_that_are_about_nothing_are_found_though_every_digest_fits(
    folder: Path, table: str, change: Callable[[list[dict[str, Any]]], object], expected: list[Said]
) -> None:
    forge(folder, table, change)
    assert said(folder) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda data: data["recipe"].update(id="clean", title=""),
            (
                "recipe noise",
                "[], as the recipe clean has it",
                '[{"noise": "category_flip-v1", "rate": 0.4}, {"noise": "noun…',
            ),
        ),
        (
            lambda data: data["recipe"].update(title="Ours"),
            ("recipe title", '"text-40 and mask-15 together", as the recipe mixed-40-15 has it', '"Ours"'),
        ),
        (
            lambda data: data["dataset"].update(licence="MIT"),
            ("dataset licence", '"Apache-2.0", as the dataset kitchen says', '"MIT"'),
        ),
        (
            lambda data: data["dataset"].update(title="Other"),
            (
                "dataset title",
                '"kitchen: a counter, two hands, two concurrent actions; draw…, as the dataset kitchen says',
                '"Other"',
            ),
        ),
        (
            lambda data: data["dataset"].update(citation="me"),
            ("dataset citation", '"this project (see CITATION.cff)", as the dataset kitchen says', '"me"'),
        ),
    ],
    ids=["noise", "recipe title", "licence", "dataset title", "citation"],
)
def test_what_no_digest_covers_is_held_against_what_is_published(
    noisy_val: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], expected: Said
) -> None:
    folder = Path(shutil.copytree(noisy_val, tmp_path / "m"))
    edit_info(folder, change)
    where, *values = expected
    assert said(folder) == [(f"manifest.json, {where}", *values)]


def test_a_recipe_without_its_title_is_the_published_one(noisy_val: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(noisy_val, tmp_path / "m"))
    edit_info(folder, lambda data: data["recipe"].update(title=""))
    assert said(folder) == []


# --- text that lands elsewhere


def test_what_moves_a_cursor_is_printed_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    for name in ("out", "err"):
        monkeypatch.setattr(terminal, name, terminal.SafeConsole(file=stream, width=100))
    bad = "\x1b]0;pwn\x07\x1b[31m\u202e\r\x9b"
    terminal.print_table(bad, (bad, "b"), [(bad, bad)])
    terminal.print_error(bad)
    terminal.print_warning(bad)
    terminal.print_text(bad)
    terminal.print_json({"a": bad})
    terminal.out.print(bad)
    assert not set("\x1b\x07\u202e\r\x9b") & set(stream.getvalue())
    assert stream.getvalue().count(r"\x1b]0;pwn\x07") >= 5


def test_what_rich_would_read_as_markup_or_an_emoji_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "out", terminal.SafeConsole(file=stream, width=100))
    terminal.out.print("written to runs/:apple:/[red]m", soft_wrap=True)
    terminal.out.print("a [red]title[/red]", style="bold")
    terminal.print_text(":apple: [red]")
    assert stream.getvalue() == "written to runs/:apple:/[red]m\na [red]title[/red]\n:apple: [red]\n"


def test_markdown_of_strangers_says_its_text_and_nothing_else() -> None:
    text = markdown_text("x*\n\n# Owned\n<script>a</script> [c](javascript:a) ```")
    assert not {"<", "[", "]", "`", "\n"} & set(text)
    assert "javascript:" not in text
    assert markdown_text("# a").startswith("&#35;")
    assert markdown_code("a``b") == "``` a``b ```"
    assert markdown_block("```\n# x", "json").splitlines()[0] == "````json"
    assert (web_address("javascript:a"), web_address("http://x) <b>")) == (None, None)
    assert web_address("https://a.org/b") == "https://a.org/b"
    assert printable("a\tb\n") == "a\tb\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# a", "&#35; a"),
        ("#a", "&#35;a"),
        ("- a", "&#45; a"),
        ("+ a", "&#43; a"),
        ("1. a", "1&#46; a"),
        ("12) a", "12&#41; a"),
        ("---", "&#45;--"),
        (":-:", "&#58;-:"),
        ("===", "&#61;=="),
        ("~~~ a", "&#126;&#126;&#126; a"),
        ("___", "&#95;&#95;&#95;"),
        ("> a", "&gt; a"),
    ],
)
def test_the_start_of_a_line_is_no_heading_list_or_rule(text: str, line: str) -> None:
    assert markdown_text(text) == line


@pytest.mark.parametrize(
    "text", ["-12.3", "+1", "43.2 ± 1", "66.1±0.4", "1.5", "12", "co_teaching", "text-40", "a + b - c = d", "2026"]
)
def test_numbers_and_names_stay_readable_in_markdown(text: str) -> None:
    assert (markdown_text(text), markdown_inline(text)) == (text, text)


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("_x_ __y__", "&#95;x&#95; &#95;&#95;y&#95;&#95;"),
        ("~~y~~", "&#126;&#126;y&#126;&#126;"),
        ("a|b", "a&#124;b"),
        ("a\\|b", "a&#92;&#124;b"),
        ("*a*", "&#42;a&#42;"),
        ("a # b #", "a # b &#35;"),
    ],
)
def test_within_a_line_nothing_is_emphasis_or_ends_a_cell(text: str, within: str) -> None:
    assert (markdown_inline(text), markdown_text(text)) == (within, within)


def test_a_card_of_a_strangers_words_has_no_tags_links_or_headings_of_theirs(folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["dataset"].update(
            title="x*\n\n# Owned\n<script>alert(1)</script> [click](javascript:alert(1))",
            how_to_get="```\n<img src=x onerror=alert(1)>",
            licence="x\n---\nlicense: mit\n<script>alert(1)</script>",
            homepage="http://x) <script>",
            citation="@x```\n```\n# hi",
        )
        data["tool_version"] = "x\n# hi"
        data["recipe"]["title"] = "<b>|</b>\n# hi"

    edit_info(folder, change)
    out = actiseg_noise.publish(folder, folder.parent / "p").path
    page = (out / "README.md").read_text("utf-8")
    lines = page.split("````bibtex")[0].splitlines()
    assert not any(line.startswith(("# Owned", "# hi", "license: mit")) for line in lines)
    assert lines.count("---") == 2
    for text in (page, (out / "croissant.json").read_text("utf-8")):
        assert not any(bad in text for bad in ("<script", "<img", "<b>", "](javascript:"))


def test_a_text_in_a_csv_file_is_no_formula(tmp_path: Path) -> None:
    with whole_csv(tmp_path / "a.csv", ["a", "b"]) as writer:
        writer.writerow({"a": "=1+1", "b": -0.5})
        writer.writerow({"a": "-0.5", "b": "@x"})
    assert (tmp_path / "a.csv").read_text() == "a,b\n'=1+1,-0.5\n-0.5,'@x\n"


# --- leftovers and messages


def test_leftovers_of_earlier_versions_go_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".o.building" / "chunks-x" / "000000").mkdir(parents=True)
    (tmp_path / ".o.exporting").mkdir()
    (tmp_path / ".o.exporting" / "mine.txt").write_text("x")
    with FolderDraft(tmp_path / "o", lambda _: None):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.exporting"]


def test_an_error_of_the_system_says_which_file_or_that_none_is_known() -> None:
    assert terminal._say(OSError(28, "No space left on device", "a/b")) == "a/b: No space left on device"
    assert terminal._say(OSError(28, "No space left on device")).startswith("No space left on device (the system names")
