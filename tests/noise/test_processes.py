"""How modules are loaded, and how a process ends with the one that started it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module

import pytest

from actiseg_noise.borders.processes import loading


@pytest.fixture(autouse=True)
def nothing_is_aside() -> Iterator[None]:
    """What other tests have taken out of the collector's rounds is back for these, or it would count as theirs."""
    gc.unfreeze()
    yield
    gc.enable()
    gc.freeze()


def test_garbage_is_collected_before_and_after_but_not_while_modules_load() -> None:
    with loading():
        assert not gc.isenabled()
        made = [[] for _ in range(10)]  # type: ignore[var-annotated]
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(made)


def test_the_collector_comes_back_where_a_module_cannot_be_loaded() -> None:
    with pytest.raises(ModuleNotFoundError), loading():
        import_module("nothing_of_this_name")
    assert gc.isenabled()


LAUNCHED = """
import time
from actiseg_noise.borders import processes
processes._WATCHED_EVERY_S = {every_s}
processes.end_with_launcher(at_once={at_once})
print("there", flush=True)
time.sleep(600)
"""
LAUNCHER = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1]])
"""


@pytest.mark.parametrize(
    ("every_s", "at_once"),
    [
        (0.05, False),
        pytest.param(
            *(600, True), marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone can")
        ),
    ],
)
def test_a_process_ends_with_its_launcher_by_looking_or_by_the_kernel(every_s: float, at_once: bool) -> None:
    """Both hold the output open, so that it is closed when the second one has ended."""
    command = [sys.executable, "-c", LAUNCHER, LAUNCHED.format(every_s=every_s, at_once=at_once)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as launcher:
        try:
            assert launcher.stdout is not None
            assert launcher.stdout.readline() == "there\n"
            launcher.kill()
            assert launcher.communicate(timeout=60)[0] == ""
        finally:
            with suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)
