"""``clean``: accepted corrections in a new manifest, the old values beside it, and what is refused."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import actiseg_noise
from actiseg_noise.borders.writing import whole_csv
from actiseg_noise.cli.commands import app
from actiseg_noise.errors import ActisegError
from actiseg_noise.exchange.clean import move_boundary
from actiseg_noise.manifest.clips import ManifestMask, ManifestSample
from actiseg_noise.manifest.corrections import COLUMNS, Correction, describe_mask, read_corrections
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import Box, encode_rle


def masks_of(manifest: Manifest) -> dict[tuple[str, int], ManifestMask]:
    return {(mask.sample_id, mask.frame_idx): mask for clip in manifest for mask in clip.masks}


def samples_of(manifest: Manifest) -> dict[str, ManifestSample]:
    return {sample.sample_id: sample for clip in manifest for sample in clip.samples}


def write(path: Path, *rows: Correction) -> Path:
    with whole_csv(path, COLUMNS) as writer:
        writer.writerows(row.cells() for row in rows)
    return path


def first_flip(manifest: Manifest) -> ManifestSample:
    return next(s for s in samples_of(manifest).values() if s.text_noise == "category_flip-v1")


def rename(manifest: Manifest, sample: ManifestSample, noun: str, *, accept: bool = True) -> Correction:
    return Correction(manifest.digest, sample.sample_id, None, "noun", sample.noisy_noun, noun, 0.9, accept)


def test_an_accepted_noun_is_what_is_trained_on_and_the_old_one_is_kept(noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    wrong = first_flip(manifest)
    other = next(s for s in samples_of(manifest).values() if s.noisy_noun != s.noun and s != wrong)
    file = write(
        tmp_path / "c.csv", rename(manifest, wrong, wrong.noun), rename(manifest, other, other.noun, accept=False)
    )
    done = actiseg_noise.clean(noisy_val, file, tmp_path / "out")
    assert (done.proposed, done.nouns, done.masks) == (2, 1, 0)
    cleaned = actiseg_noise.read_manifest(tmp_path / "out")
    after = samples_of(cleaned)
    right = after[wrong.sample_id]
    assert right.text("noisy") == right.text("clean") == wrong.text("clean")
    assert (right.text_noise, right.is_harmful) == ("none", False)
    assert after[other.sample_id].text("noisy") == other.text("noisy")
    assert after[other.sample_id].text_noise == "imported"
    assert after[other.sample_id].is_harmful == other.is_harmful
    with (tmp_path / "out" / "corrections.csv").open() as stream:
        (kept,) = csv.DictReader(stream)
    assert (kept["sample_id"], kept["given"], kept["suggested"]) == (wrong.sample_id, wrong.noisy_noun, wrong.noun)
    assert cleaned.info.imported["manifest"] == manifest.digest
    assert actiseg_noise.verify(tmp_path / "out") == []
    before_masks, after_masks = masks_of(manifest), masks_of(cleaned)
    assert all(after_masks[key].noisy_digest == mask.noisy_digest for key, mask in before_masks.items())


def test_an_eroded_mask_is_the_clean_one_again_where_it_was_dilated(noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    noised = [mask for mask in masks_of(manifest).values() if mask.mask_noise == "dilate-v1"]
    file = write(
        tmp_path / "c.csv",
        *(
            Correction(manifest.digest, m.sample_id, m.frame_idx, "mask", m.noisy_digest, "erode 3 px", 0.8)
            for m in noised
        ),
    )
    done = actiseg_noise.clean(noisy_val, file, tmp_path / "out", min_score=0.8)
    assert done.masks + done.kept == len(noised) > 20
    after = masks_of(actiseg_noise.read_manifest(tmp_path / "out"))
    alone = [m for m in noised if (m.decode("noisy") == move_boundary(m.decode("clean"), 3)).all()]
    assert len(alone) > 5  # of the others a neighbour took pixels, which do not come back
    assert all(after[mask.sample_id, mask.frame_idx].iou > mask.iou for mask in alone)
    assert actiseg_noise.verify(tmp_path / "out") == []


def test_a_mask_drawn_anew_takes_no_pixel_of_another_object(clean_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(clean_val)
    frame = next(clip.frames[0] for clip in manifest)
    one, other = (mask for mask in list(frame.masks.values())[:2])
    height, width = frame.size or (0, 0)
    whole = encode_rle(np.ones((height, width), bool), Box(0, 0, height, width), height, width)
    row = Correction(
        manifest.digest, one.sample_id, 0, "mask", one.noisy_digest, describe_mask(whole.counts), 0.9, True
    )
    actiseg_noise.clean(clean_val, write(tmp_path / "c.csv", row), tmp_path / "out")
    after = masks_of(actiseg_noise.read_manifest(tmp_path / "out"))
    grown = after[one.sample_id, 0]
    taken = sum(mask.clean_area for key, mask in frame.masks.items() if key != one.object_id)
    assert grown.noisy_area == height * width - taken
    assert after[other.sample_id, 0].noisy_digest == other.noisy_digest
    assert (grown.mask_noise, grown.clean_digest) == ("imported", one.clean_digest)


def test_a_boundary_moves_by_a_square_and_the_edge_of_the_picture_takes_nothing() -> None:
    mask = np.zeros((5, 7), bool)
    mask[0:3, 2:5] = True
    assert move_boundary(mask, 1)[:4, 1:6].all()
    assert move_boundary(mask, 1).sum() == 20
    assert move_boundary(mask, -1).astype(int).tolist()[:3] == [[0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0], [0] * 7]


def test_a_correction_that_would_empty_a_mask_leaves_it(noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    mask = next(mask for mask in masks_of(manifest).values() if mask.noisy_area)
    row = Correction(
        manifest.digest, mask.sample_id, mask.frame_idx, "mask", mask.noisy_digest, "erode 200 px", 0.9, True
    )
    done = actiseg_noise.clean(noisy_val, write(tmp_path / "c.csv", row), tmp_path / "out")
    assert (done.masks, done.kept) == (0, 1)
    after = masks_of(actiseg_noise.read_manifest(tmp_path / "out"))
    assert after[mask.sample_id, mask.frame_idx].noisy_digest == mask.noisy_digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"manifest": "0" * 64}, "line 2: a correction for the manifest '000000000000'…, but this manifest is"),
        ({"sample_id": "nowhere/1"}, "line 2: no sample nowhere/1 in the manifest"),
        ({"given": "spaceship"}, "line 2: replaces 'spaceship', but"),
        ({"suggested": "spaceship"}, "line 2: 'spaceship' is no noun of the manifest's vocabulary"),
        ({"suggested": ""}, "line 2: suggested: is empty"),
        ({"what": "verb"}, "line 2: what: expected noun, mask or flag, found 'verb'"),
        ({"what": "mask", "frame_idx": 0}, "expected 'erode N px', 'dilate N px' or 'rle CODE'"),
        ({"frame_idx": 3}, "line 2: frame_idx: a noun is of all frames, found '3'"),
        ({"what": "flag"}, "line 2: suggested for a flag: expected positive or negative, found"),
        ({"what": "flag", "suggested": "negative", "frame_idx": 3}, "frame_idx: a flag is of all frames, found '3'"),
        ({"what": "flag", "given": "yes", "suggested": "negative"}, "line 2: replaces 'yes', but"),
        ({"score": 1.5}, "line 2: score: expected a number from 0 to 1, found '1.5'"),
        ({"accept": "maybe"}, "line 2: accept: expected yes or nothing, found 'maybe'"),
        ({"accept": ""}, "none of 1 corrections is accepted: write yes in the column 'accept'"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_line(
    change: dict[str, object], said: str, noisy_val: Path, tmp_path: Path
) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    wrong = first_flip(manifest)
    with whole_csv(tmp_path / "c.csv", COLUMNS) as writer:
        writer.writerow(rename(manifest, wrong, wrong.noun).cells() | change)
    with pytest.raises(ActisegError, match=re.escape(said)):
        actiseg_noise.clean(noisy_val, tmp_path / "c.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_mask_that_is_not_the_one_that_was_audited_is_refused(noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    mask = next(mask for mask in masks_of(manifest).values() if mask.noisy_area)
    row = Correction(manifest.digest, mask.sample_id, mask.frame_idx, "mask", "0" * 32, "erode 1 px", 0.9, True)
    with pytest.raises(ActisegError, match=f"replaces a mask with the digest {'0' * 32}, but {mask.sample_id} has"):
        actiseg_noise.clean(noisy_val, write(tmp_path / "c.csv", row), tmp_path / "out")


def test_a_table_without_a_column_or_with_a_label_twice_is_refused(noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    wrong = first_flip(manifest)
    row = rename(manifest, wrong, wrong.noun)
    with pytest.raises(ActisegError, match=f"the noun of {wrong.sample_id} was on line 2 too"):
        read_corrections(write(tmp_path / "twice.csv", row, row), manifest.digest)
    (tmp_path / "short.csv").write_text("manifest,sample_id\n")
    with pytest.raises(
        ActisegError, match="no table of corrections: expected the columns manifest, .* and there is no frame_idx"
    ):
        read_corrections(tmp_path / "short.csv", manifest.digest)


def reflag(manifest: Manifest, sample: ManifestSample) -> Correction:
    """The correction of a flag to the other one."""
    words = ("negative", "positive")
    given = sample.noisy_is_positive
    return Correction(manifest.digest, sample.sample_id, None, "flag", words[given], words[not given], 0.9, True)


def flags_of(manifest: Manifest) -> dict[str, tuple[bool, bool, str]]:
    return {name: (s.is_positive, s.noisy_is_positive, s.flag_noise) for name, s in samples_of(manifest).items()}


def test_a_flag_is_corrected_in_both_directions_and_the_others_stay(flagged_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(flagged_val)
    before = samples_of(manifest)
    wrong = [s for s in before.values() if s.is_wrong]
    assert {s.is_positive for s in wrong} == {True, False}
    mended = [next(s for s in wrong if s.is_positive), next(s for s in wrong if not s.is_positive)]
    done = actiseg_noise.clean(
        flagged_val, write(tmp_path / "c.csv", *(reflag(manifest, s) for s in mended)), tmp_path / "out"
    )
    assert (done.nouns, done.masks, done.flags) == (0, 0, 2)
    cleaned = actiseg_noise.read_manifest(tmp_path / "out")
    assert cleaned.info.schema_version == 2
    names = {s.sample_id for s in mended}
    expected = {
        name: (s.is_positive, s.is_positive, "none")
        if name in names or not s.is_wrong
        else (s.is_positive, s.noisy_is_positive, "imported")
        for name, s in before.items()
    }
    assert flags_of(cleaned) == expected
    assert sum(given != clean for clean, given, _ in expected.values()) == len(wrong) - 2 > 0
    with (tmp_path / "out" / "corrections.csv").open() as stream:
        kept = {row["sample_id"]: (row["what"], row["given"], row["suggested"]) for row in csv.DictReader(stream)}
    words = ("negative", "positive")
    assert kept == {s.sample_id: ("flag", words[s.noisy_is_positive], words[s.is_positive]) for s in mended}
    assert actiseg_noise.verify(tmp_path / "out") == []
    after = masks_of(cleaned)
    assert all(after[key].noisy_digest == mask.noisy_digest for key, mask in masks_of(manifest).items())


def test_with_every_flag_corrected_the_manifest_is_of_schema_1_again(
    flagged_val: Path, clean_val: Path, tmp_path: Path
) -> None:
    manifest = actiseg_noise.read_manifest(flagged_val)
    rows = [reflag(manifest, s) for s in samples_of(manifest).values() if s.is_wrong]
    done = actiseg_noise.clean(flagged_val, write(tmp_path / "c.csv", *rows), tmp_path / "out")
    assert done.flags == len(rows) > 2
    cleaned = actiseg_noise.read_manifest(tmp_path / "out")
    assert cleaned.info.schema_version == 1
    assert cleaned.digest == actiseg_noise.read_manifest(clean_val).digest
    assert actiseg_noise.verify(tmp_path / "out") == []


def test_a_flag_that_differs_from_the_clean_one_makes_a_manifest_of_schema_2(noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    assert manifest.info.schema_version == 1
    wrong = first_flip(manifest)
    rows = [reflag(manifest, wrong), rename(manifest, wrong, wrong.noun)]
    actiseg_noise.clean(noisy_val, write(tmp_path / "c.csv", *rows), tmp_path / "out")
    cleaned = actiseg_noise.read_manifest(tmp_path / "out")
    assert cleaned.info.schema_version == 2
    after = samples_of(cleaned)[wrong.sample_id]
    assert (after.noisy_is_positive, after.flag_noise) == (not wrong.is_positive, "imported")
    assert after.text("noisy") == wrong.text("clean")
    assert [name for name, (clean, given, _) in flags_of(cleaned).items() if clean != given] == [wrong.sample_id]
    assert actiseg_noise.verify(tmp_path / "out") == []


def test_a_swapped_narration_stays_when_the_noun_is_corrected(kitchen_root: Path, tmp_path: Path) -> None:
    noises = (
        actiseg_noise.NoiseSpec("narration_swap-v1", 0.5),
        actiseg_noise.NoiseSpec("category_flip-v1", 0.5),
    )
    folder = actiseg_noise.build(
        "kitchen",
        root=kitchen_root,
        split="val",
        recipe=actiseg_noise.Recipe("swaps-and-flips", noises),
        out=tmp_path / "m",
        limit=8,
        allow_eval=True,
        workers=1,
        gate=False,
    )
    manifest = actiseg_noise.read_manifest(folder)
    both = [(clip, s) for clip in manifest for s in clip.samples if s.narration_noise != "none" != s.text_noise]
    clip, wrong = both[0]
    file = write(tmp_path / "c.csv", rename(manifest, wrong, wrong.noun))
    actiseg_noise.clean(folder, file, tmp_path / "out")
    cleaned = actiseg_noise.read_manifest(tmp_path / "out")
    after = samples_of(cleaned)[wrong.sample_id]
    assert after.noisy_expression == f"{wrong.noun} used in the action of {clip.noisy_narration}"
    assert (after.text_noise, after.narration_noise, after.is_harmful) == ("none", "imported", True)
    narrations = {c.clip_id: c.noisy_narration for c in manifest}
    assert {c.clip_id: c.noisy_narration for c in cleaned} == narrations
    assert len(both) > 1
    assert samples_of(cleaned)[both[1][1].sample_id].text() == both[1][1].text()
    assert actiseg_noise.verify(tmp_path / "out") == []


def test_a_code_that_a_spreadsheet_would_compute_comes_back_as_it_was(tmp_path: Path) -> None:
    row = Correction("d", "=clip/1", 0, "mask", "0" * 32, "rle @04", 0.5, True, 2)
    assert read_corrections(write(tmp_path / "c.csv", row), "d") == [row]


def test_the_command_says_what_it_did(noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    wrong = first_flip(manifest)
    file = write(tmp_path / "c.csv", rename(manifest, wrong, wrong.noun))
    command = ["clean", str(noisy_val), "--corrections", str(file), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "1 nouns, 0 masks and 0 flags corrected, of 1 proposed corrections" in done.output
    again = CliRunner().invoke(app, command)
    assert isinstance(again.exception, ActisegError)
    assert "the output exists" in str(again.exception)
