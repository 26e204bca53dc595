"""Memory per mask pixel: what a strategy knows of every pixel of every training frame, kept between steps.

Values lie in the geometry of the frames as stored, on one grid for all of them: places are normalised, so that frames
of different sizes, shown in different sizes, have the same number of memory's pixels. A batch shows the frames through
``Batch.affine``; what is seen there is carried back, so that only pixels in view change and nothing blurs by being read
and written again.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.records import Batch
from actiseg_noise.errors import ActisegError, raise_if

Rule = Callable[[Tensor, Tensor], Tensor]
_MIRROR = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


class PixelMemory:
    """Whole numbers per mask pixel of every (sample, frame) that training shows; 0 at first.

    Args:
        frames: sample_id → the frame_idx that training shows of it.
        mask_size: (rows, columns) of the grid: a target's size where all have one, else the largest.
        dtype: unsigned, of one number. channels: numbers per pixel.
        file: where the numbers lie, memory-mapped and overwritten; None keeps them in the process.

    Raises:
        ActisegError: a grid without pixels; not enough room on the disk or in memory.
    """

    def __init__(
        self,
        frames: Mapping[str, tuple[int, ...]],
        mask_size: tuple[int, int],
        *,
        dtype: npt.DTypeLike,
        channels: int = 1,
        file: Path | None = None,
    ) -> None:
        raise_if(
            bool(frames) and 0 in mask_size,
            f"memory per pixel needs a grid of pixels, got {mask_size}: name the size of the largest target "
            "in Setting.mask_size",
        )
        self._frames = {name: tuple(dict.fromkeys(shown)) for name, shown in frames.items()}
        starts = list(accumulate(map(len, self._frames.values()), initial=0))
        self._start = dict(zip(self._frames, starts, strict=False))
        self._file = file
        self._shape, self._dtype = (channels, starts[-1], *mask_size), np.dtype(dtype)
        self._values = self._allocate()

    @property
    def bytes_per_pixel(self) -> int:
        """Return what one mask pixel of one frame takes."""
        return self._dtype.itemsize * self._shape[0]

    @property
    def _grid(self) -> tuple[int, int]:
        return self._shape[2], self._shape[3]

    @property
    def bytes(self) -> int:
        """Return the size in bytes, the same from the first step to the last."""
        return math.prod(self._shape) * self._dtype.itemsize

    def update(self, batch: Batch, seen: Tensor, rule: Rule) -> Tensor:
        """Remember ``rule(remembered, seen)`` of the pixels in view; return what is remembered now.

        A frame that a sample shows twice counts once, as it is seen last.

        Args:
            seen: float ``[K, N, T, h, w]`` in the geometry of the batch.
            rule: gets and gives int32 ``[C, N, T, H, W]``, gets ``seen`` second, all in the geometry of the frames as
                stored, on the memory's grid; what it gives must fit the dtype.

        Returns:
            int32 ``[C, N, T, H, W]`` in the geometry of the frames as stored; :func:`as_seen` turns it.

        Raises:
            ActisegError: a sample or frame that this memory does not hold.
        """
        rows = self._rows(batch)
        before = self._read(rows).to(seen.device)
        stored, in_view = warp(seen, invert(batch.affine)[batch.frames_of], self._grid)
        after = torch.where(in_view, rule(before, stored), before)
        self._values[:, rows] = after.cpu().numpy()
        return after

    def read(self, batch: Batch) -> Tensor:
        """Return what is remembered of the batch's pixels, as :meth:`update` does."""
        return self._read(self._rows(batch)).to(batch.masks.device)

    def state(self) -> Tensor:
        """Return all numbers, ``[C, rows, h, w]``: the memory itself, no copy. Write it out before the next update."""
        return torch.from_numpy(self._values)

    def load_state(self, state: Tensor) -> None:
        """Take all numbers from what :meth:`state` gave.

        Raises:
            ActisegError: a state of another shape or type.
        """
        values = state.cpu().numpy()
        raise_if(
            (values.shape, values.dtype) != (self._shape, self._dtype),
            f"memory per pixel of this run is {self._dtype} {list(self._shape)}, the checkpoint has {values.dtype} "
            f"{list(values.shape)}: it was made on other data, for another model or by another strategy",
        )
        self._values[:] = values

    def close(self) -> None:
        """Forget everything and take the file away."""
        self._values = np.zeros((self._shape[0], 0, *self._shape[2:]), self._dtype)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _allocate(self) -> npt.NDArray[np.unsignedinteger]:
        needed = f"memory per pixel needs {self.bytes / 2**30:.2f} GiB ({list(self._shape)} {self._dtype})"
        if self._file is None:
            try:
                return np.zeros(self._shape, self._dtype)
            except MemoryError:
                raise ActisegError(f"{needed}, more than this process can have: give the run a folder for it") from None
        self._file.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._file.parent).free
        raise_if(free < self.bytes, f"{self._file}: {needed}, and the disk has {free / 2**30:.2f} GiB left")
        return np.lib.format.open_memmap(self._file, mode="w+", dtype=self._dtype, shape=self._shape)

    def _read(self, rows: npt.NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._values[:, rows].astype(np.int32))

    def _rows(self, batch: Batch) -> npt.NDArray[np.int64]:
        """Return where the frames of every sample lie, int64 ``[N, T]``."""
        return np.array([self._places(*shown) for shown in zip(batch.sample_ids, batch.frame_idx, strict=True)])

    def _places(self, sample_id: str, shown: tuple[int, ...]) -> list[int]:
        known = self._frames.get(sample_id, ())
        try:
            return [self._start[sample_id] + known.index(frame_idx) for frame_idx in shown]
        except (KeyError, ValueError):
            raise ActisegError(
                f"sample {sample_id}, frames {list(shown)}: memory per pixel was made for frames {list(known)} of it. "
                "Name every sample and frame of the training in Setting.frames."
            ) from None


def as_seen(values: Tensor, batch: Batch) -> Tensor:
    """Return ``[K, N, T, H, W]`` of the frames as stored in the geometry of the batch; 0 outside the stored frame."""
    rows, columns = batch.masks.shape[-2:]
    seen, inside = warp(values, batch.affine[batch.frames_of], (rows, columns))
    return seen * inside


def warp(values: Tensor, affine: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return ``values`` at the places that ``affine`` names, on a grid of ``size``, and which are inside the frame.

    The identity and a horizontal mirror are exact on a grid of the size that ``values`` have; anything else is
    bilinear and needs float values.

    Args:
        values: ``[K, N, T, h, w]``. affine: float ``[N, 2, 3]``: normalised (x, y) of the result → of ``values``.
        size: (rows, columns) of the result.

    Returns:
        ``[K, N, T, *size]``, and bool ``[N, 1, *size]``.
    """
    if tuple(values.shape[-2:]) != size:
        return _resample(values, affine, size)
    mirrored, plain = (_equals(affine, kind) for kind in (affine.new_tensor(_MIRROR), torch.eye(2, 3).to(affine)))
    found = torch.where(mirrored[:, None, None, None], values.flip(-1), values) if mirrored.any() else values
    other = ~(mirrored | plain)
    inside = torch.ones(len(affine), 1, *size, dtype=torch.bool, device=values.device)
    if other.any():
        found = found.clone()
        found[:, other], inside[other] = _resample(values[:, other], affine[other], size)
    return found, inside


def invert(affine: Tensor) -> Tensor:
    """Return the affine that leads back, ``[B, 2, 3]``; exact for the identity and a mirror."""
    back = torch.linalg.inv(affine[:, :, :2])
    return torch.cat([back, -back @ affine[:, :, 2:]], 2)


def _equals(affine: Tensor, kind: Tensor) -> Tensor:
    return (affine == kind).flatten(1).all(1)


def _resample(values: Tensor, affine: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    kinds, samples, time = values.shape[:3]
    maps = values.movedim(0, 1).flatten(1, 2)
    grid = F.affine_grid(affine.to(maps), [samples, kinds * time, *size], align_corners=False)
    found = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
    inside = (grid.abs() <= 1).all(-1)[:, None]
    return found.view(samples, kinds, time, *size).movedim(1, 0), inside
