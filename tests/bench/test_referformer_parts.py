"""Fusion with words, the transformer's references, the pixel decoder, and the heads' starts."""

from __future__ import annotations

import math

import pytest
import torch
from referformer_fakes import SmallReferFormer
from torch import nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer import ReferFormerConfig
from actiseg_bench.models.referformer.attention import Words, hear
from actiseg_bench.models.referformer.network import Fusion, Score, box_head, input_projection
from actiseg_bench.models.referformer.pixel_decoder import NormedConv, PixelDecoder, VisionLanguageBlock
from actiseg_bench.models.referformer.transformer import FeedForward, Transformer, cell_centres

SMALL = ReferFormerConfig(
    stem=2, width=32, heads=2, encoder_layers=1, decoder_layers=2, feedforward=16, dropout=0.0, points=1, queries=2
)


def words_of(*lengths: int, seed: int = 0) -> Words:
    """Expressions of these lengths, padded to the longest; their padding holds numbers that must not be read."""
    padding = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    values = torch.randn(len(lengths), max(lengths), 32, generator=torch.Generator().manual_seed(seed))
    return Words(values, torch.zeros_like(values), padding)


def see(words: Words, samples: slice) -> Words:
    """Return the words of some samples, without their padding."""
    found = words_of(1)
    keep = ~words.padding[samples][0] if words.padding is not None else slice(None)
    found.values, found.keys, found.padding = words.values[samples][:, keep], words.keys[samples][:, keep], None
    return found


def read_plainly(attention: nn.MultiheadAttention) -> None:
    """Make an attention read its values as they are."""
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.eye(32).repeat(3, 1))
        attention.in_proj_bias.zero_()
        attention.out_proj.weight.copy_(torch.eye(32))
        attention.out_proj.bias.zero_()


def test_pixels_are_multiplied_by_the_only_word() -> None:
    fusion = Fusion(SMALL)
    read_plainly(fusion.multihead_attn)
    cells, words = torch.randn(1, 6, 32), words_of(1)
    assert torch.allclose(fusion(cells, words), cells * words.values, atol=1e-6)


def test_pixels_do_not_see_what_pads_a_shorter_expression() -> None:
    fusion, cells, words = Fusion(SMALL), torch.randn(2, 6, 32), words_of(2, 4)
    assert torch.allclose(fusion(cells, words)[:1], fusion(cells[:1], see(words, slice(0, 1))), atol=1e-6)


def test_cells_refer_to_their_own_middles_level_by_level() -> None:
    found = cell_centres([(1, 2), (2, 1)], torch.zeros(1))
    assert found.tolist() == [[[0.25, 0.5], [0.75, 0.5], [0.5, 0.25], [0.5, 0.75]]]


def test_a_fresh_decoder_keeps_its_reference_and_a_small_box() -> None:
    torch.manual_seed(0)
    transformer = Transformer(SMALL)
    transformer.decoder.bbox_embed = nn.ModuleList(box_head(32, first=layer == 0) for layer in range(2))
    queries = torch.randn(2, 32)
    memory = torch.randn(3, 5, 32)
    found = transformer.decode(torch.randn(3, 32), queries, memory, [(2, 1), (1, 1), (1, 1), (1, 1)])
    assert found.states.shape == (2, 3, 2, 32)
    expected = torch.cat([transformer.reference_points(queries).sigmoid(), torch.full((2, 2), 1 / (1 + math.e**2))], 1)
    for boxes in found.boxes.flatten(0, 1):  # every layer of every frame
        assert torch.allclose(boxes, expected, atol=1e-5)


def test_a_layer_refines_the_box_of_the_layer_before() -> None:
    torch.manual_seed(0)
    transformer = Transformer(SMALL)
    heads = nn.ModuleList(box_head(32, first=layer == 0) for layer in range(2))
    with torch.no_grad():
        heads[1].layers[-1].bias.copy_(torch.tensor([1.0, 0.0, 2.0, 0.0]))
    transformer.decoder.bbox_embed = heads
    shapes = [(1, 1)] * 4
    first, second = transformer.decode(torch.randn(1, 32), torch.randn(2, 32), torch.randn(1, 4, 32), shapes).boxes
    moved = first.logit() + torch.tensor([1.0, 0.0, 2.0, 0.0])
    assert torch.allclose(second.logit(), moved, atol=1e-4)
    (earlier,) = torch.autograd.grad(second.sum(), heads[0].layers[-1].bias)
    assert earlier.tolist() == [0, 0, 0, 0], "a layer's boxes teach that layer alone"


@pytest.mark.parametrize("training", [True, False])
def test_dropout_before_relu_is_dropout_after_it(training: bool) -> None:
    torch.manual_seed(0)
    layer, x = FeedForward(8, 16, 0.5).train(training), torch.randn(3, 8)
    torch.manual_seed(1)
    found = layer.feed(x)
    torch.manual_seed(1)
    inner = layer.dropout(F.relu(layer.linear1(x)))
    assert torch.equal(found, x + layer.dropout(layer.linear2(inner)))
    assert (inner == 0).any() and (inner > 0).any()


def test_a_fresh_score_says_one_in_a_hundred() -> None:
    score = Score(4)
    assert score(torch.zeros(1, 4)).sigmoid().item() == pytest.approx(0.01)


@pytest.mark.parametrize("sides", [[(4, 6), (2, 3), (1, 2), (1, 1)], [(1, 1)] * 4, [(9, 7), (5, 4), (3, 2), (2, 1)]])
def test_mask_features_have_the_finest_levels_size(sides: list[tuple[int, int]]) -> None:
    torch.manual_seed(0)
    decoder = PixelDecoder(SMALL)
    channels = (SMALL.stages[0], 32, 32, 32)
    levels = [torch.randn(2, 3, c, *side) for c, side in zip(channels, sides, strict=True)]
    places = [torch.randn(32, *side) for side in sides]
    found = decoder(levels, places, hear(decoder.attentions(), words_of(2, 3)))
    assert found.shape == (2, 3, SMALL.mask_width, *sides[0])
    assert torch.isfinite(found).all()


def test_the_frames_of_a_clip_attend_to_each_other_and_clips_do_not() -> None:
    torch.manual_seed(0)
    block = VisionLanguageBlock(SMALL, 2)
    x, place, words = torch.randn(2, 2, 32, 4, 4), torch.randn(32, 4, 4), words_of(2, 2)
    heard = hear([block.multihead_attn], words)[0]
    plain = block(x, place, heard)
    x[0, 1] += 1  # another second frame of the first clip
    changed = block(x, place, heard)
    assert not torch.allclose(plain[0, 0], changed[0, 0], atol=1e-4)
    assert torch.equal(plain[1], changed[1])


def test_self_attention_on_fewer_cells_adds_the_same_to_cells_that_share_one() -> None:
    torch.manual_seed(0)
    block = VisionLanguageBlock(SMALL, 4)
    read_plainly(block.self_attn)
    x = torch.randn(1, 1, 16, 32)
    added = block.attend_to_itself(x, torch.zeros(16, 32), (4, 4))  # they become the first one, which reads itself
    assert torch.allclose(added, x[:, :, :1].expand_as(x), atol=1e-5)


def test_the_positive_score_is_of_the_mean_state_of_a_clip() -> None:
    torch.manual_seed(0)
    network = SmallReferFormer()
    states = torch.randn(2, 1, 3, 3, 64)  # [L, N, T, Q, C]
    expected = [network.positive_cls_embed[layer](states[layer, 0].flatten(0, 1).mean(0)).item() for layer in range(2)]
    assert network.positives(states)[:, 0].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("width", "projection", "pixels"), [(256, 32, 8), (64, 8, 2), (32, 4, 1)])
def test_norms_have_the_published_channels_per_group_at_every_width(width: int, projection: int, pixels: int) -> None:
    """Groups of one channel would have nothing to be normed by where a frame is one cell."""
    assert input_projection(8, width, 1)[1].num_groups == projection
    assert NormedConv(8, width, 1).norm.num_groups == pixels
