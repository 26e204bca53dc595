"""Kill a build for real: ``kill -9`` and Ctrl-C on a process in the middle of its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toys import make_toy, write_toy

import actiseg_noise

HERE = Path(__file__).parent
PATIENCE_S = 60


def command(root: Path, out: Path, *more: str) -> list[str]:
    """Return the command line of a build with noise in text and masks."""
    noise = ["--flip", "0.4", "--boundary", "3", "--boundary-unit", "px", "--boundary-rate", "0.5"]
    build = ["build", "--dataset", "toy", "--root", str(root), "--out", str(out), *noise, *more]
    return [sys.executable, str(HERE / "slow_build.py"), *build]


def start(root: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """Start a build and wait until some of its work is done."""
    process = subprocess.Popen(
        command(root, out, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for _ in range(PATIENCE_S * 50):
        if list(out.parent.glob(f".{out.name}.partial/chunks-*/000001")):
            return process
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise TimeoutError("the build did not start")


def session_members(session: int) -> list[int]:
    """Return the processes of a session that are alive."""
    listing = subprocess.run(["ps", "-eo", "pid,sess,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()[1:]]
    return [int(pid) for pid, sess, stat in rows if int(sess) == session and not stat.startswith("Z")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a dataset on disk that takes 0.1 s a mask."""
    folder = tmp_path / "data"
    write_toy(make_toy(), folder)
    (folder / "seconds").write_text("0.1")
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of the build that nobody kills."""
    folder = tmp_path_factory.mktemp("whole")
    write_toy(make_toy(), folder / "data")
    (folder / "data" / "seconds").write_text("0")
    subprocess.run(command(folder / "data", folder / "m"), check=True, capture_output=True)
    return actiseg_noise.read_manifest(folder / "m").digest


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_build_leaves_nobody_and_is_continued(root: Path, expected: str, tmp_path: Path, workers: str) -> None:
    out = tmp_path / "m"
    process = start(root, out, "--workers", workers)
    process.kill()
    process.communicate()
    for _ in range(PATIENCE_S * 10):
        if not session_members(process.pid):
            break
        time.sleep(0.1)
    assert session_members(process.pid) == []
    assert not out.exists()
    (root / "seconds").write_text("0")
    done = subprocess.run(command(root, out, "--resume"), check=True, capture_output=True, text=True)
    assert "continuing an interrupted build" in done.stderr
    assert actiseg_noise.read_manifest(out).digest == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "m"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_says_what_is_left(root: Path, tmp_path: Path, workers: str) -> None:
    out = tmp_path / "m"
    process = start(root, out, "--workers", workers)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert stdout == ""
    assert f"error: interrupted; nothing is at {out}. The same command continues" in stderr
    assert "Traceback" not in stderr
    assert not out.exists()
    (root / "seconds").write_text("0")
    subprocess.run(command(root, out), check=True, capture_output=True)
    assert out.exists()


@pytest.mark.parametrize("delay_s", [0.05, 0.1, 0.2, 0.3])
def test_ctrl_c_while_processes_start_is_heard_once(root: Path, tmp_path: Path, delay_s: float) -> None:
    """A process that is still importing prints a traceback of its own when Ctrl-C reaches it."""
    out = tmp_path / "m"
    process = subprocess.Popen(
        command(root, out, "--workers", "2"), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list(tmp_path.glob(".m.partial/chunks-*")) or len(session_members(process.pid)) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    time.sleep(delay_s)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=PATIENCE_S)[1].startswith(f"error: interrupted; nothing is at {out}")
    assert process.returncode == 130
