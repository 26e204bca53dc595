"""Training on given flags and narrations, scoring on clean ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from bench_fakes import make_result

import actiseg_noise
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.records import collate
from actiseg_bench.report.cells import track_line
from actiseg_bench.report.render import render_csv
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.scoring.truth import iter_truth
from actiseg_bench.training.diagnosis import Probe
from actiseg_noise.manifest.clips import ManifestSample
from actiseg_noise.recipe import NoiseSpec, Recipe

SIZE = (96, 160)
FLAGS = Recipe("flags", (NoiseSpec("flag_flip-v1", 0.4),))
NARRATIONS = Recipe("narrations", (NoiseSpec("narration_swap-v1", 0.5),))


def build(root: Path, recipe: Recipe) -> Path:
    out = root / "manifests" / recipe.recipe_id
    return actiseg_noise.build(
        "kitchen", root=root, split="val", recipe=recipe, out=out, limit=8, allow_eval=True, resume=True
    )


@pytest.fixture(scope="module")
def flags(kitchen_root: Path) -> Path:
    return build(kitchen_root, FLAGS)


@pytest.fixture(scope="module")
def narrations(kitchen_root: Path) -> Path:
    return build(kitchen_root, NARRATIONS)


def open_data(manifest: Path, root: Path, **options: object) -> ManifestDataset:
    return ManifestDataset(manifest, root, size=SIZE, mask_stride=2, **options)  # type: ignore[arg-type]


def samples(data: ManifestDataset) -> list[list[ManifestSample]]:
    """Return the samples of every clip, in the order of the items."""
    return [list(clip.samples) for clip in data.manifest.iter_clips(with_masks=False)]


def test_the_target_follows_the_given_flag_in_training_and_the_clean_one_in_scoring(
    flags: Path, kitchen_root: Path
) -> None:
    given, clean = open_data(flags, kitchen_root), open_data(flags, kitchen_root, labels="clean")
    own = open_data(flags, kitchen_root, targets="all")
    kinds = set()
    for index, of_clip in enumerate(samples(given)):
        for k, sample in enumerate(of_clip):
            kinds.add((sample.is_positive, sample.noisy_is_positive))
            for data, flag in ((given, sample.noisy_is_positive), (clean, sample.is_positive)):
                item = data[index]
                assert bool(item.is_positive[k]) == flag
                assert torch.equal(item.masks[k], own[index].masks[k] if flag else torch.zeros_like(item.masks[k]))
    assert kinds == {(True, True), (True, False), (False, True), (False, False)}


def test_a_batch_carries_the_given_flags(flags: Path, kitchen_root: Path) -> None:
    data = open_data(flags, kitchen_root)
    batch = collate([data[0], data[1]])
    expected = [float(sample.noisy_is_positive) for of_clip in samples(data)[:2] for sample in of_clip]
    assert batch.is_positive.tolist() == batch.targets.is_positive.tolist() == expected


def test_a_wrong_flag_is_a_wrong_label_everywhere(flags: Path, kitchen_root: Path) -> None:
    data = open_data(flags, kitchen_root, diagnose=True)
    found = []
    for index, of_clip in enumerate(samples(data)):
        agrees = data[index].agrees
        assert agrees is not None
        for k, sample in enumerate(of_clip):
            is_right = sample.noisy_is_positive == sample.is_positive
            assert agrees[k].all() if is_right else not agrees[k].any()
            found.append(is_right)
    assert len(set(found)) == 2


def test_a_wrong_narration_is_a_wrong_label_and_changes_no_target(narrations: Path, kitchen_root: Path) -> None:
    data, clean = (open_data(narrations, kitchen_root, labels=side, diagnose=True) for side in ("noisy", "clean"))
    swapped = []
    for index, of_clip in enumerate(samples(data)):
        item, truth = data[index], clean[index]
        swapped.append(of_clip[0].narration_noise != "none")
        assert item.agrees is not None
        assert bool(item.agrees.any()) == bool(item.agrees.all()) == (not swapped[-1])
        assert all((a != b) == swapped[-1] for a, b in zip(item.expressions, truth.expressions, strict=True))
        assert torch.equal(item.masks, truth.masks)
        assert torch.equal(item.is_positive, truth.is_positive)
    assert len(set(swapped)) == 2


def test_the_noise_rate_counts_wrong_flags_and_narrations(flags: Path, narrations: Path, kitchen_root: Path) -> None:
    for manifest, noise in ((flags, "flag_noise"), (narrations, "narration_noise")):
        data = open_data(manifest, kitchen_root)
        rows = data.manifest.table("samples", [noise])[noise].to_pylist()
        assert data.noise_rate == pytest.approx(np.mean([name != "none" for name in rows]))
        assert 0.1 < data.noise_rate < 0.9


def test_action_weights_are_those_of_the_given_flag(flags: Path, kitchen_root: Path) -> None:
    data = open_data(flags, kitchen_root, weigh_actions=True)
    clean = open_data(flags, kitchen_root, weigh_actions=True, labels="clean")
    for index, of_clip in enumerate(samples(data)):
        for weights, side in ((data[index].weights, "noisy"), (clean[index].weights, "clean")):
            assert weights is not None
            for k, sample in enumerate(of_clip):
                reasons = bool(sample.handbox) + bool(sample.in_narration)
                inside = (1.0, 2.0, 5.0)[reasons] if sample.flag(side) else 5.0
                assert float(weights[k].max()) == pytest.approx(inside)


def test_scoring_is_on_clean_flags(flags: Path, kitchen_root: Path) -> None:
    clean = build(kitchen_root, Recipe("clean-8"))
    noisy, plain = (list(iter_truth(actiseg_noise.read_manifest(path))) for path in (flags, clean))
    assert [frame.is_positive for frame in noisy] == [frame.is_positive for frame in plain]
    assert [frame.masks for frame in noisy] == [frame.masks for frame in plain]


def test_a_probe_looks_at_the_samples_with_wrong_flags_of_either_kind(flags: Path, kitchen_root: Path) -> None:
    given, clean = open_data(flags, kitchen_root), open_data(flags, kitchen_root, labels="clean")
    probe = Probe(given, clean, clips=8)
    expected = [[s.noisy_is_positive != s.is_positive for s in of_clip] for of_clip in samples(given)]
    assert [counted.tolist() for counted in probe._counted] == expected


def test_tracks_print_the_share_of_wrong_flags_and_narrations() -> None:
    severity = {"harmful_positives": 0.25, "median_iou": None}
    more = severity | {"wrong_narration_positives": 0.2, "wrong_flag_positives": 0.125}
    boards = [make_leaderboards([make_result(track="both", severity=found)])[0] for found in (severity, more)]
    plain, both = (track_line(board.blocks[0]) for board in boards)
    assert "25.0 % of positives have a wrong noun · masks clean" in plain
    assert (
        "25.0 % of positives have a wrong text · 20.0 % have another clip's narration · 12.5 % are given as negative"
        in both
    )
    header, row = render_csv(boards[1:]).splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True))
    assert (cells["wrong_narration_positives"], cells["wrong_flag_positives"]) == ("0.2", "0.125")
