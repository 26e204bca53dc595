"""Folders of results by address: fetched once, held against their digests, written last what makes them runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench_fakes import PerfectRunner, run_grid
from places_fakes import grid_of, labels

from actiseg_bench.grid.addresses import collect_to, local_runs, results_digest
from actiseg_bench.report.leaderboard import leaderboard
from actiseg_bench.results.stored import read_results
from actiseg_noise.borders import remote
from actiseg_noise.borders.remote import RemoteError, find_address
from actiseg_noise.errors import ActisegError, ActisegWarning

fsspec = pytest.importorskip("fsspec")
Cli = Callable[..., tuple[int, str, str]]
PLACE = "memory://lab/runs"
USER = "me:word1234@"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, kitchen_root: Path) -> Path:
    """The runs of a grid in one folder."""
    folder = tmp_path_factory.mktemp("whole")
    assert not run_grid(grid_of(labels(folder, kitchen_root)), PerfectRunner(), folder).failed
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, and no file in memory before and after a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache/actiseg"
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.fixture
def there(whole: Path) -> str:
    """The address of the runs in memory, with their digest."""
    fsspec.filesystem("memory").put(f"{whole}/", "/lab/runs/", recursive=True)
    return f"{PLACE}#digest={digest_of(whole)}"


def digest_of(folder: Path) -> str:
    return results_digest({p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("result.json")})


def files_below(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def memory_files() -> dict[str, bytes]:
    store = fsspec.filesystem("memory").store
    return {name.removeprefix("/lab/runs/"): file.getvalue() for name, file in store.items()}


def change(name: str, edit: Callable[[bytes], bytes]) -> None:
    """Change the first file of a name in memory."""
    memory = fsspec.filesystem("memory")
    path = next(path for path in sorted(memory.store) if path.endswith(name))
    memory.pipe_file(path, edit(memory.cat_file(path)))


def test_a_folder_of_the_disk_is_itself(tmp_path: Path) -> None:
    assert local_runs(tmp_path) == tmp_path


def test_runs_by_address_are_those_of_the_folder(whole: Path, there: str) -> None:
    folder = local_runs(Path(there))
    wanted = {n: d for n, d in files_below(whole).items() if n.endswith((".json", ".parquet")) and "/." not in f"/{n}"}
    assert files_below(folder) == wanted
    assert str(leaderboard(folder)) == str(leaderboard(whole))


def test_no_checkpoint_and_nothing_that_is_no_part_of_a_run_is_fetched(there: str) -> None:
    memory = fsspec.filesystem("memory")
    run = next(path for path in sorted(memory.store) if path.endswith("/result.json")).rpartition("/")[0]
    for name in ("checkpoint.safetensors", "notes.parquet", ".hidden/result.json", "../../evil/result.json"):
        memory.pipe_file(f"{run}/{name}", b"{}")
    folder = local_runs(Path(there))
    assert not [path for path in folder.rglob("*") if path.name in ("checkpoint.safetensors", "notes.parquet", "evil")]


def test_a_pinned_address_is_fetched_once_and_needs_nothing_afterwards(there: str) -> None:
    folder = local_runs(Path(there))
    fsspec.filesystem("memory").store.clear()
    assert local_runs(Path(there)) == folder


def test_an_address_without_a_digest_is_looked_at_again_and_the_warning_says_how_to_pin_it(there: str) -> None:
    pin = there.partition("#")[2]
    with pytest.warns(ActisegWarning, match=f"{PLACE} may change at any time; with #{pin} after it"):
        before = local_runs(Path(PLACE))
    memory = fsspec.filesystem("memory")
    gone = next(path for path in sorted(memory.store) if path.endswith("/result.json")).rpartition("/")[0]
    memory.rm(gone, recursive=True)
    with pytest.warns(ActisegWarning):
        after = local_runs(Path(PLACE))
    assert len(read_results(after)) == len(read_results(before)) - 1


def test_other_results_than_the_digest_says_are_refused_and_not_kept(there: str, cache: Path) -> None:
    with pytest.raises(RemoteError, match=f"{PLACE}: expected results with the digest {'0' * 64}, found"):
        local_runs(Path(f"{PLACE}#digest={'0' * 64}"))
    assert not list(cache.rglob("result.json"))


@pytest.mark.filterwarnings("ignore::actiseg_noise.errors.ActisegWarning")
@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("result.json", lambda data: data.replace(b'"seed": 0', b'"seed": 3'), "it was edited"),
        ("result.json", lambda data: data[:100], "malformed JSON"),
        ("predictions.parquet", lambda data: data[:-300], "predictions.parquet"),
        ("object_frames.parquet", lambda data: data[:-300], "object_frames.parquet"),
    ],
)
def test_what_does_not_have_its_digest_is_refused_by_its_address(
    there: str, cache: Path, name: str, edit: Callable[[bytes], bytes], message: str
) -> None:
    change(f"/{name}", edit)
    with pytest.raises(RemoteError, match=message) as raised:
        local_runs(Path(PLACE))
    assert str(raised.value).startswith(f"{PLACE}: ")
    assert str(cache) not in str(raised.value)
    assert not list(cache.rglob("result.json"))


@pytest.mark.filterwarnings("ignore::actiseg_noise.errors.ActisegWarning")
def test_where_no_run_is_it_is_said() -> None:
    with pytest.raises(RemoteError, match="memory://lab/none: no finished run there"):
        local_runs(Path("memory://lab/none"))


@pytest.mark.parametrize("command", ["leaderboard", "verify"])
def test_commands_take_the_address_of_runs(command: str, whole: Path, there: str, cli: Cli) -> None:
    code, out, _ = cli(command, there)
    assert code == 0
    assert out == cli(command, str(whole))[1]


def test_a_report_of_an_address_says_where_it_goes(there: str, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("report", there)
    assert code == 2
    assert "say with --out where it goes" in " ".join(err.split())
    assert cli("report", there, "--out", str(tmp_path / "report"), "--clips", "0")[0] == 0
    assert (tmp_path / "report/index.html").is_file()


def test_runs_of_an_address_are_collected(whole: Path, there: str, tmp_path: Path, cli: Cli) -> None:
    code, out, _ = cli("collect", there, "--out", str(tmp_path / "all"))
    assert code == 0, out
    assert str(leaderboard(tmp_path / "all")) == str(leaderboard(whole))


def test_what_is_collected_at_an_address_is_what_is_collected_in_a_folder(
    whole: Path, tmp_path: Path, cli: Cli, cache: Path
) -> None:
    code, out, err = cli("collect", str(whole), "--out", PLACE)
    assert code == 0, err
    assert f"{PLACE}: 8 runs, 8 of them new" in out
    assert f"next: actiseg-bench verify {PLACE} | actiseg-bench leaderboard {PLACE}" in " ".join(err.split())
    assert cli("collect", str(whole), "--out", str(tmp_path / "all"))[0] == 0
    assert memory_files() == files_below(tmp_path / "all")
    assert not list((cache / "collecting").iterdir())
    code, _, err = cli("collect", str(whole), "--out", PLACE)
    assert code == 2
    assert "runs are there; give that address as one more source" in " ".join(err.split())


def test_results_are_written_last_and_an_upload_that_breaks_off_leaves_nothing(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = find_address(PLACE)
    assert address is not None
    names: list[str] = []
    collect_to([whole], address, log=names.append)
    is_result = [name.endswith("/result.json") for name in names]
    assert is_result == sorted(is_result)
    fsspec.filesystem("memory").store.clear()
    put = remote.RemoteFolder.put

    def break_off(folder: remote.RemoteFolder, source: Path, name: str) -> None:
        if name.endswith("result.json"):
            raise RemoteError("the line is cut")
        put(folder, source, name)

    monkeypatch.setattr(remote.RemoteFolder, "put", break_off)
    with pytest.raises(RemoteError, match="the line is cut"):
        collect_to([whole], address)
    assert memory_files() == {}


def test_what_a_killed_upload_left_is_gone_on_from_and_other_files_are_not_mixed_with(whole: Path) -> None:
    memory = fsspec.filesystem("memory")
    address = find_address(PLACE)
    assert address is not None
    collect_to([whole], address)
    complete = memory_files()
    for path in [path for path in memory.store if path.endswith("result.json")]:
        memory.rm(path)
    collect_to([whole], address)
    assert memory_files() == complete
    memory.store.clear()
    memory.pipe_file("/lab/runs/thesis.tex", b"x")
    with pytest.raises(ActisegError, match="files are there that are no runs, the first thesis.tex"):
        collect_to([whole], address)


@pytest.mark.parametrize("out", ["https://example.org/runs", f"{PLACE}#digest={'0' * 64}"])
def test_nothing_is_written_where_it_cannot_be(out: str, whole: Path) -> None:
    address = find_address(out)
    assert address is not None
    with pytest.raises(ActisegError, match="--out "):
        collect_to([whole], address)


@pytest.mark.parametrize("command", ["leaderboard", "verify", "report", "collect"])
@pytest.mark.parametrize("place", [f"s3://{USER}bucket/runs", "http://127.0.0.1:1/runs?X-Amz-Signature=sign1234"])
def test_what_opens_an_address_is_in_no_output(
    command: str, place: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ["--out", str(tmp_path / "out")] if command in ("report", "collect") else []
    code, said, err = cli(command, place, *out)
    assert code == 2
    assert err
    assert "word1234" not in said + err
    assert "sign1234" not in said + err
    code, said, err = cli("collect", str(tmp_path), "--out", place)
    assert code == 2
    assert "word1234" not in said + err
    assert "sign1234" not in said + err
