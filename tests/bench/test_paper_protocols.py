"""The paper's grid as protocols: what they hold, which folders they ask for, and every method end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from deposit_visor import SPARSE, image_name, write_visor
from deposits import save_frame, write_actionvos, write_vost
from PIL import Image

import actiseg_noise
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.plan import changed_id, make_plan
from actiseg_bench.grid.protocols import load_protocol, published_notes
from actiseg_bench.grid.tracks import check_roots
from actiseg_bench.results.stored import read_results
from actiseg_noise.errors import ActisegError, DataError

Cli = Callable[..., tuple[int, str, str]]
PAPERS = ("actiseg-nl", "vost", "vscos")
METHODS = ("baseline", "co_teaching", "sce", "gce", "apl", "elr", "npn", "pmhm")
LEVELS = ("text-20", "text-40", "text-60", "mask-9", "mask-15", "mask-21", "mixed-20-9", "mixed-40-15", "mixed-60-21")
SMALL = """
[train]
frames_per_clip = 2
[train.rates]
[train.augment]
flip = 0.5
"""


@pytest.mark.parametrize("name", PAPERS)
def test_the_paper_s_grid_is_ten_kinds_of_labels_and_eight_methods_as_released(name: str) -> None:
    found = load_protocol(name)
    assert found.tracks == {track: track for track in ("clean", *LEVELS)}
    assert found.strategies == METHODS
    assert (found.id, found.variant, found.model) == (f"{name}-v1", "released", "referformer-r101")
    assert (found.seeds, found.noise_seeds, found.validation_split) == (1, (0,), "")


def test_it_trains_as_actionvos_does_and_is_scored_on_another_layout_than_it_trains_on() -> None:
    found = load_protocol("actiseg-nl")
    train = make_plan(RunOptions(protocol="actiseg-nl", weights="none")).base.train
    assert (train.epochs, train.drops, train.item, train.clips_per_batch) == (6, (3, 5), "window", 1)
    assert (train.learning_rate, train.rates, train.action_weights) == (1e-4, {"backbone.0": 0.5}, True)
    assert (train.loss.dice_over, train.loss.dice) == ("all", 1.0)
    assert (found.dataset, found.train_split) == ("visor", "train")
    assert (found.scored_dataset, found.eval_split) == ("actionvos", "val_human")
    assert not load_protocol("vost").train["action_weights"]
    assert load_protocol("vost").scored_dataset == "vost"


def test_the_protocol_s_own_configuration_may_be_said_and_another_is_another_protocol(tmp_path: Path) -> None:
    def planned(*, config: str | None) -> tuple[str, object]:
        plan = make_plan(RunOptions(protocol="actiseg-nl", config=config))
        assert plan.protocol is not None
        return changed_id(plan.protocol, plan.options.changes()), plan.base

    assert planned(config="actionvos") == planned(config=None)
    (tmp_path / "small.toml").write_text(SMALL)
    name, base = planned(config=str(tmp_path / "small.toml"))
    assert name == "actiseg-nl-v1+config-small"
    assert base.train.frames_per_clip == 2 and base.train.epochs == 6  # type: ignore[attr-defined]


def test_methods_run_as_released_unless_somebody_says_otherwise() -> None:
    assert make_plan(RunOptions(protocol="actiseg-nl")).variant == "released"
    assert make_plan(RunOptions(protocol="actiseg-nl", strategy=("baseline",))).variant == "released"
    assert make_plan(RunOptions(protocol="actiseg-nl", variant="faithful")).variant == "faithful"
    assert make_plan(RunOptions(protocol="quick")).variant == "faithful"
    with pytest.raises(ActisegError, match="'baseline' has no variant 'released'"):
        make_plan(RunOptions(protocol="actiseg-nl", strategy=("baseline",), variant="released"))


def test_a_protocol_s_keys_go_before_those_of_its_configuration_table_by_table(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'id = "own"\ndataset = "vost"\nconfig = "small.toml"\n[tracks]\nclean = "clean"\n[train.augment]\nzoom = 2.0\n'
    )
    (tmp_path / "small.toml").write_text(SMALL)
    found = load_protocol(tmp_path / "own.toml")
    assert found.train == {"frames_per_clip": 2, "rates": {}, "augment": {"flip": 0.5, "zoom": 2.0}}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('config = "actionvoss"', r"own.toml: config: unknown configuration 'actionvoss'. Did you mean 'actionvos'"),
        ('notes = ["two\\nlines"]', "notes are a list of texts of one line each"),
        ('notes = "text"', "notes cannot be 'text'"),
        ("eval_dataset = 3", "eval_dataset cannot be 3"),
    ],
)
def test_a_malformed_key_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(f'id = "own"\ndataset = "vost"\n{line}\n[tracks]\nclean = "clean"\n')
    with pytest.raises(ActisegError, match=message):
        load_protocol(tmp_path / "own.toml")


# the two folders


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACTISEG_DATA", "ACTISEG_VISOR_ROOT", "ACTISEG_ACTIONVOS_ROOT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def deposits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return VISOR's deposit, with small frames for all videos, and ActionVOS's preparation of it."""
    folder = tmp_path_factory.mktemp("deposits")
    visor = write_visor(folder / "visor")
    frames = {"P01/P01_107": (100, 130, 160, 200), "P06_13": (128, 181, 240)}
    for place, numbers in frames.items():
        for number in numbers:
            path = visor / SPARSE / "rgb_frames/train" / place / image_name(place[-7:].strip("/"), number)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (192, 108), (number % 256, 90, 90)).save(path)
    return visor, write_actionvos(folder / "dataset_visor")


def test_a_missing_folder_is_named_with_what_it_is_for_and_how_to_get_it(deposits: tuple[Path, Path]) -> None:
    visor, prepared = deposits
    protocol, find = load_protocol("actiseg-nl"), actiseg_noise.dataset_root
    check_roots(protocol, visor, prepared, find)
    with pytest.raises(DataError, match=r"trains on dataset 'visor', split 'train': .*Get it: .* pass --root DIR"):
        check_roots(protocol, None, prepared, find)
    with pytest.raises(
        DataError, match=r"scored on dataset 'actionvos', split 'val_human': .*data_prepare_visor.py.* --eval-root DIR"
    ):
        check_roots(protocol, visor, None, find)
    with pytest.raises(DataError, match=r"scored on .*: --eval-root .*nowhere: no such folder. Get it: "):
        check_roots(protocol, visor, prepared / "nowhere", find)
    with pytest.raises(DataError, match=r"scored on .*: --eval-root .*: expected a folder that holds ImageSets or"):
        check_roots(protocol, visor, prepared.parent, find)


def test_one_folder_is_enough_where_one_dataset_is_trained_and_scored_on(tmp_path: Path) -> None:
    vost, find = write_vost(tmp_path / "vost"), actiseg_noise.dataset_root
    check_roots(load_protocol("vost"), vost, None, find)
    with pytest.raises(DataError, match="scored on dataset 'vost', split 'val': --eval-root"):
        check_roots(load_protocol("vost"), vost, tmp_path / "nowhere", find)


def test_the_command_says_which_folder_is_missing_before_anything_is_built(
    cli: Cli, tmp_path: Path, deposits: tuple[Path, Path]
) -> None:
    words = ["--protocol", "actiseg-nl", "--model", "referformer-mini", "--out", tmp_path / "out"]
    code, _, told = cli("run", *map(str, [*words, "--root", deposits[0]]))
    assert code == 2
    assert "protocol actiseg-nl-v1 is scored on dataset 'actionvos', split 'val_human'" in told
    assert "--eval-root DIR, or set ACTISEG_ACTIONVOS_ROOT=DIR" in told
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_dataset_is_named_with_its_flag(
    cli: Cli, tmp_path: Path, deposits: tuple[Path, Path]
) -> None:
    other = tmp_path / "other"
    (other / "ImageSets").mkdir(parents=True)
    words = ["--protocol", "actiseg-nl", "--model", "referformer-mini", "--out", tmp_path / "out", "--dry-run"]
    code, _, told = cli("run", *map(str, [*words, "--root", deposits[0], "--eval-root", other]))
    assert code == 2
    assert f"reads dataset 'actionvos', split 'val_human', --eval-root {other}: " in " ".join(told.split())


def test_rates_of_parts_that_a_model_lacks_are_refused_before_anything_is_built(
    cli: Cli, tmp_path: Path, deposits: tuple[Path, Path]
) -> None:
    roots = ["--root", deposits[0], "--eval-root", deposits[1], "--out", tmp_path / "out"]
    code, _, told = cli("run", "--protocol", "actiseg-nl", "--model", "tiny", *map(str, roots))
    assert code == 2
    assert "rates in [train] names 'backbone.0'" in told
    assert not (tmp_path / "out").exists()


# end to end


def test_every_method_of_the_paper_runs_on_visor_and_is_scored_on_val_human(
    cli: Cli, tmp_path: Path, deposits: tuple[Path, Path]
) -> None:
    """The whole way at a tiny size: deposits, manifests, eight methods as released, tables that say what differs."""
    visor, prepared = deposits
    (tmp_path / "small.toml").write_text(SMALL)
    words = ["--protocol", "actiseg-nl", "--model", "tiny", "--config", tmp_path / "small.toml", "--steps", 2]
    words += ["--track", "mixed-40-15", "--root", visor, "--eval-root", prepared, "--threads", 1, "--device", "cpu"]
    code, printed, told = cli("run", *map(str, [*words, "--out", tmp_path / "out", "--json"]))
    assert code == 0, told
    results = read_results(tmp_path / "out")
    variants = {r.strategy: r.variant for r in results if not r.is_reference}
    assert variants == {name: "faithful" if name == "baseline" else "released" for name in METHODS}
    assert {r.track.protocol for r in results} == {"actiseg-nl-v1+2-steps+config-small"}
    assert {r.track.dataset for r in results} == {"visor"}
    evaluation = actiseg_noise.read_manifest(tmp_path / "out/manifests/actionvos/val_human/clean-s0")
    assert {r.track.eval_manifest for r in results} == {evaluation.digest}
    (board,) = json.loads(printed)["leaderboards"]
    assert all(note in board["notes"] for note in published_notes("actiseg-nl-v1"))
    code, printed, told = cli("run", *map(str, [*words, "--out", tmp_path / "out", "--json"]))
    assert (code, json.loads(printed)["kept"]) == (0, 10)
    checked = ["verify", tmp_path / "out", "--root", visor, "--eval-root", prepared, "--json"]
    code, printed, told = cli(*map(str, checked))
    assert (code, json.loads(printed)["findings"]) == (0, [])
    assert "pictures" in json.loads(printed)["checked"]
    code, printed, _ = cli(*map(str, ["verify", tmp_path / "out", "--root", visor, "--json"]))
    assert [one["why"] for one in json.loads(printed)["unchecked"] if one["what"] == "pictures"] == [
        "give the folder of the eval pictures: --eval-root"
    ]


def test_vost_runs_from_one_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    vost = write_vost(tmp_path / "vost")
    for masks in sorted((vost / "Annotations").iterdir()):
        save_frame(vost / "JPEGImages" / masks.name / "frame00018.jpg")  # the one that it has a mask of and no image
    words = ["--protocol", "vost", "--model", "tiny", "--config", tmp_path / "small.toml", "--steps", 1, "--threads", 1]
    words += ["--track", "text-40", "--strategy", "baseline", "--strategy", "npn", "--device", "cpu"]
    words += ["--root", vost, "--out", tmp_path / "out"]
    code, printed, told = cli("run", *map(str, words))
    assert code == 0, told
    assert "A clip has one object, which always takes part" in printed
