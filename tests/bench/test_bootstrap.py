"""Sums per clip and their resamples, on clips whose scores a reader sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench_fakes import fake_manifest, make_result, perfect, predict

from actiseg_bench.metrics.actionvos import METRICS, ObjectFrameCounts, actionvos_scores
from actiseg_bench.report.bootstrap import ClipSums, Run, are_comparable, clip_sums, resample
from actiseg_bench.report.inference import compare
from actiseg_bench.report.sums import read_sums, sums_reader
from actiseg_bench.results.result import SCORES
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import FILE_NAME, write_object_frames
from actiseg_noise.errors import ActisegError

GIOU = METRICS.index("giou")
Row = dict[Run, ClipSums]


def run(scores: list[float], videos: tuple[str, ...] = ()) -> ClipSums:
    """A run with one object-frame per clip, whose every metric is the clip's score."""
    top = np.repeat(np.array(scores, float)[None, :, None], 6, 2)
    return ClipSums(tuple(f"clip {i}" for i in range(len(scores))), top, np.ones_like(top), videos)


def row(*runs: list[float]) -> Row:
    return {(0, seed): run(scores) for seed, scores in enumerate(runs)}


def gap(rows: dict[str, Row], one: str, other: str) -> tuple[float, float]:
    drawn = resample(rows)
    found = compare(drawn[one], drawn[other], GIOU)
    assert found is not None
    return found.low, found.high


HARD_AND_EASY = [0.1, 0.2, 0.9, 0.8, 0.5, 0.4, 0.7, 0.3]


def test_a_strategy_that_equals_another_on_every_clip_is_never_separable() -> None:
    rows = {"a": row(HARD_AND_EASY, HARD_AND_EASY), "b": row(HARD_AND_EASY, HARD_AND_EASY)}
    assert gap(rows, "a", "b") == (0, 0)


def test_a_strategy_that_is_ten_points_better_on_every_clip_is_separable() -> None:
    better = [score + 0.1 for score in HARD_AND_EASY]
    low, high = gap({"a": row(better, better), "b": row(HARD_AND_EASY, HARD_AND_EASY)}, "a", "b")
    assert (low, high) == (pytest.approx(0.1), pytest.approx(0.1))


def test_a_strategy_that_wins_on_half_of_the_clips_and_loses_on_the_others_is_not_separable() -> None:
    mixed = [score + (0.1 if i % 2 else -0.09) for i, score in enumerate(HARD_AND_EASY)]
    low, high = gap({"a": row(mixed, mixed), "b": row(HARD_AND_EASY, HARD_AND_EASY)}, "a", "b")
    assert low < 0 < high


def test_a_strategy_that_is_better_under_one_seed_and_worse_under_another_is_not_separable() -> None:
    flat = [0.5] * 8
    low, high = gap({"a": row([0.8] * 8, [0.3] * 8), "b": row(flat, flat)}, "a", "b")
    assert low < 0 < high


def test_pairing_removes_what_is_hard_for_both() -> None:
    """Alone, the mean of eight clips from .1 to .9 is known to some .35; the difference of one point exactly."""
    better = [score + 0.01 for score in HARD_AND_EASY]
    rows = {"a": row(better, better), "b": row(HARD_AND_EASY, HARD_AND_EASY)}
    alone = np.quantile(resample(rows)["a"].drawn[:, GIOU], [0.025, 0.975])
    low, high = gap(rows, "a", "b")
    assert alone[1] - alone[0] > 0.3
    assert high - low < 1e-12


def test_the_spread_of_a_mean_over_clips_is_its_standard_error() -> None:
    """Clips of 0 and 1, half each: the variance of a mean of 100 is .25 / 100."""
    scores = [0.0, 1.0] * 50
    drawn = resample({"a": row(scores, scores)}, resamples=20000)["a"].drawn[:, GIOU]
    assert drawn.std() == pytest.approx(0.05, rel=0.03)


def test_clips_of_one_video_are_drawn_together() -> None:
    """Two equal clips a video are one observation: the variance is that of 50 videos, twice that of 100 clips."""
    scores, videos = [0.0, 0.0, 1.0, 1.0] * 25, tuple(f"video {i // 2}" for i in range(100))
    one = run(scores, videos)
    found = resample({"a": {(0, 0): one, (0, 1): one}}, resamples=20000)["a"]
    assert found.videos == 50
    assert found.drawn[:, GIOU].std() == pytest.approx((0.25 / 50) ** 0.5, rel=0.03)


def test_a_run_of_two_networks_scores_their_mean() -> None:
    one, other = run([0.2, 0.4]), run([0.6, 0.8])
    both = ClipSums(one.clips, np.concatenate([one.top, other.top]), np.concatenate([one.bottom, other.bottom]))
    assert both.scores() == pytest.approx([0.5] * 6)


def test_draws_do_not_depend_on_which_rows_there_are() -> None:
    rows = {"a": row(HARD_AND_EASY, HARD_AND_EASY[::-1]), "b": row([0.5] * 8, [0.4] * 8)}
    assert np.array_equal(resample(rows)["a"].drawn, resample({"a": rows["a"]})["a"].drawn)


def test_a_metric_that_some_resamples_leave_undefined_is_not_compared() -> None:
    sums = run([0.5, 0.5, 0.5])
    sums.bottom[0, 1:, GIOU] = 0  # only the first clip defines it, and some resamples miss it
    drawn = resample({"a": {(0, 0): sums, (0, 1): sums}})["a"]
    assert compare(drawn, drawn, GIOU) is None
    assert compare(drawn, drawn, GIOU - 1) is not None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row([0.5, 0.1], [0.5, 0.1]), row([0.1, 0.1], [0.2, 0.3])], True),
        ([row([0.5, 0.1]), row([0.1, 0.1])], False),
        ([{(0, 0): run([0.5, 0.1]), (1, 0): run([0.5, 0.1])}] * 2, False),
        ([row([0.5, 0.1], [0.5, 0.1]), row([0.1, 0.1], [0.2, 0.3], [0.3, 0.3])], False),
        ([row([0.5, 0.1, 0.1], [0.5, 0.1, 0.1]), row([0.1, 0.1], [0.2, 0.2])], False),
        ([row([0.5], [0.5]), row([0.1], [0.2])], False),
        ([{(0, seed): run([0.5, 0.1], ("v", "v")) for seed in (0, 1)}] * 2, False),
        ([{(0, seed): run([0.5, 0.1], ("v", name)) for seed in (0, 1)} for name in "ww"], True),
        ([{(0, seed): run([0.5, 0.1], ("v", name)) for seed in (0, 1)} for name in "wx"], False),
    ],
    ids=[
        "same seeds and clips",
        "one seed",
        "one training seed on two draws of the noise",
        "other seeds",
        "other clips",
        "one clip",
        "one video",
        "two videos",
        "other videos",
    ],
)
def test_rows_are_comparable_on_the_same_seeds_and_clips(rows: list[Row], expected: bool) -> None:
    assert are_comparable(rows) is expected


def random_counts(clips: int, frames: int) -> ObjectFrameCounts:
    rng = np.random.default_rng(0)
    gt, pred = rng.integers(0, 30, frames) * rng.integers(0, 2, (2, frames))
    both = np.minimum(gt, pred) // rng.integers(1, 4, frames)
    clip_idx = np.sort(rng.integers(0, clips, frames)).astype(np.int32)
    return ObjectFrameCounts(both, pred, gt, rng.random(frames) < 0.5, clip_idx)


def test_clip_sums_give_the_scores_of_the_metrics_themselves() -> None:
    counts = random_counts(7, 400)
    top, bottom = clip_sums(counts, 7)
    scores = actionvos_scores(counts)
    found = dict(zip(METRICS, top.sum(0) / bottom.sum(0), strict=True))
    assert found == pytest.approx({name: getattr(scores, name) for name in METRICS})


def test_drawing_a_clip_twice_scores_as_if_it_were_there_twice() -> None:
    counts = random_counts(3, 60)
    top, bottom = clip_sums(counts, 3)
    weights = np.array([2.0, 0.0, 1.0])
    again = [counts.select(counts.clip_idx == i) for i in (0, 0, 2)]
    joined = ObjectFrameCounts(*(np.concatenate([getattr(c, n) for c in again]) for n in ObjectFrameCounts.__slots__))
    scores = actionvos_scores(joined)
    assert dict(zip(METRICS, weights @ top / (weights @ bottom), strict=True)) == pytest.approx(
        {name: getattr(scores, name) for name in METRICS}
    )


def stored(folder: Path, **scores: float | None) -> StoredRun:
    """A finished run with perfect predictions and its table of object-frames."""
    found = measure(fake_manifest(), predict(perfect()))
    write_object_frames(folder / FILE_NAME, found.clips, found.frames, found.videos)
    right = {"n_miou": 0.0, "n_ciou": 0.0}
    return StoredRun(folder, make_result(scores=dict.fromkeys(SCORES, 1.0) | right | scores))


def test_the_sums_of_a_run_come_from_the_table_beside_it(tmp_path: Path) -> None:
    sums = read_sums(stored(tmp_path))
    assert sums is not None
    assert (sums.clips, sums.top.shape, list(sums.scores()[:6])) == (("a",), (1, 1, 7), [1, 0, 1, 0, 1, 1])
    assert np.isnan(sums.scores()[6])  # no ungated masks are stored
    assert sums.videos == ("video of a",)


def test_a_table_that_does_not_give_the_scores_of_its_run_counts_for_nothing(tmp_path: Path) -> None:
    assert read_sums(stored(tmp_path, giou=0.9)) is None


def test_a_run_without_its_table_has_no_sums(tmp_path: Path) -> None:
    run = stored(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    with pytest.raises(ActisegError, match="the table of object-frames is missing"):
        read_sums(run)
    assert sums_reader([run])(run.result) is None
