"""A grid in parts: which part has which run, and several at work in one folder, with and without locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import PerfectRunner
from deposits import save_frame, write_vost
from typer.main import get_command

import actiseg_noise
from actiseg_bench.cli.commands import app
from actiseg_bench.grid import plan, run
from actiseg_bench.grid.collect import collect_runs
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.plan import make_runs
from actiseg_bench.grid.protocols import load_protocol
from actiseg_bench.grid.run import GridOutcome, OnProgress, Outcome, RunSpec
from actiseg_bench.grid.shards import Shard
from actiseg_bench.grid.tracks import manifest_finder
from actiseg_bench.report.leaderboard import leaderboard
from actiseg_bench.results.stored import read_results
from actiseg_noise.borders import drafts
from actiseg_noise.borders.drafts import FolderDraft, place_folder
from actiseg_noise.borders.preemption import PreemptedError
from actiseg_noise.borders.writing import WriteError
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
PROTOCOL = """
id = "own-v1"
dataset = "vost"
noise_seeds = [0, 1]
seeds = 1
strategies = ["baseline", "gce"]
[tracks]
clean = "clean"
flip-40 = "flip-40"
[train]
steps = 6
"""
ALL_RUNS = 2 + 3 * 2


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16])
def test_parts_are_disjoint_and_together_all_and_of_one_size(count: int) -> None:
    names = [f"track-{i} gce-faithful seed {k}" for i in range(5) for k in range(4)]
    parts = [Shard(i, count).choose(names) for i in range(1, count + 1)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == [Shard(i, count).choose(reversed(names)) for i in range(1, count + 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0/16", "--shard 0/16: the parts are 1/16 to 16/16"),
        ("17/16", "--shard 17/16: the parts are 1/16 to 16/16"),
        ("1/0", "--shard 1/0: expected between 1 and 100,000 parts"),
        ("x/16", "--shard x/16: expected I/N, part I of N, such as 3/16"),
        ("3", "--shard 3: expected I/N"),
        ("-1/16", "--shard -1/16: expected I/N"),
        ("1/16/2", "--shard 1/16/2: expected I/N"),
        ("1.5/3", "--shard 1.5/3: expected I/N"),
        ("", "--shard : expected I/N"),
        ("9999999999/9999999999", "expected I/N"),
        ("\u0661/\u0662", "expected I/N"),
    ],
)
def test_a_part_that_there_is_not_is_refused_before_anything_is_done(text: str, message: str, cli: Cli) -> None:
    with pytest.raises(ActisegError, match=message):
        RunOptions(everything=True, shard=text)
    code, printed, told = cli("run", "--all", f"--shard={text}", "--dry-run")
    assert (code, printed) == (2, "")
    assert message in told


@pytest.fixture(scope="module")
def vost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    root = write_vost(folder / "vost")
    for masks in sorted((root / "Annotations").iterdir()):
        save_frame(root / "JPEGImages" / masks.name / "frame00018.jpg")
    (folder / "own.toml").write_text(PROTOCOL)
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Put a runner without a model in the place of the real one; return the names of what was made."""
    made: list[str] = []

    class Quick(PerfectRunner):
        def __init__(self, base: Any, **_: Any) -> None:
            super().__init__({"steps": base.train.steps}, made=made)

        def check(self, model: str, device: str | None = None) -> None:
            pass

        def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
            self.made.append(spec.name)
            return super().execute(spec, folder, on_progress)

    monkeypatch.setattr(plan, "TorchRunner", Quick)
    yield made


def options(vost: Path, out: Path, shard: str | None = None, **more: Any) -> RunOptions:
    own: dict[str, Any] = {"protocol": str(vost / "own.toml"), "root": vost / "vost", "model": "tiny", "out": out}
    return RunOptions(**own | {"shard": shard} | more)


def recipe_has_noise(recipe: str) -> bool:
    return bool(actiseg_noise.load_recipe(recipe).noises)


def make(asked: RunOptions, build: Callable[..., Path] = actiseg_noise.build) -> GridOutcome:
    return make_runs(asked, build, recipe_has_noise=recipe_has_noise)


def keys(out: Path) -> set[str]:
    return {result.run_key for result in read_results(out)}


def test_parts_make_what_one_process_makes_and_the_command_without_them_finds_all(
    vost: Path, tmp_path: Path, fake: list[str]
) -> None:
    whole = make(options(vost, tmp_path / "whole"))
    fake.clear()
    parts = [make(options(vost, tmp_path / "parts", f"{i}/3")) for i in (1, 2, 3)]
    assert [len(part.results) for part in parts] == [3, 3, 2]
    assert sorted(fake) == sorted(set(fake))
    assert len(fake) == ALL_RUNS
    fake.clear()
    last = make(options(vost, tmp_path / "parts"))
    assert (fake, last.kept, len(last.results)) == ([], ALL_RUNS, ALL_RUNS)
    assert [r.run_key for r in last.results] == [r.run_key for r in whole.results]
    assert [p.name for p in tmp_path.rglob(".*")] == [], "nothing hidden is left"


def test_a_part_builds_the_labels_that_it_needs_and_no_others(vost: Path, tmp_path: Path, fake: list[str]) -> None:
    found = make(options(vost, tmp_path, "2/8"))
    (result,) = found.results
    built = sorted(p.parent.relative_to(tmp_path / "manifests").as_posix() for p in tmp_path.rglob("manifest.json"))
    own = f"{result.track.recipe}-s{result.track.noise_seed}" if not result.is_reference else "clean-s0"
    assert built == sorted({f"vost/train/{own}", "vost/val/clean-s0"})


def test_the_command_without_a_part_makes_what_is_missing(vost: Path, tmp_path: Path, fake: list[str]) -> None:
    make(options(vost, tmp_path, "1/2"))
    fake.clear()
    assert make(options(vost, tmp_path)).kept == ALL_RUNS // 2
    assert len(fake) == ALL_RUNS // 2


def test_parts_in_folders_of_their_own_are_collected_and_nothing_is_left_to_make(
    vost: Path, tmp_path: Path, fake: list[str]
) -> None:
    for i in (1, 2):
        make(options(vost, tmp_path / str(i), f"{i}/2"))
    assert collect_runs([tmp_path / "1", tmp_path / "2"], tmp_path / "all").runs == ALL_RUNS
    fake.clear()
    assert (make(options(vost, tmp_path / "all")).kept, fake) == (ALL_RUNS, [])
    whole = make(options(vost, tmp_path / "whole"))
    assert str(leaderboard(tmp_path / "all")) == str(leaderboard(tmp_path / "whole"))
    assert len(whole.results) == ALL_RUNS


def test_a_folder_that_cannot_be_written_is_said(vost: Path, tmp_path: Path, fake: list[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ActisegError, match="cannot be written"):
        make(options(vost, tmp_path / "file", "1/2"))


def test_two_manifests_have_parts_too(vost: Path, tmp_path: Path, fake: list[str]) -> None:
    make(options(vost, tmp_path / "first", "1/8"))
    labels = tmp_path / "first" / "manifests" / "vost" / "val" / "clean-s0"
    own = {"protocol": None, "manifest": labels, "eval_manifest": labels, "strategy": ("baseline", "gce")}
    fake.clear()
    found = [make(options(vost, tmp_path / "out", f"{i}/2", **own)) for i in (1, 2)]
    assert [len(one.results) for one in found] == [2, 2]
    assert len({*fake}) == 4


@pytest.mark.parametrize("no_locks", [False, True])
def test_labels_that_two_parts_build_at_once_are_there_once_and_whole(
    vost: Path, tmp_path: Path, no_locks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is at work, on another machine, while the first builds; neither sees the other's lock."""
    if no_locks:
        monkeypatch.setattr(fcntl, "flock", refuse_locks)
    protocol = load_protocol(str(vost / "own.toml"))
    built: list[Path] = []

    def second(*words: Any, **more: Any) -> Path:
        built.append(more["out"])
        return actiseg_noise.build(*words, **more)

    def first(*words: Any, **more: Any) -> Path:
        place = actiseg_noise.build(*words, **more)
        if not built:
            with monkeypatch.context() as patch:
                patch.setattr(drafts, "host_name", lambda: "other")
                find(second, "other-2-of-2")("train", "flip-40", 0)
        return place

    def find(build: Callable[..., Path], aside: str) -> Callable[[str, str, int], Path]:
        return manifest_finder(protocol, tmp_path, build, vost / "vost", aside)

    place = find(first, "here-1-of-2")("train", "flip-40", 0)
    assert place == tmp_path / "vost" / "train" / "flip-40-s0"
    assert [path.name for path in built] == [".flip-40-s0.other-2-of-2", "flip-40-s0"]
    assert actiseg_noise.verify(place) == []
    assert [path.name for path in place.parent.iterdir()] == ["flip-40-s0"]


def refuse_locks(*_: object) -> None:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def test_labels_of_another_request_are_refused_and_stay(vost: Path, tmp_path: Path, fake: list[str]) -> None:
    make(options(vost, tmp_path, "1/2"))
    place = tmp_path / "manifests" / "vost" / "train" / "flip-40-s0"
    shutil.rmtree(place)
    actiseg_noise.build("vost", root=vost / "vost", split="train", recipe="flip-60", out=place)
    with pytest.raises(ActisegError, match=r"flip-40-s0: the output exists, and is of another build: recipe flip-60"):
        make(options(vost, tmp_path, "1/2"))
    assert actiseg_noise.read_manifest(place).info.recipe.recipe_id == "flip-60"


def test_parts_with_other_options_are_kept_apart(vost: Path, tmp_path: Path, fake: list[str]) -> None:
    make(options(vost, tmp_path, "1/2"))
    make(options(vost, tmp_path, "2/2", steps=5))
    assert {result.track.protocol for result in read_results(tmp_path)} == {"own-v1", "own-v1+5-steps"}


def test_a_part_of_another_protocol_of_the_same_id_is_refused_and_the_runs_stay(
    vost: Path, tmp_path: Path, fake: list[str]
) -> None:
    make(options(vost, tmp_path / "out", "1/2"))
    before = keys(tmp_path / "out")
    other = tmp_path / "other.toml"
    other.write_text(PROTOCOL.replace("steps = 6", "steps = 7"))
    with pytest.raises(ActisegError, match=r"is of another grid: config\.steps changed\. The parts of a grid share"):
        make(options(vost, tmp_path / "out", "2/2", protocol=str(other)))
    assert keys(tmp_path / "out") == before


def test_a_part_that_was_stopped_goes_on_and_a_stop_is_no_failure(
    vost: Path, tmp_path: Path, fake: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run._make
    calls: list[str] = []

    def stop(spec: RunSpec, *more: Any) -> Any:
        calls.append(spec.name)
        if len(calls) == 3:
            raise PreemptedError("SIGTERM")
        return made(spec, *more)

    monkeypatch.setattr(run, "_make", stop)
    with pytest.raises(PreemptedError):
        make(options(vost, tmp_path, "1/2"))
    assert not list(tmp_path.rglob("*.failed.txt"))
    assert make(options(vost, tmp_path, "1/2")).kept == 2


def test_a_full_disk_fails_its_run_and_leaves_nothing_half_written(
    vost: Path, tmp_path: Path, fake: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = run.write_result

    def full(folder: Path, result: Any) -> Path:
        if result.strategy == "gce":
            raise WriteError(folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return written(folder, result)

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_result", full)
        found = make(options(vost, tmp_path, "1/2"))
    assert found.failed
    assert all("no room to write" in message for _, message in found.failed)
    assert not list(tmp_path.rglob("*.partial"))
    again = make(options(vost, tmp_path, "1/2"))
    assert (again.failed, again.kept) == ([], len(found.results))


def test_a_full_disk_while_labels_are_built_is_said_and_their_place_stays_free(
    vost: Path, tmp_path: Path, fake: list[str]
) -> None:
    def full(*_: Any, out: Path, **__: Any) -> Path:
        raise WriteError(out, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    with pytest.raises(WriteError, match="no room to write"):
        make(options(vost, tmp_path, "1/2"), full)
    assert not list(tmp_path.rglob("manifest.json"))


def test_a_part_is_counted_and_printed(vost: Path, tmp_path: Path, fake: list[str], cli: Cli) -> None:
    words = ["run", "--protocol", vost / "own.toml", "--root", vost / "vost", "--model", "tiny", "--out", tmp_path]
    code, printed, told = cli(*words, "--shard", "2/3")
    assert code == 0, told
    assert "part 2/3: 3 runs made, 0 were there, 0 failed." in " ".join(printed.split())
    code, printed, _ = cli(*words, "--shard", "2/3", "--json")
    found = json.loads(printed)
    assert (code, found["shard"], found["kept"], len(found["results"])) == (0, "2/3", 3, 3)


def test_the_counts_of_all_parts_are_those_of_the_grid(vost: Path, tmp_path: Path, cli: Cli) -> None:
    words: list[object] = ["run", "--protocol", vost / "own.toml", "--root", vost / "vost", "--weights", "none"]
    words += ["--model", "tiny", "--out", tmp_path, "--threads", 1, "--device", "cpu", "--dry-run"]

    def counted(*more: object) -> dict[str, Any]:
        code, printed, told = cli(*words, *more, "--json")
        assert code == 0, told
        found: dict[str, Any] = json.loads(printed)
        return found

    whole, parts = counted(), [counted("--shard", f"{i}/3") for i in (1, 2, 3)]
    assert [part["runs"] for part in parts] == [3, 3, 2]
    for name in ("runs", "done", "updates", "references"):
        assert sum(part[name] for part in parts) == whole[name]
    assert "3 in part 1/3 of 2 strategies" in cli(*words, "--shard", "1/3")[1]


def test_what_another_machine_left_half_written_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / ".out.partial"
    (room / f"new-{drafts.host_name()}-1").mkdir(parents=True)
    (room / "new-1").mkdir()
    (room / "new-elsewhere-1").mkdir()
    with FolderDraft(tmp_path / "out", lambda _: None) as draft:
        assert draft.path.name == f"new-{drafts.host_name()}-{os.getpid()}"
        draft.commit()
    assert [path.name for path in room.iterdir()] == ["new-elsewhere-1"]


def test_a_folder_gets_its_place_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "what").write_text(name)
    assert [place_folder(tmp_path / name, tmp_path / "place") for name in ("one", "two")] == [True, False]
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
    assert (tmp_path / "place" / "what").read_text() == "one"
    with pytest.raises(WriteError):
        place_folder(tmp_path / "none", tmp_path / "nowhere")


def test_a_part_may_have_several_jobs(vost: Path, tmp_path: Path) -> None:
    asked = options(vost, tmp_path, "1/2", jobs=8)
    assert (asked.part, asked.jobs) == (Shard(1, 2), 8)
    assert options(vost, tmp_path).part is None


@pytest.mark.parametrize("page", ["cluster.md", "submitting.md"])
def test_the_commands_on_the_pages_have_the_options_that_there_are(page: str) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / page).read_text("utf-8")
    lines = re.findall(r"actiseg-bench (\w+) ([^\n]*)", "\n".join(re.findall(r"^    .*$", text, re.MULTILINE)))
    assert len(lines) > 3
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, words in lines:
        known = {word for one in commands[name].params for word in one.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", words)) <= known
