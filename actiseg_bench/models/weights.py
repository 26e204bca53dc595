"""Start weights: bundled or from a file, read as safetensors (never as pickles), with a digest.

A module that a network holds under two names is stored once, under the first of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from actiseg_bench.models.base import VosModel, freeze, reset_fresh
from actiseg_bench.tensors import TensorFileError, read_safetensors, write_safetensors
from actiseg_noise.borders.text import check_file, first_bytes
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import ActisegError

_LOG = logging.getLogger(__name__)

FILE_NAME = "model.safetensors"
PYTORCH_MAGIC = (b"PK\x03\x04", b"\x80")  # a zip archive, or a bare pickle


def bundled_folder(name: str) -> Path:
    """Return the folder of bundled weights: inside the installed package, or ``models/`` of a checkout."""
    package = Path(__file__).resolve().parent.parent / "weights" / name
    return package if package.is_dir() else Path(__file__).resolve().parents[2] / "models" / name


def find_weights(model: VosModel, choice: str) -> Path:
    """Return the file of a ``start_weights`` choice: ``bundled`` or a path.

    Raises:
        ActisegError: no bundled weights for this model, or no such file.
    """
    if choice == "bundled":
        if model.card.start_weights is None:
            raise ActisegError(f"model {model.card.name!r} has no bundled start weights; pass --weights FILE or none")
        path = bundled_folder(model.card.start_weights) / FILE_NAME
    else:
        path = Path(choice)
    if not path.is_file():
        raise ActisegError(f"{path}: no such weights file for model {model.card.name!r}; pass --weights FILE or none")
    return path


def weights_name(path: Path) -> str:
    """Return what a weights file is called, in one line of text: bundled ones after their folder."""
    name = path.parent.name if path.name == FILE_NAME else path.stem
    return name if name.isprintable() else name.encode("unicode_escape").decode("ascii")


def load_start_weights(model: VosModel, choice: str, seed: int) -> str:
    """Load start weights into ``model``; its fresh parameters start from ``seed``, its frozen ones stay.

    Returns:
        ``name:digest`` of what was loaded, or ``none``.

    Raises:
        ActisegError: see :func:`load_weights`.
    """
    if choice == "none":
        return "none"
    path = find_weights(model, choice)
    is_others = choice == "bundled" and model.card.start_weights != model.card.name
    load_weights(model, path, but=model.card.fresh if is_others else ())
    reset_fresh(model, seed)
    freeze(model)
    _LOG.info("start weights of %s: %s", model.card.name, path)
    return f"{weights_name(path)}:{digest_file(path)}"


def load_weights(model: VosModel, path: Path, but: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Load a file into ``model``, which keeps what it has where the file says nothing.

    Args:
        but: submodules whose part of the file is left aside: it is of a model that has other ones there.

    Returns:
        The submodules that the file says nothing about: fresh and optional ones of the model's card.

    Raises:
        ActisegError: the file is not safetensors; it is of another model, or its names or shapes are not this model's.
    """
    name = model.card.name
    state, said = read_weights(path, name)
    state = {key: value for key, value in state.items() if not key.startswith(_prefixes(but))}
    if said.get("model", name) != name:
        raise ActisegError(f"{path}: these weights are of model {said['model']!r}, expected {name!r}: pass --model")
    if any(key.startswith("network.0.") for key in state):
        raise ActisegError(f"{path}: a checkpoint of a training, not start weights; 'predict' takes it as --checkpoint")
    wanted, optional = carried_state(model), _prefixes(model.card.optional)
    strange = sorted(key for key in state.keys() ^ wanted.keys() if key in state or not key.startswith(optional))
    strange = strange or [key for key in wanted if key in state and wanted[key].shape != state[key].shape]
    if strange:
        raise ActisegError(
            f"{path}: these weights are not of model {name!r}: {len(strange)} names or shapes differ, "
            f"the first is {strange[0]!r}"
        )
    broken = [key for key, value in state.items() if not bool(value.isfinite().all())]
    if broken:
        raise ActisegError(
            f"{path}: NaN or infinite numbers in {len(broken)} of {len(state)} tensors, the first is {broken[0]!r}"
        )
    try:
        load_own_state(model, state, strict=False)
    except RuntimeError as error:
        raise ActisegError(f"{path}: these weights are not of model {name!r}: {error}") from None
    lacking = [part for part in model.card.optional if not any(key.startswith(f"{part}.") for key in state)]
    return (*model.card.fresh, *lacking)


def read_weights(path: Path, model: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file and what is said about them.

    Raises:
        ActisegError: another kind of file; for a PyTorch one, with the command that makes it into one.
    """
    check_file(path, "file of weights", ActisegError)
    try:
        return read_safetensors(path)
    except TensorFileError as error:
        advice = ""
        if first_bytes(path, 4).startswith(PYTORCH_MAGIC):
            command = f"actiseg-bench convert-checkpoint {path} --model {model} --out {path.stem}.safetensors"
            advice = f". PyTorch's own files can hold code and are not loaded; convert it: {command}"
        raise ActisegError(f"{path}: not a readable safetensors file ({error}){advice}") from None


def own_names(model: nn.Module) -> dict[str, str]:
    """Return every name of a network's state → the first name of the same tensor, which is the one it is stored by."""
    state = model.state_dict(keep_vars=True)
    first: dict[int, str] = {}
    return {name: first.setdefault(id(value), name) for name, value in state.items()}


def own_state(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers, each under one name."""
    names = own_names(model)
    return {name: value for name, value in model.state_dict().items() if names[name] == name}


def load_own_state(model: nn.Module, state: Mapping[str, Tensor], *, strict: bool = True) -> None:
    """Load what :func:`own_state` gave.

    Raises:
        RuntimeError: as ``load_state_dict`` does; or a tensor of another kind of number.
    """
    _check_kinds(model, state)
    other = {name: state[own] for name, own in own_names(model).items() if name != own and own in state}
    model.load_state_dict({**state, **other}, strict=strict)


def _check_kinds(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Raise RuntimeError where a tensor holds another kind of number than the model's: floating, whole or complex."""
    own = model.state_dict()
    for name, value in state.items():
        if name in own and _kind(value) != _kind(own[name]):
            raise RuntimeError(f"{name} holds {value.dtype}, expected {own[name].dtype}")


def _kind(value: Tensor) -> tuple[bool, bool]:
    return value.is_floating_point(), value.is_complex()


def carried_state(model: VosModel) -> dict[str, Tensor]:
    """Return the parameters and buffers that start weights carry: all but those of fresh submodules."""
    fresh = _prefixes(model.card.fresh)
    return {name: value for name, value in own_state(model).items() if not name.startswith(fresh)}


def save_start_weights(model: VosModel, path: Path) -> None:
    """Write every parameter and buffer that is not fresh, as safetensors, whole or not at all."""
    write_safetensors(path, {name: value.contiguous() for name, value in carried_state(model).items()})


def _prefixes(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the names of these submodules' tensors start with."""
    return tuple(f"{name}." for name in modules)
