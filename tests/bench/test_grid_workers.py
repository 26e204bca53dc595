"""A worker of a grid by an engine: what it says, when it stops, and why it refuses."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import make_track

from actiseg_bench.grid import remote, watched
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.plan import make_plan
from actiseg_bench.grid.remote import DONE, FAILED, KEPT, PACKAGES, REFUSED, STOPPED, Machine, make_run, why_refused
from actiseg_bench.grid.run import RunSpec, make_grid
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.tracks import Track, open_track
from actiseg_bench.grid.watched import Session, Watch, session
from actiseg_noise.errors import ActisegError
from actiseg_noise.executors.pieces import versions_here

GRID = make_grid([make_track("clean", "a"), make_track("text-40", "b")], ("baseline", "gce"), "faithful", 1, "tiny")
ANY = Machine("auto", None, {})


class Scripted:
    """Stands for a process below a worker: says what it is told to say."""

    def __init__(self, *says: tuple[str, Any], exit_code: int = 0) -> None:
        self.says, self.given, self.is_stopped = list(says), [], False
        self.pipe = self.process = self
        self.exitcode = exit_code

    def give(self, run: bytes) -> None:
        self.given.append(run)

    def poll(self, seconds: float) -> bool:
        return bool(self.says)

    def receive(self) -> tuple[str, Any]:
        return self.says.pop(0)

    def is_alive(self) -> bool:
        return not self.is_stopped

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Session]:
    with session(tmp_path / "out", is_alone=True) as found:
        yield found


def ask(told: Session, monkeypatch: pytest.MonkeyPatch, process: Scripted, **changes: Any) -> tuple[str, str]:
    """Have this process be a worker to which a run comes."""
    monkeypatch.setattr(remote, "_pool", remote._Pool())
    monkeypatch.setattr(remote, "RunProcess", lambda work, environment: process)
    sent = {"versions": versions_here(*PACKAGES), "machine": tuple(ANY), "work": b"", "folder": f"{told.folder}#0"}
    return make_run(*(sent | changes).values(), b"run")


END = (GRID[0], None, False, "")


@pytest.mark.parametrize(
    ("says", "exit_code", "expected"),
    [
        ([("begin", ("",)), ("step", (1, 2, 0.5)), ("end", (GRID[0], "a result", False, ""))], 0, (DONE, "")),
        ([("end", (GRID[0], "a result", True, ""))], 0, (KEPT, "")),
        ([("end", (GRID[0], None, False, "out of luck"))], 0, (FAILED, "out of luck")),
        ([("lost", "its process ended (exit code -9)")], -9, (FAILED, "its process ended (exit code -9)")),
        ([("lost", "its process ended (exit code 0)")], 0, (STOPPED, "its process ended (exit code 0)")),
    ],
)
def test_a_worker_says_how_a_run_ended(
    told: Session,
    monkeypatch: pytest.MonkeyPatch,
    says: list[tuple[str, Any]],
    exit_code: int,
    expected: tuple[str, str],
) -> None:
    process = Scripted(*says, exit_code=exit_code)
    assert ask(told, monkeypatch, process) == expected
    assert process.given == [b"run"]
    assert process.is_stopped == (says[-1][0] == "lost")
    assert [path.name for path in told.folder.iterdir()] == ["at-work"]


def test_how_far_a_run_is_can_be_read_while_it_is_at_work(told: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Looking(Scripted):
        def poll(self, seconds: float) -> bool:
            seen.append(told.said(0))
            return super().poll(seconds)

    monkeypatch.setattr(watched, "LOOK_S", 0.0)
    ask(told, monkeypatch, Looking(("begin", ("",)), ("step", (1, 2, 0.5)), ("end", END)))
    assert seen == [None, (0, 0, 0.0), (1, 2, 0.5)]
    assert told.said(0) is None


def test_a_worker_stops_its_run_when_the_command_has_ended(told: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    told.end()
    process = Scripted()
    assert ask(told, monkeypatch, process) == (STOPPED, "")
    assert process.is_stopped


def test_a_worker_stops_its_run_when_the_command_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Session(tmp_path)
    dead._beat(5)
    now = iter([0.0, 10.0, 100.0, 189.0, 191.0])
    monkeypatch.setattr(watched.time, "monotonic", now.__next__)
    watch = Watch(tmp_path, 0)
    assert [watch.is_over() for _ in range(4)] == [False, False, False, True]


def test_a_command_removes_what_killed_ones_left_but_for_parts(tmp_path: Path) -> None:
    (tmp_path / ".engine-a-1-b").mkdir()
    with session(tmp_path, is_alone=False) as part:
        assert (tmp_path / ".engine-a-1-b").is_dir()
        with session(tmp_path, is_alone=True) as now:
            assert set(tmp_path.iterdir()) == {part.folder, now.folder}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["Python", "actiseg-nl", "torch", "numpy"])
def test_a_worker_of_another_version_refuses(told: Session, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    versions = versions_here(*PACKAGES) | {name: "9.9"}
    kind, said = ask(told, monkeypatch, Scripted(), versions=versions)
    assert kind == REFUSED
    assert re.fullmatch(rf"worker \S+ \(process {os.getpid()}\) has {name} \S+, the grid 9.9: scores could .*", said)


def test_a_worker_that_does_not_see_the_output_says_so(
    told: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actiseg_bench.grid.watched.is_shown", lambda folder, patience_s: False)
    kind, said = ask(told, monkeypatch, Scripted(), folder=f"{tmp_path}/nowhere#0")
    assert kind == REFUSED
    assert said.endswith(f"{tmp_path}/nowhere is not there; every worker needs the grid's --out at this path")
    assert said.startswith(f"worker {socket.gethostname()} (process {os.getpid()}): ")


def test_a_worker_says_its_name_where_a_run_cannot_be_made(told: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ask(told, monkeypatch, Scripted((REFUSED, ("/data: no such folder",))))
    assert said == (REFUSED, f"worker {socket.gethostname()} (process {os.getpid()}): /data: no such folder")


def test_gpus_of_a_worker_are_dealt_out_and_wait_with_their_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "list_gpus", lambda device: ["0", "1", "5"])
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    made: list[dict[str, str]] = []
    monkeypatch.setattr(remote, "RunProcess", lambda work, environment: made.append(environment) or Scripted())
    pool, machine = remote._Pool(), Machine("auto", 1, {"ACTISEG_ROBERTA": "/roberta"})
    first, _, third = (pool.take(b"a", machine) for _ in range(3))
    assert [one["CUDA_VISIBLE_DEVICES"] for one in made] == ["0", "1", "5"]
    assert {one["ACTISEG_ROBERTA"] for one in made} == {"/roberta"}
    with pytest.raises(ActisegError, match="--gpus-per-run 1: 3 runs at once have GPUs of their own here, and no more"):
        pool.take(b"a", machine)
    pool.give_back(third, is_usable=True)
    assert pool.take(b"a", machine) is third
    pool.give_back(first, is_usable=True)
    assert pool.take(b"of another grid", machine).gpus == "0"
    assert first.runs.is_stopped  # type: ignore[attr-defined]
    assert "MALLOC_TRIM_THRESHOLD_" not in os.environ


# --- why a machine can make no run


@pytest.fixture
def track(noisy_val: Path, kitchen_root: Path) -> Track:
    return open_track(noisy_val, noisy_val, kitchen_root, kitchen_root)


def test_a_machine_says_why_it_can_make_no_run(
    track: Track, noisy_val: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    typed = RunOptions(
        manifest=noisy_val, eval_manifest=noisy_val, root=kitchen_root, out=tmp_path, device="cpu", weights="none"
    )
    runner = TorchRunner(make_plan(typed).base)
    spec = RunSpec(track, "tiny", "baseline", "faithful", 0)
    keys = {spec.name: runner.identity(spec).key()}

    def why(**changes: Any) -> str | None:
        return why_refused(replace(spec, track=replace(track, **changes)), runner, keys)

    assert why() is None
    nowhere = tmp_path / "nowhere"
    assert str(why(root=nowhere)).startswith(f"--root {nowhere}: ")
    assert str(why(root=nowhere)).endswith("; every worker needs the grid's dataset at the same path")
    assert str(why(train_manifest=nowhere)).startswith(f"{nowhere}: ")
    assert str(why(train_manifest=nowhere)).endswith("; every worker needs the grid's labels at the same path")
    assert str(why(train_manifest=clean_val)).startswith(f"{clean_val}: other labels than the grid's (digest ")
    other = replace(track.info, eval_images="others")
    assert (
        str(why(info=other)) == f"{kitchen_root}: other pictures than the grid's; every worker needs the same dataset"
    )
    assert why_refused(spec, runner, {spec.name: "another"}) == (
        f"{spec.name} would be another run here: the code or the start weights are not the grid's"
    )
    assert "--device nonsense" in str(why_refused(spec, runner, keys, device="nonsense"))
