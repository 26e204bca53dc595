"""``actiseg-bench predict``: masks that the metric reads, with the numbers that it gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from deposits import DAVIS_PALETTE, write_actionvos
from PIL import Image
from safetensors.torch import load_file

import actiseg_noise
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.results.predictions import iter_predictions
from actiseg_bench.training.checkpoint import save_networks, write_tensors
from actiseg_bench.training.config import RunConfig
from actiseg_noise.borders.images import davis_palette
from actiseg_noise.borders.locks import locked

Cli = Callable[..., tuple[int, str, str]]
FOLDER = "00000004_P02_09_put-into_onion, red"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ActionVOS deposit, a manifest of its reviewed split, and a checkpoint of two networks that predict much."""
    place = tmp_path_factory.mktemp("predict")
    write_actionvos(place / "data")
    actiseg_noise.build("actionvos", root=place / "data", split="val_human", out=place / "labels", workers=1)
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        network = Tiny()
        with torch.no_grad():
            network.action.decide.layers[2].bias += 2  # every object acts
            network.controller.write[2].bias[-1] += 1  # and is seen in many places
        networks.append(network)
    save_networks(place / "two.safetensors", networks, RunConfig(start_weights="none", threads=1), "labels")
    return place


def predict(place: Path, out: Path, *more: object) -> list[object]:
    given = ["predict", "--checkpoint", place / "two.safetensors", "--manifest", place / "labels"]
    return [*given, "--root", place / "data", "--device", "cpu", "--out", out, *more]


def test_the_metric_gives_the_folder_the_numbers_that_predict_prints(cli: Cli, place: Path, tmp_path: Path) -> None:
    code, printed, _ = cli(*predict(place, tmp_path / "out", "--json"))
    assert code == 0
    told = json.loads(printed)
    truth, split = place / "data/Annotations_Sparse/val", place / "data/ImageSets/val_human.json"
    code, printed, _ = cli("evaluate", "--pred", tmp_path / "out", "--gt", truth, "--split-json", split, "--json")
    found = json.loads(printed)
    assert code == 0
    assert found["scores"] == told["scores"]
    assert found["counts"] == told["counts"]
    assert found["counts"]["object_frames"] == 6
    assert found["counts"]["tp"] + found["counts"]["fp"] > 0


def test_masks_are_palette_pngs_of_the_same_pixels_as_the_stored_predictions(
    cli: Cli, place: Path, tmp_path: Path
) -> None:
    code, printed, _ = cli(*predict(place, tmp_path))
    assert code == 0
    assert "p-mIoU" in printed
    areas: dict[int, int] = {}
    for path in sorted((tmp_path / FOLDER).iterdir()):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("P", (16, 12))
            assert image.getpalette()[:24] == DAVIS_PALETTE  # type: ignore[index]
            values, counts = np.unique(np.asarray(image), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            areas[value] = areas.get(value, 0) + count
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [
        "frame_0000000954.png",
        "frame_0000000992.png",
    ]
    stored = [row for row in iter_predictions(tmp_path / "predictions.parquet") if row.clip_id == FOLDER]
    for object_id in (1, 2, 3):
        assert sum(row.mask.area for row in stored if row.object_id == object_id) == areas.get(object_id, 0)


def test_the_second_network_is_another_one_and_there_is_no_third(cli: Cli, place: Path, tmp_path: Path) -> None:
    digests = [
        json.loads(cli(*predict(place, tmp_path / str(n), "--network", n, "--json"))[1])["predictions"] for n in (1, 2)
    ]
    assert digests[0] != digests[1]
    code, _, error = cli(*predict(place, tmp_path / "3", "--network", 3))
    assert code == 2
    assert "two.safetensors: has 2 networks, not a number 3" in error


def test_the_same_command_again_gives_the_same_and_another_network_is_refused(
    cli: Cli, place: Path, tmp_path: Path
) -> None:
    first = cli(*predict(place, tmp_path / "out", "--json"))
    shutil.rmtree(tmp_path / "out" / FOLDER)
    assert cli(*predict(place, tmp_path / "out", "--json")) == first
    assert (tmp_path / "out" / FOLDER / "frame_0000000954.png").is_file()
    code, _, error = cli(*predict(place, tmp_path / "out", "--network", 2))
    assert (code, "holds predictions of another network; use another --out" in error) == (2, True)


def test_a_folder_with_other_things_is_left_alone(cli: Cli, place: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    code, _, error = cli(*predict(place, tmp_path))
    assert code == 2
    assert "holds other things than predictions" in error
    with locked(tmp_path / "busy"):
        code, _, error = cli(*predict(place, tmp_path / "busy"))
    assert (code, "is working here" in error) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "large"], "a checkpoint of model 'tiny', expected one of 'large'"),
        (["--checkpoint", "nowhere.safetensors"], "nowhere.safetensors: the checkpoint is missing"),
        (["--manifest", "nowhere"], "nowhere: no such folder"),
        (["--root", "nowhere"], "nowhere: no such folder"),
        (["--device", "warp"], "--device warp: expected cpu, cuda, cuda:N or auto"),
    ],
)
def test_bad_input_is_told(cli: Cli, place: Path, tmp_path: Path, words: list[str], message: str) -> None:
    code, printed, error = cli(*predict(place, tmp_path / "out", *words))
    assert (code, printed) == (2, "")
    assert message in error
    assert not list(tmp_path.rglob("*.png"))


def test_a_checkpoint_of_a_model_that_is_not_here_is_named(cli: Cli, place: Path, tmp_path: Path) -> None:
    said = {"identity": {"config": RunConfig(model="huge").to_dict(), "manifest": "labels"}}
    write_tensors(tmp_path / "other.safetensors", load_file(place / "two.safetensors"), said)
    code, _, error = cli(*predict(place, tmp_path / "out", "--checkpoint", tmp_path / "other.safetensors"))
    assert code == 2
    assert "other.safetensors: a checkpoint of model 'huge', which is not installed. Known: " in error


def test_a_manifest_without_masks_is_refused(cli: Cli, place: Path, tmp_path: Path) -> None:
    labels = tmp_path / "text"
    actiseg_noise.build("actionvos", root=place / "data", split="val_human", content="text", out=labels, workers=1)
    code, _, error = cli(*predict(place, tmp_path / "out", "--manifest", labels))
    assert code == 2
    assert "training and scoring need masks" in error
    assert not (tmp_path / "out").exists()


def test_the_palette_is_davis_s() -> None:
    colours = davis_palette()
    assert len(colours) == 768
    assert list(colours[:24]) == DAVIS_PALETTE
    assert list(colours[-3:]) == [224, 224, 192]
