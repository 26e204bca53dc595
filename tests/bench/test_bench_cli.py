"""``actiseg-bench`` from end to end, on a drawn dataset of five small clips in ActionVOS's layout."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bench_fakes import make_result
from PIL import Image

from actiseg_bench.results.result import write_result
from actiseg_bench.results.stored import read_results

NOUNS = {"1": ("left hand", 300, 1), "2": ("onion", 17, 1), "3": ("knife", 4, 0)}

PROTOCOL = """
id = "mini-v1"
dataset = "actionvos"
eval_split = "val_human"
strategies = ["baseline", "co_teaching"]
[tracks]
clean = "clean"
text-40 = "text-40"
[train]
steps = 2
clips_per_batch = 2
"""

QUICK = ["--weights", "none", "--threads", "1"]

Cli = Callable[..., tuple[int, str, str]]


def entry(seq_id: int, **flags: bool) -> dict[str, object]:
    objects = {
        key: {"name": noun, "class_id": class_id, "handbox": 0, "narration": 1, "positive": positive}
        for key, (noun, class_id, positive) in NOUNS.items()
    }
    return {
        "seq_id": seq_id,
        "video": f"P01_0{seq_id}",
        "verb": "cut",
        "noun": "onion",
        "narration": "cut onion",
        "start": 100 * seq_id,
        "end": 100 * seq_id + 50,
        "verb_class": 3,
        "noun_class": 17,
        "sparse_frames": ["frame_0000000001.jpg", "frame_0000000002.jpg"],
        "object_classes": objects,
        "redundant": False,
        "missing": False,
        "other": False,
    } | flags


def draw(root: Path, side: str, seq_id: int) -> None:
    """Three squares that move right by two pixels: a pale, a brown and a grey one."""
    colours = np.array([[20, 90, 40], [230, 180, 160], [150, 90, 30], [160, 160, 170]], np.uint8)
    for step in range(2):
        mask = np.zeros((48, 64), np.uint8)
        for k in (1, 2, 3):
            mask[8 * k : 8 * k + 14, 16 * k - 12 + 2 * step : 16 * k + 2 * step] = k
        name = f"{side}/{seq_id:08d}_P01_0{seq_id}_cut_onion/frame_{step + 1:010d}"
        for folder, image, suffix in (("JPEGImages", colours[mask], "jpg"), ("Annotations", mask, "png")):
            path = root / f"{folder}_Sparse" / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("actionvos")
    splits = {"train": [entry(i) for i in (1, 2, 3)], "val_human": [entry(4), entry(5, redundant=True)]}
    for split, entries in splits.items():
        (root / "ImageSets").mkdir(exist_ok=True)
        (root / "ImageSets" / f"{split}.json").write_text(json.dumps(entries))
        for item in entries:
            draw(root, "train" if split == "train" else "val", int(str(item["seq_id"])))
    return root


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "mini.toml"
    path.write_text(PROTOCOL)
    return path


def test_run_builds_trains_scores_and_prints_and_the_next_time_keeps_it_all(
    cli: Cli, data: Path, protocol: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    command = ["run", "--all", "--protocol", protocol, "--root", data, "--out", out, *QUICK]
    code, printed, _ = cli(*command)
    assert code == 0
    assert "model tiny · dataset actionvos · protocol mini-v1" in printed
    assert [
        line.split()[0].rstrip("†")
        for line in printed.splitlines()
        if line.startswith(("silent", "start", "base", "co_"))
        and line.split()[1][0] in "0123456789–"  # no line of a note
    ] == [
        "silent",
        "start",
        "baseline",
        "co_teaching",
    ] * 5  # two tracks, J&F and AP of each, and the summary
    results = read_results(out)
    assert len(results) == 2 + 2 * 2
    assert {r.counts["object_frames"] for r in results} == {6}
    assert {r.counts["flagged_clips"] for r in results} == {1}
    code, printed, _ = cli(*command, "--json")
    assert code == 0
    again = json.loads(printed)
    assert (again["kept"], again["failed"]) == (6, [])
    assert read_results(out) == results


def test_the_silent_row_is_what_silence_scores(cli: Cli, data: Path, protocol: Path, tmp_path: Path) -> None:
    options = ["--root", data, "--out", tmp_path / "runs", "--strategy", "baseline", "--track", "clean"]
    assert cli("run", "--protocol", protocol, *options, *QUICK)[0] == 0
    silent = next(r for r in read_results(tmp_path / "runs") if r.strategy == "silent")
    assert (silent.scores["p_miou"], silent.scores["giou"], silent.scores["acc"]) == (0, 1 / 3, 1 / 3)
    assert (silent.counts["fn"], silent.counts["tn"]) == (4, 2)


def test_equal_runs_in_two_places_have_equal_predictions(cli: Cli, data: Path, protocol: Path, tmp_path: Path) -> None:
    options = ["--root", data, "--strategy", "baseline", "--track", "text-40", *QUICK]
    for name in ("a", "b"):
        assert cli("run", "--protocol", protocol, *options, "--out", tmp_path / name)[0] == 0
    digests = [{r.strategy: (r.run_key, r.predictions) for r in read_results(tmp_path / name)} for name in ("a", "b")]
    assert digests[0] == digests[1]


def test_a_manifest_of_ones_own_is_a_track(cli: Cli, data: Path, tmp_path: Path) -> None:
    import actiseg_noise

    noisy = actiseg_noise.build("actionvos", root=data, recipe="flip-40", out=tmp_path / "noisy")
    clean = actiseg_noise.build("actionvos", root=data, split="val_human", out=tmp_path / "clean")
    options = ["--root", data, "--out", tmp_path / "runs", "--strategy", "gce", "--steps", 1, "--keep-weights", *QUICK]
    code, printed, told = cli("run", "--manifest", noisy, "--eval-manifest", clean, *options)
    assert code == 0
    assert f"runs are in {tmp_path / 'runs'}; next: actiseg-bench leaderboard {tmp_path / 'runs'} | " in told
    digest, truth = (actiseg_noise.read_manifest(path).digest for path in (noisy, clean))
    assert f"flip-40-{digest[:6]}" in printed
    (result,) = [r for r in read_results(tmp_path / "runs") if r.strategy == "gce"]
    assert (result.track.train_manifest, result.track.protocol, result.cost.steps) == (digest, "own", 1)
    place = tmp_path / "runs" / f"own-{truth[:6]}" / result.track.name / "tiny" / "gce-faithful" / "seed0"
    assert (place / "checkpoint.safetensors").is_file()
    code, printed, _ = cli("verify", tmp_path / "runs")
    assert code == 0
    why = "their evaluation labels are not at hand: give --eval-manifest DIR"
    assert f"not checked of 3 of 3 runs: scores, counts, failure modes, object-frames ({why})" in printed
    code, printed, _ = cli("verify", tmp_path / "runs", "--eval-manifest", clean)
    assert (code, "object-frames (" in printed) == (0, False)
    code, printed, _ = cli("verify", tmp_path / "runs", "--eval-manifest", noisy)
    assert (code, "3 of 3 runs failed a check" in printed) == (1, True)
    out = tmp_path / "masks"
    labels = ["--manifest", clean, "--root", data, "--device", "cpu", "--out", out]
    code, _, told = cli("predict", "--checkpoint", place, *labels)  # the folder stands for the checkpoint in it
    assert (code, f"next: actiseg-bench evaluate --pred {out} --manifest {clean}" in told) == (0, True)


@pytest.mark.parametrize(
    ("content", "root", "message"),
    [("text", "data", "the manifest has content 'text'"), ("full", "nowhere", "nowhere: no such folder")],
)
def test_manifests_that_no_run_can_use_are_refused_before_any_run(
    cli: Cli, data: Path, tmp_path: Path, content: str, root: str, message: str
) -> None:
    import actiseg_noise

    noisy = actiseg_noise.build("actionvos", root=data, content=content, out=tmp_path / "noisy")
    folder = data if root == "data" else tmp_path / root
    options = ["--strategy", "gce", "--out", tmp_path / "runs", "--root", folder, *QUICK]
    code, printed, told = cli("run", "--manifest", noisy, "--eval-manifest", noisy, *options)
    assert (code, printed) == (2, "")
    assert message in told
    assert not (tmp_path / "runs").exists()


def test_training_on_the_evaluation_clips_is_warned_of(cli: Cli, data: Path, tmp_path: Path) -> None:
    import actiseg_noise

    clean = actiseg_noise.build("actionvos", root=data, split="val_human", out=tmp_path / "clean")
    options = ["--root", data, "--out", tmp_path / "runs", "--strategy", "gce", "--steps", 1, *QUICK]
    _, _, told = cli("run", "--manifest", clean, "--eval-manifest", clean, *options)
    assert "2 evaluation clips are training clips too" in told


def test_a_failed_run_is_named_and_the_exit_code_is_1(
    cli: Cli, data: Path, protocol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from actiseg_bench.strategies.co_teaching import CoTeaching

    def fail(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(CoTeaching, "step", fail)
    options = ["--track", "clean", "--root", data, "--out", tmp_path / "runs"]
    code, printed, told = cli("run", "--protocol", protocol, *options, *QUICK)
    assert code == 1
    assert "error: clean co_teaching-faithful seed 0 failed: RuntimeError: boom" in told
    assert "baseline" in printed


def test_ctrl_c_exits_with_130_and_the_same_command_goes_on(
    cli: Cli, data: Path, protocol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from actiseg_bench.strategies.co_teaching import CoTeaching

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    options = ["--protocol", protocol, "--track", "clean", "--root", data, "--out", tmp_path / "runs", *QUICK]
    with monkeypatch.context() as patch:
        patch.setattr(CoTeaching, "step", interrupt)
        code, _, told = cli("run", *options)
    assert code == 130
    assert "finished runs are kept" in told
    assert not list(tmp_path.rglob("*.partial"))
    assert json.loads(cli("run", *options, "--json")[1])["kept"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "say what to run: --all, or --strategy"),
        (["run", "--all", "--protocol", "quik"], "unknown protocol 'quik'. Did you mean 'quick'?"),
        (["run", "--protocol", "nope"], "unknown protocol 'nope'. Known: actiseg-nl, full, full-v1, quick, quick-v1,"),
        (["run", "--protocol", "nope.toml"], "nope.toml: no such protocol file"),
        (["run", "--all", "--precision", "8"], "--precision 8: expected one of 32-true, bf16-mixed, 16-mixed"),
        (["run", "--all", "--device", "gpu"], "--device gpu: expected cpu, cuda, cuda:N or auto. Did you mean cuda?"),
        (["run", "--strategy", "gec"], "unknown strategy 'gec'. Did you mean 'gce'?"),
        (["run", "--track", "flip-4"], "unknown track 'flip-4'. Did you mean 'flip-40'?"),
        (["run", "--all", "--model", "tinny"], "unknown model 'tinny'. Did you mean 'tiny'?"),
        (["run", "--all", "--variant", "relased"], "no strategy has a variant 'relased'. Known: faithful, released"),
        (["run", "--all", "--manifest", "m"], "--manifest and --all contradict each other"),
        (["run", "--manifest", "m"], "--manifest and --eval-manifest go together"),
        (["run", "--manifest", "m", "--eval-manifest", "e"], "m: no such folder"),
        (["run", "--all", "--weights", "nowhere.safetensors"], "nowhere.safetensors: no such weights file"),
        (["run", "--all", "--device", "warp"], "--device warp: expected cpu, cuda, cuda:N or auto"),
        (["run", "--all", "--seeds", "0"], "invalid value for '--seeds'"),
        (["leaderboard", "nowhere"], "nowhere: no such folder"),
        (["leaderboard", ".", "--format", "mdd"], "unknown format 'mdd'. Did you mean 'md'?"),
        (["list", "strategy"], "nothing to list is called 'strategy'. Did you mean 'strategies'?"),
        (["evaluate"], "error: say what to score: --pred DIR"),
        (["evaluate", "--model", "tiny"], "error: --model: a network is scored on --manifest DIR"),
        (["evaluate", "--pred", "nowhere", "--gt", "g", "--split-json", "s"], "--pred nowhere: no such folder"),
    ],
)
def test_bad_usage_is_told_in_a_message_and_exits_with_2(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, printed, told = cli(*words)
    assert (code, printed) == (2, "")
    assert message in told
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--strategy", "gce", "--track", "flip-40", "--out", "out"],
        ["train", "--manifest", "MANIFEST", "--out", "out"],
        ["predict", "--manifest", "MANIFEST", "--model", "tiny", "--weights", "bundled", "--out", "out"],
    ],
)
def test_nothing_is_drawn_into_a_root(
    cli: Cli, noisy_val: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    named = [str(noisy_val) if word == "MANIFEST" else word for word in words]
    for root, message in (("empty", "of 'kitchen' is not drawn there"), ("typo", "--root typo: no such folder.")):
        code, _, told = cli(*named, "--root", root)
        assert (code, message in told) == (2, True)
    assert not list((tmp_path / "empty").iterdir())
    assert not (tmp_path / "typo").exists()


def test_evaluate_scores_folders(cli: Cli, data: Path) -> None:
    truth, split = data / "Annotations_Sparse" / "val", data / "ImageSets" / "val_human.json"
    code, printed, _ = cli("evaluate", "--pred", truth, "--gt", truth, "--split-json", split, "--json")
    found = json.loads(printed)
    assert code == 0
    assert (found["scores"]["p_miou"], found["scores"]["p_miou_hands"], found["scores"]["n_miou"]) == (1, 1, 1)
    assert (found["counts"]["clips"], found["counts"]["flagged_clips"]) == (1, 1)
    code, printed, _ = cli("evaluate", "--pred", truth, "--gt", truth, "--split-json", split, "--keep-flagged")
    assert "p-mIoU" in printed
    assert "clips 2, frames 4, object frames 12" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("form", "start"), [("table", "model tiny"), ("md", "# Leaderboard"), ("csv", "model,dataset")]
)
def test_the_leaderboard_prints_in_three_forms(cli: Cli, tmp_path: Path, form: str, start: str) -> None:
    (tmp_path / "a").mkdir()
    write_result(tmp_path / "a", make_result())
    code, printed, _ = cli("leaderboard", tmp_path, "--format", form)
    assert (code, printed.startswith(start)) == (0, True)
    assert json.loads(cli("leaderboard", tmp_path, "--json")[1])[0]["protocol"] == "quick-v1"


@pytest.mark.parametrize("words", [["leaderboard"], ["leaderboard", "--json"], ["analyze", "--json"]])
def test_one_result_that_cannot_be_read_is_named_and_the_others_are_shown(
    cli: Cli, tmp_path: Path, words: list[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_result(tmp_path / name, make_result())
    (tmp_path / "b" / "result.json").write_text('{"schema_version": 3, "result_digest": "x", "seed": "y"}')
    code, printed, error = cli(words[0], tmp_path, *words[1:])
    assert code == 1
    assert "quick-v1" in printed
    assert re.search(r"warning: left out: \S+/b/result\.json: missing keys: config, ", error)


@pytest.mark.parametrize(
    ("kind", "name"), [("strategies", "gce"), ("models", "tiny"), ("tracks", "flip-40"), ("protocols", "full")]
)
def test_list_says_what_there_is(cli: Cli, kind: str, name: str) -> None:
    assert name in cli("list", kind)[1]
    assert name in [row["name"] for row in json.loads(cli("list", kind, "--json")[1])]


def test_a_protocol_of_several_draws_lists_the_seeds_of_all(cli: Cli) -> None:
    rows = json.loads(cli("list", "tracks", "--protocol", "full", "--json")[1])
    assert {row["noise seeds"] for row in rows} == {"0, 1"}


HELP = """
import atexit, sys
from actiseg_bench.cli import main
atexit.register(lambda: print(*sys.modules, sep=chr(10), file=sys.stderr))
main()
"""


def test_asking_for_help_imports_nothing_heavy() -> None:
    found = subprocess.run([sys.executable, "-c", HELP, "--help"], capture_output=True, text=True, check=True)
    modules = found.stderr.splitlines()
    assert "leaderboard" in found.stdout
    assert "actiseg_bench.cli" in modules
    assert not {"torch", "numpy", "pyarrow", "pandas", "cv2", "PIL"} & set(modules)


def test_a_shorter_training_is_kept_apart_from_the_protocols_runs(
    cli: Cli, data: Path, protocol: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    command = ["run", "--strategy", "baseline", "--track", "clean", "--protocol", protocol, "--root", data]
    for steps in ([], ["--steps", 2], ["--steps", 1]):
        assert cli(*command, "--out", out, *QUICK, *steps)[0] == 0
    trained = {r.track.protocol: r.cost.steps for r in read_results(out) if not r.is_reference}
    assert trained == {"mini-v1": 2, "mini-v1+1-steps": 1}


def test_a_hyper_parameter_of_one_s_own_is_another_protocol_and_reaches_the_strategy(
    cli: Cli, data: Path, protocol: Path, tmp_path: Path
) -> None:
    options = ["--root", data, "--out", tmp_path / "runs", "--strategy", "gce", "--track", "clean", *QUICK]
    assert cli("run", "--protocol", protocol, *options, "--option", "q=0.5", "--dice", "0")[0] == 0
    (result,) = (r for r in read_results(tmp_path / "runs") if r.strategy == "gce")
    assert result.track.protocol.startswith("mini-v1+")
    assert result.track.protocol.endswith("dice-0.0+q-0.5")
    assert result.config["strategy_options"] == {"q": 0.5}
    assert result.config["train"]["loss"]["dice"] == 0


@pytest.mark.parametrize(
    ("option", "message"),
    [("q", "expected NAME=VALUE"), ("p=1", "strategy 'gce' has no option 'p'. Known: additive")],
)
def test_a_hyper_parameter_that_is_none_is_refused(
    cli: Cli, data: Path, protocol: Path, tmp_path: Path, option: str, message: str
) -> None:
    command = ["run", "--protocol", protocol, "--root", data, "--out", tmp_path / "runs", "--strategy", "gce"]
    code, _, error = cli(*command, "--track", "clean", "--option", option)
    assert code == 2
    assert message in error


def test_of_all_strategies_those_without_a_published_variant_run_as_their_paper_says(
    cli: Cli, data: Path, protocol: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    options = ["--protocol", protocol, "--root", data, "--out", out, "--track", "clean", *QUICK]
    assert cli("run", *options, "--variant", "released")[0] == 0
    variants = {r.strategy: r.variant for r in read_results(out) if not r.is_reference}
    assert variants == {"baseline": "faithful", "co_teaching": "released"}
    code, _, error = cli("run", *options, "--strategy", "baseline", "--variant", "released")
    assert (code, "strategy 'baseline' has no variant 'released'" in error) == (2, True)
