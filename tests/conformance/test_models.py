"""Judges every registered model: a newcomer is picked up by itself."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from roberta_files import write_roberta_files
from train_fakes import make_item

from actiseg_bench.models.base import MODELS, VosModel, count_parameters, reset_fresh
from actiseg_bench.models.referformer.text import VARIABLE, load_tokenizer
from actiseg_bench.records import Prediction, collate


@pytest.fixture(scope="module", autouse=True)
def _offline_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(write_roberta_files(tmp_path_factory.mktemp("roberta"))))
        load_tokenizer.cache_clear()
        yield
    load_tokenizer.cache_clear()


def make(name: str) -> VosModel:
    torch.manual_seed(0)
    return MODELS[name]().eval()


@pytest.fixture(scope="module", params=list(MODELS))
def model(request: pytest.FixtureRequest) -> VosModel:
    """A registered model, made once for all tests: the largest takes seconds."""
    return make(request.param)


def predict(model: VosModel, *items: object, frames: int = 3) -> Prediction:
    batch = collate(list(items))  # type: ignore[arg-type]
    with torch.no_grad():
        return model(batch.frames, batch.expressions, batch.frames_of)


def test_the_card_is_complete(model: VosModel) -> None:
    card = model.card
    assert MODELS[card.name] is type(model)
    assert card.summary and card.source
    assert 0 < card.positive_threshold < 1
    assert count_parameters(model) > 0


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_any_number_of_frames_and_samples_gives_a_mask_per_sample_and_frame(model: VosModel, frames: int) -> None:
    size = 64
    found = predict(model, make_item("a", frames=frames, size=size), make_item("b", frames=frames, size=size))
    cells = size // model.card.mask_stride
    assert found.mask_logits.shape == (6, frames, cells, cells)
    assert found.positive_logits.shape == (6,)
    assert torch.isfinite(found.mask_logits).all()


def test_frames_of_any_size_give_masks_of_their_size_over_the_stride_rounded_up(model: VosModel) -> None:
    for rows, columns in ((62, 70), (66, 50)):  # halves are odd, quarters broken
        with torch.no_grad():
            found = model(torch.rand(1, 2, 3, rows, columns), ["knife"], torch.zeros(1, dtype=torch.int64))
        stride = model.card.mask_stride
        assert found.mask_logits.shape == (1, 2, -(-rows // stride), -(-columns // stride))


def test_a_sample_does_not_see_the_other_samples_or_clips(model: VosModel) -> None:
    alone = predict(model, make_item("a", size=64).take([1]))
    among = predict(model, make_item("b", size=64), make_item("a", size=64))
    assert torch.allclose(among.mask_logits[4], alone.mask_logits[0], atol=1e-4)
    assert torch.allclose(among.positive_logits[4], alone.positive_logits[0], atol=1e-4)


def test_the_words_and_the_picture_matter(model: VosModel) -> None:
    item = make_item("a", size=64)
    base = predict(model, item).mask_logits
    assert not torch.allclose(base[0], base[1])
    other = predict(model, make_item("b", size=64)).mask_logits
    assert not torch.allclose(base, other)


def test_fresh_parameters_depend_on_the_seed_alone_and_carried_ones_stay(model: VosModel) -> None:
    changed = deepcopy(model)
    fresh = tuple(f"{prefix}." for prefix in model.card.fresh)
    reset_fresh(changed, 5)
    first = {k: v.clone() for k, v in changed.state_dict().items() if k.startswith(fresh)}
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.add_(1)
    reset_fresh(changed, 5)
    names = dict(model.named_parameters(remove_duplicate=False))
    carried = model.state_dict()
    for key, value in changed.state_dict().items():
        expected = first[key] if key in first else carried[key] + (1 if key in names else 0)
        assert torch.equal(value, expected), key


def test_kept_features_are_the_same_in_every_mode_and_encoding_changes_nothing() -> None:
    for name in (name for name in MODELS if MODELS[name].card.keeps_features):
        torch.manual_seed(0)
        new = MODELS[name]()  # in the mode that it has when nobody has set one
        before, frames = deepcopy(new.state_dict()), torch.rand(1, 3, 3, 64, 64)
        found = [new.encode(frames), new.train().encode(frames), new.eval().encode(frames)]
        assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2]), name
        assert all(torch.equal(value, before[key]) for key, value in new.state_dict().items()), name
