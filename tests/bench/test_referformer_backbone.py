"""The ResNet: its norm folded into convolutions, its strides, and its names."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer.backbone import Folding, FrozenBatchNorm, ResNet
from actiseg_bench.models.referformer.config import RESNET_101, ReferFormerConfig


def convolve(x: Tensor, conv: nn.Conv2d, norm: FrozenBatchNorm) -> Tensor:
    """Return convolution and norm as one convolution."""
    (folded,) = Folding().fold([(conv, norm)])
    return folded(x)


@pytest.fixture
def norm() -> FrozenBatchNorm:
    drawn = torch.Generator().manual_seed(1)
    made = FrozenBatchNorm(4)
    made.load_state_dict({name: torch.rand(4, generator=drawn) + 0.1 for name in made.state_dict()})
    return made


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_and_norm_in_one_equal_one_after_the_other(norm: FrozenBatchNorm, stride: int) -> None:
    conv = nn.Conv2d(3, 4, 3, stride, 1, bias=False)
    x = torch.randn(2, 3, 7, 6, generator=torch.Generator().manual_seed(2))
    expected = F.batch_norm(conv(x), norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False)
    assert torch.allclose(convolve(x, conv, norm), expected, atol=1e-5)


def test_the_folded_convolution_learns_as_the_plain_one_does(norm: FrozenBatchNorm) -> None:
    conv = nn.Conv2d(3, 4, 1, bias=False)
    x = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(3))
    gradients = []
    for out in (
        convolve(x, conv, norm),
        F.batch_norm(conv(x), norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False),
    ):
        gradients.append(torch.autograd.grad((out**2).sum(), conv.weight)[0])
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-4)


def test_nothing_of_the_norm_is_learned_or_counted_in_training(norm: FrozenBatchNorm) -> None:
    before = {name: x.clone() for name, x in norm.state_dict().items()}
    assert not list(norm.parameters())
    convolve(torch.randn(2, 3, 4, 4), nn.Conv2d(3, 4, 1, bias=False), norm.train())
    assert all(torch.equal(x, before[name]) for name, x in norm.state_dict().items())


def test_scale_and_shift_are_of_the_stored_statistics() -> None:
    norm = FrozenBatchNorm(1)
    norm.load_state_dict(
        {name: torch.tensor([x]) for name, x in zip(norm.state_dict(), (6.0, 1.0, 2.0, 4.0), strict=True)}
    )
    scale, shift = norm.scale_and_shift()  # (x - 2) / 2 · 6 + 1
    assert scale.item() == pytest.approx(3, abs=1e-4)
    assert shift.item() == pytest.approx(-5, abs=1e-4)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 96), [(16, 24), (8, 12), (4, 6), (2, 3)]),
        ((33, 50), [(9, 13), (5, 7), (3, 4), (2, 2)]),  # rounded up
        ((1, 8), [(1, 2), (1, 1), (1, 1), (1, 1)]),  # less than a stride
    ],
)
def test_stages_are_at_strides_4_to_32(size: tuple[int, int], expected: list[tuple[int, int]]) -> None:
    network = ResNet((1, 1, 1, 1), 4)
    with torch.no_grad():
        found = network(torch.zeros(1, 3, *size))
    assert [tuple(x.shape[-2:]) for x in found] == expected
    assert [x.shape[1] for x in found] == [16, 32, 64, 128]


@pytest.mark.parametrize(("blocks", "convolutions"), [(ReferFormerConfig().blocks, 53), (RESNET_101, 104)])
def test_depth_is_counted_in_convolutions(blocks: tuple[int, int, int, int], convolutions: int) -> None:
    with torch.device("meta"):
        network = ResNet(blocks, 64)
    names = network.state_dict()
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == convolutions
    assert names["layer3.0.downsample.0.weight"].shape == (1024, 512, 1, 1)
    assert names["layer3.0.conv2.weight"].shape == (256, 256, 3, 3)
    assert names["layer4.2.bn3.running_var"].shape == (2048,)
