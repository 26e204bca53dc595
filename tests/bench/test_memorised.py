"""Training clips: what runs keep of them, what of the noise is given back, and how a report shows it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import PerfectRunner, run_grid

import actiseg_noise
from actiseg_bench.check.verify import verify_runs
from actiseg_bench.grid.addresses import local_runs
from actiseg_bench.grid.collect import collect_runs
from actiseg_bench.grid.remembered import store_training_predictions
from actiseg_bench.grid.run import OnProgress, Outcome, RunSpec
from actiseg_bench.grid.tracks import Track, open_track
from actiseg_bench.models.base import MODELS
from actiseg_bench.report.page.training_clips import choose_training_clips
from actiseg_bench.report.page.write import Sources, write_report
from actiseg_bench.results.memorised import TRAINING_PREDICTIONS_NAME, wrong_and_memorised
from actiseg_bench.results.predictions import PredictedMask, iter_predictions, predictions_digest, write_predictions
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import read_results
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.diagnosis import probed_places
from actiseg_noise.borders.remote import RemoteError
from actiseg_noise.errors import ActisegWarning
from actiseg_noise.manifest.clips import ManifestClip
from actiseg_noise.masks import Rle, empty_rle
from tests.browsing import chromium, opened

GIVEN, CLEAN = "noisy", "clean"


def answers(clip: ManifestClip, labels: str) -> dict[tuple[int, int], Rle]:
    """Return the given, or the clean, masks of a clip as if they were predicted."""
    return {(frame.frame_idx, k): mask.rle(labels) for frame in clip.frames for k, mask in frame.masks.items()}  # type: ignore[misc]


def build(folder: Path, root: Path, recipe: str) -> Path:
    options: dict[str, Any] = {"split": "val", "limit": 8, "allow_eval": True, "gate": False, "workers": 1}
    place = folder / "manifests" / "kitchen" / "val" / f"{recipe}-s0"
    return actiseg_noise.build("kitchen", root=root, recipe=recipe, out=place, **options)


class RememberingRunner(PerfectRunner):
    """Stores what runs give back of training clips: gce the given masks, baseline the clean ones; elr is of before."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        outcome = super().execute(spec, folder, on_progress)
        labels = {"gce": GIVEN, "baseline": CLEAN}.get(spec.strategy)
        if labels is None:
            return outcome
        clips = list(actiseg_noise.read_manifest(spec.track.train_manifest).iter_clips())  # type: ignore[arg-type]
        rows = (
            PredictedMask(clip.clip_id, *place, mask, 0.5)
            for clip in clips
            for place, mask in sorted(answers(clip, labels).items())
        )
        return replace(outcome, training_predictions=write_predictions(folder / TRAINING_PREDICTIONS_NAME, rows))


@pytest.fixture(scope="module")
def flip_track(tmp_path_factory: pytest.TempPathFactory, kitchen_root: Path) -> Track:
    folder = tmp_path_factory.mktemp("runs")
    labels = [build(folder, kitchen_root, recipe) for recipe in ("mixed-40-15", "clean")]
    return open_track(*labels, kitchen_root, kitchen_root, name="mixed-40-15", protocol="mini-v1")


@pytest.fixture(scope="module")
def runs(flip_track: Track) -> Path:
    folder = Path(flip_track.eval_manifest).parents[3]
    grid = [RunSpec(flip_track, "tiny", name, "faithful", 0) for name in ("gce", "baseline", "elr")]
    assert not run_grid(grid, RememberingRunner(), folder).failed
    return folder


def test_given_masks_are_memorised_and_silence_is_not(noisy_val: Path) -> None:
    totals = [0, 0, 0]
    for clip in actiseg_noise.read_manifest(noisy_val).iter_clips():
        wrong, given_back = wrong_and_memorised(clip, answers(clip, GIVEN))
        assert given_back == wrong
        assert wrong_and_memorised(clip, {}) == (wrong, 0)
        totals[0] += wrong
        totals[1] += sum(sample.noisy_is_positive for sample in clip.samples)
    assert 0 < totals[0] <= totals[1]


def test_clean_masks_are_right_unless_the_text_names_something_else(noisy_val: Path) -> None:
    for clip in actiseg_noise.read_manifest(noisy_val).iter_clips():
        there = {sample.category_id for sample in clip.samples}
        renamed = sum(
            sample.is_harmful and sample.noisy_is_positive and sample.noisy_category_id not in there
            for sample in clip.samples
        )
        _, given_back = wrong_and_memorised(clip, answers(clip, CLEAN))
        assert given_back >= renamed  # its own object, under the name of something that is not there
        if not any(sample.is_harmful for sample in clip.samples):
            assert given_back == 0


def test_clean_labels_have_nothing_to_memorise(clean_val: Path) -> None:
    for clip in actiseg_noise.read_manifest(clean_val).iter_clips():
        assert wrong_and_memorised(clip, answers(clip, GIVEN)) == (0, 0)


def test_a_trained_network_is_asked_with_the_given_texts_on_the_probed_clips(
    flip_track: Track, kitchen_root: Path, tmp_path: Path
) -> None:
    config = RunConfig(model="tiny", strategy="baseline", start_weights="none", train=TrainConfig(steps=1), threads=1)
    network = MODELS["tiny"]()
    digest = store_training_predictions(network, config, flip_track, tmp_path)
    rows = list(iter_predictions(tmp_path / TRAINING_PREDICTIONS_NAME))
    assert predictions_digest(rows) == digest
    assert len({row.clip_id for row in rows}) == 8
    with pytest.raises(ValueError, match="no training labels"):
        store_training_predictions(network, config, replace(flip_track, train_manifest=None), tmp_path)


def test_the_probed_clips_are_spread_evenly() -> None:
    assert probed_places(5) == [0, 1, 2, 3, 4]
    assert probed_places(480, 4) == [0, 160, 319, 479]


def test_a_result_says_the_digest_only_where_there_is_one(runs: Path) -> None:
    found = {run.result.strategy: run.result for run in read_results(runs).runs}
    assert found["elr"].training_predictions is None
    assert "training_predictions" not in found["elr"].to_json()
    assert RunResult.from_json(found["gce"].to_json()) == found["gce"]
    assert found["gce"].training_predictions != found["baseline"].training_predictions


def test_verify_finds_training_predictions_that_were_changed_or_are_gone(runs: Path, tmp_path: Path) -> None:
    assert not verify_runs(runs).findings
    shutil.copytree(runs, tmp_path / "runs")
    paths = sorted((tmp_path / "runs").rglob(TRAINING_PREDICTIONS_NAME))
    assert len(paths) == 2
    rows = [replace(row, mask=empty_rle(row.mask.height, row.mask.width)) for row in iter_predictions(paths[0])]
    write_predictions(paths[0], rows)
    paths[1].unlink()
    found = verify_runs(tmp_path / "runs").findings
    assert [finding.what for finding in found] == [TRAINING_PREDICTIONS_NAME] * 2


def test_collected_runs_bring_their_training_predictions(runs: Path, tmp_path: Path) -> None:
    collect_runs([runs], tmp_path / "all")
    assert len(list((tmp_path / "all").rglob(TRAINING_PREDICTIONS_NAME))) == 2
    assert not verify_runs(tmp_path / "all").findings


def test_runs_by_address_have_their_training_predictions_and_changed_ones_are_refused(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(runs, tmp_path / "runs")
    with pytest.warns(ActisegWarning, match="may change at any time"):
        assert not verify_runs(local_runs(Path(f"file://{tmp_path}/runs"))).findings
    changed = next((tmp_path / "runs").rglob(TRAINING_PREDICTIONS_NAME))
    write_predictions(changed, list(iter_predictions(changed))[1:])
    with (
        pytest.warns(ActisegWarning, match="may change at any time"),
        pytest.raises(RemoteError, match=f"{TRAINING_PREDICTIONS_NAME}: digest .*the result states"),
    ):
        local_runs(Path(f"file://{tmp_path}/runs"))


def test_clips_are_chosen_track_by_track_those_that_most_is_given_back_of_first() -> None:
    shares = {
        ("a", "1"): {"x": [0, 2], "y": [1, 2]},
        ("a", "2"): {"x": [2, 2], "y": [2, 2]},
        ("b", "1"): {"x": [1, 4]},
    }
    assert choose_training_clips(shares, 2) == [("a", "2"), ("b", "1")]
    assert choose_training_clips(shares, 9) == [("a", "2"), ("b", "1"), ("a", "1")]
    assert choose_training_clips({}, 3) == []


@pytest.fixture(scope="module")
def page(runs: Path, kitchen_root: Path) -> Path:
    made = write_report(read_results(runs).runs, Sources(runs, root=kitchen_root), runs / "page", clips=8)
    assert made.missing == ()
    return made.pages[0]


def entries(page: Path) -> list[dict[str, Any]]:
    """Return the entries of the training clips of a page."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return [clip for clip in json.loads(found[1])["clips"] if "training" in clip]


def test_a_report_has_the_training_clips_that_most_is_given_back_of(page: Path) -> None:
    found = entries(page)
    assert len(found) == 4
    for clip in found:
        given_back, wrong = clip["training"]["memorised"]["gce"]
        assert given_back == wrong > 0
        assert set(clip["training"]["memorised"]) == {"gce", "baseline"}


def test_runs_of_before_have_a_report_without_them(runs: Path, tmp_path: Path) -> None:
    old = [run for run in read_results(runs).runs if run.result.strategy == "elr"]
    assert entries(write_report(old, Sources(runs), tmp_path, clips=8).pages[0]) == []


def test_a_file_that_is_gone_is_named_and_the_rest_is_shown(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    next((tmp_path / "runs").rglob(f"gce-faithful/seed0/{TRAINING_PREDICTIONS_NAME}")).unlink()
    made = write_report(read_results(tmp_path / "runs").runs, Sources(tmp_path / "runs"), tmp_path / "p", clips=8)
    assert any(line.startswith("no training clips of mixed-40-15 gce:") for line in made.missing)
    assert all(set(clip["training"]["memorised"]) == {"baseline"} for clip in entries(made.pages[0]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


def test_the_filter_lists_what_the_second_row_memorised(page: Path, browser: Any) -> None:
    with opened(browser, page, "#b=gce") as shown:
        listed = shown.locator(".clip-list button")
        assert not any("mixed-40-15" in text for text in listed.all_inner_texts())
        shown.get_by_label("clips to find").select_option("memorised")
        shown.locator(".viewer h3", has_text="mixed-40-15").wait_for()
        texts = listed.all_inner_texts()
        assert len(texts) == 4
        assert all(re.search(r"\d of \d wrong labels given back", text) for text in texts)
        assert "find=memorised" in shown.url
        address = shown.url.partition("#")[2]
    with opened(browser, page, f"#{address}") as shown:
        assert "mixed-40-15" in shown.locator(".viewer h3").inner_text()


def test_a_report_without_training_clips_has_no_such_filter(runs: Path, tmp_path: Path, browser: Any) -> None:
    old = [run for run in read_results(runs).runs if run.result.strategy == "elr"]
    made = write_report(old, Sources(runs), tmp_path, clips=8)
    with opened(browser, made.pages[0], "#find=memorised") as shown:
        options = shown.get_by_label("clips to find").locator("option").all_inner_texts()
        assert not any("memorised" in text for text in options)
