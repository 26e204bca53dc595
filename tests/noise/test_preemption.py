"""A system that asks a process to stop: at once, or where its work can; and helpers that leave the answer to others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from actiseg_noise.borders.preemption import (
    EXIT_CODE,
    SIGNALS,
    PreemptedError,
    deferred,
    leave_to_parent,
    preemptible,
    preemption,
)
from actiseg_noise.entry import InterruptedCommandError, run_app


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_signal_is_raised_at_once_and_no_handler_of_exceptions_takes_it(sent: signal.Signals) -> None:
    before = signal.getsignal(sent)
    with pytest.raises(PreemptedError, match=sent.name), preemptible():
        try:
            os.kill(os.getpid(), sent)
        except Exception:
            pytest.fail("an ordinary handler took it")
    assert (signal.getsignal(sent), preemption()) == (before, "")


def test_work_that_defers_it_is_asked_and_ends_by_itself() -> None:
    done = []
    with pytest.raises(PreemptedError, match="after step 3"), preemptible(), deferred():
        for step in range(1, 9):
            done.append(step)
            if step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            if preemption():
                raise PreemptedError(f"after step {step}")
    assert done == [1, 2, 3]


def test_a_signal_that_nobody_answered_is_raised_at_the_end_of_the_work() -> None:
    done = []
    with pytest.raises(PreemptedError, match="SIGTERM"), preemptible():
        with deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("whole")
        done.append("never")
    assert done == ["whole"]


def test_a_second_signal_does_not_disturb_what_the_first_one_ends() -> None:
    cleaned = []
    with pytest.raises(PreemptedError), preemptible():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)
    assert cleaned == [True]


def test_another_thread_than_the_main_one_leaves_the_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work(**_: object) -> None:
        with preemptible():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_command_that_was_preempted_says_so_and_exits_with_75(capsys: pytest.CaptureFixture[str]) -> None:
    def work(**_: object) -> None:
        raise InterruptedCommandError("half is kept", code=EXIT_CODE, how="stopped by SIGTERM")

    with pytest.raises(SystemExit) as stopped:
        run_app(work, ValueError)
    assert (stopped.value.code, capsys.readouterr().err) == (75, "error: stopped by SIGTERM; half is kept\n")


def test_a_helper_leaves_the_signals_to_its_parent() -> None:
    code = (
        "import os, signal\n"
        f"from {leave_to_parent.__module__} import leave_to_parent\n"
        "leave_to_parent()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "still here\n"


LAUNCHER = """
import subprocess, sys, time
code = "from actiseg_noise.borders.processes import end_with_launcher; end_with_launcher(); print('up', flush=True); import time; time.sleep(60)"
helper = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
assert helper.stdout.readline() == "up\\n"
print(helper.pid, flush=True)
time.sleep(60)
"""  # noqa: E501 - the helper's code is one line


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_helper_ends_with_a_launcher_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        helper = int(launcher.stdout.readline())
        launcher.kill()
        launcher.wait()
    until = time.monotonic() + 20
    while _runs(helper) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(helper)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
