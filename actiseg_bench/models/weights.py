"""Start weights: bundled or from a file, read as safetensors (never as pickles), with a digest."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from actiseg_bench.models.base import VosModel, freeze, reset_fresh
from actiseg_noise.errors import ActisegError

FILE_NAME = "model.safetensors"


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


def load_start_weights(model: VosModel, choice: str, seed: int) -> str:
    """Load start weights into ``model``; its fresh parameters start from ``seed``, its frozen ones stay.

    Returns:
        ``name:digest`` of what was loaded, or ``none``.

    Raises:
        ActisegError: the file is not safetensors, or its names or shapes are not this model's.
    """
    if choice == "none":
        return "none"
    path = find_weights(model, choice)
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ActisegError(f"{path}: not a readable safetensors file ({error})") from None
    wanted = carried_state(model)
    strange = sorted(set(state) ^ set(wanted)) or [k for k in wanted if wanted[k].shape != state[k].shape]
    if strange:
        raise ActisegError(
            f"{path}: these weights are not of model {model.card.name!r}: {len(strange)} names or shapes differ, "
            f"the first is {strange[0]!r}"
        )
    model.load_state_dict(state, strict=False)
    reset_fresh(model, seed)
    freeze(model)
    return f"{path.parent.name}:{blake2b(path.read_bytes(), digest_size=16).hexdigest()}"


def carried_state(model: VosModel) -> dict[str, Tensor]:
    """Return the parameters and buffers that start weights carry: all but those of fresh submodules."""
    fresh = tuple(f"{name}." for name in model.card.fresh)
    return {name: value for name, value in model.state_dict().items() if not name.startswith(fresh)}


def save_start_weights(model: VosModel, path: Path) -> None:
    """Write every parameter and buffer that is not fresh, as safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in carried_state(model).items()}, path)
