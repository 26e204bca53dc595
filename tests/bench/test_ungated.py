"""Ungated masks: what a network draws of an object whatever its positive head and other objects say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from bench_fakes import OBJECTS, TRUTH, fake_manifest, perfect, predict
from torch import Tensor

from actiseg_bench.check.files import verify_object_frames
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.metrics.ungated import ungated_scores
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.prediction.predict import iter_predictions_of
from actiseg_bench.records import Prediction, Targets
from actiseg_bench.results.predictions import (
    UNGATED,
    PredictedMask,
    PredictionError,
    frame_predictions,
    iter_predictions,
    predictions_digest,
    write_predictions,
)
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import read_object_frames, write_object_frames
from actiseg_noise.errors import ActisegError

Masks = dict[tuple[str, int], list[list[int]]]


def behind(merged: Masks, ungated: Masks) -> Iterator[PredictedMask]:
    """Yield the rows of merged masks, with ungated ones that do not overlap."""
    for (clip, frame), mask in merged.items():
        own = {number: np.array(ungated[clip, frame]) == number for number in OBJECTS[clip]}
        yield from frame_predictions(clip, frame, np.array(mask, np.uint8), dict.fromkeys(OBJECTS[clip], 0.5), own)


def nothing() -> Masks:
    return {place: np.zeros_like(np.array(mask)).tolist() for place, mask in TRUTH.items()}


def test_ungated_masks_are_stored_where_they_differ_and_come_back(tmp_path: Path) -> None:
    rows = list(behind(nothing(), perfect()))
    digest = write_predictions(tmp_path / "p.parquet", rows, ungated=True)
    assert list(iter_predictions(tmp_path / "p.parquet")) == rows
    assert digest == predictions_digest(rows) == predictions_digest(iter_predictions(tmp_path / "p.parquet"))
    stored = pq.read_table(tmp_path / "p.parquet")[UNGATED].to_pylist()
    assert [code is not None for code in stored] == [row.ungated != row.mask for row in rows]
    assert any(code is None for code in stored)


def test_the_digest_follows_the_ungated_masks_and_files_without_them_keep_theirs(tmp_path: Path) -> None:
    merged, other = list(predict(perfect())), list(behind(perfect(), nothing()))
    same = list(behind(perfect(), perfect()))
    assert len({predictions_digest(rows) for rows in (merged, other, same)}) == 3
    assert predictions_digest(merged) == predictions_digest(replace(row, ungated=None) for row in other)
    write_predictions(tmp_path / "p.parquet", merged)
    assert {row.ungated for row in iter_predictions(tmp_path / "p.parquet")} == {None}


def test_a_row_without_an_ungated_mask_is_refused_where_they_are_stored(tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match="expected an ungated mask"):
        write_predictions(tmp_path / "p.parquet", predict(perfect()), ungated=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array(["\0" * 40]), "a frame 0 object 1: ungated_rle: run lengths .* are no code"),
        (pa.array(["0"]), "a frame 0 object 1: ungated_rle: run lengths .* do not fill"),
        (pa.array([1]), "column ungated_rle: expected string, found int64"),
    ],
)
def test_damaged_ungated_masks_are_refused(tmp_path: Path, values: pa.Array, message: str) -> None:
    path = tmp_path / "p.parquet"
    write_predictions(path, behind(perfect(), perfect()), ungated=True)
    table = pq.read_table(path)
    column = pa.concat_arrays([values, pa.nulls(len(table) - 1, values.type)])
    pq.write_table(table.set_column(table.schema.get_field_index(UNGATED), UNGATED, column), path)
    with pytest.raises(PredictionError, match=message):
        list(iter_predictions(path))


def test_a_mask_that_the_positive_head_empties_counts_where_it_is_ungated() -> None:
    """Nothing is predicted, everything is drawn behind the head: p-mIoU 0, ungated 1."""
    found = measure(fake_manifest(), behind(nothing(), perfect()))
    assert found.evaluation.scores.p_miou == 0
    assert ungated_scores(found.frames) == {"p_miou_ungated": 1}


def test_void_and_negatives_do_not_count_and_half_a_mask_is_half() -> None:
    """Object 1 of clip a without its first column: the hand computation of its I/U in the first frame."""
    half = perfect()
    half["a", 0] = [[0 if value == 1 and x == 0 else value for x, value in enumerate(row)] for row in half["a", 0]]
    everything = {place: mask for place, mask in TRUTH.items()}  # noqa: C416 - a copy, void and negatives included
    for ungated, expected in ((perfect(), 1.0), (everything, 1.0)):
        assert ungated_scores(measure(fake_manifest(), behind(nothing(), ungated)).frames)["p_miou_ungated"] == expected
    found = measure(fake_manifest(), behind(perfect(), half)).frames
    some = found.is_positive & (found.gt_area > 0)
    truth, own = np.array(TRUTH["a", 0]) == 1, np.array(half["a", 0]) == 1
    ious = [1.0] * (int(some.sum()) - 1) + [own.sum() / truth.sum()]
    assert 0 < ious[-1] < 1
    assert ungated_scores(found)["p_miou_ungated"] == pytest.approx(np.mean(ious))


def test_a_table_keeps_the_ungated_counts_and_an_older_one_is_read_without(tmp_path: Path) -> None:
    found = measure(fake_manifest(), behind(nothing(), perfect()))
    write_object_frames(tmp_path / "o.parquet", found.clips, found.frames, found.videos)
    assert ungated_scores(read_object_frames(tmp_path / "o.parquet")[1]) == {"p_miou_ungated": 1}
    assert ungated_scores(measure(fake_manifest(), predict(perfect())).frames) == {"p_miou_ungated": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns(["ungated_area"]), "come together"),
        (lambda t: put(t, "ungated_intersection", 10**9), "no more than either mask has"),
        (lambda t: put(t, "ungated_intersection", -1), "at least 0"),
    ],
)
def test_a_table_of_impossible_ungated_counts_is_refused(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table], message: str
) -> None:
    found = measure(fake_manifest(), behind(nothing(), perfect()))
    path = tmp_path / "o.parquet"
    write_object_frames(path, found.clips, found.frames, found.videos)
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(ActisegError, match=message):
        read_object_frames(path)


def put(table: pa.Table, name: str, value: int) -> pa.Table:
    """Return a table with another first number in a column."""
    values = pa.array([value, *table[name].to_pylist()[1:]], pa.int64())
    return table.set_column(table.schema.get_field_index(name), name, values)


def test_verify_misses_no_ungated_counts_where_predictions_have_the_masks(tmp_path: Path) -> None:
    found = measure(fake_manifest(), behind(nothing(), perfect()))
    bare = replace(found.frames, ungated_intersection=None, ungated_area=None)
    write_object_frames(tmp_path / "o.parquet", found.clips, bare, found.videos)
    (finding,) = verify_object_frames(tmp_path / "o.parquet", "run", found)
    assert "ungated_intersection, ungated_area" in str(finding)
    older = replace(found, frames=bare)
    assert not list(verify_object_frames(tmp_path / "o.parquet", "run", older))


class Doubtful(VosModel):
    """A network that draws the first half of every frame for every text and says that nothing takes part."""

    card = replace(MODELS["tiny"].card, max_frames=None, frame_samples=None)

    def forward(self, frames: Tensor, texts: list[str], clip_of: Tensor, targets: Targets | None = None) -> Prediction:
        masks = torch.full((len(texts), frames.shape[1], 6, 10), -9.0)
        masks[..., :5] = 9
        return Prediction(masks, torch.full((len(texts),), -9.0))


def test_a_network_that_says_no_has_ungated_masks_and_the_same_merged_ones(clean_val: Path, kitchen_root: Path) -> None:
    data = ManifestDataset(clean_val, kitchen_root, size=(6, 10), labels="clean", cache=False)
    device = torch.device("cpu")
    for threshold in (None, 0.0):
        plain = list(iter_predictions_of(Doubtful(), data, device, threshold=threshold))
        both = list(iter_predictions_of(Doubtful(), data, device, threshold=threshold, ungated=True))
        for one, other in zip(plain, both, strict=True):
            assert one.ungated is None
            assert all(np.array_equal(a, b) for a, b in zip(one.masks, other.masks, strict=True))
            assert other.ungated is not None
            assert other.ungated.shape == (len(other.object_ids), len(other.masks), *other.masks[0].shape)
            half = other.masks[0].shape[1] // 2
            assert other.ungated[..., : half - 5].all()
            assert not other.ungated[..., half + 5 :].any()
            assert any(mask.any() for mask in other.masks) == (threshold == 0)
