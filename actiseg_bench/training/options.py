"""What a user may say of a training: one frozen record from the command line to the configuration.

A field is a flag of the command line: its type, default, help and least value stand here alone. This module imports
nothing heavy, so that ``--help`` does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from inspect import get_annotations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if

if TYPE_CHECKING:
    from actiseg_bench.training.config import RunConfig
    from actiseg_bench.training.named_configs import NamedConfig

_KEY = "actiseg_bench.flag"
MODEL, VARIANT = "tiny", "faithful"
BASE_LOSSES = {"positives": {"dice_over": "positives"}, "published": {"dice_over": "all"}}
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "bf16", "16", "64")
LOGS = ("csv", "tensorboard", "wandb", "none")
CSV_LOG, NO_LOG = LOGS[0], LOGS[-1]
DEFORMABLE = ("auto", "torch", "kernels")
SIDES_OF_COMPILED = 64  # pixels: a compiled training shows frames whose sides are multiples of it
TRANSFORMER_ENGINE = ("transformer-engine", "transformer-engine-float16")


class Flag(NamedTuple):
    """How a field looks on the command line.

    Attributes:
        help: one line. name: with its dashes; empty where it is the field's. at_least: the least number, None for no
            bound. metavar: what its value is called in ``--help``; empty where its type says it.
    """

    help: str
    name: str = ""
    at_least: float | None = None
    metavar: str = ""


def flag(default: Any, help: str, *, name: str = "", at_least: float | None = None, metavar: str = "") -> Any:  # noqa: A002
    """Return the dataclass field of a flag; ``MISSING`` as ``default`` makes it one that must be given."""
    metadata = {_KEY: Flag(help, name, at_least, metavar)}
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def list_flags(kind: type[Any]) -> list[tuple[Field[Any], Flag]]:
    """Return the fields of a record with their flags, its own before those that it inherits."""
    by_name = {one.name: one for one in fields(kind)}
    names = dict.fromkeys(name for base in kind.__mro__ for name in get_annotations(base) if name in by_name)
    return [(by_name[name], by_name[name].metadata[_KEY]) for name in names]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to learn and what to learn: what ``run`` and ``train`` have in common.

    Attributes:
        strategy_options: hyper-parameters that differ from the strategy's variant.

    Raises:
        ActisegError: a number below its least; a precision that there is not.
    """

    variant: str | None = flag(
        None, "faithful (the method's paper) or released. [default: the protocol's, else faithful]"
    )
    strategy_options: Mapping[str, Any] = flag(
        {}, "A hyper-parameter of the strategy; repeatable.", name="--option", metavar="NAME=VALUE"
    )
    model: str | None = flag(None, "The model; see 'list models'. [default: the protocol's, else tiny]")
    weights: str = flag("bundled", "Start weights: bundled, none, or a safetensors file.", metavar="NAME|FILE")
    config: str | None = flag(
        None,
        "How to learn: actionvos, actionvos-shared, or a TOML file. Other options win.",
        metavar="NAME|FILE",
    )
    steps: int | None = flag(
        None, "Updates per training. [default: the protocol's or the configuration's, else 90]", at_least=1
    )
    loss: str | None = flag(
        None, "Base loss: positives (dice over positive samples), or published (over all). [default: the protocol's]"
    )
    dice: float | None = flag(None, "Weight of the dice term. [default: 5]", at_least=0)
    device: str = flag("auto", "cpu, cuda, cuda:N, or auto.")
    precision: str = flag("32-true", "32-true, bf16-mixed, 16-mixed, …")
    deformable: str = flag("auto", "Deformable attention by torch, by kernels (of deformops), or auto.")
    checkpoint_activations: bool = flag(False, "Keep less for the backward pass and compute it again: less memory.")
    compile: bool = flag(
        False, "Let torch compile the network; frames in several sizes come in few: sides are multiples of 64."
    )
    root: Path | None = flag(None, "The dataset's folder.")
    workers: int | None = flag(
        None,
        "Processes that load batches; they change no result. [default: the cores that --threads leaves; 0 where clips "
        "or kept features fit into memory, and in the processes of --jobs]",
        at_least=0,
    )

    def __post_init__(self) -> None:
        for one, about in list_flags(type(self)):
            value = getattr(self, one.name)
            if about.at_least is not None and value is not None and value < about.at_least:
                raise ActisegError(f"{one.name}: expected a number of at least {about.at_least:g}, got {value!r}")
        if self.precision not in (*PRECISIONS, *TRANSFORMER_ENGINE):
            known = ", ".join(PRECISIONS[:6])
            raise ActisegError(f"--precision {self.precision}: expected one of {known}, {TRANSFORMER_ENGINE[0]}")
        if self.deformable not in DEFORMABLE:
            raise UnknownNameError("--deformable", self.deformable, DEFORMABLE)
        if self.loss is not None and self.loss not in BASE_LOSSES:
            raise UnknownNameError("base loss", self.loss, list(BASE_LOSSES))

    def named_config(self) -> NamedConfig | None:
        """Return what ``config`` names, None for nothing.

        Raises:
            ActisegError: see :func:`load_config`.
        """
        from actiseg_bench.training.named_configs import load_config

        return load_config(self.config) if self.config else None

    def changes(self) -> dict[str, Any]:
        """Return what differs from the defaults of a protocol, by the name that it has in a protocol's id."""
        loss = {"loss": self.loss, "dice": self.dice}
        changed = {"steps": self.steps, **loss, **self.strategy_options, "config": self.config}
        return {name: value for name, value in changed.items() if value is not None}

    def configure(self, train: Mapping[str, Any], *, strategy: str | None = None, **own: Any) -> RunConfig:
        """Return the configuration: keys of ``[train]``, then those of the named configuration, then what is given.

        Args:
            train: a protocol's keys. strategy: see :func:`for_strategy`; None leaves it to the caller.
            own: other keys of :class:`RunConfig` that the caller decides.
        """
        from actiseg_bench.training.config import RunConfig

        named = self.named_config()
        keys: dict[str, Any] = {**train, **(named.train if named else {})}
        if self.steps is not None:
            keys |= {"steps": self.steps, "epochs": None}
        loss = BASE_LOSSES[self.loss] if self.loss is not None else {}
        weight = {"dice": self.dice} if self.dice is not None else {}
        keys = with_few_sizes(keys) if self.compile else keys
        keys["loss"] = {**keys.get("loss", {}), **loss, **weight}
        given: dict[str, Any] = {"model": self.model or MODEL, "variant": self.variant or VARIANT}
        given["strategy_options"] = dict(self.strategy_options)
        machine = {"start_weights": self.weights, "device": self.device, "precision": self.precision}
        ways: dict[str, Any] = {"deformable": self.deformable, "compile": self.compile}
        ways["checkpoint_activations"] = self.checkpoint_activations
        made = RunConfig.from_dict({**given, **machine, **ways, **own, "train": keys})
        return made if strategy is None else for_strategy(made, strategy)


def with_few_sizes(train: dict[str, Any]) -> dict[str, Any]:
    """Return keys of ``[train]`` whose frames come in few sizes, where they come in several and say nothing of it."""
    augment = train.get("augment") or {}
    if not augment.get("scales"):
        return train
    return {**train, "augment": {**augment, "scales": {"multiple": SIDES_OF_COMPILED, **augment["scales"]}}}


def for_strategy(config: RunConfig, strategy: str) -> RunConfig:
    """Return the configuration of a strategy's runs, which are as long as its card says.

    Args:
        config: as long as the baseline's are.
    """
    from actiseg_bench.strategies.base import STRATEGIES
    from actiseg_bench.training.config import lengthen

    return replace(config, strategy=strategy, train=lengthen(config.train, STRATEGIES[strategy].card.length))


@dataclass(frozen=True, kw_only=True)
class TrainOptions(TrainingOptions):
    """What ``train`` is asked to do: one training, in a folder of its own."""

    manifest: Path = flag(MISSING, "The labels: a manifest folder, or its address.")
    out: Path = flag(MISSING, "Where the training goes; the same command continues an interrupted one.")
    strategy: str = flag("baseline", "How to learn; see 'list strategies'.")
    clips: int | None = flag(None, "Clips of one update. [default: the configuration's, else 8]", at_least=1)
    frames: int | None = flag(None, "Frames of a clip. [default: the configuration's, else all]", at_least=1)
    seed: int = flag(0, "Seed of order, augmentation and fresh parameters.")
    threads: int = flag(2, "CPU threads; equal threads, equal results.", at_least=1)
    devices: int = flag(1, "How many devices.", at_least=1)
    save_every: int = flag(50, "Steps between checkpoints.", at_least=1)
    log: tuple[str, ...] = flag((), "Learning curves: csv, tensorboard, wandb or none; repeatable. [default: csv]")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.log:
            if name not in LOGS:
                raise UnknownNameError("log", name, LOGS)
        raise_if(NO_LOG in self.log and len(set(self.log)) > 1, "--log none and other logs contradict each other")

    @property
    def logs(self) -> tuple[str, ...]:
        """Return where learning curves go, some of ``LOGS``."""
        return self.log or (CSV_LOG,)

    def run_config(self) -> RunConfig:
        """Return the configuration of the training.

        Raises:
            UnknownNameError: no such strategy, model or option. ActisegError: a value that is not allowed.
        """
        check_strategies([self.strategy], self, [self.strategy])
        made = self.configure({}, strategy=self.strategy, seed=self.seed, threads=self.threads, devices=self.devices)
        given: dict[str, Any] = {"clips_per_batch": self.clips, "frames_per_clip": self.frames}
        return replace(made, train=replace(made.train, **{k: v for k, v in given.items() if v is not None}))


def check_strategies(names: list[str], options: TrainingOptions, wanted: list[str], *, is_given: bool = True) -> None:
    """Refuse, before anything trains, what no training can be made of.

    Of several strategies, those that the published code does not have run as their paper says.

    Args:
        names: the strategies that will train. wanted: those of them that were asked for by name, which must have the
            variant. is_given: somebody asked for this variant; that of a protocol is for the strategies that have it.

    Raises:
        UnknownNameError: no such strategy, model, or option of one of the strategies.
        ActisegError: a variant that a wanted strategy or all of them lack; an option's value that is not allowed.
    """
    from actiseg_bench.models.base import MODELS
    from actiseg_bench.strategies.base import FAITHFUL, STRATEGIES

    _ = MODELS[options.model or MODEL]
    cards = {name: STRATEGIES[name].card for name in names}
    variant = options.variant or FAITHFUL
    everywhere = sorted({variant for card in cards.values() for variant in card.variants})
    for name in wanted if is_given else ():
        cards[name].make_options(variant, {})
    raise_if(
        is_given and variant not in everywhere,
        f"no strategy has a variant {variant!r}. Known: {', '.join(everywhere)}",
    )
    for card in cards.values():
        card.make_options(variant if variant in card.variants else FAITHFUL, options.strategy_options)
