"""The same with S3 and with Google's store: servers of them on this machine, each where its packages are installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from toys import make_toy, write_toy

import actiseg_noise
from actiseg_noise.borders.remote import RemoteError, RemoteFolder, find_address
from actiseg_noise.check.verify import verify
from actiseg_noise.manifest import fetched
from actiseg_noise.publishing.publication import publish
from actiseg_noise.recipe import NoiseSpec, Recipe

MIX = Recipe("toy-mix", (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})))
KEYS = {"AWS_ACCESS_KEY_ID": "key-of-a-person", "AWS_SECRET_ACCESS_KEY": "word-of-a-person"}


class Store(NamedTuple):
    """An object store with an empty bucket ``labels``.

    Attributes:
        protocol: of its addresses. files: fsspec's class of it. settings: the way to it, and the keys, which come from
            the environment alone.
    """

    protocol: str
    files: Any
    settings: Mapping[str, str]

    @property
    def folder(self) -> str:
        """Return the address of a folder in the bucket."""
        return f"{self.protocol}://labels/pub"


@contextmanager
def amazons(port: int) -> Iterator[Store]:
    """A server that answers as S3 does."""
    wanted = "pip install 'moto[server]' s3fs"
    server = pytest.importorskip("moto.server", reason=wanted).ThreadedMotoServer("127.0.0.1", port, verbose=False)
    files = pytest.importorskip("s3fs", reason=wanted).S3FileSystem
    server.start()
    try:
        address = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        yield Store("s3", files, KEYS | address)
        files().rm("labels", recursive=True)
    finally:
        server.stop()


@contextmanager
def googles(port: int) -> Iterator[Store]:
    """A server that answers as Google's store does; asked for kinds of buckets it would need TLS."""
    wanted = "pip install gcp-storage-emulator gcsfs"
    start = pytest.importorskip("gcp_storage_emulator.server", reason=wanted).create_server
    settings = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}", "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)  # gcsfs looks when it is imported
        files = pytest.importorskip("gcsfs", reason=wanted).GCSFileSystem
    server = start("127.0.0.1", port, in_memory=True, default_bucket="labels")
    server.start()
    try:
        yield Store("gs", files, settings)
    finally:
        server.stop()


@pytest.fixture(params=[amazons, googles])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with request.param(port) as made:
        for name, value in {**made.settings, "XDG_CACHE_HOME": str(tmp_path / "cache")}.items():
            monkeypatch.setenv(name, value)
        made.files.clear_instance_cache()
        fetched._FOUND.clear()
        if made.protocol == "s3":
            made.files().makedirs("labels", exist_ok=True)
        yield made
        fetched._FOUND.clear()
        made.files.clear_instance_cache()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return actiseg_noise.build(
        write_toy(make_toy(clips=4), tmp_path / "root"), recipe=MIX, out=tmp_path / "m", gate=False
    )


def test_what_is_published_to_a_bucket_is_read_from_it(built: Path, store: Store) -> None:
    publish([built], store.folder)
    digest = actiseg_noise.read_manifest(built).digest
    found = actiseg_noise.read_manifest(f"{store.folder}/train/toy-mix-s0#digest={digest}")
    assert verify(found) == []
    assert actiseg_noise.diff(found, built).is_equal
    assert "manifest.json" in {name.rpartition("/")[2] for name in store.files().find("labels/pub")}


def test_the_sizes_of_files_are_those_that_were_written(built: Path, store: Store) -> None:
    address = find_address(f"{store.protocol}://labels/some/m")
    assert address is not None
    there = RemoteFolder(address)
    assert there.sizes() == {}
    for path in built.iterdir():
        there.put(path, f"deeper/{path.name}")
    assert there.sizes() == {f"deeper/{path.name}": path.stat().st_size for path in sorted(built.iterdir())}
    there.remove("deeper/manifest.json")
    assert "deeper/manifest.json" not in there.sizes()


def test_a_bucket_that_is_not_there_is_one_line_without_a_key(store: Store) -> None:
    keys = "key-of-a-person:word-of-a-person@" if store.protocol == "s3" else ""
    with pytest.raises(RemoteError) as raised:
        actiseg_noise.read_manifest(f"{store.protocol}://{keys}nothing/m")
    said = str(raised.value)
    assert said.startswith(f"{store.protocol}://nothing/m: ")
    assert "\n" not in said
    assert "of-a-person" not in said


def test_a_command_reads_what_another_has_published_and_keys_are_in_none_of_it(built: Path, store: Store) -> None:
    command, said = [sys.executable, "-m", "actiseg_noise"], ""
    for words in (["publish", str(built), "--out", store.folder], ["verify", f"{store.folder}/train/toy-mix-s0"]):
        done = subprocess.run([*command, *words], env=dict(os.environ), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    files = store.files()
    assert "of-a-person" not in said
    assert not [name for name in files.find("labels/pub") if b"of-a-person" in files.cat_file(name)]
