"""Engines: chunks made by an executor, of dask or of another package, are those of one's own processes."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builds import RECIPE, Notes, Stopping, digest, listing
from engine_fakes import Counting, cluster, join_the_engine_of_the_page, on_threads, run_the_file_for_slurm
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.building import chunk, pool, remote
from actiseg_noise.building.remote import packed, write_piece
from actiseg_noise.building.request import make_request
from actiseg_noise.errors import ActisegError
from actiseg_noise.executors import pieces
from actiseg_noise.executors.base import EXECUTORS, Engine
from actiseg_noise.executors.dask import CONNECT_S
from actiseg_noise.executors.pieces import versions_here

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SLOW_BUILD = "import sys; from slow_build import main; main(sys.argv[1:])"


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return write_toy(make_toy(), tmp_path / "data")


@pytest.fixture
def engine() -> Iterator[Callable[[Callable[..., Any]], str]]:
    """Give a function that makes an engine of a context manager, for as long as the test lasts."""
    list(EXECUTORS)
    names: list[str] = []

    def register(opener: Callable[..., Any]) -> str:
        names.append(EXECUTORS.add(f"test-{len(names)}", opener) and f"test-{len(names)}")
        return names[-1]

    yield register
    for name in names:
        del EXECUTORS._things[name]


# --- by name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dusk", "unknown engine 'dusk'. Did you mean 'dask'. Known: dask, processes"),
        (
            "processes=4",
            "--engine processes=4: worker processes have no address; --workers says how many, and --jobs of run",
        ),
        ("dask=", "--engine dask=: expected an address after '='"),
    ],
)
def test_an_engine_that_is_none_is_refused(toy: Toy, tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ActisegError, match=why):
        actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m", engine=text)
    assert listing(tmp_path) == ["data"]


def test_an_engine_has_a_name_and_an_address() -> None:
    assert Engine.parse("dask=tcp://a:1?x=y") == Engine("dask", "tcp://a:1?x=y")
    assert [str(Engine.parse(text)) for text in ("processes", "dask", "dask=a:1")] == ["processes", "dask", "dask=a:1"]


# --- any executor


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("options", [{}, {"exact_rate": True}, {"recipe": "flip-20", "content": "text"}])
def test_an_executor_makes_the_same_manifest(
    toy: Toy, tmp_path: Path, engine: Callable[..., str], options: dict[str, Any]
) -> None:
    made: list[Counting] = []
    words = {"recipe": RECIPE} | options
    out = actiseg_noise.build(
        toy, out=tmp_path / "m", engine=engine(on_threads(made)), workers=2, progress=(heard := Notes()), **words
    )
    chunks = len(list(chunk.split_chunks(toy.clips, options.get("content", "full"))))
    assert len(made[0].arguments) == chunks > 1
    assert {type(value) for arguments in made[0].arguments for value in arguments} == {dict, bytes, str}
    assert heard.clips == len(toy.clips)
    assert digest(out) == digest(actiseg_noise.build(toy, out=tmp_path / "whole", **words))
    assert listing(tmp_path) == ["data", "m", "whole"]


def test_a_shard_may_have_an_engine(toy: Toy, tmp_path: Path, engine: Callable[..., str], small_chunks: None) -> None:
    name, out = engine(on_threads([])), tmp_path / "m"
    for shard in ("1/2", "2/2"):
        actiseg_noise.build(toy, recipe=RECIPE, out=out, shard=shard, engine=name)
    assert digest(actiseg_noise.build(toy, recipe=RECIPE, out=out)) == digest(
        actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "whole")
    )


@pytest.mark.usefixtures("small_chunks")
def test_a_long_build_is_given_out_in_larger_pieces(
    toy: Toy, tmp_path: Path, engine: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNKS_IN_A_PIECE", 2)
    made: list[Counting] = []
    heard = Notes()
    out = actiseg_noise.build(
        toy, recipe=RECIPE, out=tmp_path / "m", engine=engine(on_threads(made)), workers=1, progress=heard
    )
    sizes = [len(remote._unpacked(arguments[-1])) for arguments in made[0].arguments]
    assert sizes[:5] == [1, 1, 1, 1, 2]
    assert sum(sizes) == len(list(chunk.split_chunks(toy.clips, "full"))) > len(sizes)
    assert heard.clips == len(toy.clips)
    assert digest(out) == digest(actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "whole"))


@pytest.mark.usefixtures("small_chunks")
def test_an_executor_that_breaks_is_one_line_and_what_is_finished_is_kept(
    toy: Toy, tmp_path: Path, engine: Callable[..., str]
) -> None:
    class Breaking(Counting):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
            if len(self.arguments) == 4:
                broken: Future[Any] = Future()
                broken.set_exception(BrokenProcessPool("a process is gone"))
                return broken
            return super().submit(fn, *args, **keywords)

    @contextmanager
    def opener(address: str | None, workers: int) -> Iterator[Breaking]:
        with Breaking(workers) as executor:
            yield executor

    name, out = engine(opener), tmp_path / "m"
    with pytest.raises(ActisegError, match="chunk 000004 was not made .BrokenProcessPool a process is gone.. Finished"):
        actiseg_noise.build(toy, recipe=RECIPE, out=out, engine=name)
    actiseg_noise.build(toy, recipe=RECIPE, out=out, progress=(heard := Notes()))
    assert heard.notes == ["continuing an interrupted build: 4 chunks are finished"]


@pytest.mark.usefixtures("small_chunks")
def test_what_a_worker_cannot_read_is_said_with_its_name(toy: Toy, tmp_path: Path, engine: Callable[..., str]) -> None:
    broken = Stopping(toy.root, toy.clips)
    broken.error = OSError(errno.EIO, "the disk is ill")
    with pytest.raises(ActisegError, match=rf"worker {re.escape(socket.gethostname())} \(process \d+\): .*disk is ill"):
        actiseg_noise.build(broken, recipe=RECIPE, out=tmp_path / "m", engine=engine(on_threads([])))


# --- a worker


def piece(toy: Toy, place: Path, **changes: Any) -> tuple[Any, ...]:
    """Return what a worker is sent for a piece of one chunk of two clips."""
    job = make_request(toy, actiseg_noise.building.options.BuildOptions(recipe=RECIPE)).job()
    chunks = packed(((place.name, toy.clips[:2]),))
    sent = {"versions": versions_here(), "job": packed(job), "folder": str(place.parent), "chunks": chunks}
    return tuple((sent | changes).values())


def test_a_worker_writes_a_chunk_and_keeps_its_dataset_open(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    original = remote.Worker
    monkeypatch.setattr(remote, "Worker", lambda job: (opened.append(1), original(job))[1])
    for name in ("000000", "000001"):
        assert write_piece(*piece(toy, tmp_path / name)) is None
    assert sorted(path.name for path in tmp_path.glob("0*")) == ["000000", "000001"]
    assert opened == [1]


def test_of_a_piece_begun_by_another_worker_the_rest_is_made(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = tuple((f"00000{number}", toy.clips[number : number + 1]) for number in range(3))
    assert write_piece(*piece(toy, tmp_path / "000000", chunks=packed(chunks[:2]))) is None
    written: list[str] = []
    original = chunk.Worker.write
    monkeypatch.setattr(
        chunk.Worker, "write", lambda self, place, clips: (written.append(place.name), original(self, place, clips))[1]
    )
    assert write_piece(*piece(toy, tmp_path / "000000", chunks=packed(chunks))) is None
    assert written == ["000002"]
    assert listing(tmp_path) == ["000000", "000001", "000002", "data"]


@pytest.mark.parametrize("name", ["Python", "actiseg-nl"])
def test_a_worker_of_another_version_refuses(toy: Toy, tmp_path: Path, name: str) -> None:
    versions = versions_here() | {name: "9.9"}
    said = write_piece(*piece(toy, tmp_path / "000000", versions=versions, job=b"of another version"))
    assert said is not None
    assert re.fullmatch(rf"worker \S+ \(process {os.getpid()}\) has {name} \S+, the build 9.9: digests could .*", said)
    assert listing(tmp_path) == ["data"]


def test_a_worker_without_the_dataset_names_itself_and_the_path(toy: Toy, tmp_path: Path) -> None:
    sent = piece(toy, tmp_path / "000000")
    toy.root.rename(tmp_path / "elsewhere")
    said = write_piece(*sent)
    assert said == (
        f"worker {socket.gethostname()} (process {os.getpid()}): {toy.root}: the dataset 'toy' is not there; every "
        "worker needs it at this path"
    )


def test_a_worker_that_does_not_see_the_output_says_so(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces.time, "monotonic", iter(range(0, 1000, 10)).__next__)
    monkeypatch.setattr(pieces.time, "sleep", lambda _: None)
    said = write_piece(*piece(toy, tmp_path / "nowhere" / "000000"))
    assert str(said).endswith(f"{tmp_path / 'nowhere'} is not there; every worker needs the build's --out at this path")


def test_a_worker_whose_disk_is_full_says_which_folder_needs_room(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "Error writing bytes to file")

    monkeypatch.setattr(chunk, "_write_arrow", full)
    said = write_piece(*piece(toy, tmp_path / "000000"))
    assert str(said).endswith(f"[Errno 28] Error writing bytes to file; make room for {tmp_path}")
    assert listing(tmp_path) == ["data"]


def test_a_dataset_that_a_worker_cannot_import_is_said(toy: Toy, tmp_path: Path) -> None:
    job = packed(make_request(toy, actiseg_noise.building.options.BuildOptions(recipe=RECIPE)).job())
    said = write_piece(*piece(toy, tmp_path / "000000", job=job.replace(b"toys", b"tays")))
    assert "No module named 'tays': a dataset or noise of your own must be installed on every worker" in str(said)


def test_a_folder_that_a_file_system_shows_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces.time, "sleep", lambda _: (tmp_path / "late").mkdir())
    assert pieces.is_shown(tmp_path / "late")
    monkeypatch.setattr(pieces.time, "sleep", lambda _: None)
    assert not pieces.is_shown(tmp_path / "never", patience_s=0)


# --- engines of other packages, and the file for SLURM: those of docs/cluster.md


def test_the_engine_of_the_page_joins_by_its_entry_point(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_chunks: None
) -> None:
    join_the_engine_of_the_page(tmp_path / "site", monkeypatch)
    assert "mpi" in list(EXECUTORS)
    out = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m", engine="mpi", workers=2)
    assert digest(out) == digest(actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "whole"))


def test_the_file_of_the_page_for_slurm_builds_where_its_cluster_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(actiseg_noise, "build", lambda name, **options: asked.append(options))
    run_the_file_for_slurm("actiseg_noise", asked, monkeypatch)
    assert asked[1] == 4
    assert Engine.parse(asked[2]["engine"]) == Engine("dask", "tcp://login:1")


# --- dask


@pytest.fixture
def distributed() -> Any:
    return pytest.importorskip("distributed", reason="dask.distributed, the extra 'cluster', is not installed")


def listener() -> socket.socket:
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


def test_an_address_that_nobody_listens_at_is_one_line(toy: Toy, tmp_path: Path, distributed: Any) -> None:
    with listener() as closed:
        engine = f"dask=tcp://127.0.0.1:{closed.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(ActisegError, match=rf"--engine {engine}: no scheduler answers there \(.*refused\)"):
            actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m", engine=engine)
        assert time.monotonic() - start < CONNECT_S
    assert listing(tmp_path) == ["data"]


@pytest.mark.parametrize(
    ("address", "why"), [("tcp//x", "missing port number"), ("foo://a:1", "unknown address scheme 'foo'")]
)
def test_what_is_no_address_is_one_line(toy: Toy, tmp_path: Path, distributed: Any, address: str, why: str) -> None:
    with pytest.raises(ActisegError, match=why):
        actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m", engine=f"dask={address}")


def test_somebody_who_listens_and_is_no_scheduler_is_one_line(
    toy: Toy, tmp_path: Path, distributed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actiseg_noise.executors.dask.CONNECT_S", 0.1)
    with listener() as silent:
        silent.listen()
        with pytest.raises(ActisegError, match=r"no scheduler answers there \(timed out\)"):
            actiseg_noise.build(
                toy, recipe=RECIPE, out=tmp_path / "m", engine=f"dask=127.0.0.1:{silent.getsockname()[1]}"
            )


def test_without_the_library_the_extra_is_named(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ActisegError, match=r'--engine dask needs distributed.*pip install "actiseg-nl\[cluster\]"'):
        actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m", engine="dask")


def test_a_worker_that_is_killed_loses_nothing_and_makes_nothing_twice(tmp_path: Path, distributed: Any) -> None:
    root, out = tmp_path / "data", tmp_path / "m"
    write_toy(make_toy(), root)
    (root / "seconds").write_text("0.1")
    noise = ["--flip", "0.4", "--boundary", "3", "--boundary-unit", "px", "--boundary-rate", "0.5"]
    words = [sys.executable, "-c", SLOW_BUILD, "build", "--dataset", "toy", "--root", str(root), *noise]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}"}
    (tmp_path / "dask").mkdir()
    with cluster(tmp_path / "dask", 2) as (address, workers):
        build = subprocess.Popen(
            [*words, "--out", str(out), "--engine", f"dask={address}"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        until = time.monotonic() + 120
        while not list(tmp_path.glob(".m.partial/chunks-*/000002")):
            assert time.monotonic() < until
            assert build.poll() is None, build.communicate()
            time.sleep(0.02)
        os.kill(workers[0].pid, signal.SIGKILL)
        printed, _ = build.communicate(timeout=120)
    assert build.returncode == 0, printed
    assert f"written to {out}" in printed
    (root / "seconds").write_text("0")
    subprocess.run([*words, "--out", str(tmp_path / "whole")], env=environment, check=True, capture_output=True)
    assert digest(out) == digest(tmp_path / "whole")
    assert listing(tmp_path) == ["dask", "data", "m", "whole"]
