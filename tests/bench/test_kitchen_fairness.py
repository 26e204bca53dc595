"""The arithmetic of the fairness figures: what is taken away, exchanged and guessed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.prediction.predict import ClipPrediction
from actiseg_bench.records import ClipItem

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from fairness import guessers, inputs, page, swaps

A, B = "v1a", "v1b"
# one video: object 1 acts in clip a, object 2 in clip b, object 3 in neither
FLAGS = {(A, 1): True, (A, 2): False, (A, 3): False, (B, 1): False, (B, 2): True, (B, 3): False}


@pytest.fixture
def data(clean_val: Path, kitchen_root: Path) -> ManifestDataset:
    return ManifestDataset(clean_val, kitchen_root, size=(48, 80), mask_stride=2, labels="clean")


def test_clips_on_the_same_frames_are_partners(data: ManifestDataset) -> None:
    found = inputs.partners([[data.clip_ids[i] for i in group] for group in data.groups])
    assert found["val_00000a"] == "val_00000b"
    assert found["val_00003b"] == "val_00003a"
    assert len(found) == len(data)


def test_altered_clips_differ_in_what_was_altered_only(data: ManifestDataset) -> None:
    words = inputs.read_words(data.manifest)
    item = data[0]
    grey = inputs.Altered(data, inputs.paint_grey)[0]
    assert set(grey.frames.unique().tolist()) == {inputs.GREY}
    assert grey.expressions == item.expressions
    mute = inputs.Altered(data, lambda item: inputs.narrate(item, "", words.nouns))[0]
    nouns = [words.nouns[name] for name in item.sample_ids]
    assert mute.expressions == tuple(f"{noun} used in the action of " for noun in nouns)
    assert torch.equal(mute.frames, item.frames)
    assert data[0] is item


def test_an_expression_is_made_again_from_its_words(data: ManifestDataset) -> None:
    words = inputs.read_words(data.manifest)
    for item in (data[i] for i in range(len(data))):
        assert inputs.narrate(item, words.narrations[item.clip_id], words.nouns).expressions == item.expressions


def test_no_clip_is_narrated_like_the_constant(data: ManifestDataset) -> None:
    assert all(inputs.CONSTANT not in example.facts["narration"] for example in guessers.iter_examples("val"))


def test_decisions_are_scores_at_or_above_the_threshold() -> None:
    clip = ClipPrediction(A, (0,), (1, 2), [np.zeros((2, 2), np.uint8)], [0.5, 0.4])
    assert inputs.decisions([clip], 0.5) == {(A, 1): True, (A, 2): False}
    rows = list(inputs.rows_of([clip]))
    assert [(row.key, row.mask.area, row.positive_score) for row in rows] == [((A, 0, 1), 0, 0.5), ((A, 0, 2), 0, 0.4)]


def test_agreement_and_flips_are_shares() -> None:
    silent = dict.fromkeys(FLAGS, False)
    assert inputs.agreement(silent, FLAGS) == pytest.approx(4 / 6)
    assert inputs.majority(2, 6) == pytest.approx(4 / 6)
    assert inputs.flips(silent, FLAGS, [(A, 1), (A, 2)]) == 0.5


def test_without_narration_the_majority_is_the_best_answer() -> None:
    other = inputs.partners([[A, B]])
    assert inputs.best_without_narration(FLAGS, other) == inputs.majority(2, 6)
    both = FLAGS | {(B, 1): True}  # would be a leak: the object is positive whatever is narrated
    assert inputs.best_without_narration(both, other) == pytest.approx(5 / 6)


def test_the_embedded_datasets_flags_leave_the_majority_only(data: ManifestDataset) -> None:
    flags = inputs.read_flags(data.manifest)
    other = inputs.partners([[data.clip_ids[i] for i in group] for group in data.groups])
    assert inputs.best_without_narration(flags, other) == inputs.majority(sum(flags.values()), len(flags))


def mask(*columns: int) -> torch.Tensor:
    out = torch.zeros(1, 2, 4, dtype=torch.bool)
    out[..., list(columns)] = True
    return out


def test_a_swap_moves_when_the_mask_lies_on_the_object_that_was_named() -> None:
    truth = torch.stack([mask(0, 1), mask(2, 3)])
    follows, ignores = torch.stack([mask(0), mask(3)]), torch.stack([mask(0), mask(0, 1)])
    assert [swap.moved for swap in swaps.swaps_of(["knife", "onion"], follows, truth)] == [True, True]
    assert [swap.moved for swap in swaps.swaps_of(["knife", "onion"], ignores, truth)] == [False, True]


def test_an_empty_mask_has_not_moved_and_an_unseen_object_is_no_pair() -> None:
    truth = torch.stack([mask(0), mask(3), mask()])
    found = list(swaps.swaps_of(["knife", "left hand", "onion"], torch.zeros_like(truth), truth))
    assert [(swap.with_hand, swap.moved) for swap in found] == [(True, False), (True, False)]
    assert swaps.swap_shares(found)["without hands"] == {"pairs": 0, "moved": 0.0}
    assert swaps.swap_shares(found)["all"] == {"pairs": 2, "moved": 0.0}


class Echo(torch.nn.Module):
    """Answers with the masks that it was given for each expression."""

    def __init__(self, item: ClipItem) -> None:
        super().__init__()
        self.masks = {text: item.masks[k].float() - 127.5 for k, text in enumerate(item.expressions)}

    def forward(self, frames, expressions, frames_of):
        return torch.stack([self.masks[text] for text in expressions]), torch.zeros(len(expressions))


def test_every_pair_of_positive_objects_is_exchanged(data: ManifestDataset) -> None:
    item = data[0]
    data.clip_ids = data.clip_ids[:1]
    judge = inputs.Judge.__new__(inputs.Judge)
    judge.model, judge.data = Echo(item), data
    found = list(swaps.iter_swaps(judge))
    positives = int(item.is_positive.sum())
    assert len(found) == positives * (positives - 1)
    assert all(swap.moved for swap in found)


def example(noun: str, verb: str, is_positive: bool) -> guessers.Example:
    return guessers.Example({"noun": noun, "verb": verb}, is_positive)


def test_a_guesser_looks_up_what_it_knows_and_falls_back_on_fewer_facts() -> None:
    known = [example("knife", "cut", True), *[example("knife", "wash", False)] * 2, example("mug", "wash", False)]
    assert guessers.guess((), known, [example("any", "any", False)]) == 1
    assert guessers.guess(("noun", "verb"), known, [example("knife", "cut", True)]) == 1
    assert guessers.guess(("noun",), known, [example("knife", "cut", True)]) == 0
    assert guessers.guess(("noun", "verb"), known, [example("knife", "peel", False)]) == 1


def test_the_docs_page_states_the_best_guess() -> None:
    shares = guessers.guess_all()
    text = (Path(__file__).parents[2] / "docs/kitchen.md").read_text("utf-8")
    assert f"gets {page.percent(max(shares.values()))} % of the flags right" in text
    assert f"“negative, always” gets {page.percent(shares['majority'])} %" in text


def make_report() -> dict:
    good = {"acc": 0.95, "head": 0.94}
    return {
        "scores": {"p_miou": 0.7, "n_miou": 0.02, "p_miou_hands": None},
        "inputs": {
            "true": good,
            "grey frames": {"acc": 0.7, "head": 0.7},
            "narration blank": {"acc": 0.58, "head": 0.5},
        },
        "majority": {"acc": 0.58, "head": 0.58},
        "best without narration": 0.58,
        "flags that follow": 0.9,
        "noun swaps": {"all": {"pairs": 10, "moved": 0.9}},
        "guessers": {"majority": 0.58, "noun": 0.6},
        "made by": {"network": "`tiny`", "manifest": "0" * 64, "clips": 120},
    }


def test_a_fair_report_holds_and_each_check_can_fail() -> None:
    assert all(page.checks(make_report()).values())
    for path, value in (
        (("scores", "p_miou"), 0.59),
        (("inputs", "grey frames"), {"acc": 0.9, "head": 0.9}),
        (("inputs", "narration blank"), {"acc": 0.58, "head": 0.6}),
        (("noun swaps", "all"), {"pairs": 10, "moved": 0.7}),
        (("guessers", "noun"), 0.9),
    ):
        report = make_report()
        report[path[0]][path[1]] = value
        assert list(page.checks(report).values()).count(False) == 1, path


def test_the_page_is_markdown_with_shares_times_100() -> None:
    report = make_report()
    text = page.render(report | {"checks": page.checks(report)})
    assert "| 70.0   | 2.0    | –            |" in text
    assert "| grey frames          | 70.0 | 70.0          |" in text
    assert "- holds: clean p-mIoU is at least 60" in text
