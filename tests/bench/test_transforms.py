import pytest
import torch
from train_fakes import make_batch, make_item

from actiseg_bench.data.transforms import AugmentConfig, augment, flip, swap_sides
from actiseg_bench.records import collate


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
