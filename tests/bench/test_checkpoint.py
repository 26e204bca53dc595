"""A training that was stopped goes on to the very same weights; a checkpoint of anything else is refused."""

import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from unplugged import UnpluggedError, check_goes_on, unplug_at

from actiseg_bench.models.tiny import Tiny
from actiseg_bench.models.weights import load_weights, save_start_weights
from actiseg_bench.strategies.base import STRATEGIES, Step
from actiseg_bench.strategies.baseline import Baseline
from actiseg_bench.training.checkpoint import CheckpointError, load_networks, read_tensors, save_networks, write_tensors
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.failures import NotFiniteError
from actiseg_bench.training.folder import train_to
from actiseg_bench.training.train import train_run
from actiseg_noise.errors import ActisegError, ActisegWarning

CONFIG = RunConfig(
    start_weights="none", threads=1, device="cpu", train=TrainConfig(steps=5, clips_per_batch=4, samples_per_clip=2)
)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_stopped_training_goes_on_to_the_same_weights(
    strategy: str, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, strategy=strategy)
    check_goes_on(config, noisy_val, kitchen_root, tmp_path, stop=4, save_every=3, kept=3)


def test_a_checkpoint_of_another_run_is_refused_and_says_what_differs(
    noisy_val: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=5)
    other = replace(CONFIG, seed=3, train=replace(CONFIG.train, learning_rate=1e-3))
    with pytest.raises(
        CheckpointError, match=r"differ: config\.seed \(0 there, 3 here\), config\.train\.learning_rate \("
    ):
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


def test_equal_networks_make_equal_files_and_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    network = Tiny()
    for name in "ab":
        save_networks(tmp_path / name, [network], CONFIG, "labels")
    written = (tmp_path / "a").read_bytes()
    assert (tmp_path / "b").read_bytes() == written
    for place in (len(written) // 2, len(written) - 1, written.index(b"labels")):
        changed = bytearray(written)
        changed[place] ^= 1
        (tmp_path / "b").write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"b: damaged, its bytes are not those that were written"):
            load_networks(tmp_path / "b")


def test_a_checkpoint_without_a_digest_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_networks(path, [Tiny()], CONFIG, "labels")
    tensors, metadata = read_tensors(path)
    save_file(tensors, path, {"format": "1", "metadata": json.dumps(metadata)})
    assert load_networks(path)[1:] == (CONFIG, "labels")


def test_networks_of_a_training_that_has_not_ended_say_so(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnpluggedError):
        train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=2, on_progress=unplug_at(3, CONFIG))
    with pytest.warns(ActisegWarning, match=r"of a training that has not ended: 2 of 5 updates"):
        load_networks(tmp_path / "training.safetensors")


def test_start_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    network = Tiny()
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    path = tmp_path / "weights.safetensors"
    save_start_weights(network, path)
    with pytest.raises(
        ActisegError, match=r"weights\.safetensors: NaN or infinite numbers in 1 of [0-9]+ tensors, the first is"
    ):
        load_weights(Tiny(), path)


def test_seconds_before_a_stop_are_counted(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnpluggedError):
        train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=2, on_progress=unplug_at(3, CONFIG))
    path = tmp_path / "training.safetensors"
    tensors, metadata = read_tensors(path)
    assert 0 < metadata["seconds"] < 600
    write_tensors(path, tensors, metadata | {"seconds": 1000.0})
    assert 1000 < train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path).train_s < 1600


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


def write_raw(path: Path, header: dict[str, object], data: bytes = b"\0" * 4) -> Path:
    """Write a safetensors file with any header."""
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
SOUND = json.dumps({"identity": {"config": CONFIG.to_dict(), "manifest": "labels"}})


def with_config(**changes: object) -> str:
    return json.dumps({"identity": {"config": CONFIG.to_dict() | changes, "manifest": "labels"}})


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "does not say what made it"),
        ({"said": "{"}, "malformed JSON at line 1"),
        ({"metadata": "[" * 100_000}, "nested too deeply"),
        ({"metadata": "[]"}, "expected a JSON object"),
        ({"metadata": "{}"}, "does not say what made it"),
        ({"metadata": '{"identity": 5}'}, "not the configuration of a training"),
        ({"metadata": '{"identity": {"config": "x", "manifest": 1}}'}, "not the configuration of a training"),
        ({"metadata": '{"identity": {"config": {"train": 5}, "manifest": ""}}'}, "not the configuration of a training"),
        ({"metadata": '{"identity": {"config": {"colour": 5}, "manifest": ""}}'}, "not the configuration .*colour"),
        ({"metadata": with_config(model=["tiny"])}, "of model .*, which is not installed"),
        ({"metadata": with_config(model="tinny")}, "of model 'tinny', which is not installed"),
        ({"metadata": with_config(threads=10**9)}, "config.threads: expected a whole number from 1 to 1024"),
        ({"metadata": with_config(threads="2")}, "config.threads"),
        ({"metadata": SOUND}, "not the parameters of model 'tiny'"),
    ],
)
def test_a_checkpoint_that_states_nonsense_is_refused(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    path = write_raw(tmp_path / "c.safetensors", {"__metadata__": {"format": "1", **metadata}, "network.0.a": ONE})
    with pytest.raises(CheckpointError, match=message):
        load_networks(path)


@pytest.mark.parametrize("name", ["network.x.a", "network.999999999.a", "network.1.a", "network.-1.a", "network."])
def test_networks_are_numbered_from_0(tmp_path: Path, name: str) -> None:
    path = write_raw(tmp_path / "c.safetensors", {"__metadata__": {"format": "1", "metadata": SOUND}, name: ONE})
    with pytest.raises(CheckpointError, match="expected networks numbered from 0"):
        load_networks(path)


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 10**15]},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]},
    ],
)
def test_a_header_that_lies_about_its_tensors_is_refused(tmp_path: Path, tensor: dict[str, object]) -> None:
    path = write_raw(
        tmp_path / "c.safetensors", {"__metadata__": {"format": "1", "metadata": SOUND}, "network.0.a": tensor}
    )
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_networks(path)


def test_a_header_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_networks(path)


@pytest.mark.parametrize("kind", [torch.bool, torch.int32, torch.complex64])
def test_parameters_of_another_kind_of_number_are_refused(tmp_path: Path, kind: torch.dtype) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_networks(path, [Tiny()], CONFIG, "labels")
    tensors, metadata = read_tensors(path)
    save_file(
        {name: torch.zeros(value.shape, dtype=kind) for name, value in tensors.items()},
        path,
        {"format": "1", "metadata": json.dumps(metadata)},
    )
    with pytest.raises(CheckpointError, match="not the parameters of model 'tiny': .* holds torch"):
        load_networks(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, metadata: metadata.pop("step"),
        lambda tensors, metadata: metadata.update(step="x"),
        lambda tensors, metadata: metadata.update(epoch=-1),
        lambda tensors, metadata: metadata.update(losses=5),
        lambda tensors, metadata: metadata.update(losses=[["x"]]),
        lambda tensors, metadata: tensors.pop(next(iter(tensors))),
        lambda tensors, metadata: tensors.update({"optimizer.0.x.exp_avg": torch.zeros(1)}),
        lambda tensors, metadata: tensors.update({"optimizer.0.0.exp_avg": torch.zeros(7)}),
        lambda tensors, metadata: tensors.update({"optimizer.0.99999.exp_avg": torch.zeros(7)}),
    ],
)
def test_a_state_that_does_not_fit_the_training_is_refused(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, change: Callable[[dict, dict], object]
) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, steps=1))
    train_run(config, noisy_val, kitchen_root, folder=tmp_path, save_every=1)
    path = tmp_path / "training.safetensors"
    tensors, metadata = read_tensors(path)
    change(tensors, metadata)
    write_tensors(path, tensors, metadata)
    with pytest.raises(CheckpointError, match="not the state of this training .* Remove the file"):
        train_run(config, noisy_val, kitchen_root, folder=tmp_path, save_every=1)


def test_other_pictures_make_another_training(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(kitchen_root, tmp_path / "root"))
    config = replace(CONFIG, train=replace(CONFIG.train, steps=1))
    report = train_to(tmp_path / "out", config, noisy_val, root)
    assert train_to(tmp_path / "out", config, noisy_val, root) == report
    picture = min((root / "val" / "images").rglob("*.jpg"))
    picture.write_bytes(picture.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match=r"of another training; these differ: images \(\w{24}… there, "):
        train_to(tmp_path / "out", config, noisy_val, root)


def test_a_training_of_an_earlier_version_counts_without_its_pictures(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, steps=1))
    report = train_to(tmp_path, config, noisy_val, kitchen_root)
    older = {name: value for name, value in report.items() if name != "images"}
    (tmp_path / "train.json").write_text(json.dumps(older))
    assert train_to(tmp_path, config, noisy_val, kitchen_root) == older
