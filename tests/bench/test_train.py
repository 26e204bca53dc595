import sys
from dataclasses import replace
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import torch
from deposits import save_frame, save_mask
from train_fakes import make_item

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.device import pick_device
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.models.weights import load_start_weights, save_start_weights
from actiseg_bench.prediction.predict import iter_predictions_of, merge_objects
from actiseg_bench.strategies.base import Step
from actiseg_bench.strategies.baseline import Baseline
from actiseg_bench.training.batches import EpochSampler, draw_samples
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.failures import NotFiniteError
from actiseg_bench.training.train import (
    TrainOutcome,
    train_run,
)
from actiseg_noise.errors import ActisegError, UnknownNameError

CONFIG = RunConfig(start_weights="none", threads=1, device="cpu", train=TrainConfig(steps=3, clips_per_batch=4))


def weights_of(outcome: TrainOutcome) -> list[torch.Tensor]:
    return [value.clone() for value in outcome.networks[0].state_dict().values()]


def equal(one: list[torch.Tensor], two: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_equal_configurations_train_equal_networks_and_another_seed_does_not(
    noisy_val: Path, kitchen_root: Path
) -> None:
    first = weights_of(train_run(CONFIG, noisy_val, kitchen_root))
    torch.rand(5)  # what was drawn elsewhere does not matter
    assert equal(first, weights_of(train_run(CONFIG, noisy_val, kitchen_root)))
    assert not equal(first, weights_of(train_run(replace(CONFIG, seed=1), noisy_val, kitchen_root)))


def test_the_loss_falls_on_a_few_clips(clean_val: Path, kitchen_root: Path) -> None:
    config = replace(CONFIG, train=TrainConfig(steps=24, clips_per_batch=8, samples_per_clip=2, frames_per_clip=2))
    losses = train_run(config, clean_val, kitchen_root).losses
    assert len(losses) == 24
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])


def test_progress_is_told_after_every_step(clean_val: Path, kitchen_root: Path) -> None:
    told: list[tuple[int, int]] = []
    train_run(CONFIG, clean_val, kitchen_root, on_progress=lambda done, total, _: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_loss_that_is_not_a_number_stops_the_run_and_names_epoch_and_clips(
    clean_val: Path, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Baseline, networks: object, batch: object, epoch: float) -> Step:
        return Step([torch.tensor(float("nan"), requires_grad=True)])

    monkeypatch.setattr(Baseline, "step", broken)
    with pytest.raises(NotFiniteError, match=r"the loss is nan at step 0, epoch 0, clips val_0000"):
        train_run(CONFIG, clean_val, kitchen_root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": "basline"}, "Did you mean 'baseline'"),
        ({"model": "tinny"}, "Did you mean 'tiny'"),
        ({"device": "warp"}, "--device warp: expected cpu, cuda, cuda:N or auto"),
        ({"start_weights": "no/such.safetensors"}, "no such weights file for model 'tiny'"),
    ],
)
def test_what_does_not_exist_is_refused(
    change: dict[str, str], message: str, clean_val: Path, kitchen_root: Path
) -> None:
    with pytest.raises(ActisegError, match=message):
        train_run(replace(CONFIG, **change), clean_val, kitchen_root)  # type: ignore[arg-type]


def test_co_teaching_says_that_it_was_told_the_noise_rate(noisy_val: Path, kitchen_root: Path) -> None:
    outcome = train_run(replace(CONFIG, strategy="co_teaching"), noisy_val, kitchen_root)
    assert outcome.oracle.startswith("noise rates of positives and negatives 0.")
    assert len(outcome.networks) == 2
    assert not equal(list(outcome.networks[0].state_dict().values()), list(outcome.networks[1].state_dict().values()))


def test_an_epoch_visits_every_clip_once_and_groups_stay_together() -> None:
    sampler = EpochSampler([[0, 1], [2, 3], [4, 5], [6, 7]], clips=4, seed=0)
    batches = list(sampler)
    assert sorted(sum(batches, [])) == list(range(8))
    assert all(batch[1] == batch[0] + 1 and batch[3] == batch[2] + 1 for batch in batches)
    assert list(sampler) == batches
    sampler.epoch = 1
    assert list(sampler) != batches


def test_samples_are_drawn_without_repetition_in_their_order() -> None:
    drawn = draw_samples(make_item(), 2, torch.Generator().manual_seed(0))
    assert len(set(drawn.sample_ids)) == 2
    assert list(drawn.sample_ids) == sorted(drawn.sample_ids)


def test_configurations_survive_a_round_trip_and_refuse_unknown_keys() -> None:
    config = RunConfig(strategy="gce", strategy_options={"q": 0.5}, train=TrainConfig(steps=7))
    assert RunConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UnknownNameError, match="key of TrainConfig 'step'.*Did you mean 'steps'"):
        RunConfig.from_dict({"train": {"step": 3}})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("steps", 0, "steps in .train. must be a whole number of at least 1, got 0"),
        ("steps", "x", "must be a whole number of at least 1, got 'x'"),
        ("learning_rate", -1.0, "learning_rate in .train. must be a number of at least 0, got -1.0"),
        ("learning_rate", float("nan"), "got nan"),
        ("clips_per_batch", True, "got True"),
    ],
)
def test_a_number_that_cannot_be_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        RunConfig.from_dict({"train": {key: value}})


def test_from_the_bundled_weights_the_text_encoder_stays_and_the_rest_learns(
    clean_val: Path, kitchen_root: Path
) -> None:
    trained = train_run(replace(CONFIG, start_weights="bundled"), clean_val, kitchen_root).networks[0]
    start = Tiny()
    assert load_start_weights(start, "bundled", seed=0).startswith("tiny:")
    before, after = start.state_dict(), trained.state_dict()
    same = {key for key in after if torch.equal(before[key], after[key])}
    assert {key for key in after if key.startswith("text.")} <= same
    assert not {key for key in after if key.endswith("weight") and not key.startswith("text.")} & same


def test_start_weights_carry_everything_but_the_fresh_parameters(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source, target = Tiny(), Tiny()
    save_start_weights(source, tmp_path / "w" / "model.safetensors")
    name = load_start_weights(target, str(tmp_path / "w" / "model.safetensors"), seed=3)
    assert name.startswith("w:")
    for key, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[key]) != key.startswith("action.decide.") or "bias" in key


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ActisegError, match="these weights are not of model 'tiny'"):
        load_start_weights(Tiny(), str(tmp_path / "other.safetensors"), seed=0)
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04 not safetensors")
    with pytest.raises(ActisegError, match="not a readable safetensors file"):
        load_start_weights(Tiny(), str(tmp_path / "pickle.safetensors"), seed=0)


def test_the_likelier_object_owns_a_pixel_and_a_tie_goes_to_the_earlier_one() -> None:
    logits = torch.tensor([[[[2.0, -1.0, 0.0, 1.0]]], [[[1.0, -2.0, 3.0, 1.0]]]])
    assert merge_objects(logits).tolist() == [[[1, 0, 2, 1]]]


def test_merging_logits_is_the_published_merge_of_probabilities() -> None:
    logits = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    p = logits.sigmoid()
    published = torch.cat([torch.full_like(p[:1], 0.1), p * (p >= 0.5)]).argmax(0)
    assert torch.equal(merge_objects(logits), published)


def test_predictions_cover_every_clip_at_full_resolution_with_its_ids(clean_val: Path, kitchen_root: Path) -> None:
    data = ManifestDataset(clean_val, kitchen_root, size=(96, 160), mask_stride=2, labels="clean")
    torch.manual_seed(0)
    found = list(iter_predictions_of(Tiny(), data, torch.device("cpu"), clips=3))
    assert [clip.clip_id for clip in found] == data.clip_ids
    for clip in found:
        assert [mask.shape for mask in clip.masks] == [(240, 400)] * 3
        assert {int(v) for mask in clip.masks for v in set(mask.ravel())} <= {0, *clip.object_ids}
        assert all(0 <= score <= 1 for score in clip.positive_scores)


def test_an_object_below_the_positive_threshold_is_silent(clean_val: Path, kitchen_root: Path) -> None:
    data = ManifestDataset(clean_val, kitchen_root, size=(96, 160), mask_stride=2, labels="clean")
    for clip in iter_predictions_of(Tiny(), data, torch.device("cpu")):
        present = {int(v) for mask in clip.masks for v in set(mask.ravel())} - {0}
        scores = dict(zip(clip.object_ids, clip.positive_scores, strict=True))
        assert all(scores[object_id] >= Tiny.card.positive_threshold for object_id in present)


def test_auto_finds_a_device() -> None:
    assert pick_device("auto").type in {"cpu", "cuda"}


def test_clips_of_different_lengths_train_on_five_frames_each(tmp_path: Path) -> None:
    """Two imported sequences of two and three frames: as other people's masks are."""
    for folder, shift in (("clean", 0), ("noisy", 1)):
        for name, count in (("a", 2), ("b", 3)):
            for number in range(count):
                mask = np.zeros((24, 32), np.uint8)
                mask[4:12, 5 + shift : 15 + shift] = 1
                save_mask(tmp_path / folder / name / f"{number:05d}.png", mask)
                save_frame(tmp_path / "images" / name / f"{number:05d}.jpg", 24, 32)
    command = ["import", "--clean", tmp_path / "clean", "--noisy", tmp_path / "noisy", "--name", "mine"]
    images = ["--images", tmp_path / "images", "--root", tmp_path, "--out", tmp_path / "m"]
    run(
        [sys.executable, "-c", "from actiseg_noise.cli import main; main()", *map(str, [*command, *images])], check=True
    )
    config = replace(CONFIG, train=replace(CONFIG.train, clips_per_batch=2, steps=2))
    outcome = train_run(config, tmp_path / "m", tmp_path)
    assert len(outcome.losses) == 2
