"""Every command takes a manifest whose tables are several files, and says of it what it says of one in whole tables."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import actiseg_noise
from actiseg_noise.cli import main
from actiseg_noise.manifest import fetched, write
from actiseg_noise.manifest.clips import ManifestClip
from actiseg_noise.manifest.mapped import MappedTable

Run = Callable[..., str]


@pytest.fixture(scope="module")
def both(kitchen_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same build in whole tables, ``whole/m``, and in files of at most seven rows, ``parts/m``."""
    place = tmp_path_factory.mktemp("large")
    options = {"root": kitchen_root, "split": "val", "limit": 4, "allow_eval": True, "gate": False}
    with pytest.MonkeyPatch.context() as patch:
        for side in ("whole", "parts"):
            actiseg_noise.build("kitchen", recipe="mixed-40-15", out=place / side / "m", **options)  # type: ignore[arg-type]
            for name in ("ROWS_PER_GROUP", "MASKS_PER_GROUP", "ROWS_PER_FILE"):
                patch.setattr(write, name, 7)
    return place


@pytest.fixture
def run(kitchen_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs ``actiseg-noise`` and gives what it prints."""
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))

    def run_(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["actiseg-noise", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        assert not stopped.value.code, printed.err
        return printed.out

    return run_


def files_below(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_is_several_files_and_the_same_labels(both: Path) -> None:
    parts, whole = (actiseg_noise.read_manifest(both / side / "m") for side in ("parts", "whole"))
    assert all(len(parts.files_of(table.name)) > 1 for table in parts.schema if table.name != "clips")
    assert all(len(whole.files_of(table.name)) == 1 for table in whole.schema)
    assert parts.digest == whole.digest
    assert list(parts) == list(whole)
    assert list(parts.iter_clips([next(iter(whole)).clip_id])) == [next(iter(whole))]


def test_rows_in_any_order_are_those_of_a_whole_table(
    both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    parts, whole = (
        MappedTable(actiseg_noise.read_manifest(both / side / "m"), "masks", ["sample_id", "iou"])
        for side in ("parts", "whole")
    )
    assert parts.slice(3, 30).to_pydict() == whole.slice(3, 30).to_pydict()


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "{m}", "--json"),
        ("verify", "{m}", "--rebuild", "--json"),
        ("verify", "{m}", "--workers", "2"),
        ("inspect", "{m}", "--json"),
        ("diff", "{m}", "{whole}"),
    ],
    ids=" ".join,
)
def test_what_is_printed_is_the_same(words: tuple[str, ...], both: Path, run: Run) -> None:
    printed = [
        run(*(word.format(m=both / side / "m", whole=both / "whole/m") for word in words))
        for side in ("parts", "whole")
    ]
    assert printed[0].replace("/parts/", "/whole/") == printed[1]


@pytest.mark.parametrize("form", ["actionvos", "refvos", "coco", "davis"])
def test_an_export_is_the_same(form: str, both: Path, tmp_path: Path, run: Run, kitchen_root: Path) -> None:
    for side in ("parts", "whole"):
        root = ["--root", str(kitchen_root)] if form == "actionvos" else []
        run("export", both / side / "m", "--format", form, "--out", tmp_path / side, *root)
    assert files_below(tmp_path / "parts") == files_below(tmp_path / "whole")


@pytest.mark.parametrize("command", ["view", "preview"])
def test_what_is_shown_is_the_same(command: str, both: Path, tmp_path: Path, run: Run) -> None:
    for side in ("parts", "whole"):
        name = tmp_path / f"{side}.{'html' if command == 'view' else 'png'}"
        run(command, both / side / "m", "--out", name)
    one, other = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert one.replace(b"/parts/", b"/whole/") == other


def test_a_publication_is_the_same_but_for_the_bytes_that_its_batches_have_in_memory(
    both: Path, tmp_path: Path, run: Run
) -> None:
    for side in ("parts", "whole"):
        run("publish", both / side / "m", "--out", tmp_path / side / "pub")
    one, other = (files_below(tmp_path / side / "pub") for side in ("parts", "whole"))
    pages = [re.sub(rb"(num_bytes|dataset_size): [0-9]+", b"", files.pop("README.md")) for files in (one, other)]
    assert pages[0] == pages[1]
    assert one.pop("SHA256SUMS") != other.pop("SHA256SUMS"), "it has the digest of the page"
    assert one == other


def test_it_is_fetched_from_an_address(both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    memory = fsspec.filesystem("memory")
    memory.put(f"{both}/parts/m/", "/large/m/", recursive=True)
    digest = actiseg_noise.read_manifest(both / "whole/m").digest
    found: list[ManifestClip] = list(actiseg_noise.read_manifest(f"memory://large/m#digest={digest}"))
    assert found == list(actiseg_noise.read_manifest(both / "whole/m"))
    memory.rm("/large", recursive=True)
    fetched._FOUND.clear()


def test_a_build_replaces_it_and_finds_it_built(both: Path, tmp_path: Path, run: Run) -> None:
    shutil.copytree(both / "parts/m", tmp_path / "m")
    words = ("--dataset", "kitchen", "--split", "val", "--limit", "4", "--recipe", "mixed-40-15", "--allow-eval")
    out = ("--no-gate", "--out", tmp_path / "m")
    run("build", *words, *out, "--resume")
    assert files_below(tmp_path / "m") == files_below(both / "parts/m")
    run("build", *words, *out, "--force")
    assert files_below(tmp_path / "m") == files_below(both / "whole/m")
