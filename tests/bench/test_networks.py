"""A model with weights from a file predicts as a checkpoint does; long clips come in pieces, large ones in portions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from published_fakes import NAME, drawn, names_below, without, write_pth
from safetensors.torch import save_file
from torch import Tensor

import actiseg_noise
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.models.convert import convert_checkpoint
from actiseg_bench.models.weights import load_weights
from actiseg_bench.prediction.networks import load_published
from actiseg_bench.prediction.predict import ClipPrediction, iter_predictions_of, merge_objects
from actiseg_bench.records import Prediction, Targets, split_frames
from actiseg_bench.results.predictions import iter_predictions
from actiseg_bench.training.checkpoint import load_networks, save_networks
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.train import make_networks
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("published_mini")


@pytest.fixture(scope="module")
def place(published_mini: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a mini that finds every object acting: whole, without its positive head, without its class head."""
    place = tmp_path_factory.mktemp("weights")
    state = dict(drawn().state_dict())
    for name in names_below(state, "positive_cls_embed"):
        state[name] = state[name] + 9 if name.endswith("bias") else state[name]
    for name, lacking in (("whole", "none"), ("mute", "positive_cls_embed"), ("blind", "class_embed")):
        pth = write_pth(place / f"{name}.pth", without(state, lacking))
        convert_checkpoint(pth, published_mini, place / f"{name}.safetensors")
    return place


@pytest.fixture(scope="module")
def few(kitchen_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean labels of kitchen's first two evaluation clips."""
    out = tmp_path_factory.mktemp("few") / "clean"
    return actiseg_noise.build(
        "kitchen", root=kitchen_root, split="val", recipe="clean", out=out, limit=2, workers=1, gate=False
    )


def on(command: str, place: Path, val: Path, root: Path, *more: object, name: str = "whole") -> list[object]:
    which = ["--model", NAME, "--weights", place / f"{name}.safetensors", "--threads", 1, "--device", "cpu"]
    return [command, *which, "--manifest", val, "--root", root, *more]


def test_predict_and_evaluate_give_one_set_of_six_numbers(
    cli: Cli, place: Path, few: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    code, printed, _ = cli(*on("predict", place, few, kitchen_root, "--out", tmp_path, "--json"))
    told = json.loads(printed)
    assert code == 0
    assert (told["model"], told["positive_threshold"]) == (NAME, MODELS[NAME].card.positive_threshold)
    code, printed, _ = cli(*on("evaluate", place, few, kitchen_root, "--json"))
    found = json.loads(printed)
    assert code == 0
    assert {"p_miou", "n_miou", "p_ciou", "n_ciou", "giou", "acc"} <= set(found["scores"])
    for name in ("scores", "counts", "weights", "model", "positive_threshold"):
        assert found[name] == told[name]
    assert found["counts"]["tp"] + found["counts"]["fp"] > 0
    assert json.loads((tmp_path / "predict.json").read_text())["weights"] == told["weights"]
    assert len(list(tmp_path.rglob("*.png"))) == found["counts"]["frames"]


def test_the_threshold_decides_what_is_empty_and_another_one_is_another_folder(
    cli: Cli, place: Path, few: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    found = {}
    for threshold in (0, 1):
        more = ["--positive-threshold", threshold, "--out", tmp_path / str(threshold)]
        code, printed, _ = cli(*on("predict", place, few, kitchen_root, *more))
        assert (code, f"positive threshold: {threshold}" in printed) == (0, True)
        rows = list(iter_predictions(tmp_path / str(threshold) / "predictions.parquet"))
        found[threshold] = sum(row.mask.area for row in rows)
    assert found[0] > 0
    assert found[1] == 0
    code, _, error = cli(*on("predict", place, few, kitchen_root, "--out", tmp_path / "0"))
    assert (code, "holds predictions of another positive_threshold" in error) == (2, True)


def test_without_a_positive_head_no_mask_is_emptied_and_no_score_told(
    cli: Cli, place: Path, few: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    code, printed, _ = cli(*on("predict", place, few, kitchen_root, "--out", tmp_path, name="mute"))
    rows = list(iter_predictions(tmp_path / "predictions.parquet"))
    assert code == 0
    assert "The weights have no positive head: no mask was emptied, no object has a positive score." in printed
    assert {row.positive_score for row in rows} == {None}
    more = ["--out", tmp_path / "all", "--positive-threshold", 0]
    assert cli(*on("predict", place, few, kitchen_root, *more))[0] == 0
    every = [row.mask for row in iter_predictions(tmp_path / "all" / "predictions.parquet")]
    assert [row.mask for row in rows] == every  # as with the head, and a threshold that empties nothing


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say which network: --checkpoint FILE of a training, or --model NAME --weights FILE"),
        (["--weights", "whole.safetensors"], "--weights needs --model NAME: which model they are of"),
        (["--weights", "whole.safetensors", "--checkpoint", "a"], "say which network"),
        (["--weights", "whole.safetensors", "--model", NAME, "--network", 2], "--network goes with --checkpoint"),
        (["--weights", "whole.safetensors", "--model", "tiny"], f"are of model '{NAME}', expected 'tiny': pass --mo"),
        (["--weights", "whole.pth", "--model", NAME], f"convert-checkpoint whole.pth --model {NAME} --out whole.safe"),
        (["--weights", "nowhere", "--model", NAME], f"nowhere: no such weights file for model '{NAME}'"),
        (["--weights", "blind.safetensors", "--model", NAME], "these weights lack class_embed, which a network of mod"),
        (["--weights", "bundled", "--model", "tiny"], "these weights lack action.decide, .* train with them first"),
        (["--weights", "mute.safetensors", "--model", NAME, "--positive-threshold", 0.5], "no positive head, so there"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_bad_input_is_told(
    cli: Cli,
    place: Path,
    few: Path,
    kitchen_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    words: list[object],
    message: str,
) -> None:
    monkeypatch.chdir(place)
    out = ["--out", tmp_path / "out"] if command == "predict" else []
    code, printed, error = cli(command, "--manifest", few, "--root", kitchen_root, *out, *words)
    assert (code, printed) == (2, "")
    assert re.search(message, error)
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pred", "a", "--gt", "b"], "--pred, --gt score folders of masks, .* a network: give one or the other"),
        (["--davis", "--resize", "nearest"], "--davis, --resize score folders of masks"),
    ],
)
def test_a_network_and_folders_are_not_scored_at_once(
    cli: Cli, place: Path, few: Path, kitchen_root: Path, words: list[str], message: str
) -> None:
    code, _, error = cli(*on("evaluate", place, few, kitchen_root), *words)
    assert code == 2
    assert re.search(message, error)


def test_evaluate_says_what_it_can_score(cli: Cli) -> None:
    code, _, error = cli("evaluate", "--json")
    assert (code, "say what to score: --pred DIR and --manifest DIR or --gt DIR; or --checkpoint" in error) == (2, True)
    code, _, error = cli("evaluate", "--model", NAME)
    assert (code, "--model: a network is scored on --manifest DIR" in error) == (2, True)


def test_a_checkpoint_of_a_training_is_no_start_weights(tmp_path: Path) -> None:
    save_networks(tmp_path / "checkpoint.safetensors", [drawn()], RunConfig(model=NAME), "labels")
    with pytest.raises(ActisegError, match="a checkpoint of a training, not start weights; 'predict' takes it as"):
        load_published(NAME, str(tmp_path / "checkpoint.safetensors"))


def test_a_network_with_a_module_under_two_names_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    network = drawn()
    save_networks(tmp_path / "c.safetensors", [network], RunConfig(model=NAME), "labels")
    found = load_networks(tmp_path / "c.safetensors")[0][0]
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in found.state_dict().items())
    assert found.bbox_embed is found.transformer.decoder.bbox_embed


def test_what_start_weights_lack_starts_from_the_run_s_seed(place: Path) -> None:
    def start(seed: int) -> dict[str, Tensor]:
        config = RunConfig(model=NAME, start_weights=str(place / "mute.safetensors"), seed=seed)
        return make_networks(config, 1, CPU)[0][0].state_dict()

    one, same, other = start(1), start(1), start(2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert {name.split(".")[0] for name in one if not torch.equal(one[name], other[name])} == {"positive_cls_embed"}


def test_the_card_alone_says_what_may_be_missing(tmp_path: Path) -> None:
    model = MODELS["tiny"]()
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("action.decide.")}
    save_file(without(state, "controller"), tmp_path / "a.safetensors")
    with pytest.raises(ActisegError, match=r"not of model 'tiny': 4 names or shapes differ, .* 'controller.write.0"):
        load_weights(model, tmp_path / "a.safetensors")


class Brightness(VosModel):
    """Draws every sample where a frame is bright, and is the surer the brighter the clip: easy to follow by hand."""

    card = replace(MODELS["tiny"].card, name="brightness", mask_stride=1, input_size=(6, 10), positive_threshold=0.6)

    def __init__(self, **bounds: int) -> None:
        super().__init__()
        self.card = replace(type(self).card, **bounds)
        self.seen: list[tuple[int, int]] = []

    def forward(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        self.seen.append((frames.shape[1], len(expressions)))
        light = frames.mean(2)[frames_of]
        return Prediction(light * 20 - 10, light.mean((1, 2, 3)) * 20 - 10)


@pytest.fixture
def data(clean_val: Path, kitchen_root: Path) -> ManifestDataset:
    """Eight clips of three frames, two clips on the same ones."""
    return ManifestDataset(clean_val, kitchen_root, size=(6, 10), labels="clean", cache=False)


def predictions(data: ManifestDataset, clips: int = 8, **bounds: int) -> tuple[list[ClipPrediction], Brightness]:
    model = Brightness(**bounds)
    return list(iter_predictions_of(model, data, CPU, clips)), model


def test_a_clip_is_split_into_pieces_of_at_most_so_many_frames(data: ManifestDataset) -> None:
    item = data[0]
    assert [piece.frame_idx for piece in split_frames(item, 2)] == [(0, 1), (2,)]
    assert [piece.frame_idx for piece in split_frames(item, 3)] == [(0, 1, 2)]
    assert [piece.frame_idx for piece in split_frames(item, None)] == [(0, 1, 2)]


def test_a_long_clip_is_predicted_piece_by_piece_and_every_piece_has_a_score_of_its_own(data: ManifestDataset) -> None:
    whole, _ = predictions(data)
    pieces, model = predictions(data, max_frames=2)
    assert {frames for frames, _ in model.seen} == {2, 1}
    assert [row.key for clip in pieces for row in clip.rows()] == [row.key for clip in whole for row in clip.rows()]
    assert [clip.frame_idx for clip in pieces] == [(0, 1), (2,)] * len(whole)
    for index, clip in enumerate(whole):
        light = data[index].frames.float().div(255).mean((1, 2, 3)) * 20 - 10
        parts = pieces[2 * index : 2 * index + 2]
        assert clip.positive_scores[0] == pytest.approx(light.mean().sigmoid().item(), rel=1e-4)
        expected = [light[:2].mean().sigmoid().item(), light[2].sigmoid().item()]
        assert [part.positive_scores[0] for part in parts] == pytest.approx(expected, rel=1e-4)
        for part, score in zip(parts, expected, strict=True):
            assert any(mask.any() for mask in part.masks) <= (score >= 0.6)


@pytest.mark.parametrize("bound", [1, 4, 8, 100])
def test_a_bound_on_frames_and_samples_holds_and_changes_no_prediction(data: ManifestDataset, bound: int) -> None:
    free, _ = predictions(data)
    bounded, model = predictions(data, frame_samples=bound)
    assert all(frames * samples <= max(bound, frames) for frames, samples in model.seen)
    assert len(model.seen) >= sum(len(clip.object_ids) * 3 for clip in free) / max(bound, 3)
    for one, two in zip(free, bounded, strict=True):
        assert (one.clip_id, one.positive_scores) == (two.clip_id, pytest.approx(two.positive_scores))
        assert all((a == b).all() for a, b in zip(one.masks, two.masks, strict=True))


def test_frames_are_enlarged_a_few_at_a_time(data: ManifestDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = predictions(data)
    monkeypatch.setattr("actiseg_bench.prediction.predict.CANVAS_VALUES", 1)
    for one, two in zip(whole, predictions(data)[0], strict=True):
        assert all((a == b).all() for a, b in zip(one.masks, two.masks, strict=True))


def test_merging_is_the_published_merge_where_probabilities_are_one_too() -> None:
    logits = 30 * torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    p = logits.sigmoid()
    published = torch.cat([torch.full_like(p[:1], 0.1), torch.where(p < 0.5, 0.0, p)]).argmax(0)
    assert torch.equal(merge_objects(logits), published)
    assert not torch.equal(merge_objects(logits), torch.where(logits.amax(0) >= 0, logits.argmax(0) + 1, 0))
