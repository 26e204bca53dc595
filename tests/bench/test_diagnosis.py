"""What a training does with wrong labels, counted from outside."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from train_fakes import make_batch

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.transforms import flip
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.records import Batch, Prediction
from actiseg_bench.strategies.base import Step
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.diagnosis import EpochSelection, Probe, TrainingMonitor, right_samples
from actiseg_bench.training.train import train_run


def judged(wrong: list[int]) -> Batch:
    """A batch of six samples, those at ``wrong`` misnamed, one pixel of the first wrong."""
    batch = make_batch()
    agrees = torch.ones_like(batch.masks, dtype=torch.bool)
    agrees[0, 0, 0, 0] = False
    agrees[wrong] = False
    return replace(batch, agrees=agrees)


def test_precision_recall_and_base_rate_of_whole_samples() -> None:
    batch = judged([2, 1])
    seen = EpochSelection()
    seen.add(Step([], kept=[tuple(batch.sample_ids[i] for i in (0, 1, 3))]), batch)
    assert seen.to_json() == {"samples": {"precision": pytest.approx(2 / 3), "recall": 2 / 4, "base_rate": 4 / 6}}


def test_precision_recall_and_base_rate_of_pixels() -> None:
    batch = judged([])
    trusted = torch.zeros_like(batch.masks, dtype=torch.bool)
    trusted[0, 0, 0, :2] = True  # one wrong pixel, one right
    seen = EpochSelection()
    seen.add(Step([], trusted=trusted), batch)
    pixels = batch.masks.numel()
    expected = {"precision": 0.5, "recall": 1 / (pixels - 1), "base_rate": (pixels - 1) / pixels}
    assert seen.to_json()["pixels"] == expected


def test_a_mask_is_wrong_as_a_whole_below_an_iou_of_one_half() -> None:
    given = torch.tensor([[1, 1, 1, 1, 0, 0, 0, 0]] * 4).bool()
    clean = torch.tensor([[1] * 4 + [0] * 4, [1] * 8, [0, 0, 0, 1] + [0] * 4, [0] * 8]).bool()  # 1, 1/2, 1/4, 0
    assert right_samples(given, given == clean).tolist() == [True, True, False, False]
    nothing = torch.zeros(1, 8, dtype=torch.bool)
    assert right_samples(nothing, ~nothing).tolist() == [True]
    assert right_samples(nothing, nothing).tolist() == [False]  # a negative whose text asks for an object that acts


def test_a_ranking_is_judged_within_positives_and_within_negatives() -> None:
    """Samples 0, 2, 3, 5 are positive, 1 and 4 negative; 2 and 4 are wrong."""
    batch, seen = judged([2, 4]), EpochSelection()
    doubts = torch.tensor([0.1, 7.0, 0.5, 0.9, 7.0, 0.2])
    seen.add(Step([], kept=[batch.sample_ids], ranked=[doubts]), batch)
    assert seen.to_json()["samples"]["auroc"] == pytest.approx((2 + 0.5) / 4)  # above two of three, and a tie


def test_counts_of_an_older_checkpoint_are_read() -> None:
    monitor = TrainingMonitor(None, 10)
    old = {"believed": 4, "right": 3, "both": 2}
    monitor.load_state({"fits": [], "epochs": [{"samples": old, "pixels": dict.fromkeys(old, 0)}]})
    assert monitor.selection == [{"samples": {"precision": 0.5, "recall": 2 / 3, "base_rate": None}}]


def test_a_strategy_that_believes_everything_says_nothing() -> None:
    seen = EpochSelection()
    seen.add(Step([]), judged([0]))
    assert seen.to_json() == {}


def test_what_agrees_is_mirrored_with_the_masks() -> None:
    batch = judged([0])
    mirrored = flip(batch, torch.tensor([True, False]))
    assert mirrored.agrees is not None
    assert not mirrored.agrees[0, 0, 0, -1]
    assert mirrored.agrees.sum() == batch.agrees.sum()


def test_labels_agree_where_nothing_was_noised(noisy_val: Path, clean_val: Path, kitchen_root: Path) -> None:
    size = {"size": (96, 160), "mask_stride": 2, "diagnose": True}
    clean = ManifestDataset(clean_val, kitchen_root, **size)[0]
    noisy = ManifestDataset(noisy_val, kitchen_root, **size)[0]
    assert clean.agrees is not None and clean.agrees.all()
    assert noisy.agrees is not None
    rows = ManifestDataset(noisy_val, kitchen_root).manifest.table("samples").to_pylist()
    harmful = {row["sample_id"] for row in rows if row["is_harmful"]}
    assert any(name in harmful and not flag for name, flag in zip(noisy.sample_ids, noisy.is_positive, strict=True))
    for name, agrees, positive in zip(noisy.sample_ids, noisy.agrees, noisy.is_positive, strict=True):
        if name in harmful and positive:
            assert not agrees.any()
        else:
            assert agrees.float().mean() > 0.9
            assert agrees.all() != positive  # masks of positives are dilated, an empty target is right


class Oracle(nn.Module):
    """Answers a text by looking the mask up."""

    def __init__(self, data: ManifestDataset) -> None:
        super().__init__()
        self.answers = {}
        for item in data:
            for text, mask in zip(item.expressions, item.masks, strict=True):
                self.answers[item.frames.sum(dtype=torch.int64).item(), text] = mask

    def forward(self, frames: torch.Tensor, expressions: list[str], frames_of: torch.Tensor) -> Prediction:
        name = (frames[0] * 255).round().sum(dtype=torch.float64).item()
        masks = torch.stack([self.answers.get((name, text), torch.zeros(3, 48, 80)) for text in expressions])
        return Prediction(masks.float() - 127.5, torch.zeros(len(expressions)))


def test_a_network_that_knows_the_clean_labels_fits_those(noisy_val: Path, clean_val: Path, kitchen_root: Path) -> None:
    given, clean = (ManifestDataset(m, kitchen_root, size=(96, 160), mask_stride=2) for m in (noisy_val, clean_val))
    probe = Probe(given, ManifestDataset(noisy_val, kitchen_root, size=(96, 160), mask_stride=2, labels="clean"))
    fits = [probe(Oracle(data).train(), torch.device("cpu")) for data in (given, clean)]
    texts = [text for item in given for text in item.expressions]
    assert len(set(texts)) < len(texts)  # two objects of a clip flipped to one noun: no network can know both
    assert (fits[0]["fit_given"] > 0.8, fits[0]["fit_clean"] < 0.3) == (True, True)
    assert (fits[1]["fit_clean"] > 0.8, fits[1]["fit_given"] < 0.3) == (True, True)


def test_a_probe_leaves_the_network_in_its_mode(clean_val: Path, kitchen_root: Path) -> None:
    data = ManifestDataset(clean_val, kitchen_root, size=(96, 160), mask_stride=2)
    network = Tiny().train()
    before = [value.clone() for value in network.state_dict().values()]
    Probe(data, data, clips=2)(network, torch.device("cpu"))
    assert network.training
    assert all(torch.equal(a, b) for a, b in zip(before, network.state_dict().values(), strict=True))


def test_probes_are_evenly_spaced() -> None:
    class Count(TrainingMonitor):
        def __init__(self) -> None:
            super().__init__(lambda network, device: {}, 90)  # type: ignore[arg-type]

    monitor = Count()
    for step in range(1, 91):
        monitor.probe_if_due(step, nn.Identity(), torch.device("cpu"))
    assert [fit["step"] for fit in monitor.fits] == [18, 36, 54, 72, 90]


def test_watching_changes_nothing_in_a_training(noisy_val: Path, kitchen_root: Path) -> None:
    train = TrainConfig(steps=4, clips_per_batch=4, samples_per_clip=2)
    config = RunConfig(strategy="co_teaching", start_weights="none", threads=1, device="cpu", train=train)
    alone = train_run(config, noisy_val, kitchen_root)
    watched = train_run(config, noisy_val, kitchen_root, diagnose=True)
    for one, two in zip(alone.networks, watched.networks, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert [set(epoch) for epoch in watched.selection] == [{"samples"}] * len(watched.selection)
    assert [fit["step"] for fit in watched.fits] == [1, 2, 3, 4]
