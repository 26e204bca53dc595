"""A training that was stopped goes on to the very same weights; a checkpoint of anything else is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from actiseg_bench.models.tiny import Tiny
from actiseg_bench.strategies.base import STRATEGIES, Step
from actiseg_bench.strategies.baseline import Baseline
from actiseg_bench.training.checkpoint import CheckpointError, load_networks, read_tensors, save_networks
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.train import NotFiniteError, TrainOutcome, train_run

CONFIG = RunConfig(
    start_weights="none", threads=1, device="cpu", train=TrainConfig(steps=5, clips_per_batch=4, samples_per_clip=2)
)


class UnpluggedError(Exception):
    """Somebody pulls the plug."""


def stop_at(step: int):
    def on_progress(done: int, total: int, loss: float) -> None:
        if done == step:
            raise UnpluggedError

    return on_progress


def same(one: TrainOutcome, two: TrainOutcome) -> bool:
    pairs = [
        (a, b)
        for left, right in zip(one.networks, two.networks, strict=True)
        for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    ]
    return all(torch.equal(a, b) for a, b in pairs) and one.losses == two.losses


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_stopped_training_goes_on_to_the_same_weights(
    strategy: str, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, strategy=strategy)
    whole = train_run(config, noisy_val, kitchen_root, folder=tmp_path / "whole")
    with pytest.raises(UnpluggedError):
        train_run(config, noisy_val, kitchen_root, folder=tmp_path / "part", save_every=3, on_progress=stop_at(4))
    assert read_tensors(tmp_path / "part" / "training.safetensors")[1]["step"] == 3
    assert same(whole, train_run(config, noisy_val, kitchen_root, folder=tmp_path / "part", save_every=3))


def test_a_checkpoint_of_another_run_is_refused_and_says_what_differs(
    noisy_val: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=5)
    other = replace(CONFIG, seed=3, train=replace(CONFIG.train, learning_rate=1e-3))
    with pytest.raises(CheckpointError, match=r"differ: config\.seed, config\.train\.learning_rate"):
        train_run(other, noisy_val, kitchen_root, folder=tmp_path)
    with pytest.raises(CheckpointError, match="differ: manifest"):
        train_run(CONFIG, clean_val, kitchen_root, folder=tmp_path)


def test_a_loss_that_is_no_number_leaves_the_last_good_networks(
    clean_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    sound = Baseline.step

    def breaks_at_the_third(self, networks, batch, epoch) -> Step:
        calls.append(epoch)
        step = sound(self, networks, batch, epoch)
        return Step([step.losses[0] * float("nan")]) if len(calls) == 3 else step

    monkeypatch.setattr(Baseline, "step", breaks_at_the_third)
    with pytest.raises(NotFiniteError, match=r"at step 2, epoch 1, clips .*last_good\.safetensors"):
        train_run(CONFIG, clean_val, kitchen_root, folder=tmp_path)
    tensors, said = read_tensors(tmp_path / "last_good.safetensors")
    assert said["step"] == 2
    assert all(torch.isfinite(value).all() for name, value in tensors.items() if name.startswith("network"))


def test_networks_come_back_with_what_made_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "checkpoint.safetensors"
    networks = [Tiny(), Tiny()]
    save_networks(path, networks, CONFIG, "labels")
    found, config, manifest = load_networks(path)
    assert (config, manifest) == (CONFIG, "labels")
    for one, two in zip(networks, found, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_a_checkpoint_with_the_older_name_of_its_metadata_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_networks(path, [Tiny()], CONFIG, "labels")
    tensors, metadata = read_tensors(path)
    save_file(tensors, path, {"format": "1", "said": json.dumps(metadata)})
    assert read_tensors(path)[1] == metadata
    assert load_networks(path)[1:] == (CONFIG, "labels")


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_networks(path, [Tiny()], CONFIG, "labels")
    with pytest.raises(CheckpointError, match="a checkpoint of model 'tiny', expected one of 'large'"):
        load_networks(path, "large")


def test_a_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_networks(path, [Tiny()], CONFIG, "labels")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="not a readable safetensors file .* may be truncated"):
        load_networks(path)


def test_a_stranger_s_safetensors_is_no_checkpoint(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of this program"):
        load_networks(tmp_path / "other.safetensors")
    (tmp_path / "pickle.pth").write_bytes(b"\x80\x04N.")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_networks(tmp_path / "pickle.pth")


def test_parameters_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    network = Tiny()
    network.action.decide = torch.nn.Linear(3, 3)
    save_networks(path, [network], CONFIG, "labels")
    with pytest.raises(CheckpointError, match="not the parameters of model 'tiny'"):
        load_networks(path)
