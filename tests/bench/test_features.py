"""What a frozen encoder makes of frames is computed once, and is what the network would have seen."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from train_fakes import make_batch

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.transforms import perturb_features
from actiseg_bench.models.base import MODELS
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.models.tiny_decoder import TinyDecoder
from actiseg_bench.models.weights import load_start_weights
from actiseg_bench.records import collate
from actiseg_bench.strategies.base import STRATEGIES
from actiseg_bench.training import features
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.diagnosis import Probe
from actiseg_bench.training.features import KeptFeatures, keep_features
from actiseg_bench.training.train import make_networks, train_run
from actiseg_noise.errors import ActisegError

TRAIN = TrainConfig(steps=3, clips_per_batch=4, frames_per_clip=1, learning_rate=2e-3, fresh_factor=1.0)
CONFIG = RunConfig("tiny-decoder", threads=1, device="cpu", train=TRAIN)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(features, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def network() -> TinyDecoder:
    (network,), _ = make_networks(CONFIG, 1, torch.device("cpu"))
    assert isinstance(network, TinyDecoder)
    return network.eval()


def opened(manifest: Path, root: Path) -> ManifestDataset:
    return ManifestDataset(manifest, root, size=(96, 160), mask_stride=2, whole=True)


def test_the_network_answers_to_kept_features_as_to_frames(
    network: TinyDecoder, clean_val: Path, kitchen_root: Path
) -> None:
    plain, kept = opened(clean_val, kitchen_root), keep_features(opened(clean_val, kitchen_root), network)
    item = kept[0]
    assert item.frames.dtype == torch.float16 and item.frames.shape == (3, 36, 48, 80)
    assert torch.equal(item.masks, plain[0].masks)
    with torch.no_grad():
        answers = [network(b.frames, b.expressions, b.frames_of) for b in map(collate, ([plain[0]], [item]))]
    assert torch.equal(answers[0].mask_logits, answers[1].mask_logits)
    assert torch.equal(answers[0].positive_logits, answers[1].positive_logits)
    assert answers[0].mask_logits.std() > 0


def test_context_and_mask_features_are_those_of_the_encoder_but_for_rounding(network: TinyDecoder) -> None:
    frames = torch.rand(1, 3, 3, 96, 160)
    context, fine = network.see(network.encode(frames))
    with torch.no_grad():
        for found, expected in zip((context, fine), network.encoder(frames), strict=True):
            assert torch.equal(found, expected.half().float())


class Counting:
    """An encoder that counts its calls."""

    def __init__(self, network: TinyDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        encode = network.encode

        def counted(frames: Tensor) -> Tensor:
            self.calls += 1
            return encode(frames)

        monkeypatch.setattr(network, "encode", counted)


def test_clips_on_the_same_frames_and_later_runs_share_them(
    network: TinyDecoder, clean_val: Path, kitchen_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(network, monkeypatch)
    data = keep_features(opened(clean_val, kitchen_root), network)
    first = [data[i].frames for i in range(len(data))]
    assert counting.calls == len(data.groups) < len(data)
    again = keep_features(opened(clean_val, kitchen_root), network)
    assert all(torch.equal(again[i].frames, frames) for i, frames in enumerate(first))
    assert counting.calls == len(data.groups)
    files = sorted(cache.rglob("*.safetensors"))
    assert len(files) == len(data.groups)
    files[0].write_bytes(b"damaged")
    last = keep_features(opened(clean_val, kitchen_root), network)
    assert all(torch.equal(last[i].frames, frames) for i, frames in enumerate(first))
    assert counting.calls == len(data.groups) + 1


def test_another_encoder_has_other_features(network: TinyDecoder, clean_val: Path, kitchen_root: Path) -> None:
    data = opened(clean_val, kitchen_root)
    before = KeptFeatures(network, data)._folder
    with torch.no_grad():
        next(network.controller.parameters()).add_(1)
    assert KeptFeatures(network, data)._folder == before
    with torch.no_grad():
        next(network.encoder.parameters()).add_(1)
    assert KeptFeatures(network, data)._folder != before


class Halved(TinyDecoder):
    """Another model on the same encoder, whose features are others."""

    card = replace(TinyDecoder.card, name="halved")

    def encode(self, frames: Tensor) -> Tensor:
        return super().encode(frames) / 2


def test_another_model_on_the_same_encoder_has_other_features(
    network: TinyDecoder, clean_val: Path, kitchen_root: Path
) -> None:
    other = Halved().eval()
    other.encoder.load_state_dict(network.encoder.state_dict())
    kept, halved = (keep_features(opened(clean_val, kitchen_root), one)[0].frames for one in (network, other))
    assert torch.allclose(halved, kept / 2, atol=1e-2) and not torch.allclose(halved, kept, atol=1e-2)


def test_pictures_of_another_size_have_other_features(
    network: TinyDecoder, clean_val: Path, kitchen_root: Path
) -> None:
    sizes = [(None, 2, True), (None, 4, True), (None, 4, False), ((96, 160), 2, True)]
    data = [ManifestDataset(clean_val, kitchen_root, size=s, mask_stride=m, whole=w) for s, m, w in sizes]
    assert len({KeptFeatures(network, one)._folder for one in data}) == len(data)


def test_a_cache_that_cannot_be_written_costs_time_alone(
    network: TinyDecoder, clean_val: Path, kitchen_root: Path, cache: Path
) -> None:
    kept = keep_features(opened(clean_val, kitchen_root), network)[0].frames
    for path in sorted(cache.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    cache.rmdir()
    cache.write_bytes(b"a file stands in its place")
    assert torch.equal(keep_features(opened(clean_val, kitchen_root), network)[0].frames, kept)


def test_a_training_learns_all_but_the_encoder_and_repeats_itself(clean_val: Path, kitchen_root: Path) -> None:
    (start,), _ = make_networks(CONFIG, 1, torch.device("cpu"))
    one, two = (train_run(CONFIG, clean_val, kitchen_root, diagnose=True).networks[0] for _ in range(2))
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name
        if name.startswith("encoder."):
            assert torch.equal(value, start.state_dict()[name]), name
    assert not torch.equal(one.controller.write[0].weight, start.controller.write[0].weight)  # type: ignore[union-attr, index]
    assert not torch.equal(one.text.words.weight, start.text.words.weight)  # type: ignore[union-attr]


def test_the_start_is_tiny_s_but_for_what_is_fresh(tmp_path: Path) -> None:
    tiny, decoder = Tiny(), TinyDecoder()
    load_start_weights(tiny, "bundled", 0)
    load_start_weights(decoder, "bundled", 0)
    ours, theirs = decoder.state_dict(), tiny.state_dict()
    fresh = tuple(f"{name}." for name in decoder.card.fresh)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if not name.startswith(fresh))
    with pytest.raises(ActisegError, match="these weights are not of model 'tiny-decoder'"):
        load_start_weights(decoder, "models/tiny/model.safetensors", 0)


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "baseline"])
def test_every_strategy_trains_on_kept_features(
    strategy: str, noisy_val: Path, kitchen_root: Path, cache: Path
) -> None:
    config = replace(CONFIG, strategy=strategy, train=replace(TRAIN, steps=4))
    outcome = train_run(config, noisy_val, kitchen_root)
    assert outcome.steps >= 4
    assert outcome.losses != []
    assert all(map(math.isfinite, outcome.losses))
    assert list(cache.rglob("*.safetensors")) != []


def test_the_second_view_of_features_drops_channels_and_adds_noise() -> None:
    frames = torch.rand(2, 1, 200, 4, 4) + 1
    batch = replace(make_batch(), frames=frames)
    strong = perturb_features(batch, 2.0, torch.Generator().manual_seed(0)).strong
    assert strong is not None
    dropped = strong.mean((3, 4)).abs() < 0.5
    assert 0.1 < dropped.float().mean() < 0.3
    assert strong[~dropped].mean().item() == pytest.approx(1.5 / 0.8, rel=0.05)
    again = perturb_features(batch, 2.0, torch.Generator().manual_seed(0)).strong
    assert again is not None and torch.equal(strong, again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": "window", "frames_per_clip": 1}, 'item = "window" would show others'),
        ({"augment": {"scales": {}}}, "scales. would show others"),
        ({"augment": {"distort": {}}}, "distort. would show others"),
    ],
)
def test_what_changes_the_picture_is_refused(
    change: dict[str, object], message: str, clean_val: Path, kitchen_root: Path
) -> None:
    config = RunConfig.from_dict({"model": "tiny-decoder", "threads": 1, "device": "cpu", "train": change})
    with pytest.raises(ActisegError, match=message):
        train_run(config, clean_val, kitchen_root)


def test_other_models_keep_none() -> None:
    assert [name for name in MODELS if MODELS[name].card.keeps_features] == ["tiny-decoder"]
    with pytest.raises(ActisegError, match="model 'tiny' keeps no features"):
        Tiny().encode(torch.zeros(1, 1, 3, 96, 160))


def test_clips_that_are_not_trained_on_are_probed_too(
    network: TinyDecoder, clean_val: Path, kitchen_root: Path
) -> None:
    data = keep_features(opened(clean_val, kitchen_root), network)
    found = Probe(data, data, held_out=data)(network, torch.device("cpu"))
    assert found["held_out"] is not None and 0 <= found["held_out"] <= 1
    assert "held_out" not in Probe(data, data)(network, torch.device("cpu"))
