"""The configuration of a run: frozen, dumpable, every default in this one place (and in the cards of strategies)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from actiseg_bench.data.transforms import AugmentConfig
from actiseg_bench.losses import LossConfig
from actiseg_noise.errors import ActisegError, UnknownNameError


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation and data of a run: equal for every strategy of a protocol.

    Attributes:
        steps: updates. clips_per_batch: clips of one update; clips on the same frames share it.
        samples_per_clip: expressions drawn per clip and visit. frames_per_clip: frames drawn per visit, in temporal
            order; None shows all, or five of each where clips differ in length.
        learning_rate: peak, after a linear warm-up over ``warmup_share`` of the steps; then a cosine to zero.
        fresh_factor: learning rate of parameters that start weights do not carry, relative to the others.
        clip_norm: gradient norm above which gradients are scaled down.
        targets: ``positive`` (a negative object's target is the empty mask) or ``all`` (referring only: every
            object's mask is its target, the narration is another clip's, there is no positive term).
    """

    steps: int = 90
    clips_per_batch: int = 8
    samples_per_clip: int = 5
    frames_per_clip: int | None = None
    learning_rate: float = 3e-4
    fresh_factor: float = 30.0
    weight_decay: float = 1e-2
    warmup_share: float = 0.05
    clip_norm: float = 1.0
    targets: str = "positive"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "clips_per_batch", "samples_per_clip"):
            _check_number(name, getattr(self, name), int, at_least=1)
        if self.frames_per_clip is not None:
            _check_number("frames_per_clip", self.frames_per_clip, int, at_least=1)
        for name in ("learning_rate", "fresh_factor", "weight_decay", "warmup_share", "clip_norm"):
            _check_number(name, getattr(self, name), float, at_least=0)


@dataclass(frozen=True)
class RunConfig:
    """One training: how to learn, what to learn, and from where.

    Attributes:
        strategy_options: hyper-parameters that differ from the strategy's card.
        start_weights: ``bundled``, ``none`` (from the seed), or a safetensors file.
        seed: of training (order, augmentation, fresh parameters); the noise has its own in the manifest.
        threads: CPU threads of torch; results are bit-equal only for equal threads.
        devices: how many of them. precision: Lightning Fabric's word for it, ``32-true``, ``bf16-mixed``, ….
    """

    model: str = "tiny"
    strategy: str = "baseline"
    variant: str = "faithful"
    strategy_options: dict[str, Any] = field(default_factory=dict)
    start_weights: str = "bundled"
    seed: int = 0
    device: str = "auto"
    threads: int = 2
    devices: int = 1
    precision: str = "32-true"
    train: TrainConfig = field(default_factory=TrainConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return plain nested dicts, ``from_dict``'s inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunConfig:
        """Return the configuration of nested dicts.

        Raises:
            UnknownNameError: a key that no configuration has.
        """
        train = dict(data.get("train", {}))
        train["augment"] = _load(AugmentConfig, train.get("augment", {}))
        train["loss"] = _load(LossConfig, train.get("loss", {}))
        return _load(cls, {**data, "train": _load(TrainConfig, train)})


def _check_number(name: str, value: Any, kind: type[int] | type[float], *, at_least: int) -> None:
    """Raise ActisegError unless ``value`` is a finite number of this kind and not too small."""
    kinds = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value) or value < at_least:
        what = "a whole number" if kind is int else "a number"
        raise ActisegError(f"{name} in [train] must be {what} of at least {at_least}, got {value!r}")


def _load(cls: type[Any], data: dict[str, Any]) -> Any:
    """Return ``cls(**data)`` after refusing unknown keys."""
    known = [f.name for f in fields(cls)]
    for name in data:
        if name not in known:
            raise UnknownNameError(f"key of {cls.__name__}", name, known)
    return cls(**data)
