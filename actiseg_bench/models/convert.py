"""A published checkpoint becomes start weights: names and shapes held against a model's, then safetensors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.models.published import read_published
from actiseg_bench.models.weights import carried_state, own_names
from actiseg_bench.tensors import write_safetensors
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import ActisegError, raise_if

LEFTOVERS = ("position_ids", "total_params", "total_ops", "num_batches_tracked")  # of old libraries and of profilers


@dataclass(frozen=True)
class Fit:
    """How a published state fits a model.

    Attributes:
        tensors: what the model takes, by the names it stores them under.
        fresh: submodule → why it starts from the seed.
        missing: names that the model needs. unexpected: names in the model's submodules that it does not have.
        misshapen: name → shapes in the file and in the model.
        broken: names whose values are not finite, or differ where they are stored under two names.
        unused: submodule or kind of leftover → how many names the model has no use for.
    """

    tensors: dict[str, Tensor]
    fresh: dict[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    broken: tuple[str, ...]
    unused: dict[str, int]

    @property
    def is_whole(self) -> bool:
        """Say whether the model can be used with it."""
        return not (self.missing or self.unexpected or self.misshapen or self.broken)

    @property
    def misfits(self) -> set[str]:
        """Return the submodules in which names or shapes differ."""
        return {name.split(".")[0] for name in (*self.missing, *self.unexpected, *self.misshapen)}

    def to_json(self) -> dict[str, Any]:
        """Return the report."""
        return {
            "tensors": len(self.tensors),
            "values": sum(value.numel() for value in self.tensors.values()),
            "fresh": self.fresh,
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "misshapen": {name: {"file": list(a), "model": list(b)} for name, (a, b) in self.misshapen.items()},
            "broken": list(self.broken),
            "unused": self.unused,
        }


def convert_checkpoint(path: Path, model: str, out: Path, fresh: Sequence[str] = ()) -> tuple[Fit, dict[str, Any]]:
    """Write the state in a PyTorch file as start weights of ``model``, when it fits.

    Args:
        fresh: optional submodules of the model's card to leave out.

    Returns:
        How it fits, and the report. Nothing is written when it does not.

    Raises:
        PublishedError: see :func:`read_published`.
        ActisegError: an unknown model; weights of another one; a submodule that may not be left out; a file that
            cannot be written.
    """
    network = _outline(model)
    strange = sorted(set(fresh) - set(network.card.optional))
    known = ", ".join(network.card.optional) or "none"
    raise_if(bool(strange), f"--fresh {', '.join(strange)}: no optional submodule of model {model!r}. Known: {known}")
    state = read_published(path)
    raise_if(out.exists() and out.samefile(path), f"--out {out}: is the checkpoint itself; use another --out")
    fit = fit_state(state, network, fresh)
    fit = replace(fit, broken=tuple(_broken_values(state, fit, own_names(network)))) if fit.is_whole else fit
    other = _better_model(state, model, fit) if fit.misfits else None
    raise_if(
        other is not None,
        f"{path}: weights of model {other!r}, not of {model!r} (what differs: {', '.join(sorted(fit.misfits))}). "
        f"Pass --model {other}",
    )
    told = {"model": model, "source": path.name, "source_digest": digest_file(path), "out": None, "weights": None}
    if fit.is_whole:
        _write(out, fit, {name: str(told[name]) for name in ("model", "source", "source_digest")})
        told |= {"out": str(out), "weights": digest_file(out)}
    return fit, told | fit.to_json()


def fit_state(state: Mapping[str, Tensor], model: VosModel, fresh: Sequence[str] = ()) -> Fit:
    """Hold a state's names and shapes against a model's; no value is looked at."""
    names, wanted = own_names(model), carried_state(model)
    taken = {names[name]: value for name, value in state.items() if name in names}
    reasons = {part: why for part in model.card.optional if (why := _why_fresh(part, taken, wanted, fresh))}
    left = tuple(f"{part}." for part in (*reasons, *model.card.fresh))
    used = {name: value for name, value in taken.items() if not name.startswith(left)}
    parts = {name.split(".")[0] for name in names}
    strangers = [name for name in state if name not in names]
    own = [name for name in strangers if not name.endswith(LEFTOVERS) and name.split(".")[0] in parts]
    return Fit(
        tensors={
            name: value.to(wanted[name].dtype) if value.shape == wanted[name].shape else value
            for name, value in used.items()
        },
        fresh=reasons | dict.fromkeys(model.card.fresh, "never part of start weights"),
        missing=tuple(name for name in wanted if name not in taken and not name.startswith(left)),
        unexpected=tuple(own),
        misshapen={n: (tuple(v.shape), tuple(wanted[n].shape)) for n, v in used.items() if v.shape != wanted[n].shape},
        broken=(),
        unused=dict(Counter(_leftover(name) for name in strangers if name not in own)),
    )


def _broken_values(state: Mapping[str, Tensor], fit: Fit, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the names that the model takes whose values are not finite, or not those under their other name."""
    for name, value in state.items():
        used = fit.tensors.get(names.get(name, ""))
        if used is not None and not (bool(value.isfinite().all()) and torch.equal(used, value.to(used.dtype))):
            yield name


def _why_fresh(part: str, taken: Mapping[str, Tensor], wanted: Mapping[str, Tensor], fresh: Sequence[str]) -> str:
    """Return why an optional submodule starts from the seed; empty when the state has it."""
    own = [name for name in wanted if name.startswith(f"{part}.")]
    there = [name for name in own if name in taken]
    strange = [name for name in there if taken[name].shape != wanted[name].shape]
    if part in fresh:
        return "left out as asked for"
    if strange:
        a, b = (list(tensors[strange[0]].shape) for tensors in (taken, wanted))
        return f"{strange[0]} has shape {a} in the file, {b} in the model"
    return "" if len(there) == len(own) else f"{len(own) - len(there)} of its {len(own)} names are missing"


def _leftover(name: str) -> str:
    """Return what kind of leftover a name is, or the submodule it belongs to."""
    return next((end for end in LEFTOVERS if name.endswith(end)), name.split(".", maxsplit=1)[0])


def _outline(name: str) -> VosModel:
    """Return a model without values: names and shapes alone, made in no time and no memory."""
    kind = MODELS[name]
    with torch.device("meta"):
        return kind()


def _better_model(state: Mapping[str, Tensor], model: str, fit: Fit) -> str | None:
    """Return the model whose submodules the state fits where it does not fit those of ``model``."""
    for name in MODELS:
        with suppress(ActisegError, RuntimeError, NotImplementedError):  # models that cannot be made here
            if name != model and fit_state(state, _outline(name)).misfits < fit.misfits:
                return name
    return None


def _write(out: Path, fit: Fit, said: dict[str, str]) -> None:
    """Write start weights whole or not at all, saying what they were made from and what is not among them."""
    metadata = {"format": "pt", **said, "fresh": json.dumps(fit.fresh, sort_keys=True)}
    write_safetensors(out, dict(_apart(fit.tensors)), metadata)


def _apart(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors, each with memory of its own."""
    seen: set[int] = set()
    for name, value in tensors.items():
        place = value.untyped_storage().data_ptr()
        yield name, value.clone() if place in seen else value.contiguous()
        seen.add(place)
