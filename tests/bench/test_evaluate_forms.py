"""A manifest as the truth of predictions of every form: folders per expression, per object, results.json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_fakes import FakeManifest
from form_fakes import ONE, TWO, code, entry, manifest_of, only, save_binary, write_json
from PIL import Image

import actiseg_noise
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.forms import form_of
from actiseg_bench.scoring.manifest_folders import evaluate_on_manifest
from actiseg_bench.scoring.manifest_objects import divide, evaluate_objects
from actiseg_bench.scoring.mask_folders import Rules
from actiseg_bench.scoring.nested_folders import NestedMasks
from actiseg_bench.scoring.results_masks import ResultsMasks
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.errors import DataError

Cli = Callable[..., tuple[int, str, str]]
HALF = [[1, 0, 0, 0], [0, 0, 0, 0]]
REFERRING = manifest_of({("v:0", "v"): [ONE, ONE], ("v:10", "v"): [ONE, ONE]})
PAIR = manifest_of({("v", "v"): [TWO, TWO]})
NOTHING = [[0, 0, 0, 0], [0, 0, 0, 0]]


def nested(folder: Path, manifest: FakeManifest, **options: Any) -> Evaluation:
    return evaluate_objects(NestedMasks(folder), manifest, **options)


def results(folder: Path, entries: list[Any], manifest: FakeManifest = PAIR, **options: Any) -> Evaluation:
    names = options.pop("names", None)
    path = write_json(folder / "results.json", entries)
    return evaluate_objects(ResultsMasks(path, names), manifest, **options)


def ious(found: Evaluation) -> dict[tuple[str, int], float | None]:
    return {(one.clip, one.object_id): one.iou for one in found.objects}


def test_a_folder_per_expression_is_the_clip_of_that_expression(tmp_path: Path) -> None:
    save_binary(tmp_path / "v" / "0", ONE, ONE)
    save_binary(tmp_path / "v" / "10", HALF, ONE)
    found = nested(tmp_path, REFERRING)
    assert ious(found) == {("v:0", 1): 1, ("v:10", 1): 3 / 4}
    assert found.scores.p_miou == 7 / 8


@pytest.mark.parametrize("level", [1, 7, 255])
def test_whatever_is_not_0_is_there(tmp_path: Path, level: int) -> None:
    for name in ("0", "10"):
        save_binary(tmp_path / "v" / name, ONE, ONE, level=level)
    assert nested(tmp_path, REFERRING).scores.p_miou == 1


def test_a_missing_expression_is_refused_and_counted_frame_by_frame(tmp_path: Path) -> None:
    save_binary(tmp_path / "v" / "0", ONE, ONE)
    with pytest.raises(DataError, match=r"(?s)^2 mask files cannot.*--missing empty.*v/10/00000.png: the prediction"):
        nested(tmp_path, REFERRING)
    found = nested(tmp_path, REFERRING, rules=Rules(missing="empty"))
    assert (found.scores.p_miou, found.allowed["no_prediction"]["count"]) == (1 / 2, 2)


def test_expressions_and_videos_that_the_manifest_does_not_have_are_named(tmp_path: Path) -> None:
    for name in ("v/0", "v/10", "v/2", "w/0"):
        save_binary(tmp_path / name, ONE, ONE)
    expected = r"(?s)^2 mask files.*--unknown-clips ignore.*w: the ground truth has no such video.*v/2: .*no such expr"
    with pytest.raises(DataError, match=expected):
        nested(tmp_path, REFERRING)
    found = nested(tmp_path, REFERRING, rules=Rules(unknown_clips="ignore"))
    assert (found.scores.p_miou, found.allowed["unknown_clips"]["count"]) == (1, 2)


def test_clips_that_are_not_scored_for_a_flag_are_no_strangers(tmp_path: Path) -> None:
    full = manifest_of({("v:0", "v"): [ONE], ("v:1", "v"): [ONE]})
    rows = [row | {"redundant": row["clip_id"] == "v:1"} for row in full.tables["clips"].to_pylist()]
    full.tables["clips"] = full.tables["clips"].from_pylist(rows, full.tables["clips"].schema)
    for name in ("v/0", "v/1"):
        save_binary(tmp_path / name, ONE)
    assert (nested(tmp_path, full).clips, nested(tmp_path, full).flagged_clips) == (1, 1)
    assert results(tmp_path, [entry("v:0", [ONE]), entry("v:1", [ONE])], full).clips == 1


def test_a_folder_per_object_is_called_by_its_id_and_masks_may_overlap(tmp_path: Path) -> None:
    both = [[1, 1, 0, 1], [0, 0, 0, 1]]
    save_binary(tmp_path / "v" / "1", both, *only(1, TWO))
    save_binary(tmp_path / "v" / "2", *only(2, TWO, TWO))
    found = nested(tmp_path, PAIR)
    assert ious(found) == {("v", 1): (2 / 4 + 1) / 2, ("v", 2): 1}
    assert found.counts_dict()["object_frames"] == 4


def test_overlapping_predictions_have_the_scores_that_each_has_alone(tmp_path: Path) -> None:
    both, two = [[1, 1, 0, 1], [0, 0, 0, 1]], only(2, TWO)[0]
    for name, first in (("together", both), ("alone", NOTHING)):
        save_binary(tmp_path / name / "v" / "1", first, first)
        save_binary(tmp_path / name / "v" / "2", two, two)
    together, alone = (nested(tmp_path / name, PAIR, failures=True) for name in ("together", "alone"))
    assert [one for one in together.objects if one.object_id == 2] == [o for o in alone.objects if o.object_id == 2]
    assert together.failures["identity_substitution"] == 0


def test_folders_from_000_are_the_objects_in_order_when_there_are_as_many(tmp_path: Path) -> None:
    save_binary(tmp_path / "v" / "000", *only(1, TWO, TWO))
    with pytest.raises(DataError, match=r"1 folders of objects \(000\) and 2 objects \[1, 2\]: which is which"):
        nested(tmp_path, PAIR)
    save_binary(tmp_path / "v" / "001", *only(2, TWO, TWO))
    assert nested(tmp_path, PAIR).scores.p_miou == 1


def test_padded_numbers_are_ids_where_all_of_them_are(tmp_path: Path) -> None:
    save_binary(tmp_path / "v" / "002", *only(2, TWO, TWO))
    save_binary(tmp_path / "v" / "001", *only(1, TWO, TWO))
    assert nested(tmp_path, PAIR).scores.p_miou == 1


def test_names_are_the_objects_in_order_in_a_clip_that_has_the_folder_to_itself(tmp_path: Path) -> None:
    for one, name in ((1, "cup10"), (2, "cup9")):
        save_binary(tmp_path / "v" / name, *only(3 - one, TWO, TWO))
    assert nested(tmp_path, PAIR).scores.p_miou == 1
    layers = manifest_of({("v~1", "v"): [ONE, ONE], ("v~2", "v"): [[[2, 2, 2, 0], [0, 0, 0, 0]]] * 2})
    with pytest.raises(DataError, match="number their objects each by itself"):
        nested(tmp_path, layers)


def test_a_folder_of_no_object_is_refused_or_background(tmp_path: Path) -> None:
    for name in ("1", "2", "9"):
        save_binary(tmp_path / "v" / name, *only(min(int(name), 2), TWO, TWO))
    with pytest.raises(DataError, match=r"(?s)--unknown-ids background.*v/9: none of the clip's objects \[1, 2\]"):
        nested(tmp_path, PAIR)
    assert nested(tmp_path, PAIR, rules=Rules(unknown_ids="background")).scores.p_miou == 1


def test_the_layers_of_a_video_share_its_folder(tmp_path: Path) -> None:
    layers = manifest_of({("v~1", "v"): [ONE], ("v~2", "v"): [[[2, 2, 2, 0], [0, 0, 0, 0]]]})
    save_binary(tmp_path / "v" / "1", ONE)
    save_binary(tmp_path / "v" / "2", [[1, 1, 1, 0], [0, 0, 0, 0]])
    assert ious(nested(tmp_path, layers)) == {("v~1", 1): 1, ("v~2", 2): 1}
    alike = manifest_of({("v~1", "v"): [ONE], ("v~2", "v"): [ONE]})
    with pytest.raises(
        DataError, match="divides this video among several clips that number their objects each by itself"
    ):
        nested(tmp_path, alike)


def test_a_mask_of_several_values_is_none_of_one_object(tmp_path: Path) -> None:
    save_binary(tmp_path / "v" / "0", ONE, ONE)
    write_index_mask(tmp_path / "v" / "10" / "00000.png", np.array(TWO, np.uint8))
    write_index_mask(tmp_path / "v" / "10" / "00001.png", np.array(ONE, np.uint8))
    said = (
        r"10/00000.png: the values \[1, 2\], expected a mask of one object.*'10' is a clip, and the folder .* is .*/v\."
    )
    with pytest.raises(DataError, match=said):
        nested(tmp_path, REFERRING)


def test_sizes_and_smooth_edges_are_refused_and_let_pass_when_asked(tmp_path: Path) -> None:
    small = manifest_of({("v:0", "v"): [ONE]})
    save_binary(tmp_path / "v" / "0", np.kron(np.array(ONE), np.ones((2, 2), int)).tolist())
    with pytest.raises(DataError, match=r"(?s)--resize nearest.*0/00000.png: the mask is 4×8, its ground truth is"):
        nested(tmp_path, small)
    assert nested(tmp_path, small, rules=Rules(resize="nearest")).scores.p_miou == 1
    Image.fromarray(np.array([[255, 200, 100, 90], [80, 70, 0, 0]], np.uint8)).save(tmp_path / "v" / "0" / "00000.png")
    with pytest.raises(DataError, match="smoothed"):
        nested(tmp_path, small)
    assert evaluate_objects(NestedMasks(tmp_path, 128), small).scores.p_miou == 1


def test_void_is_left_out_of_masks_of_single_objects(tmp_path: Path) -> None:
    void = manifest_of({("v:0", "v"): [[[1, 1, 255, 0], [0, 0, 0, 0]]]})
    save_binary(tmp_path / "v" / "0", [[1, 1, 1, 0], [0, 0, 0, 0]])
    assert nested(tmp_path, void).scores.p_miou == 1
    assert nested(tmp_path, void, void="background").scores.p_miou == pytest.approx(2 / 3)


def test_the_same_masks_have_the_same_scores_in_every_form(tmp_path: Path) -> None:
    predicted = [[1, 0, 0, 2], [0, 0, 2, 2]]
    for place in range(2):
        write_index_mask(tmp_path / "index" / "v" / f"{place:05d}.png", np.array(predicted, np.uint8))
    for one in (1, 2):
        save_binary(tmp_path / "nested" / "v" / str(one), *only(one, predicted, predicted))
    entries = [entry("v", only(one, predicted, predicted), object_id=one) for one in (1, 2)]
    index = evaluate_on_manifest(tmp_path / "index", PAIR, objects=True, failures=True)
    assert nested(tmp_path / "nested", PAIR, failures=True).to_json() == index.to_json()
    found = results(tmp_path, entries, failures=True).to_json()
    assert found.pop("matching")["by_id"] == 2
    assert found == index.to_json()


def test_the_best_entry_of_a_category_is_the_object_of_that_category(tmp_path: Path) -> None:
    two = manifest_of({("v", "v"): [TWO, TWO]}, {1: 5, 2: 6})
    entries = [
        entry("v", [NOTHING, NOTHING], category_id=5, score=0.1),
        entry("v", only(1, TWO, TWO), category_id=5, score=0.9),
        entry("v", [None, only(2, TWO)[0]], category_id=6),
        entry("v", [None, None], category_id=7),
    ]
    found = results(tmp_path, entries, two)
    assert ious(found) == {("v", 1): 1, ("v", 2): 1 / 2}
    assert found.matching == {"by_id": 0, "by_score": 2, "by_truth": 0, "objects_without": 0, "unused": 2}


def test_of_several_objects_of_a_category_the_truth_says_which_is_which_after_the_scores_chose(tmp_path: Path) -> None:
    one, two = only(1, TWO, TWO), only(2, TWO, TWO)
    found = results(tmp_path, [entry("v", two, score=0.8), entry("v", one, score=0.7)])
    assert (ious(found), found.matching["by_truth"]) == ({("v", 1): 1, ("v", 2): 1}, 2)
    wrong = [entry("v", [NOTHING, NOTHING], score=0.9), entry("v", two, score=0.8), entry("v", one, score=0.7)]
    assert ious(results(tmp_path, wrong)) == {("v", 1): 0, ("v", 2): 1}


def test_results_without_a_category_of_the_ground_truth_are_refused(tmp_path: Path) -> None:
    entries = [entry("v", only(1, TWO, TWO), category_id=40)]
    with pytest.raises(DataError, match=r"no category of it \(40\) is one of the ground truth's \(1\).* say object_id"):
        results(tmp_path, entries)
    assert results(tmp_path, [*entries, entry("v", only(2, TWO, TWO))]).matching["unused"] == 1


def test_an_entry_that_names_its_object_is_that_object_s(tmp_path: Path) -> None:
    one, two = only(1, TWO, TWO), only(2, TWO, TWO)
    swapped = [entry("v", one, object_id=2), entry("v", two, id=1)]
    assert ious(results(tmp_path, swapped)) == {("v", 1): 0, ("v", 2): 0}
    mixed = results(tmp_path, [entry("v", one, object_id=1), entry("v", two)])
    assert (ious(mixed), mixed.matching["by_score"]) == ({("v", 1): 1, ("v", 2): 1}, 1)
    with pytest.raises(DataError, match=r"(?s)--unknown-ids.*entry 0: object 9 is none of the video's \[1, 2\]"):
        results(tmp_path, [entry("v", one, object_id=9)])
    with pytest.raises(DataError, match="entries 0 and 1 are both of object 1 of 'v'; keep one"):
        results(tmp_path, [entry("v", one, object_id=1)] * 2)


def test_an_entry_of_a_named_object_needs_no_category_and_no_score(tmp_path: Path) -> None:
    track = {"video_id": "v", "object_id": 1, "segmentations": [code(one) for one in only(1, TWO, TWO)]}
    assert results(tmp_path, [track]).matching["by_id"] == 1


def test_empty_results_miss_everything(tmp_path: Path) -> None:
    found = results(tmp_path, [])
    assert (found.scores.p_miou, found.scores.fn, found.matching["objects_without"]) == (0, 4, 2)


def test_entries_of_other_videos_are_refused_and_named(tmp_path: Path) -> None:
    entries = [entry("v", [NOTHING, NOTHING]), entry(7, [ONE])]
    with pytest.raises(
        DataError, match=r"(?s)^1 prediction .*--unknown-clips.*entry 1: .* no video '7'; --videos FILE"
    ):
        results(tmp_path, entries)
    found = results(tmp_path, entries, rules=Rules(unknown_clips="ignore"))
    assert found.allowed["unknown_clips"]["count"] == 1
    assert results(tmp_path, [entry(7, only(1, TWO, TWO))], names={"7": "v"}).scores.tp == 2


def test_a_video_of_several_clips_is_meant_by_clip(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="video 'v' has 2 clips; say which one by its clip_id"):
        results(tmp_path, [entry("v", [ONE, ONE])], REFERRING)
    found = results(tmp_path, [entry("v:10", [ONE, ONE])], REFERRING)
    assert ious(found) == {("v:0", 1): 0, ("v:10", 1): 1}


def test_entries_of_a_video_are_divided_among_its_layers(tmp_path: Path) -> None:
    wide = [[2, 2, 2, 0], [0, 0, 0, 0]]
    layers = manifest_of({("v~1", "v"): [ONE], ("v~2", "v"): [wide]})
    found = results(tmp_path, [entry("v", [wide], score=0.9), entry("v", [ONE], score=0.8)], layers)
    assert ious(found) == {("v~1", 1): 1, ("v~2", 2): 1}


def test_lengths_and_sizes_are_held_against_the_clip(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"entry 0: 1 masks, its video 'v' has 2 frames"):
        results(tmp_path, [entry("v", [ONE])])
    large = np.kron(np.array(TWO), np.ones((2, 2), int)).tolist()
    entries = [entry("v", only(one, large, large), object_id=one) for one in (1, 2)]
    with pytest.raises(DataError, match=r"entry 0, frame 0: the mask is 4×8, its ground truth is 2×4"):
        results(tmp_path, entries)
    assert results(tmp_path, entries, rules=Rules(resize="nearest")).scores.p_miou == 1


def test_run_lengths_may_be_numbers(tmp_path: Path) -> None:
    tracks = [
        [{"size": [2, 4], "counts": [0, 1, 1, 1, 5]}] * 2,
        [{"size": [2, 4], "counts": [6, 2]}] * 2,
    ]
    entries = [entry("v", [], segmentations=track, object_id=i) for i, track in enumerate(tracks, start=1)]
    assert results(tmp_path, entries).scores.p_miou == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": float("nan")}, "key 'score': expected a finite number, found NaN"),
        ({"score": "0.5"}, "key 'score': expected a finite number"),
        ({"score": True}, "key 'score': expected a finite number"),
        ({"score": 10**400}, "key 'score': expected a finite number"),
        ({"video_id": 1.0}, "key 'video_id': expected a whole number, or a name, found 1.0"),
        ({"video_id": None}, "key 'video_id': expected a whole number"),
        ({"category_id": 1.5}, "key 'category_id': expected an integer"),
        ({"object_id": 1.0}, "key 'object_id': expected a whole number"),
        ({"segmentations": {}}, "key 'segmentations': expected a list of run lengths"),
        ({"segmentations": [[1, 2], None]}, 'frame 0: expected null or {"size"'),
        ({"segmentations": [{"size": [2.0, 4], "counts": "08"}, None]}, 'frame 0: expected null or {"size"'),
        ({"segmentations": [None, {"size": [2, 4], "counts": "0999"}]}, "frame 1: run lengths '0999'… do not fill"),
        ({"segmentations": [{"size": [2, 4], "counts": [1, 99]}, None]}, r"run lengths \[1, 99\] do not fill"),
        ({"segmentations": [{"size": [2, 4], "counts": [-1, 9]}, None]}, r"run lengths \[-1, 9\] do not fill"),
        ({"segmentations": [{"size": [2, 4], "counts": ""}, None]}, "run lengths ''… are no code"),
        ({"segmentations": [{"size": [2, 4], "counts": "é"}, None]}, "are no code of COCO's"),
        ({"segmentations": [{"size": [10**9, 1], "counts": "0"}, None]}, 'frame 0: expected null or {"size"'),
    ],
)
def test_an_entry_that_is_not_as_it_should_be_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=r"results.json: entry 1") as raised:
        results(tmp_path, [entry("v", [NOTHING, NOTHING]), entry("v", [ONE, ONE], **change)])
    with pytest.raises(DataError, match=message):
        raise raised.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"video_id": 1', "malformed JSON at line 1"),
        ('{"videos": []}', "expected a list of entries"),
        ("[3]", "entry 0, key '': expected a JSON object"),
        ("", "malformed JSON"),
        ("[" * 100_000, "malformed JSON"),
    ],
)
def test_a_file_of_another_kind_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match=message):
        evaluate_objects(ResultsMasks(tmp_path / "results.json"), PAIR)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert form_of(tmp_path / "results.json", {}) == "results"
    with pytest.raises(DataError, match=r"results.json: the file is missing"):
        evaluate_objects(ResultsMasks(tmp_path / "results.json"), PAIR)


def test_forms_are_told_apart_and_mixed_ones_refused(tmp_path: Path) -> None:
    known = {"v:0": "v", "w:0": "w"}
    save_binary(tmp_path / "a" / "v" / "0", ONE)
    write_index_mask(tmp_path / "b" / "v%3A0" / "00000.png", np.array(ONE, np.uint8))
    assert [form_of(tmp_path / name, known) for name in ("a", "b", "none")] == ["folder", "index", "index"]
    write_index_mask(tmp_path / "a" / "w" / "00000.png", np.array(ONE, np.uint8))
    with pytest.raises(DataError, match="folders of two forms: 'w' holds masks, 'v' holds folders"):
        form_of(tmp_path / "a", known)
    write_index_mask(tmp_path / "a" / "v" / "00000.png", np.array(ONE, np.uint8))
    with pytest.raises(DataError, match="two forms in one folder: masks, and the folder '0' of masks"):
        form_of(tmp_path / "a", known)


def test_a_folder_of_videos_one_level_off_is_met_with_the_right_one(tmp_path: Path) -> None:
    save_binary(tmp_path / "pred" / "v" / "0", ONE)
    with pytest.raises(DataError, match=r"--pred .* has no folder of a clip. Did you mean .*pred\?"):
        evaluate_on_manifest(tmp_path, REFERRING)


def test_a_frame_is_divided_where_masks_meet() -> None:
    masks = {1: np.array([[1, 1, 0]], bool), 2: np.array([[0, 1, 1]], bool), 3: np.array([[0, 0, 1]], bool)}
    (first, one), (second, two) = divide(masks, (1, 3))
    assert (first, one.tolist()) == ({1, 3}, [[1, 1, 3]])
    assert (second, two.tolist()) == ({2}, [[0, 2, 2]])
    assert [about for about, _ in divide({}, (1, 3))] == [frozenset()]


@pytest.fixture(scope="module")
def referring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deposit in MeViS's form with two expressions of one video, its manifest, and perfect predictions."""
    root = tmp_path_factory.mktemp("referring")
    (root / "data" / "train").mkdir(parents=True)
    said = {str(i): {"exp": f"the box number {i}", "obj_id": [i], "anno_id": [i]} for i in range(2)}
    frames = ["00000", "00005"]
    listed = {"videos": {"vid": {"expressions": said, "frames": frames}}}
    write_json(root / "data/train/meta_expressions.json", listed)
    masks = {"0": [code(ONE), code(ONE)], "1": [None, code(HALF)]}
    write_json(root / "data/train/mask_dict.json", masks)
    for name, shown in (("0", [ONE, ONE]), ("1", [NOTHING, HALF])):
        folder = root / "pred" / "vid" / name
        save_binary(folder, *shown)
        (folder / "00001.png").rename(folder / "00005.png")
    actiseg_noise.build("refvos", root=root / "data", split="train", out=root / "labels", workers=1, content="full")
    return root


def test_perfect_folders_per_expression_score_100_on_the_manifest_that_refvos_makes(
    referring: Path, cli: Cli, tmp_path: Path
) -> None:
    given = ["evaluate", "--pred", referring / "pred", "--manifest", referring / "labels"]
    code_, printed, error = cli(*given, "--per-clip", tmp_path / "table.csv")
    assert (code_, error) == (0, "")
    assert printed.count("100.0") >= 8
    header, *rows = (tmp_path / "table.csv").read_text().splitlines()
    assert header == "clip_id,object_id,is_positive,frames,j,f,j_and_f,j_volume,p_iou,n_iou,j_last"
    assert rows == ["vid:0,1,1,2,1.0,1.0,1.0,1.0,1.0,,", "vid:1,1,1,2,1.0,1.0,1.0,1.0,1.0,,"]


def test_results_json_is_scored_on_a_manifest_from_the_command_line(referring: Path, cli: Cli, tmp_path: Path) -> None:
    path = write_json(tmp_path / "results.json", [entry(3, [ONE, ONE], object_id=1)])
    listed = write_json(tmp_path / "train.json", {"videos": [{"id": 3, "file_names": ["vid:0/00000.jpg"]}]})
    given = ["evaluate", "--pred", path, "--manifest", referring / "labels"]
    exit_code, printed, _ = cli(*given, "--videos", listed)
    assert (exit_code, "Predicted tracks: 1 name their object" in printed) == (0, True)
    for options, message in (
        (["--merge"], "--merge goes with a folder of masks"),
        (["--frames", "all"], "--frames goes with --davis"),
        ([], "the ground truth has no video '3'; --videos FILE"),
    ):
        exit_code, printed, error = cli(*given, *options)
        assert (exit_code, printed, message in error) == (2, "", True)
    exit_code, _, error = cli("evaluate", "--pred", referring / "pred", *given[3:], "--videos", listed)
    assert (exit_code, "--videos goes with results.json" in error) == (2, True)


def test_j_and_f_are_left_out_on_request_and_the_six_metrics_stay(tmp_path: Path, cli: Cli, noisy_val: Path) -> None:
    save_binary(tmp_path / "v" / "0", ONE, ONE)
    save_binary(tmp_path / "v" / "10", HALF, ONE)
    whole, six = nested(tmp_path, REFERRING), nested(tmp_path, REFERRING, objects=False)
    assert six.objects == ()
    assert six.scores == whole.scores
    asked = ["evaluate", "--pred", tmp_path, "--no-j-and-f"]
    code, _, told = cli(*asked, "--davis", "--gt", tmp_path)
    assert (code, told) == (2, "error: --no-j-and-f does not go with --davis")
    code, _, told = cli(*asked, "--manifest", noisy_val, "--per-clip", tmp_path / "table.csv")
    assert code == 2
    assert "--per-clip writes J and F of every object" in told
