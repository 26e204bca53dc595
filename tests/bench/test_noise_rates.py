"""How many labels are wrong, counted from what is given and what is clean."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench_fakes import fake_manifest

from actiseg_bench.data.by_clip import ByClip
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.noise_rates import is_misnamed, noise_rates
from actiseg_bench.records import NoiseRates
from actiseg_noise import read_manifest

PUBLISHED = Path(__file__).parents[2] / "manifests/kitchen/train"


def test_the_noise_rates_are_what_the_manifest_knows(noisy_val: Path, clean_val: Path, kitchen_root: Path) -> None:
    assert ManifestDataset(clean_val, kitchen_root).noise_rates == NoiseRates()
    assert ManifestDataset(noisy_val, kitchen_root, labels="clean").noise_rates == NoiseRates()
    found = ManifestDataset(noisy_val, kitchen_root).noise_rates
    given, both, clean = 0, 0, 0
    wrong: dict[bool, list[bool]] = {True: [], False: []}
    for clip in read_manifest(noisy_val).iter_clips():
        acting = {sample.noun for sample in clip.samples if sample.is_positive}
        for sample in clip.samples:
            masks = [frame.masks[sample.object_id] for frame in clip.frames if frame.is_annotated]
            noisy, right = (np.stack([mask.decode(labels) for mask in masks]) for labels in ("noisy", "clean"))
            if sample.is_positive:
                iou = (noisy & right).sum() / max((noisy | right).sum(), 1)
                wrong[True].append(sample.is_harmful or iou < 0.5)
                given, both, clean = given + noisy.sum(), both + (noisy & right).sum(), clean + right.sum()
            else:
                wrong[False].append(sample.noisy_noun != sample.noun and sample.noisy_noun in acting)
    assert found.positives == np.mean(wrong[True]) > 0.2
    assert found.negatives == np.mean(wrong[False])
    assert found.samples == np.mean(wrong[True] + wrong[False])
    assert found.foreground == pytest.approx((given - both) / given)
    assert 0 < found.background < found.foreground


def test_a_negative_is_wrong_where_its_text_asks_for_an_object_that_acts() -> None:
    """Of fake clip a, object 3 is a negative knife; 1 and 2, the hand and the onion, act."""
    clips = ByClip(fake_manifest(harmful=[("a", 3)]))
    samples = clips.without_masks("a").samples
    lamp, onion = samples[2], replace(samples[2], noisy_noun="onion")
    assert lamp.is_harmful and not is_misnamed(lamp, samples)
    assert is_misnamed(onion, (*samples[:2], onion))
    assert not is_misnamed(replace(samples[2], noun="onion", noisy_noun="onion"), samples)  # two onions, one acts
    assert is_misnamed(replace(samples[1], is_harmful=True), samples)


def test_the_noise_rates_of_a_manifest_that_a_reader_can_count() -> None:
    """Three positives and one negative; every mask of a positive has an IoU of .4, or of .6, with the clean one."""
    for iou, positives in ((0.4, 1.0), (0.6, 1 / 3)):
        manifest = fake_manifest(harmful=[("a", 1), ("a", 3)], iou=iou)
        found = noise_rates(manifest, ByClip(manifest))
        assert (found.positives, found.negatives) == (pytest.approx(positives), 0.0)
        assert found.samples == pytest.approx(positives * 3 / 4)


@pytest.mark.parametrize(
    ("recipe", "positives", "negatives", "samples"),
    [("clean", 0, 0, 0), ("flip-40", 492, 45, 537), ("text-40", 500, 55, 555), ("text-60", 774, 72, 846)],
)
def test_the_noise_rates_of_published_manifests(recipe: str, positives: int, negatives: int, samples: int) -> None:
    manifest = read_manifest(PUBLISHED / f"{recipe}-s0")
    found = noise_rates(manifest, ByClip(manifest))
    counts = (found.positives * 1250, found.negatives * 1766, found.samples * 3016)
    assert counts == pytest.approx((positives, negatives, samples))
