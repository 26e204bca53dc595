"""The configuration of a run: frozen, dumpable, every default in this one place (and in the cards of strategies)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from actiseg_bench.data.distort import DistortConfig
from actiseg_bench.data.scales import ScaleConfig
from actiseg_bench.data.transforms import AugmentConfig
from actiseg_bench.losses import LossConfig
from actiseg_bench.values import Bounds, check_values, number, within
from actiseg_noise.errors import UnknownNameError, raise_if

CLIP, WINDOW = "clip", "window"
STEPS, CONSTANT = "steps", "constant"


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation and data of a run: equal for every strategy of a protocol.

    Attributes:
        steps: updates, where ``epochs`` is None; else they are as many as that number of epochs takes, rounded up.
        item: what an epoch visits once: ``clip``, with some of its expressions and frames; or ``window``: one
            expression on ``frames_per_clip`` frames around every ``frames_per_clip``-th frame of its clip, as ActionVOS
            trains.
        clips_per_batch: items of one update; clips on the same frames share it, windows are of one size.
        expressions_per_window: how many of its clip's expressions a window shows, one after another; or ``all`` of
            them. The network sees its frames once for all.
        samples_per_clip: expressions drawn per clip and visit. frames_per_clip: frames drawn per visit, in temporal
            order; None shows all, or five of each where clips differ in length.
        learning_rate: peak, after a linear warm-up over ``warmup_share`` of the steps.
        schedule: what follows: ``cosine`` to zero; ``steps``: times ``drop_factor`` after each of the epochs ``drops``;
            or ``constant``.
        fresh_factor: learning rate of parameters that start weights do not carry, relative to the others.
        rates: the same of parameters whose names start so (the longest such start says); before ``fresh_factor``.
        clip_norm: gradient norm above which gradients are scaled down.
        action_weights: ActionVOS's action-guided weights multiply every pixel of the mask term.
        targets: ``positive`` (a negative object's target is the empty mask) or ``all`` (referring only: every
            object's mask is its target, the narration is another clip's, there is no positive term).
    """

    steps: int = number(90, at_least=1)
    epochs: float | None = number(None)
    item: Literal["clip", "window"] = "clip"
    clips_per_batch: int = number(8, at_least=1)
    expressions_per_window: int | Literal["all"] = number(1, at_least=1)
    samples_per_clip: int = number(5, at_least=1)
    frames_per_clip: int | None = number(None, at_least=1)
    learning_rate: float = number(3e-4)
    schedule: Literal["cosine", "steps", "constant"] = "cosine"
    drops: tuple[float, ...] = number(())
    drop_factor: float = number(0.1)
    fresh_factor: float = number(30.0)
    rates: dict[str, float] = field(default_factory=dict, metadata=within(Bounds(at_least=0)))
    weight_decay: float = number(1e-2)
    warmup_share: float = number(0.05)
    clip_norm: float = number(1.0)
    action_weights: bool = False
    targets: Literal["positive", "all"] = "positive"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        check_values(self, "train")
        raise_if(
            self.item == WINDOW and self.frames_per_clip is None,
            'item = "window" in [train] needs frames_per_clip: how many frames a window shows',
        )

    @property
    def window_samples(self) -> int | None:
        """Return how many expressions a window shows, None for all of its clip."""
        return None if isinstance(self.expressions_per_window, str) else self.expressions_per_window


def lengthen(train: TrainConfig, factor: float) -> TrainConfig:
    """Return the configuration of ``factor`` times the updates, whose schedule ends as the shorter one's does.

    Warm-up and cosine are shares of a run and stretch by themselves; drops are epochs, each as long as before.
    """
    if factor == 1:
        return train
    epochs = None if train.epochs is None else factor * train.epochs
    drops = tuple(factor * epoch for epoch in train.drops)
    return replace(train, steps=max(1, round(factor * train.steps)), epochs=epochs, drops=drops)


@dataclass(frozen=True)
class RunConfig:
    """One training: how to learn, what to learn, and from where.

    Attributes:
        strategy_options: hyper-parameters that differ from the strategy's card.
        start_weights: ``bundled``, ``none`` (from the seed), or a safetensors file.
        seed: of training (order, augmentation, fresh parameters); the noise has its own in the manifest.
        threads: CPU threads of torch; results are bit-equal only for equal threads.
        devices: how many of them. precision: Lightning Fabric's word for it, ``32-true``, ``bf16-mixed``, ….
        deformable, checkpoint_activations, compile: see :meth:`VosModel.use`: how the same is computed. Losses are
            equal within rounding, not bit for bit; each is part of what identifies a run where it is not the default.
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
    deformable: str = "auto"
    checkpoint_activations: bool = False
    compile: bool = False
    train: TrainConfig = field(default_factory=TrainConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return plain nested dicts, ``from_dict``'s inverse; where epochs rule, no number of steps.

        What was added later is left out at its default, so that a run keeps its identity.
        """
        found = asdict(self)
        for name in ("deformable", "checkpoint_activations", "compile"):
            if found[name] == getattr(type(self), name):
                del found[name]
        if self.train.epochs is not None:
            del found["train"]["steps"]
        if self.train.expressions_per_window == 1:  # as in all files that are older than this key
            del found["train"]["expressions_per_window"]
        scales = found["train"]["augment"]["scales"]
        if scales is not None and scales["multiple"] == 1:
            del scales["multiple"]
        return found

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunConfig:
        """Return the configuration of nested dicts.

        Raises:
            UnknownNameError: a key that no configuration has. ActisegError: a value of another type or out of range.
        """
        train = _table(data, "train")
        augment = _table(train, "augment", "train.")
        for name, kind in (("scales", ScaleConfig), ("distort", DistortConfig)):
            if augment.get(name) is not None:
                augment[name] = _load(kind, _table(augment, name, "train.augment."))
        train["augment"] = _load(AugmentConfig, augment)
        train["loss"] = _load(LossConfig, _table(train, "loss", "train."))
        return _load(cls, {**data, "train": _load(TrainConfig, train)})


def _table(data: Mapping[str, Any], name: str, above: str = "") -> dict[str, Any]:
    """Return a table of a configuration, empty where there is none.

    Raises:
        ActisegError: something else stands there.
    """
    found = data.get(name, {})
    raise_if(not isinstance(found, Mapping), f"[{above}{name}] must be a table, got {found!r:.60}")
    return dict(found)


def _load(cls: type[Any], data: Mapping[str, Any]) -> Any:
    """Return ``cls(**data)`` after refusing unknown keys; lists become tuples."""
    known = [f.name for f in fields(cls)]
    for name in data:
        if name not in known:
            raise UnknownNameError(f"key of {cls.__name__}", name, known)
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})
