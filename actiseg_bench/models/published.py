"""Other people's checkpoints: the tensors of a PyTorch file, and nothing in it that could run.

A PyTorch file is a pickle, and a pickle can call any function. Tensors, plain values and ``argparse.Namespace`` (the
options that published trainings store) are read; a file that names anything else is refused before it is made.
"""

from __future__ import annotations

import re
import warnings
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import torch
from torch import Tensor

from actiseg_noise.borders.text import check_file, first_bytes
from actiseg_noise.errors import ActisegError, raise_if

STATES = ("model", "state_dict")
PREFIX = "module."  # of networks that were trained on several devices

_GLOBAL = re.compile(r"GLOBAL (\S+)")
_KINDS = (  # how files start that are downloaded or passed instead of a checkpoint
    (b"<", "a web page or XML; the download gave a page instead of the file"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with 'git lfs pull'"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"{", "JSON"),
)


class PublishedError(ActisegError):
    """A file that is no checkpoint, is damaged, or holds code."""


def read_published(path: Path) -> dict[str, Tensor]:
    """Return the state of the network in a PyTorch file, by its names without ``module.``, on the CPU.

    The tensors stay in the file where its format allows, and are read when they are used.

    Raises:
        PublishedError: no file, no PyTorch file, a truncated one, one with pickled code, or one without tensors.
    """
    check_file(path, "checkpoint", PublishedError)
    _check_kind(path)
    state = _find_state(path, _load(path))
    if all(name.startswith(PREFIX) for name in state):
        return {name.removeprefix(PREFIX): value for name, value in state.items()}
    return state


def _check_kind(path: Path) -> None:
    """Refuse what is not a PyTorch file by its first bytes, and a zip archive without its end."""
    head = first_bytes(path, 32)
    found = next((kind for start, kind in _KINDS if head.lstrip().startswith(start)), None)
    if not head:
        found = "an empty file"
    elif head[8:10] == b'{"':
        found = (
            "a checkpoint of a training here, with nothing to convert; 'predict' and 'evaluate' take it as --checkpoint"
            if _is_own_checkpoint(path)
            else "a safetensors file, which needs no conversion; pass it as --weights"
        )
    elif head.startswith(b"PK") and not is_zipfile(path):
        found = f"the beginning of one ({path.stat().st_size:,} bytes); it is truncated: fetch it again"
    elif head.startswith(b"PK") and _is_packed(path):
        found = "an archive with compressed entries, which torch.save does not write; unpack it first"
    elif found is None and not head.startswith((b"PK", b"\x80")):
        found = f"a file that starts with {head[:16]!r}"
    raise_if(found is not None, f"{path}: not a PyTorch checkpoint but {found}", PublishedError)


def _is_own_checkpoint(path: Path) -> bool:
    """Return whether a safetensors file holds the networks of a training, not start weights."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return any(name.startswith("network.0.") for name in file.keys())  # noqa: SIM118 — not a dictionary
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError):
        return False  # whoever reads it as weights says what is wrong with it


def _is_packed(path: Path) -> bool:
    """Return whether a zip archive unpacks to more than it is: torch reads all of it into memory."""
    try:
        with ZipFile(path) as archive:
            return any(entry.compress_type != ZIP_STORED for entry in archive.infolist())
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return False  # the reader says what is wrong with it


def _load(path: Path) -> Any:
    """Return what a PyTorch file holds, made from tensors, plain values and namespaces alone."""
    from torch.serialization import safe_globals

    try:
        with safe_globals([Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on files that are refused below
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except Exception as error:  # a damaged pickle makes the reader raise almost anything
        found = _GLOBAL.search(str(error))
        if found is not None:
            raise PublishedError(
                f"{path}: refused: it holds {found[1].rstrip('.,')}, and a pickle that names it can run code. Only "
                "tensors, plain values and argparse.Namespace are read. If you trust the file, load it yourself and "
                "save its tensors alone: torch.save({'model': checkpoint['model']}, FILE)"
            ) from None
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        if "Weights only load failed" in reason:
            reason = "a pickle, but not one that torch.save wrote, or a damaged one"
        raise PublishedError(f"{path}: not a readable PyTorch checkpoint ({reason}); it may be truncated") from None


def _find_state(path: Path, content: Any) -> dict[str, Tensor]:
    """Return the tensors under ``model`` or ``state_dict``, or those of the file itself."""
    raise_if(
        not isinstance(content, Mapping),
        f"{path}: holds a {type(content).__name__}, expected a dictionary of tensors",
        PublishedError,
    )
    under = next((name for name in STATES if isinstance(content.get(name), Mapping)), None)
    state = content if under is None else content[under]
    tensors = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    odd = next((name for name, value in tensors.items() if not _is_plain(value)), None)
    raise_if(odd is not None, f"{path}: {odd!r} is sparse, quantized or has no values; expected dense", PublishedError)
    where = f"under {under!r}" if under else f"in the file, whose keys are {', '.join(map(str, content)) or 'none'}"
    raise_if(
        not tensors, f"{path}: no tensors {where}; expected them under {' or '.join(map(repr, STATES))}", PublishedError
    )
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor is dense and has its values."""
    return tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"
