"""Files of tensors: safetensors, which hold numbers and text and nothing that runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from actiseg_noise.borders.writing import whole_file


class TensorFileError(ValueError):
    """A file that is no safetensors file, or a damaged one; the message says why, the caller which file."""


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a file and what is said about them.

    Raises:
        TensorFileError: it cannot be read, or is none; safetensors has many kinds of error for a damaged header.
    """
    try:
        with safe_open(path, framework="pt") as file:
            said = dict(file.metadata() or {})
            return {name: file.get_tensor(name) for name in file.keys()}, said  # noqa: SIM118 — not a dictionary
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise TensorFileError(str(error)) from None


def write_safetensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write contiguous tensors, none sharing memory with another, and what is said about them; whole or not at all.

    Raises:
        WriteError: the file cannot be written.
    """
    with whole_file(path, SafetensorError) as partial:
        save_file(tensors, partial, metadata)
        with suppress(OSError):  # a file system without modes
            partial.chmod(path.parent.stat().st_mode & 0o666)  # safetensors makes files that nobody else may read
