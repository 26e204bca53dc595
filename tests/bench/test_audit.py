"""``audit``: folds, what networks and pictures say, how good the ranking is, and what is refused."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from bench_fakes import FakeManifest, arrow

import actiseg_bench
import actiseg_noise
from actiseg_bench.auditing.answers import choose_candidates, text_with
from actiseg_bench.auditing.boundary import _sides, edge_profile, gradient, judge_boundary, judge_mask
from actiseg_bench.auditing.judge import judge
from actiseg_bench.auditing.nouns import believe, confidence_within, soft_iou
from actiseg_bench.auditing.options import AuditOptions
from actiseg_bench.auditing.run import check_auditable
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.strategies.confident_learning import confident_issues
from actiseg_bench.training.folds import draw_folds
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.manifest.schema import ACTION_SAMPLES
from actiseg_noise.vocabulary import Vocabulary

Cli = Callable[..., tuple[int, str, str]]
QUICK = {"folds": 2, "steps": 1, "threads": 1, "device": "cpu"}


def picture_of(square: slice) -> np.ndarray:
    """A grey picture of 40 × 40 pixels with a bright square."""
    picture = np.full((40, 40, 3), 60, np.uint8)
    picture[square, square] = 200
    return picture


@pytest.mark.parametrize("grown", [-3, 0, 3])
def test_a_boundary_is_sent_to_where_the_picture_has_its_edge(grown: int) -> None:
    steepness, mask = gradient(picture_of(slice(12, 28))), np.zeros((40, 40), bool)
    mask[12 - grown : 28 + grown, 12 - grown : 28 + grown] = True
    belief = judge_boundary(edge_profile(steepness, mask, np.zeros_like(mask), 6))
    assert belief is not None
    assert belief.move_px == -grown
    assert belief.score > 0.99 if grown else belief.score < 0.01


def test_the_profile_is_the_mean_along_the_boundary_counted_pixel_by_pixel() -> None:
    random = np.random.default_rng(0)
    steepness = random.random((20, 22)).astype(np.float32)
    mask = np.zeros((20, 22), bool)
    mask[3:16, 4:18] = True
    profile = edge_profile(steepness, mask, np.zeros_like(mask), 2)
    for move in range(-2, 3):
        values = []
        for row, column in np.ndindex(mask.shape):
            # the ring of a pixel: 0 is the first outside of the rectangle, -1 the first inside
            ring = max(3 - row, row - 15, 4 - column, column - 17) - 1
            if ring in (move - 1, move):
                values.append(steepness[row, column])
        assert profile[move + 2] == pytest.approx(np.mean(values))


def test_the_side_that_is_wrong_is_named() -> None:
    picture, mask = np.full((60, 60, 3), 60, np.uint8), np.zeros((60, 60), bool)
    picture[15:45, 15:45] = 200
    mask[15:45, 15:51] = True  # six pixels too far to the right
    nothing = np.zeros_like(mask)
    found = {
        side: judge_boundary(edge_profile(gradient(picture), mask, nothing, 8, part))
        for side, part in _sides(mask).items()
    }
    assert max(found, key=lambda side: found[side].score) == "right"
    mask[9:51, 9:51] = True
    belief = judge_mask(np.pad(gradient(picture), 200), np.pad(mask, 200), np.pad(nothing, 200))
    assert (belief.move_px, belief.where) == (-6, "all")


def test_what_is_left_of_a_thin_mask_does_not_say_where_its_boundary_belongs() -> None:
    picture, mask = picture_of(slice(16, 24)), np.zeros((40, 40), bool)
    mask[12:28, 12:28] = True
    nothing = np.zeros_like(mask)
    square = judge_boundary(edge_profile(gradient(picture), mask, nothing, 6))
    mask[1:12:4, 2:38] = True  # three thin lines, which are gone where the boundary has moved by a pixel
    mask[29:39:4, 2:38] = True
    lines = judge_boundary(edge_profile(gradient(picture), mask, nothing, 6))
    assert square is not None and lines is not None
    assert (square.move_px, lines.move_px) == (-4, 0)


def test_a_boundary_beside_another_object_says_nothing() -> None:
    mask = np.zeros((40, 40), bool)
    mask[12:28, 12:28] = True
    assert judge_boundary(edge_profile(gradient(picture_of(slice(12, 28))), mask, ~mask, 6)) is None


def test_overlap_is_intersection_over_union_and_two_empty_masks_agree() -> None:
    assert soft_iou(np.array([2.0, 0.0]), np.array([3.0, 0.0]), np.array([4.0, 0.0])).tolist() == [0.4, 1.0]


def test_belief_is_a_softmax_of_overlaps() -> None:
    belief = believe(np.array([[0.5, 0.4, 0.0], [0.1, 0.7, -np.inf]]), np.array([1, 1]), temperature=0.1)
    first = np.exp([5.0, 4.0, 0.0]) / np.exp([5.0, 4.0, 0.0]).sum()
    assert belief.probabilities[0] == pytest.approx(first)
    assert belief.probabilities[1, 2] == 0
    assert belief.self_confidence[0] == pytest.approx(first[1])
    assert belief.margin[0] == pytest.approx((first[1] - first[0] + 1) / 2)
    assert belief.best.tolist() == [0, 1]


def test_within_its_category_a_noun_is_compared_with_its_own_kind_alone() -> None:
    overlap, categories = np.array([[0.5, 0.4, 0.9], [0.5, 0.4, 0.9]]), np.array([[7, 7, 3], [7, 7, 3]])
    found = confidence_within(overlap, np.array([1, 2]), categories)
    assert found == pytest.approx([1 / (1 + np.exp(1)), 1.0])


def test_confident_learning_counts_as_its_equations_do() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(4, 0.5), 200)
    given = np.where(random.random(200) < 0.7, probabilities.argmax(1), random.integers(0, 3, 200))  # no sample of 3
    given[given == 3] = 0
    expected = []
    for row, own in zip(probabilities, given, strict=True):
        reached = {}
        for j in range(4):
            mine = probabilities[given == j, j]
            if len(mine) and row[j] >= mine.mean():
                reached[j] = row[j]
        expected.append(bool(reached) and max(reached, key=lambda j: reached[j]) != own)
    found = confident_issues(probabilities, given)
    assert found.tolist() == expected
    assert 5 < sum(expected) < 100


def test_a_ranking_is_judged_as_pairs_and_positions_say() -> None:
    scores, wrong = np.array([0.9, 0.8, 0.8, 0.3, 0.1]), np.array([True, False, True, True, False])
    pairs = [(a, b) for a, b in combinations(range(5), 2) if wrong[a] != wrong[b]]
    ahead = [scores[a] - scores[b] if wrong[a] else scores[b] - scores[a] for a, b in pairs]
    found = judge(scores, wrong)
    assert found.auroc == pytest.approx(np.mean([(d > 0) + 0.5 * (d == 0) for d in ahead]))
    assert found.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)
    assert (found.labels, found.share, found.precision) == (5, 0.6, (1.0, 1.0, 1.0))
    constant = judge(np.zeros(5), wrong)
    assert (constant.auroc, constant.average_precision) == (0.5, pytest.approx(0.6))


@pytest.mark.parametrize("wrong", [[True, True], [False, False]])
def test_a_ranking_without_two_kinds_of_labels_is_not_judged(wrong: list[bool]) -> None:
    with pytest.raises(ActisegError, match="nothing to tell apart"):
        judge([0.1, 0.2], wrong)


def test_folds_keep_videos_together_are_even_and_drawn_by_address(noisy_val: Path, kitchen_root: Path) -> None:
    data = ManifestDataset(noisy_val, kitchen_root)
    folds = draw_folds(data, 2, seed=0)
    assert list(folds) != []
    assert set(folds) == set(data.clip_ids)
    for clip_id, fold in folds.items():
        assert folds[clip_id[:-1] + "a"] == folds[clip_id[:-1] + "b"] == fold
    assert sorted(folds.values()) == [0] * 4 + [1] * 4
    assert draw_folds(data, 2, seed=0) == folds
    assert any(draw_folds(data, 2, seed=seed) != folds for seed in range(1, 9))


def test_a_subset_of_clips_is_shown_in_the_manifests_order(noisy_val: Path, kitchen_root: Path) -> None:
    whole = ManifestDataset(noisy_val, kitchen_root)
    wanted = [whole.clip_ids[5], whole.clip_ids[2]]
    some = ManifestDataset(noisy_val, kitchen_root, clips=wanted)
    assert some.clip_ids == wanted[::-1]
    assert (some[0].masks == whole[2].masks).all()
    assert set(some.frames_of_samples) < set(whole.frames_of_samples)
    with pytest.raises(ActisegError, match="no clip 'nowhere' with a sample and a mask"):
        ManifestDataset(noisy_val, kitchen_root, clips=["nowhere"])


def test_candidates_are_the_vocabulary_or_the_most_frequent_noun_of_every_category(noisy_val: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    assert set(choose_candidates(manifest).nouns) == {n for nouns in manifest.vocabulary.nouns.values() for n in nouns}
    few = choose_candidates(manifest, 28)
    assert sorted(few.categories.tolist()) == sorted(manifest.vocabulary.category_ids)


def test_another_noun_takes_the_place_of_the_given_one(noisy_val: Path) -> None:
    clip = next(actiseg_noise.read_manifest(noisy_val).iter_clips())
    sample = clip.samples[0]
    assert text_with("sock", sample, clip.narration) == f"sock used in the action of {clip.narration}"
    assert text_with(sample.noisy_noun, sample, clip.narration) == sample.noisy_expression


@pytest.fixture(scope="module")
def audited(noisy_val: Path, kitchen_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("audit") / "a"
    actiseg_bench.audit(noisy_val, out, root=kitchen_root, worst=5, **QUICK)
    return out


def test_every_sample_and_every_visible_mask_has_its_row(audited: Path, noisy_val: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    with (audited / "samples.csv").open() as stream:
        samples = list(csv.DictReader(stream))
    with (audited / "frames.csv").open() as stream:
        frames = list(csv.DictReader(stream))
    assert {row["sample_id"] for row in samples} == set(manifest.table("samples")["sample_id"].to_pylist())
    scores = [float(row["score"]) for row in samples]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    visible = [mask for clip in manifest for mask in clip.masks if mask.noisy_area]
    assert {(row["sample_id"], int(row["frame_idx"])) for row in frames} == {
        (m.sample_id, m.frame_idx) for m in visible
    }
    assert (audited / "worst.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((audited / "audit.json").read_text())["clips_per_fold"] == [4, 4]


def test_start_weights_that_know_nouns_find_flips_in_a_manifest_of_eight_clips(audited: Path, noisy_val: Path) -> None:
    table = actiseg_noise.read_manifest(noisy_val).table("samples").to_pylist()
    flipped = {row["sample_id"]: row["text_noise"] == "category_flip-v1" for row in table}
    with (audited / "samples.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["noun_score"]]
    found = judge([float(row["noun_score"]) for row in rows], [flipped[row["sample_id"]] for row in rows])
    assert found.auroc > 0.85
    assert found.average_precision > 0.75


def test_the_proposed_corrections_can_be_applied(audited: Path, noisy_val: Path, tmp_path: Path) -> None:
    done = actiseg_noise.clean(noisy_val, audited / "corrections.csv", tmp_path / "cleaned", min_score=0.5)
    assert done.nouns > 5
    assert done.masks > 5
    before, after = (actiseg_noise.read_manifest(place) for place in (noisy_val, tmp_path / "cleaned"))
    assert sum(after.table("samples")["is_harmful"].to_pylist()) < sum(
        before.table("samples")["is_harmful"].to_pylist()
    )
    assert actiseg_noise.verify(tmp_path / "cleaned") == []


def test_wrong_flags_are_judged_as_given_and_their_corrections_can_be_applied(
    flagged_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    manifest = actiseg_noise.read_manifest(flagged_val)
    given = {s.sample_id: s.noisy_is_positive for clip in manifest for s in clip.samples}
    found = actiseg_bench.audit(flagged_val, tmp_path / "a", root=kitchen_root, check=["flag"], worst=2, **QUICK)
    assert {one.sample_id: one.given_is_positive for one in found.samples} == given
    for one in found.samples:
        assert one.positive_score is not None
        distance = 1 - one.positive_score if one.given_is_positive else one.positive_score
        assert one.flag_score == pytest.approx(distance)
        assert one.suggested_is_positive is (not one.given_is_positive if distance > 0.5 else None)
    with found.corrections.open() as stream:
        rows = {row["sample_id"]: row for row in csv.DictReader(stream)}
    suspected = {one.sample_id for one in found.samples if (one.flag_score or 0) > 0.5}
    assert set(rows) == suspected != set()
    words = {"positive": True, "negative": False}
    assert all(words[row["given"]] is given[name] is not words[row["suggested"]] for name, row in rows.items())
    done = actiseg_noise.clean(flagged_val, found.corrections, tmp_path / "out", min_score=0.5)
    assert (done.flags, done.nouns, done.masks) == (len(rows), 0, 0)
    after = {s.sample_id: s.noisy_is_positive for c in actiseg_noise.read_manifest(done.path) for s in c.samples}
    assert after == {name: flag is not (name in suspected) for name, flag in given.items()}
    assert actiseg_noise.verify(done.path) == []


def test_a_swapped_narration_stays_in_the_text_that_another_noun_is_asked_in(noisy_val: Path) -> None:
    sample = next(actiseg_noise.read_manifest(noisy_val).iter_clips()).samples[0]
    swapped = replace(sample, noisy_expression=f"{sample.noisy_noun} used in the action of cut {sample.noisy_noun}")
    said = f"cut {sample.noisy_noun}"
    assert text_with("sock", swapped, said) == f"sock used in the action of cut {sample.noisy_noun}"


def test_finished_folds_are_kept_and_another_audit_is_refused(
    audited: Path, noisy_val: Path, kitchen_root: Path
) -> None:
    steps: list[int] = []
    before = {path.name: path.read_bytes() for path in audited.iterdir() if path.is_file()}
    command = {"root": kitchen_root, "worst": 5, "on_progress": lambda *done: steps.append(done[0]), **QUICK}
    actiseg_bench.audit(noisy_val, audited, **command)
    assert steps == []
    assert {path.name: path.read_bytes() for path in audited.iterdir() if path.is_file()} == before
    (audited / "folds" / "noun-1.safetensors").unlink()
    actiseg_bench.audit(noisy_val, audited, **command)
    assert len(steps) == 1
    assert {path.name: path.read_bytes() for path in audited.iterdir() if path.is_file()} == before
    with pytest.raises(ActisegError, match="of another training; these differ: config.train.steps"):
        actiseg_bench.audit(noisy_val, audited, **(command | {"steps": 2}))


def test_masks_alone_are_audited_without_training(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    report = lambda *done: steps.append(done[0])  # noqa: E731
    found = actiseg_bench.audit(
        noisy_val, tmp_path, root=kitchen_root, check=["mask"], on_progress=report, **(QUICK | {"folds": 99})
    )
    assert steps == []
    assert {one.fold for one in found.samples} == {0}
    assert {one.suspect for one in found.samples} <= {"mask", ""}
    changed = {
        (m.sample_id, m.frame_idx): m.iou < 1 for clip in actiseg_noise.read_manifest(noisy_val) for m in clip.masks
    }
    ranked = judge(
        [one.score or 0 for one in found.frames], [changed[one.sample_id, one.frame_idx] for one in found.frames]
    )
    assert ranked.average_precision > 0.8


@pytest.mark.parametrize(("is_positive", "word"), [(True, "negative"), (False, "positive")])
def test_flags_of_one_kind_alone_cannot_be_audited(is_positive: bool, word: str) -> None:
    place = {"clip_id": "a", "is_positive": not is_positive, "noisy_is_positive": is_positive}  # all of them flipped
    rows = [{"sample_id": f"a/{i}", "object_id": i} | place for i in (1, 2)]
    manifest = FakeManifest({"samples": arrow(ACTION_SAMPLES, rows)})
    manifest.__dict__["vocabulary"] = Vocabulary({1: ("cup",)}, {1: "cup"})
    advice = "Audit the rest with --check noun --check mask"
    with pytest.raises(ActisegError, match=re.escape(f"none of 2 samples is given as {word}")) as refused:
        check_auditable(manifest, ("mask", "flag"))
    assert "--check mask" in str(refused.value)
    with pytest.raises(ActisegError, match="one category alone"):
        check_auditable(manifest, ("noun", "mask", "flag"))
    manifest.__dict__["vocabulary"] = Vocabulary({1: ("cup",), 2: ("pan",)}, {1: "cup", 2: "pan"})
    with pytest.raises(ActisegError, match=advice):
        check_auditable(manifest, ("noun", "mask", "flag"))
    check_auditable(manifest, ("noun", "mask"))


def test_a_manifest_without_samples_is_refused() -> None:
    with pytest.raises(ActisegError, match="there is nothing to audit"):
        check_auditable(FakeManifest({"samples": arrow(ACTION_SAMPLES, [])}), ("mask",))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--folds", 5], "--folds 5: .* has 4 videos that share no frames, of 8 clips; pass at most that many folds"),
        (["--folds", 1], "--folds 1: an audit needs at least 2"),
        (["--check", "nuon"], "unknown check 'nuon'. Did you mean 'noun'"),
        (["--strategy", "gcee"], "unknown strategy 'gcee'. Did you mean 'gce'"),
    ],
)
def test_what_cannot_be_audited_is_refused(
    words: list[object], said: str, cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    command = ["audit", "--manifest", noisy_val, "--root", kitchen_root, "--out", tmp_path / "a", "--device", "cpu"]
    code, _, error = cli(*command, *words)
    assert code == 2
    assert re.search(said, error)


def test_the_command_prints_the_worst(cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    command = ["audit", "--manifest", noisy_val, "--root", kitchen_root, "--out", tmp_path, "--check", "mask"]
    code, printed, _ = cli(*command)
    assert code == 0
    assert "Most suspected of" in printed
    code, printed, _ = cli(*command, "--json")
    assert (code, json.loads(printed)["worst"][0]["suspect"]) == (0, "mask")


def test_the_code_of_the_page_runs(
    noisy_val: Path,
    kitchen_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "M").symlink_to(noisy_val)
    monkeypatch.chdir(tmp_path)
    quick = {"root": kitchen_root, "steps": 1, "threads": 1, "device": "cpu", "worst": 2}
    monkeypatch.setattr(actiseg_bench, "audit", partial(actiseg_bench.audit, **quick), raising=False)
    exec(code, {})  # noqa: S102 - our own page
    assert len(capsys.readouterr().out.splitlines()) == 10
    assert actiseg_noise.verify(tmp_path / "M-clean") == []


def test_an_unknown_check_is_refused_in_python_too(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown check"):
        AuditOptions(manifest=tmp_path, out=tmp_path, check=("nouns",))
