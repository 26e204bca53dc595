"""``dask``: workers of dask.distributed, on this machine or wherever a scheduler has some.

Without an address the workers are started here, a process each, and end with the work. With one they are those of a
scheduler that people run; workers may join it and leave at any time. A piece whose worker is lost goes to another.
"""

from __future__ import annotations

import logging
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.processes import no_interrupts
from actiseg_noise.errors import ActisegError, ActisegWarning, MissingExtraError
from actiseg_noise.executors.base import EXECUTORS

if TYPE_CHECKING:
    from concurrent.futures import Future

CONNECT_S = 5.0
_ASKED_EVERY_S = 1.0
_CALM = {  # nobody looks at pages about workers that are there for one build
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "10s",
}
TRIMMING = "MALLOC_TRIM_THRESHOLD_"  # of glibc


class DaskExecutor:
    """A client's executor that knows how many pieces the workers take together.

    Args:
        gpus: that each piece holds of its worker's, which it offers by ``--resources GPU=…``; 0 for none.
    """

    def __init__(self, client: Any, gpus: int = 0) -> None:
        self._client, self._gpus = client, gpus
        self._executor = client.get_executor(pure=False, **({"resources": {"GPU": gpus}} if gpus else {}))
        self._slots, self._asked = 1, float("-inf")

    @property
    def slots(self) -> int:
        """Return how many pieces are worked at at once by the workers that are there now, or were a second ago."""
        if time.monotonic() - self._asked > _ASKED_EVERY_S:
            self._slots = self._ask()
            self._asked = time.monotonic()
        return self._slots

    def _ask(self) -> int:
        try:
            return max(1, sum(map(self._slots_of, self._client.scheduler_info(n_workers=-1)["workers"].values())))
        except (OSError, RuntimeError):
            return 1  # the scheduler is gone: what waits says so

    def _slots_of(self, worker: Mapping[str, Any]) -> int:
        """Return how many pieces a worker takes at once."""
        threads = int(worker["nthreads"])
        return min(threads, int(worker["resources"].get("GPU", 0)) // self._gpus) if self._gpus else threads

    def with_gpus(self, count: int) -> DaskExecutor:
        """Return an executor whose pieces each hold so many GPUs of their worker's."""
        found = DaskExecutor(self._client, count)
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if workers and not any(map(found._slots_of, workers)):
            warnings.warn(
                f"no worker offers {count} GPU yet; waiting. Start one: dask worker ADDRESS --resources GPU={count}",
                ActisegWarning,
                stacklevel=3,
            )
        return found

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a worker call ``fn(*args)``."""
        return self._executor.submit(fn, *args)

    def cancel(self) -> None:
        """Take back what has not begun."""
        self._executor.shutdown(wait=False)


@EXECUTORS.register("dask")
@contextmanager
def open_dask(address: str | None, workers: int) -> Iterator[DaskExecutor]:
    """Open workers of dask: those of the scheduler at ``address``, or ``workers`` processes of this machine.

    Raises:
        MissingExtraError: dask.distributed is not installed. ActisegError: nobody listens at the address.
    """
    try:
        import distributed
    except ImportError:
        raise MissingExtraError("--engine dask", "distributed", "cluster") from None
    with _quiet(), ExitStack() as stack:
        if address is None:
            where = stack.enter_context(_start_workers(distributed, workers))
        else:
            where = _checked(distributed, address)
        client = _client(distributed, where)
        stack.callback(_let_go, client.close)
        if not client.nthreads():
            warnings.warn(
                f"no worker has joined {where} yet; waiting. Start one: dask worker {where}",
                ActisegWarning,
                stacklevel=3,
            )
        executor = DaskExecutor(client)
        stack.callback(_let_go, executor.cancel)
        yield executor


def _let_go(end: Callable[[], Any]) -> None:
    """End something of a scheduler that may be gone; why the work failed has been said."""
    with suppress(OSError, RuntimeError, CancelledError):
        end()


def _start_workers(distributed: Any, workers: int) -> Any:
    """Return a cluster of worker processes of this machine, of one thread each; Ctrl-C is this process's business.

    Dask has workers return memory to the system at once, and arrays of a frame's size are then new pages every time.
    """
    import dask

    with no_interrupts(), dask.config.set(_CALM | {f"distributed.nanny.pre-spawn-environ.{TRIMMING}": None}):
        return distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # as of processes of our own
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # a port of its own, instead of a warning
            silence_logs=logging.CRITICAL,
        )


def _checked(distributed: Any, address: str) -> str:
    """Return an address at which a scheduler answers.

    The library's client takes long to say that an address is none, and waits for ever where somebody listens who is no
    scheduler. A scheduler speaks first.

    Raises:
        ActisegError: nobody is there, or no scheduler.
    """
    try:
        host, port = distributed.comm.get_address_host_port(address)
        is_plain = address.startswith("tcp:") or "://" not in address
        with socket.create_connection((host, port), timeout=CONNECT_S) as connection:
            if is_plain and not connection.recv(1):
                raise ConnectionError("who listens there closes the connection")
    except (OSError, ValueError) as error:
        raise _no_scheduler(address, error) from None
    return address


def _client(distributed: Any, where: Any) -> Any:
    """Return a client of a scheduler.

    Raises:
        ActisegError: nobody listens there.
    """
    try:
        return distributed.Client(where, timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise _no_scheduler(where, error) from None


def _no_scheduler(where: Any, error: Exception) -> ActisegError:
    """Return what is said of an address at which there is no scheduler."""
    return ActisegError(
        f"--engine dask={where}: no scheduler answers there ({' '.join(str(error).split())}). Expected the address "
        "that `dask scheduler` prints, as in tcp://192.168.0.2:8786"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from printing pages about connections that end: what matters is said in one line."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("distributed", "tornado")]
    logs = [(log := logging.getLogger(name), log.level) for name in names]
    for log, _ in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in logs:
            log.setLevel(level)
