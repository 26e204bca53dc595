"""VOST: what its names mean, which frames and objects a clip has, and what damaged deposits are told."""

from __future__ import annotations

import json
import unicodedata
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from deposits import save_frame, save_mask, vost_mask, write_vost
from PIL import Image

from actiseg_noise.datasets.lexicon import FIRST_UNKNOWN_ID, parse_lexicon, unknown_category_id
from actiseg_noise.datasets.vost import Vost, lexicon, merge_instances, split_name
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.records import Clip
from actiseg_noise.vocabulary import Vocabulary


def only_clip(dataset: Vost, split: str = "train", *, with_frames: bool = True) -> Clip:
    (clip,) = dataset.iter_clips(split, with_frames=with_frames)
    return clip


def one_video(root: Path, video: str = "1_cut_onion") -> Path:
    return write_vost(root, {"train": [video]})


def test_a_name_is_a_number_a_verb_and_a_noun() -> None:
    assert split_name("555_tear_aluminium_foil") == ("tear", "aluminium foil", "tear aluminium foil")
    assert split_name("9_cut_jalapeño") == ("cut", "jalapeño", "cut jalapeño")


def test_clips_come_in_code_point_order_and_remember_their_place_in_the_list(tmp_path: Path) -> None:
    clips = list(Vost(write_vost(tmp_path / "VOST")).iter_clips("train", with_frames=False))
    assert [(c.clip_id, c.source_order) for c in clips] == [
        ("10_tear_aluminium_foil", 0),
        ("455_open_cereal box: the big one", 2),
        ("9_cut_jalapeño", 1),
    ]
    foil = clips[0]
    assert (foil.address, foil.video_id) == (foil.clip_id, foil.clip_id)
    assert (foil.narration, foil.verb, foil.noun) == ("tear aluminium foil", "tear", "aluminium foil")


def test_text_content_needs_the_list_alone(tmp_path: Path) -> None:
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets/train.txt").write_text("1_cut_onion\n")
    clip = only_clip(Vost(tmp_path), with_frames=False)
    assert clip.frames == ()
    assert [o.noun for o in clip.objects] == ["onion"]


def test_frames_are_the_union_of_images_and_masks(tmp_path: Path) -> None:
    clip = only_clip(Vost(one_video(tmp_path / "VOST")))
    assert [(f.frame_id, f.is_annotated) for f in clip.frames] == [
        ("frame00000", True),
        ("frame00006", False),
        ("frame00012", True),
        ("frame00018", True),
    ]
    assert clip.frames[1].image_path == "JPEGImages/1_cut_onion/frame00006.jpg"
    assert clip.frames[1].mask_path is None
    assert clip.frames[3].image_path is None  # there is no such file
    assert clip.frames[3].mask_path == "Annotations/1_cut_onion/frame00018.png"


def test_frame_numbers_beyond_the_padding_stay_in_temporal_order(tmp_path: Path) -> None:
    root = one_video(tmp_path / "VOST")
    save_frame(root / "JPEGImages/1_cut_onion/frame99996.jpg")
    save_frame(root / "JPEGImages/1_cut_onion/frame100002.jpg")
    ids = [f.frame_id for f in only_clip(Vost(root)).frames]
    assert ids[-2:] == ["frame99996", "frame100002"]


def test_other_files_in_the_folders_are_no_frames(tmp_path: Path) -> None:
    root = one_video(tmp_path / "VOST")
    for name in ("._frame00000.png", "Thumbs.db", "frame00030.jpg"):
        (root / "Annotations/1_cut_onion" / name).write_bytes(b"")
    assert len(only_clip(Vost(root)).frames) == 4


def test_merged_instances_are_object_1_and_void_stays() -> None:
    mask = np.array([[0, 1, 7], [254, 255, 0]], np.uint8)
    assert merge_instances(mask).tolist() == [[0, 1, 1], [1, 255, 0]]


def test_merged_is_the_default(tmp_path: Path) -> None:
    dataset = Vost(one_video(tmp_path / "VOST"))
    clip = only_clip(dataset)
    assert [(o.object_id, o.is_positive, o.handbox, o.in_narration) for o in clip.objects] == [(1, True, None, None)]
    mask = dataset.read_index_mask(clip, clip.frames[0])
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, merge_instances(vost_mask()))


def test_instances_are_the_ids_that_are_seen_up_to_the_largest_of_the_first_mask(tmp_path: Path) -> None:
    dataset = Vost(one_video(tmp_path / "VOST"), objects="instances")
    clip = only_clip(dataset)
    assert [o.object_id for o in clip.objects] == [1, 3]  # 2 is never visible
    assert {o.category_id for o in clip.objects} == {lexicon().find("onion").category_id}
    assert np.array_equal(dataset.read_index_mask(clip, clip.frames[0]), vost_mask())
    assert only_clip(dataset, with_frames=False).objects == clip.objects


def test_a_first_mask_without_instances_makes_a_clip_without_objects(tmp_path: Path) -> None:
    root = one_video(tmp_path / "VOST")
    save_mask(root / "Annotations/1_cut_onion/frame00000.png", np.array([[0, 255], [0, 0]], np.uint8))
    assert only_clip(Vost(root, objects="instances")).objects == ()


def test_an_instance_that_the_first_mask_does_not_have_is_refused(tmp_path: Path) -> None:
    root = one_video(tmp_path / "VOST")
    save_mask(root / "Annotations/1_cut_onion/frame00012.png", np.array([[0, 4], [9, 255]], np.uint8))
    dataset = Vost(root, objects="instances")
    clip = only_clip(dataset)
    with pytest.raises(DataError, match=r"frame00012\.png: clip '1_cut_onion', frame 'frame00012' has ids \[4, 9\].*3"):
        dataset.read_index_mask(clip, clip.frames[2])


def test_an_unknown_way_to_see_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="--objects 'merge': expected one of merged, instances"):
        Vost(tmp_path, objects="merge")


# --- lists


def test_blank_lines_crlf_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets/val.txt").write_bytes(b"\xef\xbb\xbf2_cut_onion\r\n\r\n  \r\n1_peel_egg\r\n")
    clips = list(Vost(tmp_path).iter_clips("val", with_frames=False))
    assert [(c.clip_id, c.source_order) for c in clips] == [("1_peel_egg", 1), ("2_cut_onion", 0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1_cut_onion\n\n1_cut_onion\n", r"train\.txt, line 3: '1_cut_onion' is listed twice"),
        ("1_cut_onion\nonion\n", r"train\.txt, line 2: expected a video name <number>_<verb>_<object>, found 'onion'"),
        ("cut_red_onion\n", "line 1: expected a video name"),
        ("1__onion\n", "line 1: expected a video name"),
        ("1_cut_\n", "line 1: expected a video name"),
        ("1_cut_../../secret\n", "line 1: '1_cut_../../secret' cannot be the name of a file or folder"),
        ("/etc/passwd\n", "line 1: '/etc/passwd' cannot be the name of a file or folder"),
        ("..\n", r"line 1: '\.\.' cannot be the name of a file or folder"),
        ("1_cut_a\\b\n", "line 1: .* cannot be the name of a file or folder"),
    ],
)
def test_a_malformed_list_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets/train.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        list(Vost(tmp_path).iter_clips("train", with_frames=False))


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets/train.txt").write_bytes(b"1_cut_jalape\xf1o\n")
    with pytest.raises(DataError, match=r"train\.txt: not UTF-8 text"):
        list(Vost(tmp_path).iter_clips("train", with_frames=False))


def test_a_missing_list_names_those_that_are_there(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "VOST", {"val": ["1_cut_onion"]})
    with pytest.raises(DataError, match=r"test\.txt: no such file \(lists found: val\)\. Get it: download VOST\.zip"):
        list(Vost(root).iter_clips("test", with_frames=False))


# --- missing files


def test_videos_without_masks_are_counted_and_the_first_ten_named(tmp_path: Path) -> None:
    videos = [f"{n}_cut_onion" for n in range(12, 0, -1)]
    root = write_vost(tmp_path / "VOST", {"train": [*videos, "99_peel_egg"]}, without_masks=videos)
    message = (
        r"12 of 13 videos of .*train\.txt have no masks in .*Annotations: 10_cut_onion, .*7_cut_onion, …\. Pass --skip"
    )
    with pytest.raises(DataError, match=message) as caught:
        list(Vost(root).iter_clips("train", with_frames=True))
    assert "8_cut_onion" not in str(caught.value)


def test_skip_missing_leaves_them_out_and_counts_each_once(tmp_path: Path) -> None:
    videos = ["9_cut_onion", "1_peel_egg", "10_cut_egg"]
    root = write_vost(tmp_path / "VOST", {"train": videos}, without_masks=["9_cut_onion", "10_cut_egg"])
    dataset = Vost(root, skip_missing=True)
    for _ in range(2):
        assert only_clip(dataset).clip_id == "1_peel_egg"
    assert dataset.skipped == ["10_cut_egg", "9_cut_onion"]
    assert len(list(dataset.iter_clips("train", with_frames=False))) == 3


def test_an_empty_folder_of_masks_is_as_good_as_none(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "VOST", {"train": ["1_cut_egg", "2_cut_egg"]}, without_masks=["2_cut_egg"])
    (root / "Annotations/2_cut_egg").mkdir()
    assert only_clip(Vost(root, skip_missing=True)).clip_id == "1_cut_egg"


def test_skipping_everything_is_an_error(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "VOST", {"train": ["1_cut_egg"]}, without_masks=["1_cut_egg"])
    with pytest.raises(DataError, match=r"1 of 1 videos .* Use --content text, which needs no masks"):
        list(Vost(root, skip_missing=True).iter_clips("train", with_frames=True))


def test_instances_without_masks_are_an_error_for_text_too(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "VOST", {"train": ["1_cut_egg", "2_cut_egg"]}, without_masks=["1_cut_egg"])
    with pytest.raises(DataError, match="--objects instances reads a clip's first mask, for text content too"):
        list(Vost(root, objects="instances").iter_clips("train", with_frames=False))


# --- masks


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_a_mask_with_colours_is_refused(tmp_path: Path, mode: str) -> None:
    root = one_video(tmp_path / "VOST")
    Image.new(mode, (16, 12)).save(root / "Annotations/1_cut_onion/frame00000.png")
    dataset = Vost(root)
    clip = only_clip(dataset)
    with pytest.raises(DataError, match=rf"frame00000\.png: expected an index mask .* found mode {mode}"):
        dataset.read_index_mask(clip, clip.frames[0])


def test_a_truncated_mask_is_refused(tmp_path: Path) -> None:
    root = one_video(tmp_path / "VOST")
    path = root / "Annotations/1_cut_onion/frame00000.png"
    path.write_bytes(path.read_bytes()[:-40])
    dataset = Vost(root)
    clip = only_clip(dataset)
    with pytest.raises(DataError, match=r"frame00000\.png: not a readable PNG"):
        dataset.read_index_mask(clip, clip.frames[0])


def test_a_frame_without_mask_cannot_be_read(tmp_path: Path) -> None:
    dataset = Vost(one_video(tmp_path / "VOST"))
    clip = only_clip(dataset)
    with pytest.raises(DataError, match="1_cut_onion frame frame00006: the frame has no mask"):
        dataset.read_index_mask(clip, clip.frames[1])


# --- vocabulary and lexicon


def test_the_vocabulary_has_the_synonyms_of_what_the_lists_name_and_nothing_else(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "VOST", {"train": ["1_tear_foil", "2_cut_jalapeño"], "val": ["3_peel_courgette"]})
    vocabulary = Vocabulary.collect(Vost(root).iter_vocabulary(("train", "val", "test")))
    assert sorted(vocabulary.nouns.values()) == [
        ("aluminium foil", "aluminum foil", "foil", "kitchen foil", "tin foil"),
        ("courgette", "zucchini"),
        ("jalapeño",),
    ]
    assert len(Vocabulary.collect(Vost(root).iter_vocabulary(("val",))).nouns) == 1


def test_a_vocabulary_of_no_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.txt: no such file \(no list of any split is there\)"):
        list(Vost(tmp_path).iter_vocabulary(("train", "val")))


@pytest.mark.parametrize(
    ("one", "other"),
    [("chili", "chilli"), ("zucchini", "courgette"), ("foil", "aluminium foil"), ("eggplant", "aubergine")],
)
def test_two_words_for_one_thing_are_one_category(one: str, other: str) -> None:
    assert lexicon().find(one) == lexicon().find(other)


def test_an_unknown_noun_is_a_category_of_its_own_whose_id_never_changes() -> None:
    category = lexicon().find("jalapeño")
    assert (category.category_id, category.name, category.nouns) == (946905187, "jalapeño", ("jalapeño",))
    assert FIRST_UNKNOWN_ID <= unknown_category_id("") < 2**31


def test_the_lexicon_is_published_behaviour() -> None:
    """What substitution draws from must not move under a version: raise ``version`` and the card with any change."""
    rows = [[c.category_id, c.nouns] for c in lexicon().categories]
    digest = blake2b(json.dumps(rows, ensure_ascii=False).encode(), digest_size=16).hexdigest()
    assert (lexicon().version, digest) == (1, "e898fc071f640def01631d3ea897cf62")
    assert f"lexicon-{lexicon().version}" in Vost.card.version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = ", "words.toml: not a readable TOML file"),
        ("version = 1\n", "expected the keys 'version' and 'categories', found .'version'."),
        ("version = 1\n[categories]\nfoil = ['foil']\n", "a category id is an integer in 1 … 99999, found 'foil'"),
        ("version = 1\n[categories]\n100000 = ['foil']\n", "a category id is an integer in 1 … 99999, found '100000'"),
        ("version = 1\n[categories]\n1 = []\n", "category 1 must be a list of nouns"),
        ("version = 1\n[categories]\n1 = ['foil', 2]\n", "category 1 must be a list of nouns"),
        ("version = 1\n[categories]\n1 = ['foil']\n01 = ['tin']\n", "category id 1 is given twice"),
        ("version = 1\n[categories]\n1 = ['foil']\n2 = ['tin', 'foil']\n", "'foil' is in category 1 and in 2"),
        ("version = '1'\n[categories]\n1 = ['foil']\n", "'version' must be an integer, found '1'"),
    ],
)
def test_a_malformed_lexicon_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_lexicon(text, "words.toml")


def test_a_folder_in_the_other_unicode_form_is_said(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "VOST")
    folder = root / "Annotations" / "9_cut_jalapeño"
    folder.rename(folder.with_name(unicodedata.normalize("NFD", folder.name)))
    with pytest.raises(DataError, match="9_cut_jalapeño, but .* is there in the other Unicode form .NFD."):
        list(Vost(root).iter_clips("train", with_frames=True))
