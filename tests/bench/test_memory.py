"""Memory per pixel: what is written in one view is found in another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from train_fakes import make_batch, make_item

from actiseg_bench.data.transforms import flip
from actiseg_bench.records import Batch, collate
from actiseg_bench.strategies.memory import PixelMemory, as_seen, invert, warp
from actiseg_noise.errors import ActisegError

MIRROR = torch.tensor([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
CENTRE = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])  # shows the middle half of the frame, twice as large


def make_memory(batch: Batch, **options: object) -> PixelMemory:
    frames = dict(zip(batch.sample_ids, batch.frame_idx, strict=True))
    return PixelMemory(frames, (8, 8), dtype=np.uint16, **options)  # type: ignore[arg-type]


def take_seen(remembered: Tensor, seen: Tensor) -> Tensor:
    return seen.round().int()


def add_one(remembered: Tensor, seen: Tensor) -> Tensor:
    return remembered + 1


def values(batch: Batch, seed: int = 0) -> Tensor:
    """Return whole numbers for every pixel of the batch, ``[1, N, T, 8, 8]``."""
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2**16, (1, len(batch), 3, 8, 8), generator=random).float()


@settings(max_examples=25, deadline=None)
@given(flipped=st.tuples(st.booleans(), st.booleans()), seen=arrays(np.uint16, (1, 6, 3, 8, 8)))
def test_what_a_view_writes_the_same_view_reads(flipped: tuple[bool, bool], seen: np.ndarray) -> None:
    batch = flip(make_batch(), torch.tensor(flipped))
    memory, written = make_memory(batch), torch.from_numpy(seen.astype(np.float32))
    memory.update(batch, written, take_seen)
    assert torch.equal(as_seen(memory.read(batch).float(), batch), written)


def test_what_a_mirrored_view_writes_a_plain_one_reads_mirrored() -> None:
    plain = make_batch()
    mirrored = flip(plain, torch.tensor([True, False]))
    memory, written = make_memory(plain), values(plain)
    memory.update(mirrored, written, take_seen)
    found = as_seen(memory.read(plain).float(), plain)
    assert torch.equal(found[:, :3], written[:, :3].flip(-1))
    assert torch.equal(found[:, 3:], written[:, 3:])


def test_a_rule_gets_what_was_remembered_in_the_geometry_of_the_frames_as_stored() -> None:
    plain = make_batch()
    mirrored = flip(plain, torch.tensor([True, True]))
    memory, first = make_memory(plain), values(plain) // 2
    memory.update(plain, first, take_seen)
    memory.update(mirrored, first.flip(-1), lambda remembered, seen: remembered + seen.int())
    assert torch.equal(memory.read(plain), 2 * first.int())


def test_only_pixels_in_view_change() -> None:
    batch = replace(make_batch(), affine=torch.stack([CENTRE, torch.eye(2, 3)]))
    memory = make_memory(batch)
    memory.update(batch, values(batch), add_one)
    found = memory.read(batch)[0]
    assert found[0, 0].tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert (found[3:] == 1).all()


def test_a_crop_reads_the_ramp_that_the_whole_frame_wrote() -> None:
    ramp = (100 * torch.arange(8.0)).expand(1, 6, 3, 8, 8)
    whole = make_batch()
    crop = replace(whole, affine=CENTRE.repeat(2, 1, 1))
    memory = make_memory(whole)
    memory.update(whole, ramp, take_seen)
    found = as_seen(memory.read(crop).float(), crop)
    assert found[0, 0, 0, 0].tolist() == [175, 225, 275, 325, 375, 425, 475, 525]


def test_the_whole_frame_reads_the_ramp_that_a_crop_wrote() -> None:
    crop = replace(make_batch(), affine=CENTRE.repeat(2, 1, 1))
    memory = make_memory(crop)
    memory.update(crop, (175 + 50 * torch.arange(8.0)).expand(1, 6, 3, 8, 8), take_seen)
    assert memory.read(crop)[0, 0, 0, 3].tolist() == [0, 0, 200, 300, 400, 500, 0, 0]


def test_there_is_nothing_to_see_outside_the_stored_frame() -> None:
    wide = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    batch = replace(make_batch(), affine=wide.repeat(2, 1, 1))
    assert as_seen(torch.ones(1, 6, 1, 8, 8), batch)[0, 0, 0, 3].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


@given(
    scale=st.tuples(st.floats(0.25, 4), st.floats(0.25, 4)),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    sign=st.sampled_from([-1.0, 1.0]),
)
def test_an_inverted_affine_leads_back(scale: tuple[float, float], shift: tuple[float, float], sign: float) -> None:
    affine = torch.tensor([[[sign * scale[0], 0.0, shift[0]], [0.0, scale[1], shift[1]]]])
    point = torch.tensor([0.3, -0.7, 1.0])
    there = torch.cat([affine[0] @ point, torch.ones(1)])
    assert torch.allclose(invert(affine)[0] @ there, point[:2], atol=1e-5)


def test_a_mirror_is_its_own_inverse_to_the_bit() -> None:
    both = torch.stack([MIRROR, torch.eye(2, 3)])
    assert torch.equal(invert(both), both)


def test_a_mirror_of_general_values_is_an_exact_flip() -> None:
    maps = torch.rand(2, 1, 3, 5, 7)
    found, inside = warp(maps, MIRROR[None], (5, 7))
    assert torch.equal(found, maps.flip(-1))
    assert inside.all()


def test_a_frame_shown_twice_counts_once() -> None:
    batch = replace(make_batch(), frame_idx=((0, 1, 1),) * 6)
    memory = make_memory(batch)
    memory.update(batch, values(batch), add_one)
    assert (memory.read(batch) == 1).all()
    assert memory.bytes == 6 * 2 * 8 * 8 * 2


def test_the_size_is_known_before_the_first_step() -> None:
    memory = make_memory(make_batch())
    assert memory.bytes_per_pixel == 2
    assert memory.bytes == 2 * 6 * 3 * 8 * 8


def test_a_file_holds_the_same_as_the_process_and_goes_away_at_the_end(tmp_path: Path) -> None:
    batch = make_batch()
    memory, file = make_memory(batch), tmp_path / "run" / "pixels.npy"
    mapped = make_memory(batch, file=file)
    for one in (memory, mapped):
        one.update(batch, values(batch), take_seen)
    assert torch.equal(memory.state(), mapped.state())
    assert file.stat().st_size - 128 == mapped.bytes
    mapped.close()
    assert not file.exists()


def test_a_state_survives_safetensors_and_nothing_else_fits(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    batch = make_batch()
    memory, later = make_memory(batch), make_memory(batch)
    memory.update(batch, values(batch), take_seen)
    save_file({"pixels": memory.state()}, tmp_path / "state.safetensors")
    later.load_state(load_file(tmp_path / "state.safetensors")["pixels"])
    assert torch.equal(later.state(), memory.state())
    other = PixelMemory({"a/1": (0,)}, (8, 8), dtype=np.uint16)
    with pytest.raises(ActisegError, match=r"this run is uint16 \[1, 1, 8, 8\], the checkpoint has uint16 \[1, 18, 8"):
        other.load_state(memory.state())


def test_a_sample_or_frame_that_was_not_announced_is_named() -> None:
    batch = make_batch()
    memory = PixelMemory({"a/1": (0, 1)}, (8, 8), dtype=np.uint8)
    with pytest.raises(ActisegError, match=r"sample a/1, frames \[0, 1, 2\]: .* frames \[0, 1\] of it"):
        memory.read(batch)


def test_a_grid_without_pixels_is_refused() -> None:
    with pytest.raises(
        ActisegError, match=r"needs a grid of pixels, got \(0, 0\): name the size of the largest target"
    ):
        PixelMemory({"a/1": (0,)}, (0, 0), dtype=np.uint8)


def show_small(batch: Batch) -> Batch:
    """Return the batch shown in half its size, 4 × 4 mask pixels."""
    return replace(batch, masks=batch.masks[..., ::2, ::2])


def test_what_is_seen_in_one_size_is_remembered_in_the_grid_s_and_read_in_another() -> None:
    batch = make_batch()
    memory, small = make_memory(batch), show_small(batch)
    ramp = torch.tensor([0.0, 100.0, 200.0, 300.0]).expand(1, 6, 3, 4, 4)  # rises by 100 per column
    memory.update(small, ramp, take_seen)
    assert memory.read(batch)[0, 0, 0, 0].tolist() == [0, 25, 75, 125, 175, 225, 275, 300]
    assert as_seen(memory.read(batch).float(), small)[0, 0, 0, 0].tolist() == [12.5, 100.0, 200.0, 287.5]
    assert as_seen(memory.read(batch).float(), batch)[0, 0, 0, 0].tolist() == [0, 25, 75, 125, 175, 225, 275, 300]


def test_a_mirrored_view_of_another_size_is_remembered_mirrored() -> None:
    batch = make_batch()
    memory, mirrored = make_memory(batch), show_small(flip(batch, torch.tensor([True, True])))
    ramp = torch.tensor([0.0, 100.0, 200.0, 300.0]).expand(1, 6, 3, 4, 4)
    memory.update(mirrored, ramp, take_seen)
    assert memory.read(batch)[0, 0, 0, 0].tolist() == [300, 275, 225, 175, 125, 75, 25, 0]


def test_clips_of_two_sizes_share_one_memory() -> None:
    tall, wide = collate([make_item("a")]), collate([make_item("b")])
    wide = replace(wide, masks=wide.masks[:, :, ::2])  # 4 × 8 mask pixels
    shown = dict(zip([*tall.sample_ids, *wide.sample_ids], [*tall.frame_idx, *wide.frame_idx], strict=True))
    memory = PixelMemory(shown, (8, 8), dtype=np.uint16)
    memory.update(tall, torch.full((1, 3, 3, 8, 8), 7.0), take_seen)
    memory.update(wide, torch.full((1, 3, 3, 4, 8), 9.0), take_seen)
    assert (memory.read(tall) == 7).all()
    assert as_seen(memory.read(wide).float(), wide).shape == (1, 3, 3, 4, 8)
    assert (memory.read(wide) == 9).all()


def test_a_disk_without_room_is_refused_before_training(tmp_path: Path) -> None:
    frames = {str(k): (0,) for k in range(2**14)}
    with pytest.raises(ActisegError, match=r"memory per pixel needs 32768.00 GiB .* the disk has [\d.]+ GiB left"):
        PixelMemory(frames, (32768, 32768), dtype=np.uint16, file=tmp_path / "pixels.npy")
    assert not (tmp_path / "pixels.npy").exists()
