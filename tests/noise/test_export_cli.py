"""``actiseg-noise export`` as typed: what is printed, how it exits."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from deposits import actionvos_entry, write_actionvos

import actiseg_noise
from actiseg_noise.cli import main
from actiseg_noise.exchange.export_folder import ExportFolder

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs ``actiseg-noise`` beside the manifest ``m`` of a small tree."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACTISEG_DATA", raising=False)

    def run_(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actiseg-noise", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    write_actionvos(tmp_path / "tree", {"train": [actionvos_entry(4)]})
    build = ("build", "--dataset", "actionvos", "--root", "tree", "--flip", 1, "--workers", 1, "--out", "m")
    assert run_(*build)[0] == 0
    return run_


def test_what_was_written_is_printed_with_a_hint_about_images(run: Run) -> None:
    code, out, _ = run("export", "m", "--format", "actionvos", "--out", "x")
    assert code == 0
    assert "without images; --images resize, copy or link adds them" in out
    assert out.endswith("written to x\n")
    code, out, _ = run("export", "m", "--format", "refvos", "--out", "y", "--images", "link", "--root", "tree")
    assert (code, "negative objects left out 1" in " ".join(out.split()), "without images" in out) == (0, True, False)


def test_json_is_the_report(run: Run, tmp_path: Path) -> None:
    report = json.loads(run("export", "m", "--format", "actionvos", "--out", "x", "--root", "tree", "--json")[1])
    assert report.pop("path") == "x"
    assert report == json.loads((tmp_path / "x/export.json").read_text("utf-8"))
    assert (report["counts"]["masks"], report["counts"]["weights"]) == (2, 2)
    assert report["manifest"]["name"] == "actionvos/train/flip-100-s0"


def test_an_exported_tree_is_imported_again(run: Run) -> None:
    """What leaves comes back: the clean tree beside the exported one gives the same noisy labels."""
    run("export", "m", "--format", "actionvos", "--out", "x")
    code, out, _ = run(
        "import", "--dataset", "actionvos", "--clean", "tree", "--noisy", "x", "--out", "again", "--json"
    )
    assert (code, json.loads(out)["counts"]) == (0, {"clips": 1, "frames": 2, "samples": 3, "masks": 6})
    names = ["sample_id", "noisy_category_id", "noisy_noun", "noisy_expression", "is_harmful"]
    before, after = (actiseg_noise.read_manifest(name) for name in ("m", "again"))
    assert after.table("samples", names) == before.table("samples", names)
    assert after.table("masks", ["noisy_digest"]) == before.table("masks", ["noisy_digest"])
    assert run("verify", "again", "--root", "tree")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "voc"), "unknown --format 'voc'. Known: actionvos, coco, cvat, davis, refvos, sam2, sam3, ytvis"),
        (
            ("--format", "coco", "--masks", "png"),
            "--masks png: only with --format actionvos, refvos, davis, sam2",
        ),
        (("--format", "actionvo"), "unknown --format 'actionvo'. Did you mean 'actionvos'?"),
        (("--format", "actionvos", "--labels", "dirty"), "unknown --labels 'dirty'"),
        (("--format", "actionvos", "--masks", "rle"), "--masks rle: only with --format refvos"),
        (("--format", "refvos", "--masks", "gif"), "unknown --masks 'gif'"),
        (("--format", "refvos", "--images", "all"), "unknown --images 'all'"),
        (("--format", "refvos", "--images", "copy"), "no folder for dataset 'actionvos'"),
        (("--format", "refvos", "--root", "nowhere"), "--root nowhere: no such folder"),
    ],
)
def test_bad_usage_prints_its_reason_and_exits_with_2(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run("export", "m", "--out", "x", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "tree"]


def test_an_interrupted_export_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ExportFolder, "write_mask", stop)
    code, _, err = run("export", "m", "--format", "refvos", "--out", "x")
    assert (code, "interrupted; nothing is at x" in err) == (130, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "tree"]
