"""One try of a command: a child of this process, under limits, in a sandbox of its own.

The commands are imported once; every try is a fork, which costs milliseconds where a new interpreter costs a second.
"""

from __future__ import annotations

import gc
import io
import os
import re
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import NoReturn

TRACEBACK = "Traceback (most recent call last)"
NOISE, BENCH = "actiseg-noise", "actiseg-bench"
_DIED = 99  # what a child exits with when its command raised
_HEAVY = (
    *(
        "cv2",
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
        "pandas",
        "PIL.Image",
        "PIL.PngImagePlugin",
        "pyarrow.compute",
    ),
    *("pyarrow.parquet", "pycocotools.mask", "rich._emoji_codes", "safetensors.torch", "scipy.ndimage", "scipy.stats"),
    *("torch", "yaml"),
)
_LONGEST_OUTPUT = 4_000_000


@dataclass(frozen=True)
class Limits:
    """What one try may take. ``memory_bytes`` is beyond what the imported commands hold already."""

    seconds: float = 20.0
    memory_bytes: int = 2 << 30
    file_bytes: int = 1 << 30  # of one file that is written: a copy of holes would fill the memory


@dataclass(frozen=True)
class Attempt:
    """How one try ended. ``seconds`` and ``peak_bytes`` are its own; ``signal`` is None unless one ended it."""

    command: tuple[str, ...]
    exit_code: int | None
    signal: int | None
    seconds: float
    peak_bytes: int
    output: str
    is_out_of_time: bool = False

    def faults(self, limits: Limits) -> list[str]:
        """Return what is wrong with the end of this try; empty when it ended as every command must."""
        found = []
        if self.is_out_of_time:
            found.append(f"over {limits.seconds:g} s")
        elif self.signal is not None:
            found.append(f"ended by {signal.Signals(self.signal).name}")
        elif self.exit_code not in (0, 1, 2, _DIED):
            found.append(f"exit code {self.exit_code}")
        if TRACEBACK in self.output or self.exit_code == _DIED:
            found.append(f"traceback: {raised(self.output)}")
        if self.peak_bytes > limits.memory_bytes:
            found.append(f"over {limits.memory_bytes / (1 << 30):g} GiB")
        return found


def raised(output: str) -> str:
    """Return the exception of the last traceback in ``output`` and the last line of ours that it passed."""
    lines = [line.strip() for line in output.splitlines()]
    ours = [line for line in lines if re.match(r'File ".*/actiseg_(noise|bench)/', line)]
    where = (
        re.sub(r'File ".*/(actiseg_(?:noise|bench)/[^"]*)", line (\d+), in (.+)', r"\1 \3", ours[-1]) if ours else "?"
    )
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit|Warning)\b", line)]
    return f"{(named[-1] if named else 'no exception')[:120]} in {where}"


@dataclass
class Child:
    """A running try: its process, the leader of a session of its own, and where its output goes."""

    command: tuple[str, ...]
    pid: int
    log: Path
    started: float
    begun: int  # a pipe into which the child writes what it holds when the command itself begins
    resident_bytes: int = 0
    ended: tuple[int, float, int] | None = None  # status, seconds, peak

    def wait(self, seconds: float) -> bool:
        """Wait for the end, ``seconds`` at most; return whether it came."""
        if self.ended is not None:
            return True
        handle = os.pidfd_open(self.pid)
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            if not poll.poll(max(0.0, seconds) * 1000):
                return False
        finally:
            os.close(handle)
        self.wait_until_begun()
        _, status, used = os.wait4(self.pid, 0)
        self.ended = (status, time.monotonic() - self.started, used.ru_maxrss * 1024 - self.resident_bytes)
        return True

    def wait_until_begun(self) -> None:
        """Wait until the command itself runs: what comes before is this tool's."""
        if self.begun >= 0:
            self.resident_bytes = int(os.read(self.begun, 64) or 0)
            os.close(self.begun)
            self.begun = -1

    def kill_session(self) -> None:
        """Kill the process and all that it started."""
        for pid in {*session_of(self.pid), *(() if self.ended else (self.pid,))}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def result(self, *, is_out_of_time: bool = False) -> Attempt:
        """Return how an ended child ended."""
        if self.ended is None:
            raise RuntimeError(f"{' '.join(self.command)}: has not ended")
        status, seconds, peak = self.ended
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        with self.log.open("rb") as file:
            text = file.read(_LONGEST_OUTPUT).decode("utf-8", "replace")
        return Attempt(self.command, code, number, seconds, peak, text, is_out_of_time)


def session_of(leader: int) -> list[int]:
    """Return the living processes of a session, the leader among them unless it ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError, IndexError, ValueError):
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(entry.name))
    return found


def start(
    command: Sequence[str],
    log: Path,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Child:
    """Start a command, ``actiseg-noise …`` or ``actiseg-bench …``, in a session of its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    virtual = _held_bytes(0)
    begun, beginning = os.pipe()
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: the commands hold no lock yet
        pid = os.fork()
    if pid == 0:
        _be_the_command(tuple(command), log, limits, virtual, dict(environment or {}), folder, beginning)
    os.close(beginning)
    return Child(tuple(command), pid, log, started, begun)


def _held_bytes(which: int) -> int:
    """Return what this process holds: 0 of address space, 1 of memory."""
    return int(Path("/proc/self/statm").read_text().split()[which]) * os.sysconf("SC_PAGE_SIZE")


def attempt(
    command: Sequence[str],
    log: Path,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Attempt:
    """Run a command to its end, or to the limit of time, and return how it ended."""
    child = start(command, log, limits, environment, folder)
    child.wait_until_begun()
    is_done = child.wait(limits.seconds)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(60)
    return child.result(is_out_of_time=not is_done)


def _be_the_command(
    command: tuple[str, ...],
    log: Path,
    limits: Limits,
    virtual: int,
    environment: dict[str, str],
    folder: Path | None,
    beginning: int,
) -> NoReturn:
    """Become the command, in a forked child: never returns."""
    code = _DIED
    try:
        os.setsid()
        _redirect(log)
        os.environ.update(environment)
        if folder is not None:
            os.chdir(folder)
        # Address space is reserved generously by allocators: this only keeps the machine safe, the peak is measured.
        resource.setrlimit(resource.RLIMIT_AS, (virtual + 3 * limits.memory_bytes,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes,) * 2)
        main = _entry(command[0])
        os.write(
            beginning, str(_held_bytes(1)).encode()
        )  # a fork maps less than its parent: files are mapped when read
        os.close(beginning)
        code = _run(main, command)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # what comes now is this tool's again
    except BaseException:
        with suppress(Exception):
            traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path) -> None:
    """Send what is printed to ``log``, and read nothing."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number in (1, 2):
        os.dup2(output, number)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "rb", closefd=False))  # type: ignore[arg-type]
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), write_through=True)  # type: ignore[arg-type]
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "wb", closefd=False), write_through=True)  # type: ignore[arg-type]
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
    from actiseg_noise import terminal

    terminal.out, terminal.err = terminal.make_console(), terminal.make_console(stderr=True)


def _entry(name: str) -> Callable[[], None]:
    if name == NOISE:
        from actiseg_noise.cli import main
    else:
        from actiseg_bench.cli import main
    return main


def _run(main: Callable[[], None], command: tuple[str, ...]) -> int:
    """Return the exit code of a command line, as an interpreter would."""
    sys.argv = list(command)
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return int(end.code or 0)
        print(end.code, file=sys.stderr)
        return 1
    return 0


def import_commands() -> None:
    """Import what the commands import lazily, on one thread each, so that a fork has it and no thread is lost.

    Two commands that only list things are run, for what they load: the command line's own parts, and plug-ins.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in _HEAVY:
        import_module(name)
    for package in ("actiseg_noise", "actiseg_bench"):
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__") and ".weights" not in module.name:
                with suppress(ImportError):
                    import_module(module.name)
    import cv2
    import pyarrow as pa
    import torch

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    arguments = sys.argv
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        _run(_entry(NOISE), (NOISE, "recipes"))
        _run(_entry(BENCH), (BENCH, "list", "strategies"))
    sys.argv = arguments
    gc.collect()
    gc.freeze()
