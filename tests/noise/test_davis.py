"""DAVIS: its layouts of two years, what its sequences are called, and what damaged deposits are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from deposit_davis import davis_mask, save_grey, write_davis, write_davis_2016, write_sequence
from deposits import save_frame, save_mask
from PIL import Image

import actiseg_noise
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.datasets.davis import Davis
from actiseg_noise.datasets.davis.lists import year_on_disk
from actiseg_noise.datasets.davis.texts import SequenceTexts, readable
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.records import Clip


def read(dataset: Davis, split: str = "train", *, with_frames: bool = True) -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=with_frames))


def only_clip(dataset: Davis, split: str = "train") -> Clip:
    (clip,) = read(dataset, split)
    return clip


def one_sequence(root: Path) -> Path:
    return write_davis(root, {"train": ["bear"]})


# --- layouts


def test_a_sequence_is_a_clip_and_its_name_the_text(tmp_path: Path) -> None:
    clips = read(Davis(write_davis(tmp_path)))
    assert [(c.clip_id, c.source_order) for c in clips] == [("bear", 1), ("dogs-scale", 2), ("motocross-jump", 0)]
    jump = clips[2]
    assert (jump.address, jump.video_id) == ("motocross-jump", "motocross-jump")
    assert (jump.narration, jump.verb, jump.noun) == ("motocross jump", "refer", "motocross jump")
    assert [(o.object_id, o.noun, o.template, o.is_positive) for o in jump.objects] == [
        (1, "motocross jump", "{noun}", True),
        (2, "motocross jump", "{noun}", True),
    ]


@pytest.mark.parametrize("level", ["480p", ""])
def test_the_level_480p_may_be_absent(tmp_path: Path, level: str) -> None:
    dataset = Davis(write_davis(tmp_path, {"train": ["bear"]}, level))
    clip = only_clip(dataset)
    folder = f"{level}/bear" if level else "bear"
    assert [f.frame_id for f in clip.frames] == ["00002", "00005", "00008"]
    assert clip.frames[0].image_path == f"JPEGImages/{folder}/00002.jpg"
    assert clip.frames[0].mask_path == f"Annotations/{folder}/00002.png"
    assert np.array_equal(dataset.read_index_mask(clip, clip.frames[2]), davis_mask(2))


def test_another_resolution_is_an_option(tmp_path: Path) -> None:
    root = write_davis(tmp_path, {"train": ["bear"]}, "Full-Resolution")
    clip = only_clip(Davis(root, resolution="Full-Resolution"))
    assert clip.frames[0].mask_path == "Annotations/Full-Resolution/bear/00002.png"
    with pytest.raises(DataError, match=r"Annotations/1080p: no such folder \(--option resolution\)"):
        read(Davis(root, resolution="1080p"))


def test_the_year_is_that_of_the_lists_on_disk(tmp_path: Path) -> None:
    assert year_on_disk(write_davis(tmp_path / "2017")) == "2017"
    assert year_on_disk(write_davis_2016(tmp_path / "2016")) == "2016"
    assert year_on_disk(tmp_path) == "2017"


def test_2016_has_lists_of_pairs_and_one_foreground(tmp_path: Path) -> None:
    dataset = Davis(write_davis_2016(tmp_path))
    assert [c.clip_id for c in read(dataset, "val")] == ["bmx-trees", "cows"]
    clip = only_clip(dataset)
    assert [o.object_id for o in clip.objects] == [1]
    mask = dataset.read_index_mask(clip, clip.frames[0])
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, davis_mask(0, 1) != 0)


def test_masks_of_2017_under_the_lists_of_2016_are_one_foreground(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    (root / "ImageSets/2016").mkdir()
    (root / "ImageSets/2016/train.txt").write_text("bear\n")
    dataset = Davis(root, year="2016")
    clip = only_clip(dataset)
    assert [o.object_id for o in clip.objects] == [1]
    assert np.array_equal(dataset.read_index_mask(clip, clip.frames[0]), davis_mask() != 0)


def test_merged_objects_need_no_mask_for_text(tmp_path: Path) -> None:
    (tmp_path / "ImageSets/2017").mkdir(parents=True)
    (tmp_path / "ImageSets/2017/train.txt").write_text("bear\ncows\n")
    clips = read(Davis(tmp_path, objects="merged"), with_frames=False)
    assert [[o.noun for o in c.objects] for c in clips] == [["bear"], ["cows"]]


def test_the_unsupervised_masks_have_void(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    write_sequence(root, "bear", masks="Annotations_unsupervised")
    for objects, expected in (
        ("instances", davis_mask(void=True)),
        ("merged", np.where(davis_mask(void=True) == 255, 255, davis_mask() != 0)),
    ):
        dataset = Davis(root, masks="Annotations_unsupervised", objects=objects)
        clip = only_clip(dataset)
        assert clip.frames[0].mask_path == "Annotations_unsupervised/480p/bear/00002.png"
        assert np.array_equal(dataset.read_index_mask(clip, clip.frames[0]), expected)


def test_grey_masks_beside_lists_of_2017_are_a_foreground_even_when_the_first_is_empty(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    grey = np.where(davis_mask(1) != 0, 255, 0).astype(np.uint8)
    for name, mask in (("00002", np.zeros_like(grey)), ("00005", grey)):
        save_grey(root / f"Annotations_human/480p/bear/{name}.png", mask)
    dataset = Davis(root, masks="Annotations_human")
    clip = only_clip(dataset)
    assert [o.object_id for o in clip.objects] == [1]
    assert [f.is_annotated for f in clip.frames] == [True, True, False]
    assert np.array_equal(dataset.read_index_mask(clip, clip.frames[1]), davis_mask(1) != 0)


def test_without_imagesets_every_sequence_with_masks_is_in_train(tmp_path: Path) -> None:
    for sequence in ("b", "a clip"):
        write_sequence(tmp_path, sequence)
    dataset = Davis(tmp_path)
    assert [c.clip_id for c in read(dataset)] == ["a clip", "b"]
    assert len(list(dataset.iter_vocabulary(("train", "val")))) == 2
    with pytest.raises(DataError, match=r"val\.txt: no such file\. Without ImageSets every sequence of .* 'train'"):
        read(dataset, "val")


def test_more_than_twenty_objects_and_a_portrait_video(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    mask = np.repeat(np.arange(45, dtype=np.uint8), 2)[:, None].repeat(6, axis=1)  # 90 rows of 6
    for name in ("00002", "00005", "00008"):
        save_mask(root / f"Annotations/480p/bear/{name}.png", mask)
        save_frame(root / f"JPEGImages/480p/bear/{name}.jpg", 90, 6)
    dataset = Davis(root)
    clip = only_clip(dataset)
    assert [o.object_id for o in clip.objects] == list(range(1, 45))
    assert np.array_equal(dataset.read_index_mask(clip, clip.frames[0]), mask)


def test_a_noisy_split_is_built_and_verified(tmp_path: Path) -> None:
    (tmp_path / "texts.json").write_text(json.dumps({"bear": {"1": "a bear", "2": "a rock"}}))
    dataset = Davis(one_sequence(tmp_path / "DAVIS"), texts=str(tmp_path / "texts.json"))
    path = actiseg_noise.build(dataset, recipe="flip-60", seed=1, out=tmp_path / "m", gate=False)
    manifest = actiseg_noise.read_manifest(path)
    assert (manifest.info.counts["samples"], manifest.info.counts["masks"]) == (2, 6)
    assert compare_with_dataset(manifest, dataset=dataset) == []


# --- texts


def test_a_name_is_read_without_its_dashes() -> None:
    assert readable("motocross-jump") == "motocross jump"
    assert readable("my_own clip") == "my own clip"
    assert readable("--") == "--"


TEXTS = {"bear": "a brown bear", "bmx-trees": {"1": "a boy", "2": "a bike"}}
LINES = 'bear a brown bear\n\nbmx-trees 1 "a boy"\r\nbmx-trees\t2\ta bike\n'


@pytest.mark.parametrize(("name", "text"), [("t.json", json.dumps(TEXTS)), ("t.txt", LINES)])
def test_a_callers_texts_are_per_sequence_or_per_object(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    root = write_davis(tmp_path / "DAVIS", {"train": ["bmx-trees", "bear"]})
    dataset = Davis(root, texts=str(tmp_path / name))
    assert [[(o.object_id, o.noun) for o in clip.objects] for clip in read(dataset)] == [
        [(1, "a brown bear"), (2, "a brown bear")],
        [(1, "a boy"), (2, "a bike")],
    ]
    assert [o.noun for o in dataset.iter_vocabulary(("train",))] == ["a bike", "a boy", "a brown bear"]


def test_a_category_is_its_text_alone(tmp_path: Path) -> None:
    lists = {"train": ["bear"], "val": ["bmx-trees", "cows"]}
    few = list(Davis(one_sequence(tmp_path / "few")).iter_vocabulary(("train", "val")))
    many = list(Davis(write_davis(tmp_path / "many", lists)).iter_vocabulary(("train", "val")))
    assert [o.noun for o in many] == ["bear", "bmx trees", "cows"]
    assert few == many[:1]
    assert len({o.category_id for o in many}) == 3


def test_a_file_of_texts_is_looked_for_in_the_root_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = one_sequence(tmp_path / "DAVIS")
    (tmp_path / "t.txt").write_text("bear outside\n")
    monkeypatch.chdir(tmp_path)
    assert only_clip(Davis(root, texts="t.txt")).objects[0].noun == "outside"
    (root / "t.txt").write_text("bear inside\n")
    assert only_clip(Davis(root, texts="t.txt")).objects[0].noun == "inside"


def test_published_expressions_may_be_latin_1_and_spell_sequences_in_their_own_way(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b'dog-scale 1 "a man in caf\xe9"\nmotor-bike 2 "2 wheels"\n')
    texts = SequenceTexts(tmp_path / "t.txt")
    assert texts.of_object("dogs-scale", 1) == "a man in café"
    assert texts.of_object("motorbike", 2) == "2 wheels"


def test_a_text_may_begin_with_a_number_when_it_is_quoted_or_alone(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text('bear "2 bears"\ncows 1\n')
    texts = SequenceTexts(tmp_path / "t.txt")
    assert (texts.of_object("bear", 1), texts.of_object("cows", 7)) == ("2 bears", "1")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.txt", "bear a bear\nbear again\n", r"t\.txt, line 2: bear has a text already"),
        ("t.txt", "bear 1 a bear\nbear 1 again\n", r"t\.txt, line 2: bear, object 1 has a text already"),
        ("t.txt", "bear a bear\nbear 1 again\n", r"t\.txt, line 2: bear, object 1 has a text already"),
        ("t.txt", "bear\n", r"t\.txt, line 1: expected a sequence, perhaps an object id, and a text, found 'bear'"),
        ("t.json", '{"bear": "a", "bear": "b"}', r"t\.json: the key 'bear' stands twice \(entries 0 and 1\)"),
        ("t.json", '{"bear": {"1": "a", "1": "b"}}', r"t\.json: entry 0 \('bear'\): the key '1' stands twice"),
        ("t.json", '{"bear": ["a"]}', r"t\.json, 'bear': expected a text .* found \"\['a'\]\""),
        ("t.json", '{"bear": {"1": 2}}', r"t\.json, 'bear', '1': expected a text"),
        ("t.json", '{"bear": {"one": "a"}}', r"'bear', 'one': expected an object id in 1 … 255 as the key"),
        ("t.json", '{"bear": {"0": "a"}}', r"'bear', '0': expected an object id in 1 … 255 as the key"),
        ("t.json", '{"bear": {"' + "1" * 5000 + '": "a"}}', "expected an object id in 1 … 255 as the key, found '111"),
        ("t.json", '{"bear": "a"', r"t\.json: malformed JSON at line 1, column 13"),
        ("t.json", '["bear"]', r"t\.json: malformed JSON at line 1, column 1 .*: expected an object"),
        ("t.json", '{"bear": "\\ud800"}', r"t\.json, 'bear': expected a text"),
    ],
)
def test_a_malformed_file_of_texts_is_told_where(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        SequenceTexts(tmp_path / name)


def test_what_the_file_of_texts_does_not_know_is_named(tmp_path: Path) -> None:
    root = one_sequence(tmp_path / "DAVIS")
    (tmp_path / "t.txt").write_text("cows 1 a cow\n")
    with pytest.raises(DataError, match=r"t\.txt: has no text for sequence 'bear'"):
        read(Davis(root, texts=str(tmp_path / "t.txt")))
    (tmp_path / "t.txt").write_text("bear 1 a bear\n")
    with pytest.raises(DataError, match=r"t\.txt: has no text for object 2 of sequence 'bear', only for \[1\]"):
        read(Davis(root, texts=str(tmp_path / "t.txt")))
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file; --option texts takes the path"):
        read(Davis(root, texts=str(tmp_path / "nowhere.txt")))


# --- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"year": "2018"}, "--option year=2018: expected one of 2016, 2017"),
        ({"objects": "merge"}, "--objects 'merge': expected one of merged, instances"),
        ({"masks": "../other"}, r"--option masks: '\.\./other' cannot be the name of a file or folder"),
        ({"resolution": ".."}, r"--option resolution: '\.\.' cannot be the name of a file or folder"),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        Davis(tmp_path, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bear\ncows\nbear\n", r"train\.txt, line 3: 'bear' is listed twice"),
        ("../secret\n", r"train\.txt, line 1: '\.\./secret' cannot be the name of a file or folder"),
        ("/a/../00000.jpg /b/../00000.png\n", r"line 1: '\.\.' cannot be the name of a file or folder"),
    ],
)
def test_a_malformed_list_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (one_sequence(tmp_path) / "ImageSets/2017/train.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(Davis(tmp_path))


def test_a_sequence_in_two_lists_is_refused(tmp_path: Path) -> None:
    root = write_davis(tmp_path, {"train": ["bear", "cows"], "val": ["cows"]})
    for split in ("train", "val"):
        with pytest.raises(DataError, match=r"both list 'cows'; a sequence is in one split alone"):
            read(Davis(root), split)


def test_a_missing_list_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2017/val\.txt: no such file \(lists found: 2017/train\.txt\)\. Get it:"):
        read(Davis(one_sequence(tmp_path)), "val")


def test_sequences_without_masks_are_refused_or_counted(tmp_path: Path) -> None:
    root = write_davis(tmp_path, {"train": ["bear"]})
    (root / "ImageSets/2017/train.txt").write_text("bear\ncows\n")
    for with_frames in (True, False):
        with pytest.raises(DataError, match=r"1 of 2 sequences of split 'train' have no masks .* for text content too"):
            read(Davis(root), with_frames=with_frames)
    dataset = Davis(root, skip_missing=True)
    assert [c.clip_id for c in read(dataset)] == ["bear"]
    assert dataset.skipped == ["cows"]


def test_an_id_that_the_first_mask_does_not_have_is_refused(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    save_mask(root / "Annotations/480p/bear/00005.png", np.full((12, 16), 3, np.uint8))
    dataset = Davis(root)
    clip = only_clip(dataset)
    with pytest.raises(
        DataError, match=r"00005\.png: clip 'bear', frame '00005' has ids \[3\], but .* no id above 2\."
    ):
        dataset.read_index_mask(clip, clip.frames[1])


def test_ids_among_grey_masks_are_refused(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    save_grey(root / "Annotations/480p/bear/00002.png", np.full((12, 16), 255, np.uint8))
    dataset = Davis(root)
    clip = only_clip(dataset)
    with pytest.raises(DataError, match=r"00005\.png: .* has ids \[2\], but .* only the grey levels 0 and 255\."):
        dataset.read_index_mask(clip, clip.frames[1])


def test_a_mask_of_another_size_than_its_image_is_told_with_both(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    save_frame(root / "JPEGImages/480p/bear/00005.jpg", 12, 17)
    dataset = Davis(root)
    clip = only_clip(dataset)
    message = r"480p/bear/00005\.png, image JPEGImages/480p/bear/00005\.jpg: the mask is 16×12, its image is 17×12 "
    with pytest.raises(DataError, match=message):
        dataset.read_checked_mask(clip, clip.frames[1])


def test_an_image_that_is_gone_is_no_reason_to_refuse_a_mask_and_a_damaged_one_is(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    (root / "JPEGImages/480p/bear/00002.jpg").unlink()
    (root / "JPEGImages/480p/bear/00005.jpg").write_bytes(b"no image")
    dataset = Davis(root)
    clip = only_clip(dataset)
    assert np.array_equal(dataset.read_checked_mask(clip, clip.frames[0]), davis_mask(0))
    with pytest.raises(DataError, match=r"00005\.jpg: not a readable image"):
        dataset.read_checked_mask(clip, clip.frames[1])


def test_masks_are_read_by_content_whatever_their_suffix(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    for path in (root / "Annotations/480p/bear").iterdir():
        path.rename(path.with_suffix(".jpg"))
    dataset = Davis(root)
    clip = only_clip(dataset)
    assert clip.frames[0].mask_path == "Annotations/480p/bear/00002.jpg"
    assert np.array_equal(dataset.read_checked_mask(clip, clip.frames[0]), davis_mask())


def test_jpeg_masks_are_refused_and_cut_at_a_threshold(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    for step, path in enumerate(sorted((root / "Annotations/480p/bear").iterdir())):
        grey = np.kron(davis_mask(step) > 0, np.ones((8, 8))).astype(np.uint8) * 255
        Image.fromarray(grey).save(path.with_suffix(".jpg"), quality=80)
        path.unlink()
        (root / f"JPEGImages/480p/bear/{path.stem}.jpg").unlink()
    with pytest.raises(DataError, match=r"00002\.jpg: expected a PNG of object ids, found JPEG .*option threshold"):
        only_clip(Davis(root))
    dataset = Davis(root, threshold=128)
    clip = only_clip(dataset)
    mask = dataset.read_checked_mask(clip, clip.frames[0])
    assert np.array_equal(mask[4::8, 4::8], davis_mask() != 0)


def test_a_threshold_is_a_grey_level_of_one_object(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    for threshold in (0, 256, "half"):
        with pytest.raises(ActisegError, match=f"threshold={threshold}: expected a grey level from 1 to 255"):
            Davis(root, threshold=threshold)  # type: ignore[arg-type]
    with pytest.raises(ActisegError, match="makes one object of a mask, so it goes with --objects merged"):
        Davis(root, threshold=128, objects="instances")


def test_ids_with_gaps_make_no_object_without_a_pixel(tmp_path: Path) -> None:
    root = one_sequence(tmp_path)
    for step, path in enumerate(sorted((root / "Annotations/480p/bear").iterdir())):
        mask = davis_mask(step)
        mask[mask == 2] = 9
        mask[11, 15] = 4 if step == 2 else 0  # appears later, below the largest id
        save_mask(path, mask)
    assert [item.object_id for item in only_clip(Davis(root)).objects] == [1, 4, 9]
