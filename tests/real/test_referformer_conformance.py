"""Our ReferFormer gives the published names, answers and losses, for weights and inputs anyone can rebuild."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import torch
from real_data import place_of, why_skipped
from referformer_method import clip, ellipse, every_loss, fill_network, furthest, unpadded

from actiseg_bench.models.referformer import ReferFormer, ReferFormerConfig, TextConfig
from actiseg_bench.models.referformer.config import RESNET_101

FIXTURE = place_of("conformance/referformer")
SMALL_TEXT = TextConfig(vocabulary=1000, layers=2, feedforward=256, positions=66)
EQUAL = 1e-4

pytestmark = pytest.mark.skipif(not FIXTURE.is_dir(), reason=why_skipped("conformance/referformer"))


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """What the published program said: names, shapes and losses."""
    loaded: dict[str, Any] = json.loads((FIXTURE / "parity_r50_pos.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def network() -> ReferFormer:
    """Our network, every weight filled from its name."""
    made = ReferFormer(ReferFormerConfig(text=SMALL_TEXT)).eval()
    fill_network(made)
    return made


def shapes_of(config: ReferFormerConfig) -> dict[str, list[int]]:
    """Return name → shape of the state dict, without room for the values."""
    with torch.device("meta"):
        return {name: list(x.shape) for name, x in ReferFormer(config).state_dict().items()}


def test_names_and_shapes_are_the_published_ones(said: dict[str, Any], network: ReferFormer) -> None:
    published = {name: shape for name, (shape, _) in said["state_dict"].items()}
    assert {name: list(x.shape) for name, x in network.state_dict().items()} == published


def test_resnet_101_has_17_more_blocks_in_its_third_stage_and_no_other_name(said: dict[str, Any]) -> None:
    published = {name: shape for name, (shape, _) in said["state_dict"].items()}
    block = {name: shape for name, shape in published.items() if ".layer3.1." in name}
    more = {name.replace(".layer3.1.", f".layer3.{i}."): shape for i in range(6, 23) for name, shape in block.items()}
    assert shapes_of(ReferFormerConfig(blocks=RESNET_101, text=SMALL_TEXT)) == published | more


def test_without_the_positive_head_its_names_alone_are_missing(said: dict[str, Any]) -> None:
    published = {name: shape for name, (shape, _) in said["state_dict"].items()}
    without = {name: shape for name, shape in published.items() if not name.startswith("positive_cls_embed.")}
    assert len(published) - len(without) == 8
    assert shapes_of(ReferFormerConfig(positive_head=False, text=SMALL_TEXT)) == without


def test_roberta_base_has_the_names_and_widths_of_the_small_one(said: dict[str, Any]) -> None:
    def kinds(names: Any) -> set[str]:
        return {re.sub(r"layer\.\d+", "layer.N", name) for name in names if name.startswith("text_encoder")}

    assert kinds(shapes_of(ReferFormerConfig())) == kinds(said["state_dict"])


@pytest.mark.parametrize("case", ["a", "b"])
@torch.no_grad()
def test_answers_and_losses_equal_the_published_program(case: str, said: dict[str, Any], network: ReferFormer) -> None:
    expected = np.load(FIXTURE / "parity_r50_pos.npz")
    frames, height, width, seed, positive = expected[f"{case}/meta"].tolist()
    tokens = unpadded(torch.from_numpy(expected[f"{case}/input_ids"]))
    found = network.find(clip(seed, frames, height, width), tokens, torch.zeros(1, dtype=torch.int64))

    assert furthest(found.logits[-1], expected[f"{case}/pred_logits"]) < EQUAL
    assert furthest(found.boxes[-1], expected[f"{case}/pred_boxes"]) < EQUAL
    assert furthest(found.positives[-1], expected[f"{case}/pred_positives"]) < EQUAL
    assert furthest(network.draw(found, -1), expected[f"{case}/pred_masks"]) < EQUAL
    for layer in range(3):
        drawn = network.draw(found, layer)
        assert (
            furthest(torch.stack([drawn.mean(), drawn.std()]), expected[f"{case}/aux{layer}_pred_masks_mean"]) < EQUAL
        )

    masks, boxes = ellipse(frames, height, width, is_positive=bool(positive))
    for kind, weights in (("masks", None), ("weighted_masks", 1 + 3 * masks)):
        losses = every_loss(network, found, masks, boxes, float(positive), weights)
        assert losses == pytest.approx(said["losses"][f"{case}/{kind}"], abs=EQUAL)
        assert len(losses) == 24
