"""What a build is asked for, one record from the command line or from Python to the worker, and which part of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from actiseg_noise.borders.processes import usable_cores
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.fields import parse_number

if TYPE_CHECKING:
    from actiseg_noise.datasets.base import Dataset
    from actiseg_noise.progress import Progress
    from actiseg_noise.recipe import Recipe
    from actiseg_noise.vocabulary import Vocabulary

P = ParamSpec("P")
T = TypeVar("T")
_MOST_SHARDS = 999_999_999


def _means(text: str) -> dict[str, str]:
    """Return a field's metadata: what it means, in the words of ``--help``."""
    return {"help": text}


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """Everything that a build can be asked for, unchecked; ``make_request`` checks it.

    The attributes are the options of ``actiseg-noise build`` and the keywords of ``actiseg_noise.build``; each is
    described here alone. ``workers=None``: one per core, 1 for text.
    """

    root: str | Path | None = field(
        default=None, metadata=_means("The dataset's folder. [default: ACTISEG_<DATASET>_ROOT, ACTISEG_DATA/<dataset>]")
    )
    split: str = field(default="train", metadata=_means("The split to build."))
    recipe: str | Path | Recipe | None = field(
        default=None, metadata=_means("A recipe's name or TOML file; see 'recipes'. [default: clean]")
    )
    flip: float | None = field(default=None, metadata=_means("Rate of category flips."))
    noun: float | None = field(default=None, metadata=_means("Rate of noun substitutions."))
    narration: float | None = field(default=None, metadata=_means("Rate of clips with another clip's narration."))
    flag: float | None = field(
        default=None, metadata=_means("Rate of objects given as negative instead of positive, or the reverse.")
    )
    boundary: int | None = field(default=None, metadata=_means("Kernel of the mask noise."))
    boundary_op: str = field(default="dilate", metadata=_means("The mask noise."))
    boundary_rate: float = field(default=1.0, metadata=_means("Rate of the mask noise."))
    boundary_unit: str = field(default="480p", metadata=_means("480p (pixels at 480-pixel short side) or px."))
    seed: int | None = field(default=None, metadata=_means("Seed of every draw. [default: the recipe's, 0]"))
    exact_rate: bool = field(default=False, metadata=_means("Corrupt exactly round(rate·n) of the eligible."))
    temporal: str | None = field(
        default=None, metadata=_means("Mask noise draws once per frame, or once per clip and object.")
    )
    allow_erase: bool = field(default=False, metadata=_means("A mask noise may leave nothing of an object."))
    content: str = field(default="full", metadata=_means("full (with masks) or text."))
    vocabulary: str | Path | Vocabulary = field(default="dataset", metadata=_means("dataset, train, or a JSON file."))
    options: Mapping[str, Any] | None = field(
        default=None, metadata=_means("The dataset's own options; see docs/datasets.md.")
    )
    skip_missing: bool = field(
        default=False, metadata=_means("Leave out and count clips whose files or texts are missing.")
    )
    limit: int | None = field(default=None, metadata=_means("Only the first N clips that the dataset lists."))
    clips: Sequence[str] | None = field(default=None, metadata=_means("Only these clips, by their ids."))
    allow_eval: bool = field(default=False, metadata=_means("Noise an evaluation split on purpose."))
    gate: bool = field(default=True, metadata=_means("Refuse realised rates that chance does not allow."))
    out: str | Path | None = field(
        default=None, metadata=_means("The manifest's folder. [default: manifests/DATASET/SPLIT/RECIPE-sSEED]")
    )
    workers: int | None = field(default=1, metadata=_means("Number of processes; the labels do not depend on it."))
    engine: str = field(
        default="processes",
        metadata=_means("Who does the work: processes, dask, dask=ADDRESS, or one of a plug-in. See docs/cluster.md."),
    )
    shard: str | None = field(
        default=None,
        metadata=_means("Do only part N of COUNT, as in 3/16; the same without it joins. See docs/cluster.md."),
    )
    resume: bool = field(
        default=False,
        metadata=_means("Return a manifest that is built already; one begun is always continued."),
    )
    force: bool = field(default=False, metadata=_means("Replace an existing manifest, once the new one is whole."))
    progress: Progress | None = field(
        default=None, metadata=_means("Receives messages and the number of finished clips.")
    )

    @property
    def processes(self) -> int:
        """Return the number of processes: text is built faster than another process starts."""
        if self.workers is not None:
            return self.workers
        if self.content == "text":
            return 1
        return usable_cores()


@dataclass(frozen=True)
class Shard:
    """One part of a build, as in ``3/16``: ``number`` counts from 1 to ``count``."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``3/16``.

        Raises:
            ActisegError: it is not of this form, or there is no such shard.
        """
        first, _, second = text.strip().partition("/")
        number, count = parse_number(first), parse_number(second)
        if number is None or count is None or count > _MOST_SHARDS:
            raise ActisegError(f"--shard {text}: expected NUMBER/COUNT, as in 3/16")
        shard = cls(number, count)
        raise_if(
            not 1 <= shard.number <= shard.count,
            f"--shard {text}: shards count from 1 to their number, as in 1/16 to 16/16"
            + (" (an array of SLURM's jobs: --array=1-16)" if shard.number == 0 else ""),
        )
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has(self, name: str) -> bool:
        """Return whether the chunk of this name, ``000012``, is in this shard; it is in exactly one of ``count``.

        >>> [name for name in ("000000", "000001", "000002", "000003") if Shard(1, 3).has(name)]
        ['000000', '000003']
        """
        return int(name) % self.count == self.number - 1


HELP: dict[str, str] = {f.name: f.metadata["help"] for f in fields(BuildOptions)}
"""Option → what it means, for ``--help``."""


def with_keywords(
    record: Callable[P, BuildOptions],
) -> Callable[[Callable[[str | Dataset, BuildOptions], T]], Callable[Concatenate[str | Dataset, P], T]]:
    """Return a decorator: a function of (dataset, options) becomes one that takes the record's fields as keywords.

    Type checkers, ``inspect.signature`` and ``help`` see the keywords.
    """

    def decorate(function: Callable[[str | Dataset, BuildOptions], T]) -> Callable[Concatenate[str | Dataset, P], T]:
        def call(dataset: str | Dataset, *args: P.args, **keywords: P.kwargs) -> T:
            return function(dataset, record(*args, **keywords))

        update_wrapper(call, function)
        own = inspect.signature(function)
        shown = [own.parameters["dataset"], *inspect.signature(record).parameters.values()]
        vars(call)["__signature__"] = own.replace(parameters=shown)
        lines = "\n".join(f"    {name}: {text}" for name, text in HELP.items())
        call.__doc__ = inspect.cleandoc(function.__doc__ or "").replace("{options}", lines.lstrip())
        return cast("Callable[Concatenate[str | Dataset, P], T]", call)  # which may name ``dataset``, too

    return decorate
