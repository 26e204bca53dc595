"""A manifest whose tables lost rows: what uses labels refuses it, what looks for damage reports it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from builds import RECIPE  # noqa: F401 - of what ``built`` builds

import actiseg_noise
from actiseg_noise.cli import main
from actiseg_noise.errors import ManifestError

Run = Callable[..., tuple[int, str, str]]
USES: dict[str, Callable[[Path, Path], object]] = {
    "export": lambda folder, out: actiseg_noise.export(folder, format="coco", out=out),
    "preview": lambda folder, out: actiseg_noise.preview(folder, out=out / "sheet.png"),
    "movie": lambda folder, out: actiseg_noise.preview_movie(folder, out / "clip.gif"),
    "view": lambda folder, out: actiseg_noise.view_manifest(folder, out / "page.html"),
    "clean": lambda folder, out: actiseg_noise.clean(folder, out / "none.csv", out / "m"),
}


def keep(folder: Path, table: str, rows: int) -> Path:
    """Keep the first rows of a table alone."""
    path = folder / f"{table}.parquet"
    pq.write_table(pq.read_table(path).slice(0, rows), path)
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a call of ``actiseg-noise`` → exit code, standard output and error, each on one line."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actiseg-noise", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), " ".join(printed.out.split()), " ".join(printed.err.split())

    return call


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("table", "rows"), [("masks", 0), ("samples", 3)])
def test_labels_of_a_manifest_that_lost_rows_are_not_used(
    use: str, table: str, rows: int, folder: Path, tmp_path: Path
) -> None:
    counted = actiseg_noise.read_manifest(folder).info.counts[table]
    message = (
        f"{keep(folder, table, rows)}: manifest.json counts other rows than there are: {counted} in {table}, "
        f"its files have {rows}. Fetch the manifest again, or build it again; actiseg-noise verify {folder} says"
    )
    with pytest.raises(ManifestError, match=re.escape(message)):
        USES[use](folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_manifest_that_lost_rows_is_not_published(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(actiseg_noise.UnverifiedError, match="it is not published"):
        actiseg_noise.publish(keep(folder, "masks", 0), tmp_path / "out", labels="recipe-only")
    assert not (tmp_path / "out").exists()


def test_verify_and_inspect_go_on(folder: Path, run: Run) -> None:
    counted = actiseg_noise.read_manifest(folder).info.counts["masks"]
    code, out, _ = run("verify", keep(folder, "masks", 0))
    assert (code, f"masks.parquet, rows: expected {counted}" in out) == (1, True)
    code, out, err = run("inspect", folder)
    assert (code, "in the files" in out) == (0, True)
    assert f"warning: {folder}: manifest.json counts other rows than there are: {counted} in masks" in err
    code, out, err = run("inspect", folder, "--json")
    assert (json.loads(out)["counts"]["masks"], json.loads(out)["rows"]["masks"]) == (counted, 0)
    assert "warning:" in err


def test_nothing_is_said_of_a_whole_manifest(built: Path, run: Run) -> None:
    code, out, err = run("inspect", built)
    assert (code, "in the files" in out, err) == (0, False, "")
