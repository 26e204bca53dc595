"""Files of tensors: safetensors, which hold numbers and text and nothing that runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from actiseg_noise.borders.text import first_bytes
from actiseg_noise.borders.writing import overwrite, whole_file
from actiseg_noise.key import encode_part


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


def content_digest(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """Return the BLAKE2b hex (32 characters) over names, types, sizes and numbers of tensors, and over texts."""
    state = blake2b(digest_size=16)
    for name, text in sorted(texts.items()):
        state.update(encode_part(name) + encode_part(text))
    for name, value in sorted(tensors.items()):
        state.update(encode_part(name) + encode_part(f"{value.dtype} {list(value.shape)}"))
        state.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def _sort_header(path: Path) -> None:
    """Put the texts of a file, which the library writes in any order, into that of their names."""
    length = int.from_bytes(first_bytes(path, 8), "little")
    header = json.loads(first_bytes(path, 8 + length)[8:])
    texts = header.pop("__metadata__", None)
    if texts:
        sorted_header = {"__metadata__": dict(sorted(texts.items())), **header}
        text = json.dumps(sorted_header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) <= length:
            overwrite(path, 8, text.ljust(length))


def write_safetensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write contiguous tensors, none sharing memory with another, and what is said about them; whole or not at all.

    Equal tensors and texts make equal files, byte by byte.

    Raises:
        WriteError: the file cannot be written.
    """
    with whole_file(path, SafetensorError) as partial:
        save_file(tensors, partial, metadata)
        _sort_header(partial)
        with suppress(OSError):  # a file system without modes
            partial.chmod(path.parent.stat().st_mode & 0o666)  # safetensors makes files that nobody else may read
