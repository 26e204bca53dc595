"""Judges every registered model: a newcomer is picked up by itself."""

import pytest
import torch
from train_fakes import make_item

from actiseg_bench.models.base import MODELS, VosModel, count_parameters, reset_fresh
from actiseg_bench.records import Prediction, collate

NAMES = list(MODELS)


def make(name: str) -> VosModel:
    torch.manual_seed(0)
    return MODELS[name]().eval()


def predict(model: VosModel, *items: object, frames: int = 3) -> Prediction:
    batch = collate(list(items))  # type: ignore[arg-type]
    with torch.no_grad():
        return model(batch.frames, batch.expressions, batch.frames_of)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_complete(name: str) -> None:
    card = MODELS[name].card
    assert card.name == name
    assert card.summary and card.source
    assert 0 < card.positive_threshold < 1
    assert count_parameters(make(name)) > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_any_number_of_frames_and_samples_gives_a_mask_per_sample_and_frame(name: str, frames: int) -> None:
    model = make(name)
    size = 64
    found = predict(model, make_item("a", frames=frames, size=size), make_item("b", frames=frames, size=size))
    cells = size // model.card.mask_stride
    assert found.mask_logits.shape == (6, frames, cells, cells)
    assert found.positive_logits.shape == (6,)
    assert torch.isfinite(found.mask_logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_does_not_see_the_other_samples_or_clips(name: str) -> None:
    model = make(name)
    alone = predict(model, make_item("a", size=64).take([1]))
    among = predict(model, make_item("b", size=64), make_item("a", size=64))
    assert torch.allclose(among.mask_logits[4], alone.mask_logits[0], atol=1e-4)
    assert torch.allclose(among.positive_logits[4], alone.positive_logits[0], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_words_and_the_picture_matter(name: str) -> None:
    model = make(name)
    item = make_item("a", size=64)
    base = predict(model, item).mask_logits
    assert not torch.allclose(base[0], base[1])
    other = predict(model, make_item("b", size=64)).mask_logits
    assert not torch.allclose(base, other)


@pytest.mark.parametrize("name", NAMES)
def test_fresh_parameters_depend_on_the_seed_alone_and_carried_ones_stay(name: str) -> None:
    first, second = make(name), make(name)
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(torch.rand_like(parameter))
    carried = {k: v.clone() for k, v in second.state_dict().items()}
    reset_fresh(first, 5)
    reset_fresh(second, 5)
    fresh = tuple(f"{prefix}." for prefix in first.card.fresh)
    for key, value in second.state_dict().items():
        expected = first.state_dict()[key] if key.startswith(fresh) else carried[key]
        assert torch.equal(value, expected), key
