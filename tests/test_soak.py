"""The soak of ``make soak``: it makes edits that can be made again, and sees what goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

import actiseg_noise
from tools.soak import attempt as trying
from tools.soak.attempt import NOISE, Attempt, Limits, attempt, session_of, start
from tools.soak.clusters import MARK, Cluster, Victim, count_left, disturb
from tools.soak.edits import subjects_of
from tools.soak.kills import VICTIMS
from tools.soak.outputs import differences, snapshot
from tools.soak.report import Tally, lines
from tools.soak.sandbox import Sandbox, fill
from tools.soak.subjects import SUBJECTS
from tools.soak.tables import WAYS, NotApplicableError, edit_table, rle_code, seal
from tools.soak.tried import Failure, Tried
from tools.soak.values import edit_json, json_text, toml_text

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the soak reads /proc and forks")


def draws(seed: int) -> Random:
    return Random(seed)  # noqa: S311


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Attempt]:
    """Try a function in the place of a command."""

    def run_it(command: Callable[[], object], limits: Limits = Limits()) -> Attempt:  # noqa: B008
        monkeypatch.setattr(trying, "_entry", lambda name: command)
        return attempt((NOISE, "x"), tmp_path / "log", limits)

    return run_it


def test_a_command_that_ends_as_it_should_has_no_fault(run: Callable[..., Attempt]) -> None:
    done = run(lambda: sys.stdout.write("done\n"))
    assert (done.exit_code, done.output, done.faults(Limits())) == (0, "done\n", [])


@pytest.mark.parametrize("code", [1, 2])
def test_a_command_may_refuse(run: Callable[..., Attempt], code: int) -> None:
    assert run(lambda: sys.exit(code)).faults(Limits()) == []


def test_another_exit_code_is_a_fault(run: Callable[..., Attempt]) -> None:
    assert run(lambda: sys.exit(7)).faults(Limits()) == ["exit code 7"]


def test_an_exception_is_a_fault_with_its_name(run: Callable[..., Attempt]) -> None:
    (fault,) = run(lambda: {}["x"]).faults(Limits())
    assert fault.startswith("traceback: KeyError: 'x'")


def test_a_signal_is_a_fault_with_its_name(run: Callable[..., Attempt]) -> None:
    assert run(lambda: os.kill(os.getpid(), signal.SIGKILL)).faults(Limits()) == ["ended by SIGKILL"]


def test_a_command_that_hangs_is_ended_and_a_fault(run: Callable[..., Attempt]) -> None:
    limits = Limits(seconds=0.2)
    assert run(lambda: time.sleep(60), limits).faults(limits) == ["over 0.2 s"]


def test_a_command_that_takes_too_much_memory_is_a_fault(run: Callable[..., Attempt]) -> None:
    limits = Limits(memory_bytes=200 << 20)
    assert run(lambda: len(b"x" * (500 << 20)), limits).faults(limits) == ["over 0.195312 GiB"]


def test_processes_of_a_command_are_found_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave_one_behind() -> None:
        subprocess.Popen(["sleep", "60"])

    monkeypatch.setattr(trying, "_entry", lambda name: leave_one_behind)
    child = start((NOISE, "x"), tmp_path / "log", Limits())
    assert child.wait(30)
    assert len(session_of(child.pid)) == 1
    child.kill_session()
    until = time.monotonic() + 10
    while session_of(child.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert session_of(child.pid) == []


def test_no_file_grows_beyond_the_limit_of_a_full_disk(run: Callable[..., Attempt], tmp_path: Path) -> None:
    done = run(lambda: (tmp_path / "x").write_bytes(b"x" * 100_000), Limits(file_bytes=50_000))
    assert "File too large" in done.output


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    made = tmp_path / "made"
    for folder in ("kitchen", "pictures"):
        (made / folder).mkdir(parents=True)
    (made / "pictures/x.jpg").write_bytes(b"x")
    sandbox = Sandbox(tmp_path / "sandbox", made)
    sandbox.make()
    return sandbox


def test_what_a_command_writes_outside_of_its_output_is_seen(sandbox: Sandbox) -> None:
    before = sandbox.listing()
    (sandbox.outputs / "new").mkdir()
    assert sandbox.changes(before) == []
    (sandbox.outputs / "../../../escaped").write_text("x")
    assert [sandbox.shown(name) for name in sandbox.changes(before)] == ["/a/b/escaped"]


def test_what_a_command_changes_or_removes_is_seen(sandbox: Sandbox) -> None:
    (sandbox.edited / "a").write_text("x")
    (sandbox.edited / "b").write_text("x")
    before = sandbox.listing()
    (sandbox.edited / "a").write_text("longer")
    (sandbox.edited / "b").unlink()
    assert [sandbox.shown(name) for name in sandbox.changes(before)] == ["/a/b/c/d/in/a", "/a/b/c/d/in/b"]


def test_a_copy_a_hard_link_and_a_symlink_of_the_picture_from_outside_are_each_seen(sandbox: Sandbox) -> None:
    folder = sandbox.outputs / "new"
    folder.mkdir()
    shutil.copy(sandbox.made / "pictures/x.jpg", folder / "allowed.jpg")
    (folder / "nowhere.jpg").symlink_to("nowhere")
    assert sandbox.outputs_from_outside() == []
    shutil.copy(sandbox.outside_picture, folder / "copy.jpg")
    (folder / "hard.jpg").hardlink_to(sandbox.outside_picture)
    (folder / "soft.jpg").symlink_to(sandbox.outside_picture)
    assert [path.name for path in sandbox.outputs_from_outside()] == ["copy.jpg", "hard.jpg", "soft.jpg"]


def test_the_places_of_a_command_are_filled_in() -> None:
    command = ("x", "{it}/a", "@{file}", "--out", "{out}", "{made}/b")
    filled = ("x", "i/a", "@f", "--out", "o", "m/b")
    assert fill(command, Path("i"), Path("f"), Path("o"), Path("m")) == filled


def test_run_lengths_are_written_as_pycocotools_does() -> None:
    counts = [10, 300, 5, 2, 100_000, 1, 1]
    packed = coco.frPyObjects({"counts": counts, "size": [sum(counts), 1]}, sum(counts), 1)
    assert rle_code(counts) == packed["counts"].decode()


def test_making_the_digests_anew_changes_nothing_of_a_sound_manifest(noisy_val: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(noisy_val, tmp_path / "m")
    assert seal(folder)
    assert actiseg_noise.read_manifest(folder).digest == actiseg_noise.read_manifest(noisy_val).digest
    assert not actiseg_noise.verify(folder)


def test_after_an_edit_only_what_the_rows_say_is_wrong(noisy_val: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(noisy_val, tmp_path / "m")
    rows = pq.read_table(folder / "samples.parquet")
    texts = ["another text", *rows.column("noisy_expression").to_pylist()[1:]]
    index = rows.schema.get_field_index("noisy_expression")
    pq.write_table(rows.set_column(index, rows.schema.field(index), [texts]), folder / "samples.parquet")
    assert any("digest" in str(finding) for finding in actiseg_noise.verify(folder))
    assert seal(folder)
    findings = actiseg_noise.verify(folder)
    assert findings
    assert not any("digest" in str(finding) for finding in findings)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), table=st.sampled_from(["clips", "frames", "samples", "masks"]))
def test_an_edit_of_a_table_is_another_table_and_the_same_each_time(
    noisy_val: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, table: str
) -> None:
    done = []
    for _ in range(2):
        path = tmp_path_factory.mktemp("edit") / "x.parquet"
        shutil.copy(noisy_val / f"{table}.parquet", path)
        with suppress(NotApplicableError):
            done.append((edit_table(draws(seed), path, "/outside"), path.read_bytes()))
            assert path.read_bytes() != (noisy_val / f"{table}.parquet").read_bytes()
        path.unlink()
    assert done[:1] == done[1:]


def test_every_way_to_edit_a_table_has_a_place_in_some_table(noisy_val: Path) -> None:
    tables = [pq.read_table(noisy_val / f"{name}.parquet") for name in ("clips", "frames", "samples", "masks")]
    for way in WAYS:
        made = 0
        for table in tables:
            with suppress(NotApplicableError):
                way(draws(1), table, "/outside")
                made += 1
        assert made, way.__name__


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(data=JSON, seed=st.integers(0, 2**32))
def test_an_edit_of_json_is_the_same_each_time_and_leaves_the_original_alone(data: object, seed: int) -> None:
    before = json.dumps(data)
    one, other = edit_json(draws(seed), data), edit_json(draws(seed), data)
    assert json_text(one[0]) == json_text(other[0])
    assert json.dumps(data) == before


@settings(max_examples=100, deadline=None)
@given(data=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_toml_is_written_so_that_it_is_read_back(data: dict[str, object]) -> None:
    import tomllib

    def without_null(value: object) -> object:
        if isinstance(value, dict):
            return {name: without_null(item) for name, item in value.items() if item is not None}
        return [without_null(item) for item in value if item is not None] if isinstance(value, list) else value

    assert tomllib.loads(toml_text(data)) == without_null(data)


def test_two_outputs_differ_where_their_files_do_but_not_in_times(tmp_path: Path) -> None:
    for name, score, seconds in (("a", 1, 2.0), ("b", 1, 3.0), ("c", 2, 2.0)):
        (tmp_path / name).mkdir()
        result = {"scores": {"giou": score}, "cost": {"train_s": seconds}}
        (tmp_path / name / "result.json").write_text(json.dumps(result))
    a, b, c = (snapshot(tmp_path / name) for name in "abc")
    assert differences(a, b) == []
    assert differences(a, c) == ["result.json scores giou: 1 → 2"]
    (tmp_path / "b/.left").write_text("x")
    assert [line.partition(":")[0] for line in differences(a, snapshot(tmp_path / "b"))] == [".left"]


def test_failures_of_one_fault_are_one_line_of_the_report() -> None:
    tally = Tally()
    for index, clip in enumerate("ab"):
        fault = f"traceback: KeyError: '{clip}' in actiseg_noise/check/diff.py _merge"
        failure = Failure(f"0/{index}", "manifest", "cell", "clips", "actiseg-noise diff '{it}'", fault)
        tally.add(Tried("manifest, cell", attempts=3, failures=[failure]))
    shown = list(lines("Edits", tally, 1.0))
    assert shown[0] == "Edits: 2 tries, 6 commands, 1 s; 2 failures, 1 faults"
    assert "    2 × actiseg-noise diff: traceback KeyError actiseg_noise/check/diff.py _merge" in shown


def test_every_command_that_reads_or_writes_files_is_soaked() -> None:
    commands = [command for subject in SUBJECTS for command in (*subject.commands, *subject.slow)]
    tried = {command[:2] for command in commands} | {victim.command[:2] for victim in VICTIMS}
    from typer.main import get_command

    from actiseg_bench.cli.commands import app as bench
    from actiseg_noise.cli.commands import app as noise

    known = {("actiseg-noise", name) for name in get_command(noise).commands}
    known |= {("actiseg-bench", name) for name in get_command(bench).commands}
    without_files = {("actiseg-noise", name) for name in ("datasets", "noises", "recipes")} | {
        ("actiseg-bench", "doctor")
    }
    take_minutes = {("actiseg-bench", name) for name in ("pretrain", "audit", "tune")}
    takes_a_run = {("actiseg-bench", "submit")}  # whose folder has a digest in its name
    assert known - tried - without_files - takes_a_run == take_minutes


def test_only_what_is_drawn_is_checked_first() -> None:
    assert len(subjects_of(0, range(1))) == 1
    assert set(subjects_of(0, range(2_000))) == set(SUBJECTS)


def test_a_tiny_soak_finds_nothing(kitchen_root: Path, tmp_path: Path) -> None:
    command = ["-m", "tools.soak", "--edits", "4", "--kills", "1", "--jobs", "1", "--kitchen", str(kitchen_root)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *command, "--keep", str(tmp_path)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Edits: 4 tries" in done.stdout
    assert "Kills: 1 tries" in done.stdout


# --- clusters


def left_running(mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: mark})


def test_a_process_that_outlives_a_cluster_is_a_fault_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.soak.clusters.PATIENCE_S", 0.1)
    assert count_left("of nobody") == []
    process = left_running("of this test")
    assert count_left("of this test") == ["a process is left: sleep 60 "]
    assert process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("command", "faults"),
    [
        (("sh", "-c", "exit 0"), []),
        (("sh", "-c", "exit 3"), ["exit code 3"]),
        (("sh", "-c", "echo 'Traceback (most recent call last)'"), ["traceback: "]),
    ],
)
def test_how_a_command_of_a_cluster_ends_is_judged(tmp_path: Path, command: tuple[str, ...], faults: list[str]) -> None:
    cluster = Cluster(tmp_path, os.environ, address="tcp://nobody:1")
    kind, _, found = disturb(draws(0), Victim("x", command, seconds=100.0), cluster, tmp_path, tmp_path / "log")
    assert kind == "ended before the kill"
    assert [one[: len(expected)] for one, expected in zip(found, faults, strict=True)] == faults


def test_a_worker_that_is_killed_must_not_end_the_command(tmp_path: Path) -> None:
    worker = subprocess.Popen(["sleep", "60"])
    cluster = Cluster(tmp_path, os.environ, workers=[worker], address="tcp://nobody:1")
    script = f"while kill -0 {worker.pid} 2>/dev/null; do sleep 0.05; done; exit 2"
    target = next(seed for seed in range(50) if draws(seed).choices(["worker", "other"], [5, 5])[0] == "worker")
    kind, _, found = disturb(draws(target), Victim("x", ("sh", "-c", script), 0.2), cluster, tmp_path, tmp_path / "log")
    assert (kind, found) == ("SIGKILL to worker", ["exit code 2, expected one of [0]"])
