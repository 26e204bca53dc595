"""What a frozen image encoder makes of a clip's frames: computed once, kept in the cache folder, read from there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.pictures import pictures_digest
from actiseg_bench.models.base import VosModel
from actiseg_bench.results.score_code import score_code_digest
from actiseg_bench.tensors import TensorFileError, read_safetensors, write_safetensors
from actiseg_noise.borders.drafts import make_folders
from actiseg_noise.borders.roots import cache_folder
from actiseg_noise.borders.writing import WriteError
from actiseg_noise.key import encode_part

FOLDER = "features"
MOST_BYTES = 4 << 30  # of one set of pictures on the disk; a larger one is computed anew by every run


class KeptFeatures:
    """The features of every clip of a dataset.

    They are named by what makes them — the model's code and its frozen parts, the pictures, which of them a clip shows
    and in which size, the kind of device — so a file is never out of date. A folder that cannot be written or a damaged
    file costs time, nothing else.

    Args:
        network: whose ``encode`` makes them, and whose frozen parts name them.
        data: the dataset whose frames they are of.
    """

    def __init__(self, network: VosModel, data: ManifestDataset) -> None:
        self._network, self._data = network, data

    def find(self, frames_id: str, frames: Callable[[], Tensor]) -> Tensor:
        """Return the features of one sequence, float16 ``[T, C, h, w]``.

        Args:
            frames_id: names the pictures, see ``ClipItem``. frames: reads them, uint8 ``[T, 3, H, W]``.
        """
        path = self._folder / f"{blake2b(frames_id.encode(), digest_size=16).hexdigest()}.safetensors"
        with suppress(TensorFileError, KeyError):
            return read_safetensors(path)[0]["features"]
        device = next(self._network.parameters()).device
        found = self._network.encode(frames()[None].to(device).float() / 255)[0].cpu().contiguous()
        if found.nbytes * len(self._data) <= MOST_BYTES:
            with suppress(WriteError, OSError):
                make_folders(path.parent)
                write_safetensors(path, {"features": found})
        return found

    @cached_property
    def _folder(self) -> Path:
        """Return where these features lie."""
        network, data = self._network, self._data
        state = blake2b(digest_size=16)
        for name, value in network.state_dict().items():
            if name.startswith(tuple(f"{part}." for part in network.card.frozen)):
                state.update(encode_part(name) + encode_part(value.cpu().contiguous().numpy().tobytes().hex()))
        made_by = (network.card.name, score_code_digest([__name__], [type(network)]), torch.__version__)
        seen = (data.size, data.mask_stride if data.whole else 1, next(network.parameters()).device.type)
        for part in (*made_by, *seen, pictures_digest(data.manifest, data.root)):
            state.update(encode_part(str(part)))
        return cache_folder() / FOLDER / state.hexdigest()


def keep_features(data: ManifestDataset, network: VosModel) -> ManifestDataset:
    """Let a dataset show, where a network keeps features, those in the place of frames; return the dataset."""
    if network.card.keeps_features:
        data.show_features(KeptFeatures(network, data).find)
    return data
