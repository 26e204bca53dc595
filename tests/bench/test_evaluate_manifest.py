"""Anybody's masks on a manifest: the numbers, what is refused, and that ``predict`` and ``evaluate`` agree."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from bench_fakes import FakeManifest, arrow, fake_manifest, perfect, predict
from PIL import Image

import actiseg_noise
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.results.predictions import write_predictions
from actiseg_bench.scoring.evaluate import evaluate
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.manifest_folders import evaluate_on_manifest
from actiseg_bench.scoring.mask_folders import Rules
from actiseg_bench.scoring.measure import measure
from actiseg_bench.training.checkpoint import save_networks
from actiseg_bench.training.config import RunConfig
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.errors import ActisegError, DataError, ManifestError
from actiseg_noise.manifest.schema import ACTION_TABLES

Cli = Callable[..., tuple[int, str, str]]
HALF = perfect() | {("a", 0): [[1, 0, 2, 2], [0, 0, 0, 0]], ("a", 1): [[0, 0, 0, 2], [0, 3, 0, 0]]}


def save(folder: Path, masks: dict[tuple[str, int], list[list[int]]], clips: dict[str, str] | None = None) -> Path:
    for (clip, frame), mask in masks.items():
        write_index_mask(folder / (clips or {}).get(clip, clip) / f"{frame:05d}.png", np.array(mask, np.uint8))
    return folder


def score(folder: Path, manifest: FakeManifest | None = None, **options: object) -> Evaluation:
    return evaluate_on_manifest(folder, fake_manifest() if manifest is None else manifest, **options)  # type: ignore[arg-type]


def test_masks_in_folders_have_the_scores_of_the_same_masks_as_a_run_stores_them(tmp_path: Path) -> None:
    for keep_flagged in (False, True):
        for void in ("ignore", "background"):
            stored = measure(fake_manifest(), predict(HALF), keep_flagged=keep_flagged, void=void).evaluation
            found = score(save(tmp_path / "masks", HALF), keep_flagged=keep_flagged, void=void, failures=True)
            assert found.to_json() == stored.to_json()
            assert found.failures == stored.failures


def test_a_clip_that_is_not_scored_needs_no_masks(tmp_path: Path) -> None:
    save(tmp_path, {place: mask for place, mask in HALF.items() if place[0] == "a"})
    assert (score(tmp_path).clips, score(tmp_path).flagged_clips) == (1, 1)
    with pytest.raises(DataError, match=r"b/00000.png: the prediction is missing"):
        score(tmp_path, keep_flagged=True)


def test_what_is_missing_or_strange_follows_the_rules(tmp_path: Path) -> None:
    save(tmp_path, HALF | {("a", 0): [[9, 0]]})
    (tmp_path / "a" / "00001.png").unlink()
    with pytest.raises(DataError, match=r"(?s)1 mask file .*--missing empty.*a/00001.png: the prediction is missing"):
        score(tmp_path)
    with pytest.raises(DataError, match=r"(?s)--unknown-ids background.*ids \[9\] are none of .* \[1, 2, 3\]"):
        score(tmp_path, rules=Rules(missing="empty"))
    found = score(tmp_path, rules=Rules(missing="empty", resize="nearest", unknown_ids="background"))
    assert {kind: one["count"] for kind, one in found.allowed.items()} == {
        "no_prediction": 1,
        "unknown_ids": 1,
        "other_size": 1,
    }
    assert (found.scores.p_miou, found.scores.fn) == (0, 4)


def test_suffixes_in_capitals_and_junk_are_no_trouble(tmp_path: Path) -> None:
    save(tmp_path, HALF)
    (tmp_path / "a" / "00000.png").rename(tmp_path / "a" / "00000.PNG")
    (tmp_path / "a" / "._00001.png").write_bytes(b"junk")
    assert score(tmp_path, failures=True).to_json() == measure(fake_manifest(), predict(HALF)).evaluation.to_json()


def test_a_folder_one_level_off_is_met_with_the_right_one(tmp_path: Path) -> None:
    save(tmp_path / "masks", HALF)
    with pytest.raises(DataError, match=r"--pred .* has no folder of a clip. Did you mean .*masks\?"):
        score(tmp_path)
    with pytest.raises(DataError, match=r"--pred .*masks/a has no folder of a clip. Did you mean .*masks\?"):
        score(tmp_path / "masks" / "a")


def one_object(clip: str) -> FakeManifest:
    """A manifest of one clip, called so, with one object of three pixels on one frame."""
    rows = {
        name: [row | {"clip_id": clip} for row in table.to_pylist() if row["clip_id"] == "b"]
        for name, table in fake_manifest().tables.items()
    }
    return FakeManifest({table.name: arrow(table, rows[table.name]) for table in ACTION_TABLES})


@pytest.mark.parametrize("folder", ["vid:0", "vid%3A0"])
def test_a_clip_s_folder_has_its_id_or_the_name_that_predict_gives_it(tmp_path: Path, folder: str) -> None:
    save(tmp_path, {("b", 0): [[1, 1, 0, 0], [0, 0, 0, 0]]}, {"b": folder})
    assert score(tmp_path, one_object("vid:0"), keep_flagged=True).scores.p_miou == 1 / 2


def test_masks_of_0_and_255_are_the_clip_s_one_object_when_merged(tmp_path: Path) -> None:
    save(tmp_path, {("b", 0): [[255, 255, 0, 0], [0, 0, 0, 0]]})
    with pytest.raises(DataError, match=r"ids \[255\] are none of the clip's objects \[1\]"):
        score(tmp_path, one_object("b"), keep_flagged=True)
    assert score(tmp_path, one_object("b"), keep_flagged=True, merge=True).scores.p_miou == 1 / 2
    with pytest.raises(DataError, match=r"--merge: clip a has 3 objects \[1, 2, 3\], expected one"):
        score(save(tmp_path, HALF), merge=True)


def test_grey_levels_are_cut_when_asked(tmp_path: Path) -> None:
    save(tmp_path, {("b", 0): [[0]]})
    Image.fromarray(np.array([[255, 130, 126, 3], [0, 7, 90, 0]], np.uint8)).save(tmp_path / "b" / "00000.png")
    with pytest.raises(DataError, match="00000.png: .* smoothed"):
        score(tmp_path, one_object("b"), keep_flagged=True, merge=True)
    found = score(tmp_path, one_object("b"), keep_flagged=True, merge=True, threshold=128)
    assert found.counts.intersection.tolist() == [2]


def test_a_manifest_s_overlapping_masks_are_refused(tmp_path: Path) -> None:
    full = fake_manifest()
    rows = full.tables["masks"].to_pylist()
    rows[1] = rows[1] | {name: rows[0][name] for name in ("clean_rle", "clean_area")}
    (masks,) = (table for table in ACTION_TABLES if table.name == "masks")
    with pytest.raises(ActisegError, match="the manifest's a frame 0: two masks of one frame share a pixel"):
        score(save(tmp_path, HALF), FakeManifest(full.tables | {"masks": arrow(masks, rows)}))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a network that predicts much."""
    folder = tmp_path_factory.mktemp("network")
    torch.manual_seed(1)
    network = Tiny()
    with torch.no_grad():
        network.action.decide.layers[2].bias += 2
        network.controller.write[2].bias[-1] += 1
    save_networks(folder / "c.safetensors", [network], RunConfig(start_weights="none", threads=1), "labels")
    return folder


def test_what_predict_writes_has_the_scores_that_it_prints(
    cli: Cli, place: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    given = ["--manifest", clean_val, "--root", kitchen_root, "--checkpoint", place / "c.safetensors"]
    code, printed, _ = cli("predict", *given, "--device", "cpu", "--out", tmp_path / "out", "--json")
    assert (code, torch.get_num_threads()) == (0, threads)
    predicted = json.loads(printed)
    for pred in (tmp_path / "out", tmp_path / "out" / "predictions.parquet"):
        code, printed, _ = cli("evaluate", "--pred", pred, "--manifest", clean_val, "--json")
        found = json.loads(printed)
        assert code == 0
        assert found == {name: predicted[name] for name in found}
        assert set(found) >= {"scores", "counts", "void"}
    assert found["counts"]["tp"] + found["counts"]["fp"] > 0
    code, printed, _ = cli("evaluate", "--pred", tmp_path / "out", "--manifest", clean_val, "--failures")
    assert (code, "p-mIoU" in printed, "boundary leakage" in printed) == (0, True, True)


def test_stored_predictions_are_scored_as_they_are(tmp_path: Path, clean_val: Path) -> None:
    rows = [replace(row, clip_id=f"x{row.clip_id}") for row in predict(HALF)]
    write_predictions(tmp_path / "p.parquet", rows)
    with pytest.raises(ActisegError, match="the predictions are not of this manifest"):
        evaluate(tmp_path / "p.parquet", manifest=clean_val)
    with pytest.raises(ActisegError, match="--merge goes with a folder of masks"):
        evaluate(tmp_path / "p.parquet", manifest=clean_val, merge=True)
    rules = {"missing": "empty", "resize": "nearest", "unknown_ids": "background"}
    for name, value in rules.items():
        with pytest.raises(ActisegError, match=f"^--{name.replace('_', '-')} goes with a folder of masks"):
            evaluate(tmp_path / "p.parquet", manifest=clean_val, **{name: value})
    with pytest.raises(ActisegError, match="--merge, --missing, --resize, --unknown-ids goes with a folder of masks"):
        evaluate(tmp_path / "p.parquet", manifest=clean_val, merge=True, **rules)


def test_a_manifest_that_lost_rows_is_not_used(cli: Cli, clean_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(clean_val, tmp_path / "m"))
    pq.write_table(pq.read_table(folder / "masks.parquet").slice(0, 2), folder / "masks.parquet")
    given = ["--manifest", folder, "--out", tmp_path / "out"]
    for words in (
        ["train", "--strategy", "baseline", "--root", kitchen_root, *given],
        ["predict", "--root", kitchen_root, *given],
        ["evaluate", "--pred", tmp_path, "--manifest", folder],
        ["audit", *given],
        ["run", "--strategy", "baseline", "--eval-manifest", clean_val, *given],
    ):
        code, _, error = cli(*words)
        assert (code, "in masks, its files have 2. Fetch the manifest again" in error) == (2, True), error
    with pytest.raises(ManifestError, match="manifest.json counts other rows than there are: "):
        ManifestDataset(folder, kitchen_root)
    assert not (tmp_path / "out").exists()


def test_options_that_do_not_go_together_are_refused(cli: Cli, tmp_path: Path, clean_val: Path) -> None:
    wrong = "--gt, --skip-missing does not go with --manifest"
    code, printed, error = cli(
        "evaluate", "--pred", tmp_path, "--manifest", clean_val, "--gt", tmp_path, "--skip-missing"
    )
    assert (code, printed, wrong in error) == (2, "", True)
    with pytest.raises(ActisegError, match="say what to score on: --gt DIR, or --manifest DIR"):
        evaluate(tmp_path)


def test_folders_are_portable_and_are_scored_under_their_clips_names(cli: Cli, place: Path, tmp_path: Path) -> None:
    frames = ("00000", "00005")
    meta = {"videos": {"Vid": {"expressions": {"0": {"exp": "the box", "obj_id": "1"}}, "frames": frames}}}
    meta["videos"]["vid"] = meta["videos"]["Vid"]
    listed = tmp_path / "data/meta_expressions/train/meta_expressions.json"
    listed.parent.mkdir(parents=True)
    listed.write_text(json.dumps(meta))
    mask = np.zeros((48, 80), np.uint8)
    mask[10:30, 20:40] = 1
    for video in meta["videos"]:
        for frame in frames:
            write_index_mask(tmp_path / "data/train/Annotations" / video / f"{frame}.png", mask)
            picture = tmp_path / "data/train/JPEGImages" / video / f"{frame}.jpg"
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.repeat(mask[..., None] * np.uint8(200), 3, 2)).save(picture)
    labels = actiseg_noise.build("refvos", root=tmp_path / "data", split="train", out=tmp_path / "labels", workers=1)
    given = ["--manifest", labels, "--root", tmp_path / "data", "--checkpoint", place / "c.safetensors"]
    code, printed, _ = cli("predict", *given, "--device", "cpu", "--out", tmp_path / "out", "--json")
    assert code == 0
    names = {"Vid:0": "%56id%3A0", "vid:0": "vid%3A0"}
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == set(names.values())
    assert json.loads((tmp_path / "out/predict.json").read_text())["folders"] == names
    scores = json.loads(printed)["scores"]
    code, printed, _ = cli("evaluate", "--pred", tmp_path / "out", "--manifest", labels, "--json")
    assert (code, json.loads(printed)["scores"]) == (0, scores)
