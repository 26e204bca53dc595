"""What a step costs the host, and other ways to compute the same: equal answers, fewer operations, less kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from referformer_fakes import SMALL, SmallReferFormer
from referformer_method import fill_network
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models.base import MODELS
from actiseg_bench.models.referformer import ReferFormer
from actiseg_bench.models.referformer.attention import (
    Words,
    attend,
    attend_to_itself,
    attend_to_words,
    drop,
    hear,
    hide,
)
from actiseg_bench.models.referformer.backbone import ResNet
from actiseg_bench.models.referformer.constants import made_once
from actiseg_bench.models.referformer.deformable import DeformableAttention, sample_levels
from actiseg_bench.models.referformer.kernels import (
    NoKernelsWarning,
    choose_sampler,
    sample_by_kernels,
    why_no_kernels,
)
from actiseg_bench.models.referformer.text import Tokens, build_encoder, place_words, read_words
from actiseg_bench.records import Batch, Prediction, predict_view
from actiseg_noise.errors import UnknownNameError

CPU = torch.device("cpu")
GPU = torch.device("cuda")
NO_KERNELS = why_no_kernels(GPU if torch.cuda.is_available() else CPU)


class Dispatched(TorchDispatchMode):
    """Counts the operations that are dispatched inside."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), options: Any = None) -> Any:
        self.count += 1
        return function(*given, **(options or {}))


def batch_of(samples: int) -> Batch:
    masks = torch.zeros(samples, 2, 8, 12)
    masks[..., 2:5, 3:6] = 1
    return Batch(
        torch.rand(1, 2, 3, 32, 48, generator=torch.Generator().manual_seed(1)),
        [" ".join(["cut"] * (i + 1)) for i in range(samples)],
        torch.zeros(samples, dtype=torch.int64),
        masks,
        torch.ones(samples),
        tuple(map(str, range(samples))),
        ((0, 1),) * samples,
        torch.eye(2, 3)[None],
    )


def step(network: ReferFormer, batch: Batch) -> Tensor:
    torch.manual_seed(2)
    network.zero_grad()
    loss = base_loss(predict_view(network, batch), batch, LossConfig()).mean()
    loss.backward()
    return loss.detach()


@pytest.fixture
def network() -> ReferFormer:
    made = ReferFormer(replace(SMALL, dropout=0.1)).train()
    fill_network(made)
    return made


def test_five_expressions_dispatch_few_operations_more_than_one(network: ReferFormer) -> None:
    counts = []
    for samples in (1, 5):
        step(network, batch_of(samples))  # constants of these sizes are made
        with Dispatched() as dispatched:
            step(network, batch_of(samples))
        counts.append(dispatched.count)
    assert counts[0] < counts[1] < 1.1 * counts[0]


def test_constants_are_made_once_per_size(network: ReferFormer) -> None:
    counts = []
    for _ in range(3):
        with Dispatched() as dispatched:
            step(network, batch_of(1))
        counts.append(dispatched.count)
    assert counts[2] == counts[1] <= counts[0]


def test_a_constant_made_in_a_prediction_can_be_learned_with() -> None:
    @made_once(sizes=2)
    def make(size: int) -> Tensor:
        return torch.ones(size)

    with torch.inference_mode():
        made = make(3)
    x = torch.ones(3, requires_grad=True)
    (x * made).sum().backward()
    assert make(3) is made
    assert x.grad is not None and x.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_draws_what_the_library_draws(p: float, training: bool) -> None:
    x = torch.randn(50, 40, requires_grad=True)
    found = []
    for function in (drop, F.dropout):
        torch.manual_seed(3)
        out = function(x, p, training)  # type: ignore[operator]
        found.append((out, torch.autograd.grad((out * out.detach()).sum(), x)[0], torch.rand(1)))
    for ours, theirs in zip(*found, strict=True):
        assert torch.equal(ours, theirs)


def attention(dropout: float = 0.0) -> nn.MultiheadAttention:
    torch.manual_seed(4)
    made = nn.MultiheadAttention(32, 4, dropout, batch_first=True)
    nn.init.normal_(made.in_proj_bias)
    nn.init.normal_(made.out_proj.bias)
    return made


def words_of(*lengths: int) -> Words:
    padding = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    values, places = torch.randn(2, len(lengths), max(lengths), 32, generator=torch.Generator().manual_seed(5))
    return Words(values, places, padding if len(set(lengths)) > 1 else None)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("count", [1, 3])
def test_attention_of_cells_is_the_librarys_with_its_draws(count: int, dropout: float) -> None:
    made, given = attention(dropout), torch.randn(count, 6, 32)
    asked = given + torch.randn(6, 32)
    torch.manual_seed(6)
    expected = made(asked, asked, given, need_weights=False)[0]
    torch.manual_seed(6)
    assert torch.allclose(attend_to_itself(made, asked, given), expected, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("lengths", [(3,), (2, 5), (1, 1), (12, 9), (40,)], ids=str)  # 12 and 40 words: the long way
def test_attention_to_words_is_the_librarys_with_its_draws(lengths: tuple[int, ...], dropout: float) -> None:
    made, words = attention(dropout), words_of(*lengths)
    cells = torch.randn(len(lengths), 7, 32, requires_grad=True)
    ways: list[Callable[[], Tensor]] = [
        lambda: attend_to_words(made, cells, hear([made], words)[0]),
        lambda: made(cells, words.keys, words.values, key_padding_mask=words.padding, need_weights=False)[0],
    ]
    found = []
    for way in ways:
        torch.manual_seed(6)
        out = way()
        found.append([out, *torch.autograd.grad(out.square().sum(), [cells, *made.parameters()])])
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_padding_is_hidden_where_weights_are_dropped() -> None:
    q, k, v = torch.randn(3, 2, 4, 5, 8)
    padding = torch.tensor([[False] * 5, [False, False, True, True, True]])
    torch.manual_seed(7)
    found = attend(q, k, v, hide(padding, 4, q.dtype), 0.2)
    torch.manual_seed(7)
    expected = F.scaled_dot_product_attention(q, k, v, ~padding[:, None, None], 0.2)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("lengths", [(4,), (3, 6)], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_words_are_read_as_the_library_reads_them(lengths: tuple[int, ...], training: bool) -> None:
    encoder = build_encoder(replace(SMALL.text, dropout=0.1, layers=2)).train(training)
    padding = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    ids = torch.randint(3, 100, padding.shape).masked_fill(padding, 1)
    torch.manual_seed(8)
    found = read_words(encoder, ids, *(place_words(Tokens(ids, padding, 0), 8, CPU)[i] for i in (1, 3)))
    torch.manual_seed(8)
    expected = encoder(input_ids=ids, attention_mask=(~padding).long())
    assert torch.allclose(found[0][~padding], expected.last_hidden_state[~padding], atol=1e-5)
    assert torch.allclose(found[1], expected.pooler_output, atol=1e-5)


def test_gradients_of_what_is_read_again_are_those_of_a_small_difference() -> None:
    drawn = torch.Generator().manual_seed(9)
    value = torch.randn(2, 15, 2, 3, dtype=torch.float64, generator=drawn, requires_grad=True)
    places = (torch.rand(2, 6, 2, 2, 4, 2, dtype=torch.float64, generator=drawn) * 1.8 - 0.4).requires_grad_()
    weights = torch.rand(2, 6, 2, 2, 4, dtype=torch.float64, generator=drawn, requires_grad=True)
    shapes = [(3, 4), (1, 3)]  # some places are beyond a level's edge, and its neighbour in memory is not read there
    assert torch.autograd.gradcheck(
        lambda *given: sample_levels(given[0], shapes, *given[1:]), (value, places, weights)
    )


def test_more_frames_than_are_read_at_once_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    value, shapes = torch.randn(3, 8, 2, 4), [(2, 3), (1, 2)]
    places, weights = torch.rand(3, 5, 2, 2, 2, 2), torch.rand(3, 5, 2, 2, 2)
    expected = sample_levels(value, shapes, places, weights)
    monkeypatch.setattr("actiseg_bench.models.referformer.deformable.READS", 1)
    assert torch.equal(sample_levels(value, shapes, places, weights), expected)


def test_frozen_convolutions_are_folded_again_when_they_change() -> None:
    network = ResNet((1, 1, 1, 1), 4).requires_grad_(False)
    x = torch.randn(1, 3, 16, 16)
    first = network(x)[0]
    assert torch.equal(network(x)[0], first)
    with torch.no_grad():
        network.conv1.weight.mul_(2)
        network.layer1[0].bn3.bias.add_(1)  # type: ignore[index, union-attr]
    changed, fresh = network(x)[0], ResNet((1, 1, 1, 1), 4).requires_grad_(False)
    fresh.load_state_dict(network.state_dict())
    assert not torch.allclose(changed, first)
    assert torch.equal(changed, fresh(x)[0])


def test_layers_judged_at_once_cost_what_they_cost_one_by_one(network: ReferFormer) -> None:
    batch = replace(batch_of(2), weights=1 + torch.rand(2, 2, 8, 12))
    answer = predict_view(network, batch)
    assert answer.all_layers is not None
    together = base_loss(answer, batch, LossConfig())
    assert torch.allclose(together, base_loss(answer._replace(all_layers=None), batch, LossConfig()), atol=1e-5)


def kept_bytes(network: ReferFormer) -> int:
    """Return the bytes that a step keeps for its backward pass, each storage once."""
    seen: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        if not x.is_leaf:
            seen[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    batch = batch_of(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss: Prediction = predict_view(network, batch)
    del loss
    return sum(seen.values())


def test_activations_that_are_computed_again_teach_the_same_and_are_not_kept(network: ReferFormer) -> None:
    losses, gradients, kept = [], [], []
    for again in (False, True):
        network.use(checkpoint_activations=again)
        losses.append(step(network, batch_of(2)))
        gradients.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
        kept.append(kept_bytes(network))
    assert torch.equal(*losses)
    assert gradients[0].keys() == gradients[1].keys()
    assert [name for name, grad in gradients[0].items() if not torch.equal(grad, gradients[1][name])] == []
    assert kept[1] < 0.8 * kept[0]


@torch.no_grad()
def test_frames_are_encoded_once_for_all_expressions_of_a_long_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    network = MODELS["referformer-mini"]().eval()
    fill_network(network)  # type: ignore[arg-type]
    batch = batch_of(5)
    whole = network(batch.frames, batch.expressions, batch.frames_of)
    calls: list[int] = []
    see = network.see
    monkeypatch.setattr(network, "see", lambda frames: calls.append(1) or see(frames))
    for bound in (1, 4, 6, 10):  # one, two, three and five expressions on two frames share a pass
        monkeypatch.setattr(network, "card", replace(network.card, frame_samples=bound, splits_samples=True))
        found = network(batch.frames, batch.expressions, batch.frames_of)
        for ours, expected in zip(found[:2], whole[:2], strict=True):
            assert torch.allclose(ours, expected, rtol=1e-4, atol=1e-4)
        assert found.queries is not None and torch.equal(found.queries, whole.queries)
    assert calls == [1] * 4


def test_a_network_reads_by_the_sampler_it_is_given() -> None:
    network = SmallReferFormer().eval()
    network.use(deformable="torch")
    seen = {module.sample for module in network.modules() if isinstance(module, DeformableAttention)}
    assert seen == {sample_levels}


def test_kernels_that_are_not_to_be_had_are_named_once_and_done_without() -> None:
    with pytest.warns(NoKernelsWarning, match="--deformable kernels: .* run on cuda, not on cpu"):
        assert choose_sampler("kernels", CPU) is sample_levels
    assert choose_sampler("auto", CPU) is choose_sampler("torch", CPU) is sample_levels


def test_kernels_of_a_library_that_is_not_installed_are_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deformops", None)
    monkeypatch.setattr("actiseg_bench.models.referformer.kernels.find_spec", lambda name: None)
    assert "deformops is not installed" in why_no_kernels(GPU)


def test_another_word_for_deformable_attention_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="--deformable"):
        choose_sampler("cuda", CPU)


@pytest.mark.skipif(bool(NO_KERNELS), reason=NO_KERNELS)
def test_kernels_read_what_grid_sample_reads() -> None:
    drawn = torch.Generator().manual_seed(10)
    shapes = [(12, 20), (6, 10), (3, 5), (2, 3)]
    value = torch.randn(2, sum(h * w for h, w in shapes), 8, 32, generator=drawn)
    places = torch.rand(2, 50, 8, 4, 4, 2, generator=drawn) * 1.2 - 0.1
    weights = torch.rand(2, 50, 8, 4, 4, generator=drawn)
    found = []
    for sample in (sample_levels, sample_by_kernels):
        given = [x.to(GPU).requires_grad_() for x in (value, places, weights)]
        out = sample(given[0], shapes, given[1], given[2])
        found.append([out, *torch.autograd.grad(out.square().mean(), given)])
    for i, (ours, theirs) in enumerate(zip(*found, strict=True)):
        assert torch.allclose(ours, theirs, atol=1e-4 if i == 0 else 1e-3)
