"""Shards of a build: machines that know nothing of each other make one manifest, with the digest of one machine."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builds import RECIPE, Notes, Stopping, digest, listing
from deposits import save_mask, write_vost
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.borders import drafts
from actiseg_noise.borders.drafts import whole_folder
from actiseg_noise.building import build, chunk, shards
from actiseg_noise.building.options import Shard
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError
from actiseg_noise.recipe import Recipe

HERE = Path(__file__).parent
EXACT = replace(RECIPE, exact_rate=True)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return write_toy(make_toy(), tmp_path / "data")


def one(dataset: Toy, out: Path, shard: str | None, **options: Any) -> Path:
    return actiseg_noise.build(dataset, **{"recipe": RECIPE, "out": out, "shard": shard} | options)


def chunks_beside(out: Path) -> list[str]:
    """Return the names of the finished chunks beside an output, of the one build whose shards are there."""
    (folder,) = (out.parent / f".{out.name}.partial" / "shards").iterdir()
    return listing(folder / "chunks")


# --- which chunk is whose


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_every_chunk_is_in_one_shard(count: int) -> None:
    all_shards = [Shard(number, count) for number in range(1, count + 1)]
    names = [f"{index:06d}" for index in range(200)]
    owners = [[shard.number for shard in all_shards if shard.has(name)] for name in names]
    assert {len(found) for found in owners} == {1}
    assert {found[0] for found in owners} == set(range(1, count + 1))


def test_the_shard_of_a_chunk_never_changes() -> None:
    found = [next(n for n in range(1, 5) if Shard(n, 4).has(f"{index:06d}")) for index in range(8)]
    assert found == [1, 2, 3, 4, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("17/16", "--shard 17/16: shards count from 1 to their number, as in 1/16 to 16/16$"),
        ("0/16", r"--shard 0/16: shards count from 1 .*\(an array of SLURM's jobs: --array=1-16\)"),
        ("1/0", "--shard 1/0: shards count from 1"),
        ("x/16", "--shard x/16: expected NUMBER/COUNT, as in 3/16"),
        ("3", "--shard 3: expected NUMBER/COUNT"),
        ("-1/16", "--shard -1/16: expected NUMBER/COUNT"),
        ("3/", "expected NUMBER/COUNT"),
        ("1/2/3", "expected NUMBER/COUNT"),
        ("٣/١٦", "expected NUMBER/COUNT"),
        ("1/1000000000", "expected NUMBER/COUNT"),
    ],
)
def test_a_shard_that_is_none_is_refused_before_any_work(toy: Toy, tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ActisegError, match=why):
        one(toy, tmp_path / "m", text)
    assert listing(tmp_path) == ["data"]


# --- one manifest


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("options", [{}, {"recipe": EXACT}, {"recipe": "flip-20", "content": "text"}, {"limit": 5}])
def test_the_digest_does_not_depend_on_the_number_of_shards(
    toy: Toy, tmp_path: Path, count: int, options: dict[str, Any]
) -> None:
    whole = one(toy, tmp_path / "whole", None, **options)
    out = tmp_path / "m"
    for number in range(count, 0, -1):
        folder = one(toy, out, f"{number}/{count}", **options)
        assert folder.is_dir()
        assert not out.exists()
    assert one(toy, out, None, progress=(heard := Notes()), **options) == out
    done = len(list(chunk.split_chunks(toy.clips[: options.get("limit")], options.get("content", "full"))))
    assert heard.notes[0] == (
        f"joining the work of shards: {count} of {count} have finished; chunks found: {done}, others are made here"
    )
    assert digest(out) == digest(whole)
    assert listing(tmp_path) == ["data", "m", "whole"]
    assert actiseg_noise.verify(out) == []


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("recipe", [RECIPE, EXACT])
def test_what_no_shard_made_is_made_by_the_call_that_joins(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe
) -> None:
    whole, out = one(toy, tmp_path / "whole", None, recipe=recipe), tmp_path / "m"
    one(toy, out, "1/4", recipe=recipe)
    one(toy, out, "2/3", recipe=recipe)  # another number of shards: chunks are the same
    made = chunks_beside(out)
    written: list[str] = []
    original = chunk.Worker.write
    monkeypatch.setattr(
        chunk.Worker, "write", lambda self, folder, clips: (written.append(folder.name), original(self, folder, clips))
    )
    one(toy, out, None, recipe=recipe, progress=(heard := Notes()))
    everything = [f"{i:06d}" for i in range(len(list(chunk.split_chunks(toy.clips, "full"))))]
    assert sorted(made + written) == everything
    assert made
    assert written
    assert "2/3" not in heard.notes[0]
    assert "1 of 3 have finished (not 1/3, 3/3), 1 of 4 have finished (not 2/4, 3/4, 4/4)" in heard.notes[0]
    assert digest(out) == digest(whole)


def test_the_missing_of_very_many_shards_are_not_counted_out(toy: Toy, tmp_path: Path, small_chunks: None) -> None:
    heard = Notes()
    one(toy, tmp_path / "m", "1/999999999")
    one(toy, tmp_path / "m", None, progress=heard)
    assert "1 of 999999999 have finished (not 2/999999999, " in heard.notes[0]
    assert ", 6/999999999, …); chunks found: 1, " in heard.notes[0]


def test_more_workers_in_a_shard_change_nothing(toy: Toy, tmp_path: Path, small_chunks: None) -> None:
    out = tmp_path / "m"
    one(toy, out, "1/2", workers=2)
    one(toy, out, "2/2")
    assert digest(one(toy, out, None)) == digest(one(toy, tmp_path / "whole", None))


def test_a_shard_reports_the_clips_of_its_own_part(toy: Toy, tmp_path: Path, small_chunks: None) -> None:
    heard = [Notes(), Notes()]
    one(toy, tmp_path / "m", "1/2", progress=heard[0])
    one(toy, tmp_path / "m", "2/2", progress=heard[1])
    assert [notes.clips for notes in heard] == [notes.total for notes in heard]
    assert sum(notes.clips for notes in heard) == len(toy.clips)


def test_machines_may_have_the_dataset_at_different_places(toy: Toy, tmp_path: Path, small_chunks: None) -> None:
    shutil.copytree(toy.root, tmp_path / "copy", copy_function=shutil.copy2)
    out = tmp_path / "m"
    one(toy, out, "1/2")
    one(Toy(tmp_path / "copy", toy.clips), out, "2/2")
    assert digest(one(toy, out, None)) == digest(one(toy, tmp_path / "whole", None))


# --- what goes wrong


@pytest.mark.usefixtures("small_chunks")
def test_a_shard_that_begins_again_keeps_its_chunks(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt):
        one(Stopping(toy.root, toy.clips), out, "1/1")
    kept = chunks_beside(out)
    assert kept == ["000000", "000001", "000002", "000003"]
    read: list[str] = []
    original = Toy.read_index_mask
    monkeypatch.setattr(Toy, "read_index_mask", lambda self, c, f: (read.append(c.clip_id), original(self, c, f))[1])
    one(toy, out, "1/1")
    assert min(read) == "clip008"
    assert digest(one(toy, out, None)) == digest(one(toy, tmp_path / "whole", None))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"recipe": "text-40"}, "recipe.id toy-mix there, text-40 here"),
        ({"recipe": replace(RECIPE, seed=4)}, "there: recipe.seed 3 there, 4 here. Give all shards the same options"),
        ({"limit": 5}, "selection.limit none there, 5 here|selection.limit None there, 5 here"),
        ({"content": "text", "recipe": "flip-20"}, "flip-20 here"),
        ({"split": "val", "allow_eval": True}, "split train there, val here"),
    ],
)
@pytest.mark.parametrize("shard", ["2/2", None])
def test_shards_of_another_build_are_refused(
    toy: Toy, tmp_path: Path, changes: dict[str, Any], why: str, shard: str | None
) -> None:
    out = tmp_path / "m"
    one(toy, out, "1/2")
    there = sorted(out.parent.rglob("*"))
    with pytest.raises(ActisegError, match=why):
        one(toy, out, shard, **changes)
    assert sorted(out.parent.rglob("*")) == there


def test_a_shard_of_another_version_of_the_package_is_refused(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(toy, tmp_path / "m", "1/2")
    monkeypatch.setattr("actiseg_noise.building.request.tool_version", lambda: "9.9")
    with pytest.raises(ActisegError, match=r"tool \S+ there, 9.9 here"):
        one(toy, tmp_path / "m", "2/2")


def test_a_shard_of_another_python_is_refused(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one(toy, tmp_path / "m", "1/2")
    original = shards.statement_of
    monkeypatch.setattr(shards, "statement_of", lambda request: original(request) | {"Python": "3.99"})
    with pytest.raises(ActisegError, match=r"Python 3.\d+ there, 3.99 here"):
        one(toy, tmp_path / "m", "2/2")


@pytest.mark.usefixtures("small_chunks")
def test_chunks_of_files_that_changed_since_are_made_again(toy: Toy, tmp_path: Path) -> None:
    out = tmp_path / "m"
    one(toy, out, "1/1")
    save_mask(toy.root / str(toy.clips[0].frames[0].mask_path), np.zeros((24, 32), np.uint8))
    assert digest(one(toy, out, None)) == digest(one(toy, tmp_path / "whole", None))


@pytest.mark.usefixtures("small_chunks")
def test_a_disk_that_is_full_keeps_what_is_finished(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, original = tmp_path / "m", chunk.write_json

    def full(path: Path, *more: Any, **options: Any) -> Path:
        if "000002" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(path, *more, **options)

    monkeypatch.setattr(chunk, "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        one(toy, out, "1/1")
    assert chunks_beside(out) == ["000000", "000001"]
    monkeypatch.undo()
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 5)
    one(toy, out, "1/1")
    assert digest(one(toy, out, None)) == digest(one(toy, tmp_path / "whole", None))


def test_a_shard_of_a_manifest_that_is_built_does_nothing(toy: Toy, tmp_path: Path) -> None:
    out = one(toy, tmp_path / "m", None)
    assert one(toy, out, "3/4", progress=(heard := Notes())) == out
    assert heard.notes == [f"{out} is already built"]
    assert listing(tmp_path) == ["data", "m"]


def test_a_shard_leaves_the_manifest_of_another_build_alone(toy: Toy, tmp_path: Path) -> None:
    out = one(toy, tmp_path / "m", None)
    with pytest.raises(ActisegError, match="the output exists, and is of another build: recipe"):
        one(toy, out, "1/2", recipe="flip-20")
    one(toy, out, "1/1", recipe="flip-20", force=True)
    before = digest(out)
    assert digest(one(toy, out, None, recipe="flip-20", force=True)) != before
    assert listing(tmp_path) == ["data", "m"]


@pytest.mark.usefixtures("small_chunks")
def test_a_shard_that_comes_too_late_leaves_nothing(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, original = tmp_path / "m", build._write_shard

    def late(*arguments: Any) -> Any:
        one(toy, out, None)  # joins, and removes what it joined
        return original(*arguments)

    monkeypatch.setattr(build, "_write_shard", late)
    assert one(toy, out, "1/2", progress=(heard := Notes())) == out
    assert heard.notes == [f"{out} was finished meanwhile"]
    assert listing(tmp_path) == ["data", "m"]


def test_a_shard_whose_folder_somebody_removed_says_so(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, original = tmp_path / "m", build._write_shard

    def gone(*arguments: Any) -> Any:
        shutil.rmtree(tmp_path / ".m.partial")
        return original(*arguments)

    monkeypatch.setattr(build, "_write_shard", gone)
    with pytest.raises(ActisegError, match="was removed while shard 1/1 worked there, and .*m is not built"):
        one(toy, out, "1/1")


# --- several at once


def test_two_that_make_one_folder_leave_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a"
    with whole_folder(place, keep=Path.is_dir) as mine:
        (mine / "who").write_text("first to begin")
        with whole_folder(place, keep=Path.is_dir) as other:
            (other / "who").write_text("first to end")
            assert len(listing(tmp_path)) == 2
    assert (place / "who").read_text() == "first to end"
    monkeypatch.setattr(drafts, "remove_folder", lambda folder: shutil.rmtree(folder) if folder != place else None)
    seen = iter((False, True))  # the other comes between the look and the renaming
    with whole_folder(place, keep=lambda _: next(seen)) as mine:
        (mine / "who").write_text("too late")
    assert (place / "who").read_text() == "first to end"
    assert listing(tmp_path) == ["a"]


def work_at(root: Path, out: Path, shard: str) -> None:
    chunk.FRAMES_PER_CHUNK = 5
    one(Toy(root, make_toy().clips), out, shard)


def test_one_shard_twice_at_once_makes_one_manifest(toy: Toy, tmp_path: Path, small_chunks: None) -> None:
    out = tmp_path / "m"
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    processes = [context.Process(target=work_at, args=(toy.root, out, shard)) for shard in ("1/1", "1/1", "1/2")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert digest(one(toy, out, None)) == digest(one(toy, tmp_path / "whole", None))
    assert listing(tmp_path) == ["data", "m", "whole"]


def test_a_shard_needs_no_lock(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_chunks: None) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSYS, "no locks here")

    monkeypatch.setattr("fcntl.flock", refuse)
    out = tmp_path / "m"
    one(toy, out, "1/2")
    one(toy, out, "2/2")
    assert digest(one(toy, out, None)) == digest(one(toy, tmp_path / "whole", None))


def test_a_shard_that_is_killed_loses_a_chunk_at_most(tmp_path: Path) -> None:
    root, out = tmp_path / "data", tmp_path / "m"
    write_toy(make_toy(), root)
    (root / "seconds").write_text("0.1")
    words = ["build", "--dataset", "toy", "--root", str(root), "--out", str(out), "--flip", "0.4"]
    command = [sys.executable, str(HERE / "slow_build.py"), *words, "--workers", "1"]
    process = subprocess.Popen([*command, "--shard", "1/1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".m.partial/shards/*/chunks/000001")):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = [name for name in chunks_beside(out) if name.isdigit()]
    assert kept[:2] == ["000000", "000001"]
    (root / "seconds").write_text("0")
    again = subprocess.run([*command, "--shard", "1/1"], capture_output=True, text=True, check=True).stdout
    assert again.startswith("shard 1/1: ")
    assert "The same command without --shard joins" in again
    joined = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "all checks passed" in joined.stdout
    whole = [word if word != str(out) else str(tmp_path / "whole") for word in command]
    subprocess.run(whole, capture_output=True, check=True)
    assert digest(out) == digest(tmp_path / "whole")
    assert listing(tmp_path) == ["data", "m", "whole"]


# --- the command line


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run a command line and return its exit code."""
    monkeypatch.setattr("sys.argv", ["actiseg-noise", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(str(stopped.value.code or 0))


def test_shards_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = write_vost(tmp_path / "vost"), tmp_path / "m"
    words = ("build", "--dataset", "vost", "--root", root, "--recipe", "flip-20", "--out", out, "--workers", 1)
    run(monkeypatch, *words, "--shard", "1/2", "--json")
    first = json.loads(capsys.readouterr().out)
    run(monkeypatch, *words, "--shard", "2/2", "--json")
    second = json.loads(capsys.readouterr().out)
    assert [first["shard"], second["shard"]] == ["1/2", "2/2"]
    assert {first["chunks"] + second["chunks"], first["is_built"] + second["is_built"]} == {1, 0}
    assert run(monkeypatch, *words, "--json") == 0
    printed, said = capsys.readouterr()
    assert json.loads(printed)["path"] == str(out)
    assert "joining the work of shards: 2 of 2 have finished; chunks found: 1, others" in said
    run(monkeypatch, *words, "--shard", "2/2")
    assert capsys.readouterr().out == f"nothing to do for shard 2/2: {out} is built\n"
    assert run(monkeypatch, *words, "--shard", "3/2") == 2
    assert capsys.readouterr().err.startswith("error: --shard 3/2: shards count from 1")
