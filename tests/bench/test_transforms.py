import pytest
import torch
from train_fakes import make_batch, make_item

from actiseg_bench.data.transforms import AugmentConfig, augment, compose, crop, draw_crops, flip, swap_sides
from actiseg_bench.records import collate
from actiseg_bench.training.batches import draw_frames


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left hand used in the action of cut", "right hand used in the action of cut"),
        ("Right hand", "Left hand"),
        ("leftover rice and bright knife", "leftover rice and bright knife"),
        ("left hand and right hand", "right hand and left hand"),
    ],
)
def test_left_and_right_are_exchanged_as_whole_words(text: str, expected: str) -> None:
    assert swap_sides(text) == expected


def test_a_flip_mirrors_frames_masks_words_and_the_affine_of_the_chosen_clips_only() -> None:
    batch = make_batch()
    flipped = flip(batch, torch.tensor([True, False]))
    assert torch.equal(flipped.frames[0], batch.frames[0].flip(-1))
    assert torch.equal(flipped.frames[1], batch.frames[1])
    assert torch.equal(flipped.masks[:3], batch.masks[:3].flip(-1))
    assert torch.equal(flipped.masks[3:], batch.masks[3:])
    assert flipped.expressions[2].startswith("right hand")
    assert flipped.expressions[5].startswith("left hand")
    assert flipped.affine[0].tolist() == [[-1, 0, 0], [0, 1, 0]]
    assert flipped.affine[1].tolist() == [[1, 0, 0], [0, 1, 0]]


def test_two_flips_are_none() -> None:
    batch, both = make_batch(), torch.tensor([True, True])
    twice = flip(flip(batch, both), both)
    assert torch.equal(twice.frames, batch.frames)
    assert torch.equal(twice.masks, batch.masks)
    assert torch.equal(twice.affine, batch.affine)
    assert twice.expressions == batch.expressions


def test_the_affine_finds_the_stored_pixels() -> None:
    batch = make_batch()
    flipped = flip(batch, torch.tensor([True, True]))
    grid = torch.nn.functional.affine_grid(flipped.affine, list(batch.frames[:, 0].shape), align_corners=False)
    found = torch.nn.functional.grid_sample(batch.frames[:, 0], grid, align_corners=False)
    assert torch.allclose(found, flipped.frames[:, 0], atol=1e-4)


def test_light_changes_frames_within_range_and_nothing_else() -> None:
    batch = make_batch()
    lit = augment(batch, AugmentConfig(flip=0.0), torch.Generator().manual_seed(1))
    assert not torch.equal(lit.frames, batch.frames)
    assert lit.frames.min() >= 0 and lit.frames.max() <= 1
    assert torch.equal(lit.masks, batch.masks)


def test_equal_generators_augment_equally() -> None:
    one, two = (augment(make_batch(), AugmentConfig(), torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one.frames, two.frames)
    assert one.expressions == two.expressions


def test_clips_on_the_same_frames_share_a_sequence_and_become_neighbours() -> None:
    batch = collate([make_item("a", "video 1"), make_item("c", "video 2"), make_item("b", "video 1")])
    assert len(batch.frames) == 2
    assert [name[0] for name in batch.sample_ids] == list("aaabbbccc")
    assert batch.frames_of.tolist() == [0] * 6 + [1] * 3


def test_clips_of_different_lengths_do_not_make_a_batch() -> None:
    with pytest.raises(ValueError, match="equal frames"):
        collate([make_item("a"), make_item("b", frames=2)])


def test_a_crop_of_the_left_half_shows_the_left_half() -> None:
    batch = make_batch()
    left_half = torch.tensor([[[0.5, 0, -0.5], [0, 1, 0]]]).repeat(2, 1, 1)
    seen = crop(batch, left_half)
    half = batch.frames[..., : batch.frames.shape[-1] // 2]
    # Twice as wide: a pixel lies a quarter of the way from its nearest to the next of the stored ones.
    assert torch.allclose(seen.frames[..., 2:-1:2], 0.75 * half[..., 1:] + 0.25 * half[..., :-1], atol=1e-5)
    assert torch.allclose(seen.frames[..., 1:-1:2], 0.75 * half[..., :-1] + 0.25 * half[..., 1:], atol=1e-5)
    assert torch.equal(seen.affine, left_half)


def test_a_crop_then_a_flip_is_told_by_one_affine() -> None:
    batch = make_batch()
    cut = crop(batch, draw_crops(2, 1.5, torch.Generator().manual_seed(3)))
    seen = flip(cut, torch.tensor([True, False]))
    grid = torch.nn.functional.affine_grid(seen.affine, list(batch.frames[:, 0].shape), align_corners=False)
    found = torch.nn.functional.grid_sample(batch.frames[:, 0], grid, align_corners=False)
    assert torch.allclose(found, seen.frames[:, 0], atol=1e-4)


def test_crops_lie_inside_the_picture() -> None:
    crops = draw_crops(500, 1.5, torch.Generator().manual_seed(0))
    corners = torch.tensor([[-1.0, -1, 1], [1, 1, 1], [-1, 1, 1], [1, -1, 1]])
    assert (crops @ corners.T).abs().max() <= 1 + 1e-6
    factors = 1 / crops[:, 0, 0]
    assert 1 <= factors.min() < 1.05 and 1.45 < factors.max() <= 1.5


def test_affines_compose_from_the_inside_out() -> None:
    half, shift = torch.tensor([[[0.5, 0, 0], [0, 0.5, 0]]]), torch.tensor([[[1.0, 0, 0.2], [0, 1, 0]]])
    assert compose(shift, half).tolist()[0][0] == pytest.approx([0.5, 0, 0.2])
    assert compose(half, shift).tolist()[0][0] == pytest.approx([0.5, 0, 0.1])


def test_frames_are_drawn_in_order_and_alike_for_clips_on_the_same_frames() -> None:
    items = [make_item("a", "video 1", frames=6), make_item("b", "video 1", frames=6)]
    one, two = draw_frames(items, 4, torch.Generator().manual_seed(0))
    assert one.frame_idx == two.frame_idx == tuple(sorted(set(one.frame_idx)))
    assert one.frames_id == two.frames_id
    assert len(one.frames) == one.masks.shape[1] == 4


def test_a_short_clip_shows_frames_twice() -> None:
    (item,) = draw_frames([make_item("a", frames=2)], 5, torch.Generator().manual_seed(0))
    assert len(item.frame_idx) == 5
    assert set(item.frame_idx) == {0, 1}
