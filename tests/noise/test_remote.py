"""Manifests by address: fetched once, checked, and nothing secret in what is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from toys import make_toy, write_toy

import actiseg_noise
from actiseg_noise.borders import remote
from actiseg_noise.borders.remote import Address, RemoteError, RemoteFolder, find_address, shown
from actiseg_noise.check.diff import diff
from actiseg_noise.check.verify import verify
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError, ActisegWarning, ManifestError, MissingExtraError
from actiseg_noise.manifest import fetched
from actiseg_noise.publishing.publication import publish
from actiseg_noise.publishing.upload import find_earlier
from actiseg_noise.recipe import NoiseSpec, Recipe

fsspec = pytest.importorskip("fsspec")
MIX = Recipe("toy-mix", (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})))
NAME = "train/toy-mix-s0"
PLACE = f"memory://pub/{NAME}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    return actiseg_noise.build(write_toy(make_toy(clips=4), folder / "root"), recipe=MIX, out=folder / "m", gate=False)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, and no file in memory before and after a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fetched._FOUND.clear()
    yield tmp_path / "cache/actiseg"
    fetched._FOUND.clear()
    memory = fsspec.filesystem("memory")
    if memory.exists("/"):
        memory.store.clear()
        memory.pseudo_dirs[:] = [""]


@pytest.fixture(scope="module")
def published(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish([built], tmp_path_factory.mktemp("published") / "pub").path


@pytest.fixture
def digest(built: Path, published: Path) -> str:
    """The labels of a publication in memory."""
    fsspec.filesystem("memory").put(f"{published}/", "/pub/", recursive=True)
    return actiseg_noise.read_manifest(built).digest


def pinned(digest: str) -> str:
    return f"{PLACE}#digest={digest}"


def memory_files() -> dict[str, Any]:
    return dict(fsspec.filesystem("memory").store)


def partial_files(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if ".partial" in path.name or path.name.startswith("new-")]


# --- what is an address


@pytest.mark.parametrize(
    "path",
    ["out/m", "/data/m", "m", "", "C:\\data\\m", "C:/data/m", "c:x", "a:b/c", "//host/share/m", "./hf:/x", "take:cup"],
)
def test_paths_are_no_addresses(path: str) -> None:
    assert find_address(path) is None


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("hf://datasets/a/b@main/train/m", "hf://datasets/a/b@main/train/m"),
        ("s3://bucket/m/", "s3://bucket/m"),
        ("file:///data/m", "file:///data/m"),
        ("https://me:word@example.org/m?token=1", "https://example.org/m"),
    ],
)
def test_an_address_is_one_as_text_and_as_a_path_that_lost_a_slash(text: str, folder: str) -> None:
    for form in (text, Path(text)):
        address = find_address(form)
        assert address is not None
        assert (str(address), address.folder) == (folder, folder)
        assert address.url_of("a") == find_address(text).url_of("a")  # type: ignore[union-attr]


def test_a_folder_that_is_called_like_an_address_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "memory:" / "m").mkdir(parents=True)
    assert find_address("memory:/m") is None


@pytest.mark.parametrize(
    ("text", "is_pinned"),
    [
        ("hf://datasets/a/b@" + 40 * "0" + "/train/m", True),
        ("hf://datasets/a/b@main/train/m", False),
        ("hf://datasets/a/b/train/" + 40 * "0", False),
        ("s3://bucket/m", False),
        ("s3://bucket/m#digest=00112233", True),
    ],
)
def test_a_commit_and_a_digest_pin_an_address(text: str, is_pinned: bool) -> None:
    address = find_address(text)
    assert address is not None
    assert address.is_pinned is is_pinned


@pytest.mark.parametrize(
    "text", ["s3://b/m#digest=", "s3://b/m#digest=xyz", "s3://b/m#0011223344", "s3://b/m#digest=0"]
)
def test_another_digest_than_hex_is_refused(text: str) -> None:
    with pytest.raises(RemoteError, match=r"s3://b/m: expected #digest= and 8 to 64 digits"):
        find_address(text)


# --- reading


def test_a_manifest_is_read_from_its_address(built: Path, digest: str) -> None:
    manifest = actiseg_noise.read_manifest(pinned(digest))
    assert manifest.digest == digest
    assert [clip.clip_id for clip in manifest] == [clip.clip_id for clip in actiseg_noise.read_manifest(built)]
    assert verify(pinned(digest)) == []
    assert diff(pinned(digest), built).is_equal
    assert actiseg_noise.inspect(pinned(digest)).to_json(3) == actiseg_noise.inspect(built).to_json(3)


def test_a_pinned_address_is_fetched_once_and_needs_nothing_afterwards(digest: str) -> None:
    first = actiseg_noise.read_manifest(pinned(digest)).path
    fsspec.filesystem("memory").store.clear()
    fetched._FOUND.clear()  # as another process
    assert actiseg_noise.read_manifest(pinned(digest)).path == first
    assert actiseg_noise.read_manifest(Path(pinned(digest))).path == first


def test_an_address_that_is_not_pinned_is_read_again_and_the_warning_says_how_to_pin_it(
    digest: str, tmp_path: Path
) -> None:
    with pytest.warns(ActisegWarning, match=f"may change at any time; with #digest={digest} after it"):
        first = actiseg_noise.read_manifest(PLACE)
    assert actiseg_noise.read_manifest(PLACE).path == first.path, "without another look in one process"
    other = Recipe("toy-mix", (NoiseSpec("category_flip-v1", 0.9),))
    toy = write_toy(make_toy(clips=4), tmp_path / "root")
    publish([actiseg_noise.build(toy, recipe=other, out=tmp_path / "m", gate=False)], "memory://pub", force=True)
    fetched._FOUND.clear()
    with pytest.warns(ActisegWarning):
        second = actiseg_noise.read_manifest(PLACE)
    assert second.digest != first.digest
    assert actiseg_noise.read_manifest(first.path).digest == digest, "who reads the first goes on reading it"


def test_the_start_of_a_digest_is_enough(digest: str) -> None:
    assert actiseg_noise.read_manifest(pinned(digest[:12])).digest == digest


def test_files_of_the_disk_have_addresses_too(built: Path) -> None:
    digest = actiseg_noise.read_manifest(built).digest
    manifest = actiseg_noise.read_manifest(f"file://{built}#digest={digest}")
    assert manifest.path != built
    assert verify(manifest) == []


def test_commands_take_addresses(
    digest: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", "verify", pinned(digest)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert digest in capsys.readouterr().out


# --- bad input


def test_labels_with_another_digest_are_refused_and_not_kept(digest: str, cache: Path) -> None:
    with pytest.raises(
        RemoteError, match=f"memory://pub/{NAME}: expected labels with the digest 00000000, found {digest}"
    ):
        actiseg_noise.read_manifest(f"{PLACE}#digest=00000000")
    assert not list((cache / "fetched").glob("*"))


def change(name: str, data: bytes) -> None:
    with fsspec.filesystem("memory").open(f"/pub/{NAME}/{name}", "wb") as file:
        file.write(data)


def stored(name: str) -> bytes:
    return bytes(fsspec.filesystem("memory").cat_file(f"/pub/{NAME}/{name}"))


MASKS = "masks-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda: change(MASKS, stored(MASKS)[:-7]), r"masks-.* breaks off after [\d,]+ bytes, [\d,]+ were expected"),
        (lambda: change(MASKS, stored(MASKS) + b"x"), r"masks-.* is longer than [\d,]+ bytes"),
        (lambda: fsspec.filesystem("memory").rm(f"/pub/{NAME}/{MASKS}"), r"no masks-.* there, or nobody answers"),
        (lambda: change("manifest.json", b"<html>sign in</html>"), "manifest.json there is no JSON object"),
        (lambda: change("manifest.json", b"[]"), "manifest.json there is no JSON object"),
        (lambda: change("manifest.json", b"{}"), "schema_version must be a positive integer"),
        (lambda: change(MASKS, b"\0" * len(stored(MASKS))), "not a readable Parquet file"),
    ],
    ids=["cut", "longer", "missing", "html", "list", "empty", "zeros"],
)
def test_what_is_no_whole_manifest_is_refused_by_its_address(digest: str, cache: Path, edit: Any, message: str) -> None:
    edit()
    with pytest.raises((RemoteError, ManifestError), match=f"^memory://pub/{NAME}#digest={digest}: .*{message}"):
        actiseg_noise.read_manifest(pinned(digest))
    assert not list((cache / "fetched").glob("*"))
    assert partial_files(cache) == []


def test_rows_that_were_changed_are_refused_though_all_files_have_their_sizes(digest: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for column, message in (("noisy_noun", "do not have the digest"), ("row_digest", "do not have the digest")):
        name = "samples-00000-of-00001.parquet"
        before = stored(name)
        table = pq.read_table(pa.BufferReader(before))
        index = table.column_names.index(column)
        values = table[column].to_pylist()
        changed = table.set_column(index, table.schema.field(index), [[*values[1:], values[0]]])
        sink = pa.BufferOutputStream()
        pq.write_table(changed, sink)
        data = sink.getvalue().to_pybytes()
        info = json.loads(stored("manifest.json"))
        change(name, data)
        change("manifest.json", json.dumps(info | {"files": info["files"] | {name: len(data)}}).encode())
        with pytest.raises(RemoteError, match=message):
            actiseg_noise.read_manifest(pinned(digest))
        change(name, before)


def test_masks_that_were_changed_are_refused(digest: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(stored(MASKS)))
    index = table.column_names.index("noisy_rle")
    codes = table["noisy_rle"].to_pylist()
    sink = pa.BufferOutputStream()
    pq.write_table(table.set_column(index, table.schema.field(index), [[*codes[1:], codes[0]]]), sink)
    data = sink.getvalue().to_pybytes()
    info = json.loads(stored("manifest.json"))
    change(MASKS, data)
    change("manifest.json", json.dumps(info | {"files": info["files"] | {MASKS: len(data)}}).encode())
    with pytest.raises(RemoteError, match="the labels there do not have the digest"):
        actiseg_noise.read_manifest(pinned(digest))


@pytest.mark.parametrize("text", ["memory://nowhere/m", "file:///no/such/folder", "http://127.0.0.1:9/m"])
def test_nothing_there_is_one_line(text: str) -> None:
    with pytest.raises(RemoteError, match=rf"^{text}: no manifest.json there, or nobody answers; is the address right"):
        actiseg_noise.read_manifest(text)


def test_a_kind_of_address_that_nothing_opens_is_one_line() -> None:
    with pytest.raises(RemoteError, match=r"^nosuch://a/b: cannot be opened \(Protocol not known: nosuch\)"):
        actiseg_noise.read_manifest("nosuch://a/b")


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda _: None)
    message = r'the address s3://b/m needs fsspec, which is not installed: pip install "actiseg-nl\[remote\]"'
    with pytest.raises(MissingExtraError, match=message):
        actiseg_noise.read_manifest("s3://b/m")
    with pytest.raises(MissingExtraError, match=message):
        publish([], "s3://b/m")


def test_an_interrupted_fetch_leaves_nothing(digest: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RemoteFolder, "fetch", stop)
    with pytest.raises(KeyboardInterrupt):
        actiseg_noise.read_manifest(pinned(digest))
    assert not list((cache / "fetched").glob("*"))
    assert partial_files(cache) == []
    monkeypatch.undo()


# --- secrets

OPENED = "https://me:hush-1@127.0.0.1:9/m?token=hush-2"


def test_what_opens_an_address_is_in_no_message() -> None:
    with pytest.raises(RemoteError) as refusal:
        actiseg_noise.read_manifest(OPENED)
    assert str(refusal.value).startswith("https://127.0.0.1:9/m: ")
    assert "hush" not in str(refusal.value) + repr(find_address(OPENED))
    assert shown(OPENED) == shown(Path(OPENED)) == "https://127.0.0.1:9/m"
    assert refusal.value.__cause__ is None


def test_a_librarys_words_are_freed_of_secrets() -> None:
    address = find_address(OPENED)
    assert address is not None
    said = "403: https://me:hush-1@127.0.0.1:9/m/a?token=hush-2 refused; see s3://you:hush-3@b/c?sig=hush-4 (me:hush-1)"
    assert address.plain(said) == "403: https://127.0.0.1:9/m/a refused; see s3://b/c (…)"


def test_an_error_of_a_library_that_names_the_address_does_not_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object, url: str, *__: object, **___: object) -> None:
        raise PermissionError(f"403 for {url}")

    address = find_address(OPENED)
    assert address is not None
    there = RemoteFolder(address)
    monkeypatch.setattr(type(there._files), "open", refuse)
    with pytest.raises(
        RemoteError, match=r"manifest.json: PermissionError, 403 for https://127.0.0.1:9/m/manifest.json$"
    ):
        there.read("manifest.json", 10)


@pytest.mark.parametrize(
    "words",
    [("verify", OPENED), ("inspect", OPENED), ("diff", OPENED, OPENED), ("preview", OPENED)],
    ids=lambda words: str(words[0]),
)
def test_the_commands_say_nothing_secret(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.err.startswith("error: https://127.0.0.1:9/m: ")
    assert "hush" not in printed.out + printed.err


# --- publishing to an address


def test_a_publication_at_an_address_has_the_files_of_one_in_a_folder(
    built: Path, published: Path, cache: Path
) -> None:
    made = publish([built], "memory://pub")
    assert shown(made.path) == "memory://pub"
    here = published
    names = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()}
    assert {name.removeprefix("/pub/") for name in memory_files()} == names
    assert verify(made.path / f"{NAME}#digest={made.manifests[0].info.digest}") == []
    assert not list((cache / "publishing").glob("*"))


def test_what_makes_a_manifest_is_written_last(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    put = RemoteFolder.put
    monkeypatch.setattr(RemoteFolder, "put", lambda self, source, name: order.append(name) or put(self, source, name))
    publish([built], "memory://pub")
    assert (order[0], order[-1]) == ("SHA256SUMS", f"{NAME}/manifest.json")


def test_an_upload_that_breaks_off_leaves_nothing(built: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = RemoteFolder.put

    def fail(self: RemoteFolder, source: Path, name: str) -> None:
        if name.endswith("manifest.json"):
            raise RemoteError("no room")
        put(self, source, name)

    monkeypatch.setattr(RemoteFolder, "put", fail)
    with pytest.raises(RemoteError, match="no room"):
        publish([built], "memory://pub")
    assert memory_files() == {}
    assert not list((cache / "publishing").glob("*"))


def test_only_a_publication_is_replaced_at_an_address_and_only_on_request(built: Path, digest: str) -> None:
    with pytest.raises(ActisegError, match=r"memory://pub: the output exists\. .* replace it with --force"):
        publish([built], "memory://pub")
    publish([built], "memory://pub", force=True)
    memory = fsspec.filesystem("memory")
    memory.pipe("/pub/notes.txt", b"mine")
    with pytest.raises(ActisegError, match=r"memory://pub: --force would leave files .* the first notes\.txt"):
        publish([built], "memory://pub", force=True)
    memory.pipe("/photos/a.png", b"mine")
    with pytest.raises(ActisegError, match=r"memory://photos: files are there that are no publication"):
        publish([built], "memory://photos", force=True)
    with pytest.raises(ActisegError, match=r"leave out #digest"):
        publish([built], f"memory://new#digest={digest}")
    memory.pipe("/fresh/.gitattributes", b"as the hub makes it")
    assert find_earlier(RemoteFolder(Address("memory://fresh", "")), force=False) == []


def test_the_web_is_not_written_to(built: Path) -> None:
    with pytest.raises(ActisegError, match=r"--out https://127.0.0.1:9/m: addresses of the web are read, not written"):
        publish([built], OPENED)


def test_the_command_publishes_to_an_address(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", "publish", str(built), "--out", "memory://pub", "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert json.loads(capsys.readouterr().out)["path"] == "memory://pub"
    assert f"/pub/{NAME}/manifest.json" in memory_files()
