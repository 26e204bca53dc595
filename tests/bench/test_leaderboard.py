"""The leaderboard: what is grouped, what is marked, and what its notes say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bench_fakes import make_result
from board_fakes import SILENT, START, board, equal_on_clips, seeds, shown

from actiseg_bench.report.extras import EXTRAS
from actiseg_bench.report.latex import render_latex
from actiseg_bench.report.render import render_csv, render_markdown
from actiseg_bench.report.table import make_leaderboards, summarise, track_order
from actiseg_bench.results.provenance import find_provenance, processor
from actiseg_bench.results.result import Cost, RunResult


def test_blocks_are_tracks_and_rows_are_strategies_with_the_references_first() -> None:
    found = board(make_result(track="text-40"), make_result(), make_result(strategy="baseline"), START, SILENT)
    assert [block.track.name for block in found.blocks] == ["clean", "text-40"]
    assert [row.strategy for row in found.blocks[0].rows] == ["silent", "start", "baseline", "gce"]
    assert [row.strategy for row in found.blocks[1].rows] == ["silent", "start", "gce"]


def test_tracks_come_in_reading_order() -> None:
    names = [
        "mixed-40-15",
        "text-60",
        "mask-9",
        "zeta",
        "mask-15",
        "text-0",
        "flip-40",
        "clean",
        "mixed-20-9",
        "text-20",
    ]
    assert sorted(names, key=track_order) == [
        "clean",
        "text-0",
        "text-20",
        "text-60",
        "flip-40",
        "mask-9",
        "mask-15",
        "mixed-20-9",
        "mixed-40-15",
        "zeta",
    ]


def test_models_datasets_and_protocols_have_leaderboards_of_their_own() -> None:
    mine = make_result()
    other = replace(mine, track=replace(mine.track, protocol="full-v1"))
    found = make_leaderboards([mine, other, replace(mine, model="big")])
    assert [(b.model, b.protocol) for b in found] == [("big", "quick-v1"), ("tiny", "full-v1"), ("tiny", "quick-v1")]


def test_a_track_of_other_labels_is_a_block_of_its_own() -> None:
    mine = make_result()
    rebuilt = make_result(strategy="baseline")
    rebuilt = replace(rebuilt, track=replace(rebuilt.track, train_manifest="rebuilt"))
    assert len(board(mine, rebuilt).blocks) == 2


def test_references_join_only_the_tracks_scored_on_their_labels() -> None:
    other = replace(START, track=replace(START.track, eval_manifest="other"))
    assert [row.strategy for row in board(make_result(), other).blocks[0].rows] == ["gce"]


def test_references_alone_make_a_block() -> None:
    assert [row.strategy for row in board(START, SILENT).blocks[0].rows] == ["silent", "start"]


def test_mean_and_sample_deviation_over_seeds() -> None:
    assert summarise([0.25, 0.5, 0.75]) == summarise([0.75, 0.5, 0.25])
    assert (summarise([0.25, 0.5, 0.75]).mean, summarise([0.25, 0.5, 0.75]).std) == (0.5, 0.25)
    assert (summarise([0.5]).mean, summarise([0.5]).std) == (0.5, None)
    assert (summarise([0.5, None]).mean, summarise([None]).std) == (None, None)


def test_a_single_seed_marks_nothing_as_best() -> None:
    found = board(*seeds(0.9), *seeds(0.1, strategy="baseline"))
    assert all(not row.best for row in found.blocks[0].rows)
    assert any("nothing is marked as best" in note for note in found.notes)


def test_a_method_that_stands_alone_with_several_seeds_is_not_said_to_have_one() -> None:
    found = board(*seeds(0.9, 0.8), *seeds(0.1, 0.3, strategy="frozen"))
    text = " ".join(found.notes)
    assert "Nothing is marked as best" in text
    assert "single" not in text
    assert "single" not in render_latex([found])
    assert "A single seed: no best." in render_latex([board(*seeds(0.9), *seeds(0.1, strategy="baseline"))])


def test_one_row_with_a_single_seed_is_enough_to_mark_nothing() -> None:
    found = board(*seeds(0.9, 0.8), *seeds(0.1, strategy="baseline"))
    assert all(not row.best for row in found.blocks[0].rows)


def test_with_several_seeds_the_best_mean_is_marked_and_lower_is_better_for_negatives() -> None:
    found = board(*seeds(0.9, 0.7), *seeds(0.1, 0.3, strategy="baseline"), START)
    best = {row.strategy: row.best for row in found.blocks[0].rows}
    assert "giou" in best["gce"]
    assert "n_miou" not in best["gce"]
    assert "n_miou" in best["baseline"]
    assert not best["start"]


def test_a_metric_undefined_for_one_row_is_best_for_none() -> None:
    nothing = [replace(r, scores=r.scores | {"giou": None}) for r in seeds(0.1, 0.3, strategy="baseline")]
    found = board(*seeds(0.9, 0.7), *nothing)
    assert all("giou" not in row.best for row in found.blocks[0].rows)


def test_cost_is_held_against_the_baseline_of_the_same_track() -> None:
    twice = Cost(train_s=3.0, eval_s=1.0, steps=10, peak_rss_mb=150.0)
    found = board(make_result(strategy="baseline"), make_result(cost=twice), make_result(track="text-40"), START)
    rows = {row.strategy: row for row in found.blocks[0].rows}
    assert (rows["baseline"].time, rows["gce"].time, rows["gce"].memory) == (1, 3, 1.5)
    assert (rows["start"].time, found.blocks[1].rows[1].time) == (None, None)
    assert (rows["baseline"].updates, rows["gce"].train_s, rows["gce"].peak_rss_mb) == (10, 3, 150)
    assert any("relative to the baseline's row of the same track" in note for note in found.notes)


def test_what_stands_beside_the_metrics_is_shown_and_marked_nowhere() -> None:
    def beside(result: RunResult) -> dict[str, float | None]:
        none = dict.fromkeys(EXTRAS)
        return none if result.is_reference else none | {"p_jf_volume": 0.25 + 0.5 * result.seed, "positive_ap": 0.75}

    runs = [*seeds(0.7, 0.7), *seeds(0.6, 0.6, strategy="baseline"), START]
    (found,) = make_leaderboards(runs, extras_of=beside)
    row = next(row for row in found.blocks[0].rows if row.strategy == "gce")
    assert (row.values["p_jf_volume"].mean, row.values["positive_ap"].mean) == (0.5, 0.75)
    assert not {"p_jf_volume", "positive_ap"} & row.best
    (line,) = [line for line in render_markdown([found]).splitlines() if line.startswith("| gce")]
    assert "| 50.0±35.4 | 75.0±0.0 | 10 |" in line
    for width, widest in ((80, "mem"), (160, "mem")):
        headers = [line.split() for line in shown([found], width).splitlines() if line.startswith("strategy")]
        assert (headers[-1][-1], any("J&F↑" in header for header in headers)) == (widest, True)
        assert len(headers) == (2 if width == 80 else 1)
    assert any(note.startswith("J&F is volumetric") for note in found.notes)
    assert "p_jf_volume" not in render_csv([found])


def test_ungated_masks_are_compared_as_the_six_metrics_are() -> None:
    """Rows whose six scores are equal and whose masks behind the head are not."""
    runs = [*seeds(0.6, 0.61, 0.62), *seeds(0.5, 0.51, 0.52, strategy="baseline"), START]

    def beside(result: RunResult) -> dict[str, float | None]:
        return dict.fromkeys(EXTRAS) | {"p_miou_ungated": result.scores["giou"]}

    (found,) = make_leaderboards(runs, equal_on_clips(gce=0.1), beside)
    rows = {row.strategy: row for row in found.blocks[0].rows}
    assert "p_miou_ungated" in rows["gce"].best
    gap = rows["baseline"].to_best["p_miou_ungated"]
    assert gap.mean == pytest.approx(-0.1)
    assert any("ungated against gce: baseline -10.0 points" in note for note in found.notes)
    table = render_csv([found], ["p_miou_ungated"]).splitlines()
    assert "p_miou_ungated_mark" in table[0]
    assert any(",best," in line for line in table)
    (older,) = make_leaderboards(runs, equal_on_clips(gce=0.1))
    assert all("p_miou_ungated" not in row.to_best for row in older.blocks[0].rows)


def test_updates_are_those_of_all_networks_together() -> None:
    """Two networks that take ten steps each cost as many updates as one that takes twenty."""
    two = make_result(strategy="co_teaching", predictions="one+other")
    found = board(make_result(strategy="baseline"), two, START)
    assert {row.strategy: row.updates for row in found.blocks[0].rows} == {
        "start": 10,
        "baseline": 10,
        "co_teaching": 20,
    }
    (line,) = [line for line in render_markdown([found]).splitlines() if line.startswith("| co_teaching")]
    assert line.endswith("| 20 | 1.0 | 100 | 1.0× | 1.0× | – |")


def test_the_notes_say_how_to_read_the_numbers() -> None:
    told = make_result(strategy="co_teaching", oracle="noise rate 0.400")
    text = " ".join(board(told, START, SILENT).notes)
    two = make_result(strategy="co_teaching", oracle="noise rates of both flags 0.400, 0.031")
    assert "knew what a user would not: noise rates of both flags." in " ".join(board(two, START, SILENT).notes)
    assert "gIoU is the GRES generalised IoU" in text
    assert "gIoU and Acc reward silence" in text
    assert "co_teaching knew what a user would not: noise rate." in text
    assert "do not reproduce the numbers of the ActiSeg-NL paper" in text
    assert "Warning" not in text


def test_unequal_footing_is_warned_of() -> None:
    short = make_result(strategy="baseline", config={"train": {"steps": 1}})
    other = make_result(strategy="co_teaching")
    other = replace(other, provenance=replace(other.provenance, score_code="older"))
    text = " ".join(board(make_result(), short, other).notes)
    assert "the rows of clean differ in their training configuration" in text
    assert "made with 2 versions of the code" in text


def test_rows_of_two_kinds_of_processor_are_warned_of() -> None:
    rows = [make_result(), make_result(strategy="gce")]
    assert "kinds of machine" not in " ".join(board(*rows).notes)
    assert find_provenance(score_code="x").platform.endswith(f", {processor()}")
    rows[1] = replace(rows[1], provenance=replace(rows[1].provenance, platform="Linux, GenuineIntel 6/1/1"))
    assert "made with 2 kinds of machine: they round sums differently" in " ".join(board(*rows).notes)


def coded(strategy: str, score_code: str, **values: Any) -> RunResult:
    """A result that other code made."""
    result = make_result(strategy=strategy, **values)
    return replace(result, provenance=replace(result.provenance, score_code=score_code))


def test_rows_of_other_strategies_are_other_code_and_no_reason_to_warn() -> None:
    rows = [coded("baseline", "all+baseline"), coded("gce", "all+gce"), coded("silent", "all")]
    assert "versions of the code" not in " ".join(board(*rows).notes)
    trained_by_another = " ".join(board(*rows, coded("sce", "other+sce")).notes)
    assert "made with 2 versions of the code" in trained_by_another
    strategy_edited_between_seeds = " ".join(board(*rows, coded("gce", "all+edited", seed=1)).notes)
    assert "made with 2 versions of the code" in strategy_edited_between_seeds


def test_a_strategy_of_another_package_has_code_of_its_own_and_shares_the_rest() -> None:
    rows = [coded("baseline", "all+baseline"), coded("theirs", "all+theirs"), coded("theirs", "all+edited", seed=1)]
    assert "versions of" not in " ".join(board(*rows[:2]).notes)
    text = " ".join(board(*rows).notes)
    assert "versions of the code" not in text
    assert "the runs of theirs, which comes from another package, were made with 2 versions of that package's" in text
    elsewhere = " ".join(board(rows[0], coded("theirs", "other+theirs")).notes)
    assert "made with 2 versions of the code" in elsewhere


def test_other_pictures_under_equal_labels_are_warned_of() -> None:
    runs = [make_result(strategy=name) for name in ("gce", "sce")]
    pictures = [replace(runs[i], track=replace(runs[i].track, eval_images=str(i) * 32)) for i in (0, 1)]
    (note,) = [note for note in board(*pictures).notes if "pictures" in note]
    assert note.startswith("Warning: the pictures of the evaluation labels eval are not the same in all runs: 2 copies")
    assert note.endswith("or drawings of the dataset, 000000, 111111.")
    assert not [note for note in board(pictures[0], replace(pictures[0], seed=1)).notes if "pictures" in note]


def test_a_row_that_predicts_what_another_does_is_said_to_whether_or_not_it_scores_alike() -> None:
    def made(strategy: str, *digests: str) -> list[RunResult]:
        return [
            replace(result, predictions=digest)
            for result, digest in zip(seeds(*[0.5] * len(digests), strategy=strategy), digests, strict=True)
        ]

    rows = [*made("baseline", "a", "b", "c"), *made("small_loss_pixels", "a", "b"), *made("gce", "a", "d", "c")]
    quiet = [*made("apl", "nothing", "nothing"), *made("pmhm", "nothing", "nothing")]
    found = board(replace(SILENT, predictions="nothing"), *rows, *quiet)
    twins = [note for note in found.notes if "to the bit" in note]
    assert twins == [
        "clean: small_loss_pixels predicts what baseline predicts, to the bit, in all 2 runs that both have."
    ]
