"""What one try gave, and its failures, kept so that each can be seen again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from shlex import join

from tools.soak.attempt import Attempt
from tools.soak.sandbox import Sandbox

KEPT_OF_A_FAULT = 2
CUT_SHORT = 3_000  # characters of a failure's output that are kept


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong: where to see it again, and what it was."""

    index: str
    subject: str
    kind: str
    detail: str
    command: str
    fault: str
    folder: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what failures have in common that are one fault."""
        words = self.command.split()
        fault = self.fault.partition(":")
        place = self.fault.rpartition(" in ")[2] if fault[0] == "traceback" else ""
        name = fault[2].strip().partition(":")[0] if fault[0] == "traceback" else ""
        return " ".join(words[:2]), f"{fault[0]} {name} {place}".strip() if place else self.fault


@dataclass
class Tried:
    """What one edit gave."""

    kind: str
    attempts: int = 0
    failures: list[Failure] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    accepted: str = ""  # what was done, where `verify` found nothing wrong


def keep_failure(failure: Failure, files: Path, sandbox: Sandbox, done: Attempt, keep: Path) -> Failure:
    """Keep what shows a failure again, the first few times that it comes: the files, the command, the output.

    Returns:
        The failure, with the folder where it is kept.
    """
    name = blake2b(repr(failure.key).encode("utf-8", "replace"), digest_size=4).hexdigest()
    folder = keep / f"{name}-{failure.index.replace('/', '-')}"
    if len(list(keep.glob(f"{name}-*"))) >= KEPT_OF_A_FAULT or folder.exists():
        return failure
    folder.mkdir(parents=True)
    shutil.copytree(files, folder / files.name, symlinks=True, ignore=_not_plain)
    typed = join(done.command).replace(str(sandbox.edited), "in").replace(str(sandbox.outputs), "out")
    (folder / "command.txt").write_text(f"{typed}\n", "utf-8", errors="replace")
    about = f"{failure.index}: {failure.subject}: {failure.detail}\n{failure.fault}\n"
    (folder / "about.txt").write_text(f"{about}\n{done.output[-CUT_SHORT:]}\n", "utf-8", errors="replace")
    return replace(failure, folder=str(folder))


def _not_plain(folder: str, names: list[str]) -> list[str]:
    """Return what cannot be kept: pipes, and files as long as a disk."""
    paths = [Path(folder) / name for name in names]
    return [path.name for path in paths if path.is_fifo() or (path.is_file() and path.stat().st_size > 1 << 28)]
