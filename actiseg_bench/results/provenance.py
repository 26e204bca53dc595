"""What made a result: code, versions, machine, memory."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import actiseg_bench
import actiseg_noise
from actiseg_noise.key import encode_part
from actiseg_noise.version import tool_version

_BENCH, _NOISE = (Path(package.__path__[0]) for package in (actiseg_bench, actiseg_noise))


@dataclass(frozen=True)
class Provenance:
    """Who made a result, with what, where and when.

    Attributes:
        version: of the distribution. code: digest of every Python file of both packages.
        score_code: digest of the code that can move a score (``score_code.py``): what all runs share, and after a "+"
            the run's model and strategy; this one enters the run's key.
        start_weights, start_weights_digest: name and content of the weights training started from, None for none.
        python, numpy, torch: versions; None where torch was not used. device: of torch. platform: the system and its
            processor, whose kind decides how sums are rounded.
        threads: of torch, 0 when torch was not used. when: start of the run, ISO 8601, UTC.
    """

    version: str
    code: str
    score_code: str
    python: str
    numpy: str
    torch: str | None
    device: str
    threads: int
    platform: str
    start_weights: str | None
    start_weights_digest: str | None
    when: str


def find_provenance(
    *,
    score_code: str,
    device: str = "cpu",
    threads: int = 0,
    start_weights: str | None = None,
    start_weights_digest: str | None = None,
) -> Provenance:
    """Return the provenance of a run that starts now in this process, with ``threads`` of torch, 0 without torch."""
    torch = sys.modules.get("torch") if threads else None
    return Provenance(
        version=package_version(),
        code=code_digest(),
        score_code=score_code,
        python=platform.python_version(),
        numpy=version("numpy"),
        torch=str(torch.__version__) if torch else None,
        device=device,
        threads=threads,
        platform=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {processor()}",
        start_weights=start_weights,
        start_weights_digest=start_weights_digest,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@cache
def processor() -> str:
    """Return the kind of this machine's processor, ``GenuineIntel 6/207/2`` (family, model, stepping) on Linux."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").partition("\n\n")[0].splitlines()
        facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        numbers = [facts.get(name, "") for name in ("cpu family", "model", "stepping")]
        if "vendor_id" in facts and all(numbers):
            return f"{facts['vendor_id']} {'/'.join(numbers)}"
    return platform.processor() or "unknown processor"


def package_version() -> str:
    """Return the version of the installed distribution, ``unknown`` for a bare source tree."""
    try:
        return tool_version()
    except PackageNotFoundError:
        return "unknown"


def code_digest() -> str:
    """Return the BLAKE2b hex (32 characters) over names and contents of all Python files of both packages.

    Line ends do not matter.
    """
    state = blake2b(digest_size=16)
    for root in (_BENCH, _NOISE):
        for name in sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py")):
            state.update(encode_part(f"{root.name}/{name}") + encode_part((root / name).read_text("utf-8")))
    return state.hexdigest()


def reset_peak_memory() -> None:
    """Start a new measurement of peak memory, where the system allows it (Linux), without what earlier runs left.

    A finished training leaves hundreds of MB in reference cycles, which Python frees when it has a reason to look.
    """
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process in MiB, since the last reset or since it started."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return _peak_since_start_mb()


def _peak_since_start_mb() -> float:
    """Return getrusage's peak in MiB (kilobytes on Linux, bytes on macOS); 0 where there is no getrusage."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
