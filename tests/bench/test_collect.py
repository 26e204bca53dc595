"""``collect``: what is brought together counts once, stands as it was, contradicts nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeRunner, PerfectRunner, make_track, run_grid
from places_fakes import grid_of, labels

import actiseg_noise
from actiseg_bench.check.verify import verify_runs
from actiseg_bench.grid import collect as collecting
from actiseg_bench.grid.collect import CollectError, collect_runs
from actiseg_bench.grid.run import RunSpec, make_grid
from actiseg_bench.grid.shards import Shard
from actiseg_bench.grid.tracks import Track, open_track
from actiseg_bench.report.leaderboard import leaderboard
from actiseg_bench.results.result import ResultError, read_result, write_result
from actiseg_bench.results.stored import read_results
from actiseg_noise.borders.locks import locked
from actiseg_noise.borders.writing import WriteError
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
PLACE = "quick-v1/clean/tiny/gce-faithful/seed0"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, kitchen_root: Path) -> Path:
    """The runs of a grid in one folder, ``whole``, and the same in three: ``1``, ``2`` and ``3``."""
    folder = tmp_path_factory.mktemp("places")
    grid = grid_of(labels(folder / "whole", kitchen_root))
    assert not run_grid(grid, PerfectRunner(), folder / "whole").failed
    for i in (1, 2, 3):
        shutil.copytree(folder / "whole" / "manifests", folder / str(i) / "manifests")
        part = Shard(i, 3).choose(spec.name for spec in grid)
        for spec in grid:
            if spec.name in part:
                shutil.copytree(spec.folder(folder / "whole"), spec.folder(folder / str(i)))
    return folder


def files_below(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("links", [False, True])
def test_three_places_make_the_folder_and_the_leaderboard_of_one(places: Path, tmp_path: Path, links: bool) -> None:
    found = collect_runs([places / "1", places / "2", places / "3"], tmp_path / "all", links=links)
    assert (found.runs, found.added, found.equal, found.manifests, found.without_labels) == (8, 8, 0, 2, ())
    assert files_below(tmp_path / "all") == files_below(places / "whole")
    assert str(leaderboard(tmp_path / "all")) == str(leaderboard(places / "whole"))
    assert verify_runs(tmp_path / "all").findings == ()
    is_link = {p.name: p.is_symlink() for p in (tmp_path / "all").rglob("*") if p.is_file()}
    assert is_link["predictions.parquet"] == is_link["masks.parquet"] == links
    assert not is_link["result.json"]
    assert not is_link["manifest.json"]


def test_equal_runs_count_once_and_a_second_time_brings_nothing(places: Path, tmp_path: Path) -> None:
    first = collect_runs([places / "1", places / "whole"], tmp_path)
    assert (first.runs, first.added, first.equal) == (8, 8, len(read_results(places / "1")))
    again = collect_runs([places / "whole"], tmp_path)
    assert (again.runs, again.added, again.equal, again.manifests) == (8, 0, 8, 0)


def test_runs_that_are_there_stay_and_others_come(places: Path, tmp_path: Path) -> None:
    collect_runs([places / "1"], tmp_path)
    found = collect_runs([places / "2", places / "3"], tmp_path)
    assert (found.runs, found.added) == (8, 8 - len(read_results(places / "1")))
    assert str(leaderboard(tmp_path)) == str(leaderboard(places / "whole"))


def test_a_killed_collect_is_gone_on_from_and_leaves_nothing_half_written(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = collecting.copy_file
    count = 0

    def kill(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == 8:
            raise KeyboardInterrupt
        copied(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(collecting, "copy_file", kill)
        collect_runs([places / "whole"], tmp_path / "all")
    left = read_results(tmp_path / "all")
    assert 0 < len(left) < 8
    assert verify_runs(tmp_path / "all", places / "whole" / "manifests" / "kitchen" / "val" / "clean-s0").findings == ()
    found = collect_runs([places / "whole"], tmp_path / "all")
    assert (found.runs, found.added) == (8, 8 - len(left))
    assert files_below(tmp_path / "all") == files_below(places / "whole")


def test_a_full_disk_is_said_and_nothing_half_written_is_left(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise WriteError(target, OSError(28, "No space left on device"))

    monkeypatch.setattr(collecting, "copy_file", full)
    with pytest.raises(WriteError, match="no room to write"):
        collect_runs([places / "whole"], tmp_path / "all")
    assert not list((tmp_path / "all").rglob("*.parquet"))
    assert not list((tmp_path / "all").rglob("*.partial"))


# Contradictions: small runs of a fake whose labels are words.


def runs(folder: Path, track: Track | None = None, **more: Any) -> Path:
    """Make the runs of gce and baseline on one track in a folder."""
    grid = make_grid([track or make_track("clean", "labels")], ["gce", "baseline"], "faithful", 1, "tiny")
    runner = FakeRunner(**more)
    assert not run_grid(grid, runner, folder).failed
    return folder


def refused(tmp_path: Path, message: str) -> None:
    """Collect ``a`` and ``b``, and see that it is refused with both places named and nothing written."""
    with pytest.raises(CollectError, match=message) as error:
        collect_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert str(tmp_path / "a" / "quick-v1") in str(error.value)
    assert str(tmp_path / "b" / "quick-v1") in str(error.value)
    assert not (tmp_path / "all").exists() or not list((tmp_path / "all").iterdir())


def test_another_protocol_under_one_id_is_refused(tmp_path: Path) -> None:
    runs(tmp_path / "a", config={"train": {"steps": 3}, "seed": 0, "threads": 2})
    runs(tmp_path / "b", make_track("text-40", "noisy"), config={"train": {"steps": 4}, "seed": 0, "threads": 2})
    refused(tmp_path, r"trainings of one protocol differ \(protocol quick-v1, .*: steps 3 and 4\)")


def test_a_row_with_other_options_is_refused(tmp_path: Path) -> None:
    runs(tmp_path / "a", config={"train": {"steps": 3}, "strategy_options": {"q": 0.7}})
    runs(tmp_path / "b", make_track("text-40", "noisy"), config={"train": {"steps": 3}, "strategy_options": {"q": 0.5}})
    refused(tmp_path, r"runs of one row are configured differently .*strategy_options\.q 0\.7 and 0\.5")


def test_the_machine_may_differ(tmp_path: Path) -> None:
    runs(tmp_path / "a", config={"train": {"steps": 3}, "threads": 2, "device": "cpu"})
    runs(tmp_path / "b", make_track("text-40", "noisy"), config={"train": {"steps": 3}, "threads": 8, "device": "cuda"})
    shutil.rmtree(tmp_path / "b" / "quick-v1" / "reference")
    assert collect_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "all").runs == 6


def test_other_labels_under_one_name_and_seed_are_refused(tmp_path: Path) -> None:
    runs(tmp_path / "a")
    runs(tmp_path / "b", make_track("clean", "other labels"))
    refused(tmp_path, "training labels of one track and noise seed differ .*labels 'labels' and 'other labels'")


def test_other_evaluation_labels_of_one_protocol_are_refused(tmp_path: Path) -> None:
    track = make_track("text-40", "noisy")
    runs(tmp_path / "a")
    runs(tmp_path / "b", replace(track, info=replace(track.info, eval_manifest="others")))
    refused(tmp_path, "evaluation labels differ .*labels 'eval' and 'others'")


def test_two_results_of_one_run_are_refused(tmp_path: Path) -> None:
    runs(tmp_path / "a")
    runs(tmp_path / "b")
    path = tmp_path / "b" / PLACE / "result.json"
    result = read_result(path)
    write_result(path.parent, replace(result, scores=result.scores | {"giou": 0.25}))
    refused(tmp_path, r"two different results of one run .*: scores\.giou 1\.0 and 0\.25")


def test_runs_that_differ_in_cost_and_time_alone_are_one(tmp_path: Path) -> None:
    runs(tmp_path / "a")
    runs(tmp_path / "b")
    path = tmp_path / "b" / PLACE / "result.json"
    result = read_result(path)
    made = replace(result.provenance, when="later", platform="another")
    write_result(path.parent, replace(result, cost=replace(result.cost, train_s=9.0), provenance=made))
    found = collect_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert (found.runs, found.equal) == (4, 4)
    assert read_result(tmp_path / "all" / PLACE / "result.json").cost.train_s != 9.0


def test_two_runs_of_one_place_are_refused(tmp_path: Path) -> None:
    """As two versions of the code make them."""
    runs(tmp_path / "a")
    runs(tmp_path / "b")
    path = tmp_path / "b" / PLACE / "result.json"
    result = read_result(path)
    write_result(path.parent, replace(result, run_key="another"))
    refused(tmp_path, f"two different runs would be {PLACE}")


def test_runs_of_two_protocols_may_share_a_key(tmp_path: Path) -> None:
    runs(tmp_path / "a", make_track("clean", "labels", "quick-v1"))
    runs(tmp_path / "b", make_track("clean", "labels", "full-v1"))
    assert collect_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "all").runs == 8


def test_an_edited_result_is_refused(tmp_path: Path) -> None:
    path = runs(tmp_path / "a") / PLACE / "result.json"
    data = json.loads(path.read_text())
    data["scores"]["giou"] = 0.99
    path.write_text(json.dumps(data))
    with pytest.raises(CollectError, match=r"result\.json: it was edited: its digest is of other statements"):
        collect_runs([tmp_path / "a"], tmp_path / "all")


@pytest.mark.parametrize("damage", ["predictions", "result"])
def test_what_is_not_whole_is_refused_and_named(tmp_path: Path, damage: str) -> None:
    place = runs(tmp_path / "a") / PLACE
    if damage == "predictions":
        (place / "predictions.parquet").unlink()
    else:
        (place / "result.json").write_text("{")
    with pytest.raises(CollectError, match=rf"1 runs cannot be collected.*\n.*{PLACE}/{damage}"):
        collect_runs([tmp_path / "a"], tmp_path / "all")
    assert not list((tmp_path / "all").rglob("*.json"))


def test_of_many_problems_the_first_are_named(tmp_path: Path) -> None:
    tracks = [make_track(f"t{i}", f"labels {i}") for i in range(7)]
    run_grid(make_grid(tracks, ["gce", "sce"], "faithful", 1, "tiny"), FakeRunner(), tmp_path / "a")
    for path in (tmp_path / "a").rglob("predictions.parquet"):
        path.unlink()
    with pytest.raises(CollectError, match=r"16 runs cannot be collected(.|\n)*and 6 more"):
        collect_runs([tmp_path / "a"], tmp_path / "all")


@pytest.mark.parametrize("out", ["a", "a/all", "."])
def test_an_output_in_or_around_a_source_is_refused(tmp_path: Path, out: str) -> None:
    runs(tmp_path / "a")
    with pytest.raises(ActisegError, match="expected another folder than"):
        collect_runs([tmp_path / "a"], tmp_path / out)


def test_a_source_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="no such folder of runs, and no such submission"):
        collect_runs([tmp_path / "none"], tmp_path / "all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match="no finished run here"):
        collect_runs([tmp_path / "empty"], tmp_path / "all")


def test_an_output_in_use_is_refused(tmp_path: Path) -> None:
    runs(tmp_path / "a")
    with locked(tmp_path / "all"), pytest.raises(ActisegError, match="another collect"):
        collect_runs([tmp_path / "a"], tmp_path / "all")


def test_other_labels_of_one_name_come_along_under_another(places: Path, tmp_path: Path, kitchen_root: Path) -> None:
    collect_runs([places / "1"], tmp_path / "all")
    place = tmp_path / "other" / "manifests" / "kitchen" / "val" / "text-40-s0"
    options: dict[str, Any] = {"split": "val", "limit": 3, "allow_eval": True, "gate": False, "workers": 1}
    actiseg_noise.build("kitchen", root=kitchen_root, recipe="text-40", out=place, **options)
    track = open_track(place, place, kitchen_root, kitchen_root, name="text-40", protocol="other-v1")
    run_grid([RunSpec(track, "tiny", "gce", "faithful", 0)], PerfectRunner(), tmp_path / "other")
    assert collect_runs([tmp_path / "other"], tmp_path / "all").manifests == 1
    named = f"text-40-s0-{track.info.eval_manifest[:6]}"
    assert (tmp_path / "all" / "manifests" / "kitchen" / "val" / named / "manifest.json").is_file()
    assert verify_runs(tmp_path / "all").findings == ()


def test_it_is_said_what_came_and_what_did_not(places: Path, tmp_path: Path, cli: Cli) -> None:
    code, printed, told = cli("collect", places / "1", places / "2", "--out", tmp_path / "all")
    assert code == 0
    assert re.fullmatch(r"next: actiseg-bench verify \S+all \| actiseg-bench leaderboard \S+all", told)
    count = len(read_results(tmp_path / "all"))
    assert f"{tmp_path / 'all'}: {count} runs, {count} of them new; 2 manifests came along." in " ".join(
        printed.split()
    )
    code, printed, _ = cli("collect", places / "3", "--out", tmp_path / "all", "--json")
    assert (code, json.loads(printed)["runs"]) == (0, 8)
    runs(tmp_path / "a")
    _, printed, _ = cli("collect", tmp_path / "a", "--out", tmp_path / "other")
    assert "The labels labels, eval are in no folder: verify cannot look at them." in " ".join(printed.split())
    code, printed, told = cli("collect", tmp_path / "nowhere", "--out", tmp_path / "all")
    assert (code, printed) == (2, "")
    assert "no such folder of runs" in told
