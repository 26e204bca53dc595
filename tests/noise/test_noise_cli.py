"""The command line, end to end: what is typed, what is printed, how it exits."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
from deposits import write_actionvos, write_vost

import actiseg_noise
from actiseg_noise.cli import main

Run = Callable[..., "Result"]


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs ``actiseg-noise`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACTISEG_DATA", raising=False)

    def run_(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["actiseg-noise", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return Result(int(stop.value.code or 0), printed.out, printed.err)

    return run_


@pytest.fixture
def vost(tmp_path: Path) -> Path:
    return write_vost(tmp_path / "vost")


def test_the_users_own_sentence_works_as_typed(run: Run, vost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTISEG_VOST_ROOT", str(vost))
    result = run("build", "--dataset", "vost", "--flip", "0.3")
    assert result.code == 0
    assert "written to manifests/vost/train/flip-30-s0" in result.out
    assert "next: actiseg-noise inspect manifests/vost/train/flip-30-s0 | actiseg-noise verify " in result.err
    manifest = actiseg_noise.read_manifest("manifests/vost/train/flip-30-s0")
    assert manifest.digest in result.out
    assert "category_flip-v1" in result.out
    assert manifest.info.counts["clips"] == 3
    again = run("build", "--dataset", "vost", "--flip", "0.3", "--force", "--json")
    assert json.loads(again.out)["digest"] == manifest.digest
    assert "next:" not in again.err


def test_build_verify_inspect(run: Run, vost: Path) -> None:
    noise = ("--flip", 0.5, "--noun", 1, "--boundary", 3, "--boundary-unit", "px", "--boundary-rate", 1)
    built = run("build", "--dataset", "vost", "--root", vost, *noise, "--seed", 4, "--out", "m", "--workers", 2)
    assert built.code == 0
    assert run("verify", "m").out.startswith(
        "all checks passed: schema, counts, order, digests, run lengths, statements, references, dataset card, draws, "
    )
    checked = run("verify", "m", "--root", vost)
    assert (checked.code, "the dataset" in checked.out) == (0, True)
    shown = run("inspect", "m").out
    for text in (
        "vost/train/flip-50+noun-100+dilate-3px-s4",
        "kernel 3, unit px",
        "IoU with the clean mask",
    ):
        assert text in shown


def test_json_is_json_and_nothing_else(run: Run, vost: Path) -> None:
    built = json.loads(
        run("build", "--dataset", "vost", "--root", vost, "--recipe", "text-40", "--out", "m", "--json").out
    )
    assert (built["path"], built["recipe"]["id"]) == ("m", "text-40")
    inspected = json.loads(run("inspect", "m", "--json").out)
    assert inspected["digest"] == built["digest"]
    assert sum(row["samples"] for row in inspected["confusions"]) == sum(n["realised"] for n in inspected["noises"])
    assert json.loads(run("verify", "m", "--json").out)["holds"] is True
    for command in ("datasets", "noises", "recipes"):
        rows = json.loads(run(command, "--json").out)
        assert all(row["name"] for row in rows)


def test_lists_name_what_there_is(run: Run) -> None:
    assert {"kitchen", "vost", "actionvos"} <= set(run("datasets").out.split())
    assert "category_flip-v1" in run("noises").out
    assert "mixed-40-15" in run("recipes").out


def test_a_changed_cell_is_named_and_exits_with_1(run: Run, vost: Path) -> None:
    run("build", "--dataset", "vost", "--root", vost, "--flip", 1, "--content", "text", "--out", "m")
    table = pq.read_table("m/samples.parquet")
    index = table.column_names.index("noisy_noun")
    changed = table.set_column(index, table.schema.field(index), [["spoon", *table["noisy_noun"].to_pylist()[1:]]])
    pq.write_table(changed, "m/samples.parquet")
    result = run("verify", "m")
    assert result.code == 1
    assert (
        "samples.parquet, row clip_id='10_tear_aluminium_foil', object_id=1, column noisy_noun: expected" in result.out
    )
    assert json.loads(run("verify", "m", "--json").out)["holds"] is False


def test_a_dry_run_writes_nothing(run: Run, vost: Path, tmp_path: Path) -> None:
    result = run("build", "--dataset", "vost", "--root", vost, "--recipe", "text-40", "--dry-run", "--json")
    plan = json.loads(result.out)
    assert plan["out"] == "manifests/vost/train/text-40-s0"
    assert (plan["clips"], plan["samples"], plan["masks to read"]) == (3, 3, 9)
    assert [path.name for path in tmp_path.iterdir()] == ["vost"]
    shown = run("build", "--dataset", "vost", "--root", vost, "--dry-run").out
    assert "nothing is written" in shown
    assert re.search(r"size +about .*B, by 3 of 3 clips", shown)


def test_clips_may_be_named_one_by_one_or_in_a_file(run: Run, vost: Path, tmp_path: Path) -> None:
    names = ["9_cut_jalapeño", "455_open_cereal box: the big one"]
    build = ("build", "--dataset", "vost", "--root", vost, "--flip", 1, "--content", "text")
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n", "utf-8")
    one_by_one = [value for name in names for value in ("--clips", name)]
    assert run(*build, *one_by_one, "--out", "one").code == 0
    assert run(*build, "--clips", "@names.txt", "--out", "two").code == 0
    one, two = (actiseg_noise.read_manifest(name) for name in ("one", "two"))
    assert one.digest == two.digest
    assert one.table("clips")["clip_id"].to_pylist() == sorted(names)


def test_missing_videos_are_listed_or_skipped_and_counted(run: Run, tmp_path: Path) -> None:
    root = write_vost(tmp_path / "data", without_masks=["9_cut_jalapeño"])
    build = ("build", "--dataset", "vost", "--root", root, "--flip", 1, "--out", "m")
    refused = run(*build)
    assert refused.code == 2
    assert "9_cut_jalapeño" in refused.err
    assert not (tmp_path / "m").exists()
    assert "1 listed clips whose files or texts are missing" in run(*build, "--skip-missing").out
    assert actiseg_noise.read_manifest("m").info.skipped == ("9_cut_jalapeño",)
    assert run("verify", "m", "--root", root).code == 0
    assert "m is already built" in run(*build, "--skip-missing", "--resume").err
    assert "m: the output exists" in run(*build, "--resume").err, (
        "clips were left out, which this build does not ask for"
    )


def test_instances_are_kept_on_request(run: Run, vost: Path) -> None:
    build = ("build", "--dataset", "vost", "--root", vost, "--flip", 1, "--objects", "instances", "--out", "m")
    assert run(*build).code == 0
    assert actiseg_noise.read_manifest("m").info.counts["samples"] == 6
    assert run("verify", "m", "--root", vost).code == 0


def test_an_actionvos_split_is_built(run: Run, tmp_path: Path) -> None:
    root = write_actionvos(tmp_path / "data")
    noise = ("--boundary", 3, "--boundary-unit", "px", "--flip", 0.5)
    assert run("build", "--dataset", "actionvos", "--root", root, *noise, "--out", "m").code == 0
    assert run("verify", "m", "--root", root).code == 0
    refused = run("build", "--dataset", "actionvos", "--root", root, "--split", "val_human", *noise)
    assert "--allow-eval" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "vsot"), "error: unknown dataset 'vsot'. Did you mean 'vost'?"),
        (("--dataset", "vost"), "error: no folder for dataset 'vost'"),
        (("--dataset", "vost", "--root", "nowhere"), "error: --root nowhere: no such folder"),
        (("--dataset", "vost", "--root", "vost", "--flip", "1.2"), "--flip: expected a rate between 0 and 1, got 1.2"),
        (("--dataset", "vost", "--root", "vost", "--flip", "30"), "got 30.0; did you mean 0.3?"),
        (("--dataset", "vost", "--flip", "30x"), "error: --flip: expected a number, got '30x'\n"),
        (("--dataset", "vost", "--boundary-rate", "x"), "error: --boundary-rate: expected a number, got 'x'\n"),
        (("kitchen",), "error: kitchen: a dataset is named by an option: --dataset kitchen"),
        ((), "error: say what to build: --dataset NAME; 'actiseg-noise datasets' lists them"),
        (("--dataset", "vost", "more"), "error: more: belongs to no option"),
        (("--dataset", "kitchen", "--objects", "merged"), "dataset 'kitchen' has no option 'objects'. Known: none"),
        (("--dataset", "vost", "--option", "object=x"), "no option 'object'. Did you mean 'objects'? Known: objects"),
        (
            ("--dataset", "vost", "--root", "vost", "--boundary", "9", "--boundary-unit", "x"),
            "--boundary 9 --boundary-unit x: expected 480p or px as the boundary's unit, got 'x'",
        ),
        (("--dataset", "vost", "--root", "vost", "--noun", "nan"), "--noun: expected a rate between 0 and 1, got nan"),
        (
            ("--dataset", "vost", "--root", "vost", "--recipe", "text-40", "--flip", "0.2"),
            "error: --recipe text-40 and --flip contradict each other",
        ),
        (("--dataset", "vost", "--root", "vost", "--recipe", "text40"), "Did you mean 'text-40'?"),
        (("--dataset", "vost", "--root", "vost", "--recipe", "mine.toml"), "mine.toml: no such recipe file"),
        (
            ("--dataset", "vost", "--root", "vost", "--boundary", "4"),
            "--boundary 4: expected an odd number of pixels as the kernel, 3 or more, got 4",
        ),
        (("--dataset", "vost", "--root", "vost", "--boundary-rate", ".5"), "--boundary-unit need --boundary K"),
        (("--dataset", "vost", "--root", "vost", "--clips", "9_cut"), "Did you mean '9_cut_jalapeño'?"),
        (("--dataset", "vost", "--root", "vost", "--clips", "@none"), "none: the file is missing"),
        (
            ("--dataset", "vost", "--root", "vost", "--clips", "@/dev/null"),
            "/dev/null: a pipe or device stands",
        ),
        (("--dataset", "vost", "--root", "vost", "--split", "tran"), "has no split 'tran'. Known: train, val, test"),
        (("--dataset", "vost", "--root", "vost", "--objects", "all"), "--objects 'all': expected one of merged"),
    ],
)
def test_bad_usage_prints_its_reason_and_exits_with_2(
    run: Run, vost: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("build", *arguments)
    assert result.code == 2
    assert message in result.err
    assert result.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["vost"]


def test_no_manifest_is_an_error(run: Run, tmp_path: Path) -> None:
    for command in ("inspect", "verify"):
        result = run(command, tmp_path)
        assert result.code == 2
        assert "so this is not a finished manifest folder" in result.err


def test_a_file_of_a_manifest_is_no_manifest_and_its_folder_is_proposed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "manifest.json").write_text("{}")
    (tmp_path / "file").write_text("")
    for command in ("inspect", "verify"):
        assert run(command, "m/manifest.json").err == "error: m/manifest.json: a file; give the manifest's folder, m\n"
        assert run(command, "file").err == "error: file: a file; give the manifest's folder\n"
        assert run(command, "none").err.startswith("error: none: no such folder; expected a manifest's")


def test_an_output_that_cannot_be_written_is_an_error(run: Run, vost: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("build", "--dataset", "vost", "--root", vost, "--out", "file/m")
    assert result.code == 2
    assert result.err.startswith("error: file/m: cannot be written (Not a directory)")
    assert "choose another --out" in result.err


def test_a_full_disk_leaves_nothing_and_the_same_command_continues(
    run: Run, vost: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from actiseg_noise.manifest.write import ManifestWriter

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    command = ("build", "--dataset", "vost", "--root", vost, "--out", "m")
    with monkeypatch.context() as patch:
        patch.setattr(ManifestWriter, "append", fail)
        result = run(*command)
    assert result.code == 2
    assert "No space left on device); nothing is at m. Make room: the same command continues" in result.err
    assert not (tmp_path / "m").exists()
    assert run(*command).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "vost"]


def test_an_unknown_option_exits_with_2(run: Run) -> None:
    assert run("build", "--dataset", "vost", "--flips", "0.3").code == 2


@pytest.mark.parametrize("command", ["--help", "build --help", "verify --help"])
def test_help_is_quick_and_imports_nothing_heavy(command: str) -> None:
    code = (
        "import sys; from actiseg_noise.cli import main; sys.argv[1:] = sys.argv[1].split()\n"
        "try: main()\n"
        "finally: print({'numpy', 'cv2', 'pyarrow', 'pandas', 'torch', 'PIL'} & set(sys.modules), file=sys.stderr)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    assert "Usage" in done.stdout
    assert time.perf_counter() - start < 10, "far above the contract: benchmarks measure, this only catches an accident"


@pytest.mark.parametrize("tool", ["noise", "bench"])
def test_the_version_is_printed_without_numpy_and_opencv(tool: str) -> None:
    code = (
        f"import sys; from actiseg_{tool}.cli import main; sys.argv[1:] = ['--version']\n"
        "try: main()\n"
        "finally: print({'numpy', 'cv2', 'torch'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    assert done.stdout == f"actiseg-{tool} {actiseg_noise.__version__}\n"


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, actiseg_noise; print({'numpy', 'pyarrow', 'typer'} & set(sys.modules)); actiseg_noise.build"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_public_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'biuld'"):
        _ = actiseg_noise.biuld  # type: ignore[attr-defined]
