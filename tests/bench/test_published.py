"""Other people's checkpoints: their tensors are read, and nothing in them runs."""

from __future__ import annotations

import gzip
import os
import pickle
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import torch
from published_fakes import write_pth
from safetensors.torch import save_file

from actiseg_bench.models.published import PublishedError, read_published

STATE = {"conv.weight": torch.tensor([1.0, 2.0]), "conv.bias": torch.tensor([3.0])}


class Code:
    """Pickled, it is a call: loading the file runs it."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call[0], self.call[1:]


def test_a_training_s_file_gives_the_state_of_its_network(tmp_path: Path) -> None:
    found = read_published(write_pth(tmp_path / "a.pth", STATE))
    assert {name: value.tolist() for name, value in found.items()} == {"conv.weight": [1.0, 2.0], "conv.bias": [3.0]}


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": STATE, "epoch": 3},
        STATE,
        {"model": {f"module.{name}": value for name, value in STATE.items()}},
        {"model": STATE, "args": Namespace(nested=Namespace(device=torch.device("cpu")))},
    ],
    ids=["state_dict", "the file itself", "module prefix", "nested options"],
)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
def test_the_state_is_found_in_every_form(content: dict[str, Any], zipped: bool, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_published(tmp_path / "a.pth")
    assert {name: value.tolist() for name, value in found.items()} == {"conv.weight": [1.0, 2.0], "conv.bias": [3.0]}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
def test_pickled_code_is_refused_by_its_name_and_does_not_run(zipped: bool, tmp_path: Path) -> None:
    content = {"model": STATE, "args": Namespace(hook=Code(os.mkdir, str(tmp_path / "ran")))}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(PublishedError, match=r"a\.pth: refused: it holds posix\.mkdir, and a pickle .* can run code"):
        read_published(tmp_path / "a.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (Path("x"), r"pathlib\S*\.PosixPath"),
        (np.float64(0.5), r"numpy\S*\.scalar"),
        (torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
    ],
    ids=["path", "numpy scalar", "module"],
)
def test_only_namespaces_are_let_in_beside_tensors_and_plain_values(thing: Any, name: str, tmp_path: Path) -> None:
    torch.save({"model": STATE, "args": Namespace(thing=thing)}, tmp_path / "a.pth")
    with pytest.raises(PublishedError, match=f"refused: it holds {name}, .* save its tensors alone"):
        read_published(tmp_path / "a.pth")
    from torch.serialization import get_safe_globals

    assert Namespace not in get_safe_globals()  # let in for this file, not for everybody


def cut(path: Path, share: float, **how: Any) -> None:
    torch.save({"model": {"weight": torch.zeros(1000)}, "args": Namespace(a=1)}, path, **how)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=1)


FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (lambda path: cut(path, 0.6), r"the beginning of one \(\S+ bytes\); it is truncated"),
    "truncated old": (lambda path: cut(path, 0.6, _use_new_zipfile_serialization=False), "may be truncated"),
    "a few bytes of an old one": (lambda path: cut(path, 0.01, _use_new_zipfile_serialization=False), "be truncated"),
    "empty": (lambda path: path.write_bytes(b""), "but an empty file"),
    "web page": (lambda path: path.write_text("\n<!DOCTYPE html><html>Sign in"), "but a web page"),
    "pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1"), "a pointer of git-lfs"),
    "json": (lambda path: path.write_text('{"a": 1}'), "but JSON"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"tensors")), "but a gzip archive"),
    "noise": (lambda path: path.write_bytes(b"\x00\x01\x02\x03"), r"but a file that starts with b'\\x00\\x01"),
    "safetensors": (lambda path: save_file(STATE, path), "a safetensors file, which needs no conversion"),
    "training": (
        lambda path: save_file({f"network.0.{name}": value for name, value in STATE.items()}, path),
        "a checkpoint of a training here, with nothing to convert; 'predict' and 'evaluate' take it as --checkpoint",
    ),
    "plain pickle": (lambda path: path.write_bytes(pickle.dumps({"model": [1]})), "not one that torch.save wrote"),
    "numpy": (arrays, "not a readable PyTorch checkpoint"),
    "list": (lambda path: torch.save([torch.zeros(1)], path), "holds a list, expected a dictionary of tensors"),
    "empty state": (lambda path: torch.save({"model": {}}, path), "no tensors under 'model'"),
    "no state": (lambda path: torch.save({"epoch": 3}, path), "no tensors in the file, whose keys are epoch; expected"),
    "empty dictionary": (lambda path: torch.save({}, path), "whose keys are none"),
    "nothing": (lambda path: path, "the checkpoint is missing"),
}


@pytest.mark.parametrize(("write", "message"), FILES.values(), ids=FILES)
def test_what_is_no_checkpoint_is_told(write: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    write(tmp_path / "a.pth")
    with pytest.raises(PublishedError, match=rf"a\.pth: .*{message}"):
        read_published(tmp_path / "a.pth")


def test_an_archive_with_compressed_entries_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    plain = write_pth(tmp_path / "a.pth", {"w": torch.zeros(1000)})
    with ZipFile(plain) as archive, ZipFile(tmp_path / "b.pth", "w", ZIP_DEFLATED) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    with pytest.raises(PublishedError, match="compressed entries, which torch.save does not write"):
        read_published(tmp_path / "b.pth")


def test_a_tensor_that_is_not_dense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishedError, match="'w' is sparse, quantized or has no values"):
        read_published(write_pth(tmp_path / "a.pth", {"w": torch.eye(3).to_sparse()}))
