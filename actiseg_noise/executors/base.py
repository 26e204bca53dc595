"""What an engine is, how one is named, and the registry of them.

An engine opens an executor in the manner of ``concurrent.futures``: a function and its arguments go in, a future comes
out. Functions are named by their module, and arguments are texts and bytes, so that an executor needs to know nothing
of ours. The engine ``processes``, a build's own worker processes, is the default and no executor of this kind.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if
from actiseg_noise.registry import Registry

if TYPE_CHECKING:
    from concurrent.futures import Future

PROCESSES = "processes"


class Executor(Protocol):
    """What takes pieces of work.

    It may have an attribute ``slots``, how many it works at at once, at this moment, and a method ``with_gpus(count)``,
    which returns an executor whose pieces each hold so many of their worker's GPUs.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have ``fn(*args)`` called somewhere; the future gives what it returns."""
        ...


Opener: TypeAlias = Callable[[str | None, int], AbstractContextManager[Executor]]
"""(address, or None; number of workers that the user asks for) → an executor that is there until the context ends."""

EXECUTORS: Registry[Opener] = Registry("engine", "actiseg_noise.executors", "actiseg.executors")


@dataclass(frozen=True)
class Engine:
    """An engine by its name, and the address of what is there already."""

    name: str = PROCESSES
    address: str | None = None

    @classmethod
    def parse(cls, text: str) -> Engine:
        """Read ``processes``, ``dask`` or ``dask=tcp://scheduler:8786``.

        Raises:
            UnknownNameError: no such engine. ActisegError: an address of an engine that has none, or an empty one.
        """
        name, equals, address = text.partition("=")
        raise_if(bool(equals) and not address, f"--engine {text}: expected an address after '='")
        if name == PROCESSES:
            raise_if(
                bool(equals),
                f"--engine {text}: worker processes have no address; --workers says how many, and --jobs of run",
            )
        elif name not in (known := list(EXECUTORS)):
            raise UnknownNameError("engine", name, [PROCESSES, *known])
        return cls(name, address or None)

    def __str__(self) -> str:
        return self.name if self.address is None else f"{self.name}={self.address}"

    @property
    def is_own(self) -> bool:
        """Return whether the work is done by a build's own processes."""
        return self.name == PROCESSES

    def start(self, workers: int) -> AbstractContextManager[Executor]:
        """Return the executor as a context.

        Raises:
            ActisegError: nobody is at the address, or a library is missing.
        """
        if self.is_own:
            raise ActisegError("worker processes are no executor")
        return EXECUTORS[self.name](self.address, workers)


def with_gpus(executor: Executor, engine: Engine, count: int | None) -> Executor:
    """Return the executor for pieces that each hold ``count`` GPUs of their worker's; None for no such thing.

    Raises:
        ActisegError: an engine that cannot.
    """
    if count is None:
        return executor
    hold = getattr(executor, "with_gpus", None)
    if hold is None:
        raise ActisegError(f"--gpus-per-run {count}: the engine {engine.name!r} deals out no GPUs (no 'with_gpus')")
    found: Executor = hold(count)
    return found
