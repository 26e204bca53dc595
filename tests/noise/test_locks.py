"""One process at a time at an output, on file systems with locks and on those without."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from actiseg_noise.borders import locks
from actiseg_noise.borders.locks import BusyError, hold, locked
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError

NO_LOCKS = [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL, errno.EPERM, errno.EACCES]

HOLDER = """
import fcntl, sys, time
from pathlib import Path
from actiseg_noise.borders.locks import locked
if len(sys.argv) > 2:
    def refuse(*_):
        raise OSError(int(sys.argv[2]), "no locks here")
    fcntl.flock = refuse
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Refuse every lock, as some network file systems do."""

    def refuse(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)
    return int(request.param)


@pytest.fixture
def holder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds ``tmp_path``."""
    more = [str(request.param)] if hasattr(request, "param") else []
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path), *more], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_process_that_works_there_is_named(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    words = rf"another run \(process {holder.pid}\) is working here; wait for it or use another --out"
    with pytest.raises(BusyError, match=words), locked(tmp_path):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("no_locks", NO_LOCKS, indirect=True)
def test_without_locks_of_the_system_work_goes_on_and_nobody_is_invented(tmp_path: Path, no_locks: int) -> None:
    for wait in (False, True):
        with hold(tmp_path / "lock", tmp_path, wait=wait) as is_held:
            assert is_held
            assert list(tmp_path.iterdir()) != []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("no_locks", [errno.ENOSYS], indirect=True)
@pytest.mark.parametrize("holder", [errno.ENOSYS], indirect=True)
def test_without_locks_of_the_system_a_real_conflict_is_seen(
    tmp_path: Path, no_locks: int, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(BusyError, match=rf"another run \(process {holder.pid}\)"), locked(tmp_path):
        pass
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("no_locks", [errno.ENOSYS], indirect=True)
def test_a_holder_on_another_machine_is_named_with_it(tmp_path: Path, no_locks: int) -> None:
    (tmp_path / ".lock.held").write_text("12\nelsewhere\n")
    with (
        pytest.raises(BusyError, match=r"\(process 12 on elsewhere\).*If it is gone, remove .*\.lock\.held"),
        locked(tmp_path),
    ):
        pass


@pytest.mark.parametrize("no_locks", [errno.ENOSYS], indirect=True)
def test_where_nothing_can_be_locked_that_is_said_once(
    tmp_path: Path, no_locks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(filelock.SoftFileLock, "acquire", refuse)
    with pytest.warns(ActisegWarning, match="files cannot be locked there") as heard, locked(tmp_path):
        pass
    assert len(heard) == 1


def test_a_folder_that_cannot_be_written_is_no_folder_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: object, *more: object, **options: object) -> int:
        if str(path).startswith(str(tmp_path)):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    words = r"--out .*: cannot be written .*Read-only.*; use another --out"
    with pytest.raises(ActisegError, match=words), locked(tmp_path):
        pass


def has_open(process: subprocess.Popen[str], path: Path) -> bool:
    """Return whether a process has a file open."""
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if descriptor.readlink() == path:
                return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="only there /proc says which files a process has open")
def test_who_waits_gets_the_lock_of_one_who_leaves_with_the_folder(tmp_path: Path) -> None:
    waiter = """
import sys
from pathlib import Path
from actiseg_noise.borders.locks import hold
place = Path(sys.argv[1])
with hold(place / "room" / "lock", place, wait=True) as is_held:
    print(is_held, flush=True)
"""
    lock = tmp_path / "room" / "lock"
    with ExitStack() as stack:
        with hold(lock, tmp_path):
            command = [sys.executable, "-c", waiter, str(tmp_path)]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            until = time.monotonic() + 60
            while not has_open(process, lock):
                assert process.poll() is None, "it does not wait"
                assert time.monotonic() < until, "it never tries"
            time.sleep(2 * locks._PATIENCE_S)
            assert process.poll() is None, "it does not wait"
            lock.parent.rename(tmp_path / "left")
        assert process.communicate(timeout=60)[0] == "True\n"


def test_a_folder_made_for_the_lock_goes_if_nothing_was_written(tmp_path: Path) -> None:
    new, old, used = tmp_path / "new", tmp_path / "old", tmp_path / "used"
    old.mkdir()
    for out in (new, old, used):
        with pytest.raises(DataError), locked(out):
            if out == used:
                (out / "half").touch()
            raise DataError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "used"]
    assert [path.name for path in used.iterdir()] == ["half"]


def test_the_lock_file_says_who_holds_it(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n{socket.gethostname()}\n"


def test_a_lock_whose_holder_does_not_say_who_it_is_is_held_all_the_same(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match=r"another run \(unknown process\) is working here"), locked(tmp_path):
            pass
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_made_is_refused_with_the_reason_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/proc/x")

    monkeypatch.setattr(locks, "_TRIES", 2)
    monkeypatch.setattr(Path, "mkdir", refuse)
    expected = r"--out \S+x: cannot be written \(No such file or directory\); use another --out$"
    with pytest.raises(ActisegError, match=expected), locked(tmp_path / "x"):
        pass
