"""``predict --video``: one's own video, in pieces, with an overlay to watch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import actiseg_noise
from actiseg_bench.prediction.video import draw_overlay, make_item, predict_video
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.borders.text import iter_csv
from actiseg_noise.borders.videos import Video, VideoWriter, open_video
from actiseg_noise.borders.writing import WriteError
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError
from actiseg_noise.masks import Picture
from actiseg_noise.plot_style import colour_of

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clip(clean_val: Path) -> actiseg_noise.manifest.clips.ManifestClip:
    return next(actiseg_noise.read_manifest(clean_val).iter_clips())


@pytest.fixture
def folder(clip: actiseg_noise.manifest.clips.ManifestClip, kitchen_root: Path) -> Path:
    return (kitchen_root / str(clip.frames[0].image_path)).parent


def write_video(path: Path, shades: list[int], size: tuple[int, int] = (48, 64)) -> Path:
    with VideoWriter(path, 8.0) as writer:
        for shade in shades:
            writer.write(np.full((*size, 3), shade, np.uint8))
    return path


def test_a_video_file_gives_its_frames_in_order(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "v.mp4", [20, 120, 220]))
    assert (video.frames, video.fps) == (3, 8.0)
    read = list(video)
    assert [frame_id for frame_id, _ in read] == ["00000", "00001", "00002"]
    assert [round(float(picture.mean()), -1) for _, picture in read] == [20, 120, 220]
    assert read[0][1].shape == (48, 64, 3)


def test_a_folder_of_images_is_a_video_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.png", "2.png", "1.jpg", "notes.txt"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("x")
        else:
            Image.new("RGB", (8, 6)).save(tmp_path / name)
    assert [frame_id for frame_id, _ in open_video(tmp_path)] == ["1", "2", "10"]


def test_an_odd_side_loses_its_last_pixels(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "v.mp4", [100], size=(47, 63)))
    assert next(iter(video))[1].shape == (46, 62, 3)


def test_what_is_no_video_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be read as a video"):
        open_video(tmp_path / "v.mp4")
    with pytest.raises(DataError, match=r"expected images .* found nothing"):
        open_video(tmp_path / "empty")
    with pytest.raises(DataError, match="the video is missing"):
        open_video(tmp_path / "nowhere.mp4")


def test_a_video_with_fewer_frames_than_it_says_is_told_of(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [20, 120, 220])
    assert len(list(open_video(path))) == 3
    with pytest.warns(ActisegWarning, match=r"v\.mp4: says that it has 5 frames, 3 could be read"):
        assert len(list(Video(path, 5, 8.0))) == 3


def test_frames_of_two_sizes_are_no_video(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "1.png")
    Image.new("RGB", (8, 7)).save(tmp_path / "2.png")
    with pytest.raises(DataError, match="frame 2 is 8×7, the first one 8×6"):
        list(open_video(tmp_path))


def test_texts_are_objects_of_an_item(tmp_path: Path) -> None:
    pictures: list[Picture] = [np.zeros((60, 80, 3), np.uint8)] * 2
    item = make_item(pictures, ["a", "b", "c"], (30, 40), 4, first=6)
    assert (item.object_ids, item.expressions, item.frame_idx) == ((1, 2, 3), ("a", "b", "c"), (6, 7))
    assert (item.canvas, tuple(item.frames.shape), tuple(item.masks.shape)) == ((60, 80), (2, 3, 30, 40), (3, 2, 8, 10))


def test_an_overlay_tints_what_a_text_refers_to() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 10:30] = 2
    drawn = draw_overlay(np.full((40, 60, 3), 100, np.uint8), mask, ["knife", "pan"])
    assert drawn.shape[0] > 40
    assert tuple(drawn[10, 15]) == colour_of(2)  # its outline
    assert np.allclose(drawn[20, 20], 0.55 * 100 + 0.45 * np.array(colour_of(2)), atol=1)
    assert (drawn[:5, 40:] == 100).all()


def test_the_bundled_network_finds_what_a_kitchen_s_hand_holds(
    clip: actiseg_noise.manifest.clips.ManifestClip, folder: Path, tmp_path: Path
) -> None:
    texts = [sample.expression for sample in clip.samples]
    made = predict_video(folder, texts, tmp_path / "out", threads=1)
    assert made.frames == 3
    ious = []
    for frame in clip.frames:
        found = read_index_mask(tmp_path / "out" / "masks" / f"{frame.frame_id}.png")
        for number, sample in enumerate(clip.samples, 1):
            if sample.is_positive:
                truth = frame.masks[sample.object_id].decode("clean")
                ious.append((truth & (found == number)).sum() / max(1, (truth | (found == number)).sum()))
    assert np.mean(ious) > 0.4
    rows = list(iter_csv(tmp_path / "out" / "scores.csv"))
    assert len(rows) == 1 + 3 * len(texts)
    assert open_video(tmp_path / "out" / "overlay.mp4").frames == 3


def test_pieces_have_the_frames_of_the_whole(folder: Path, tmp_path: Path) -> None:
    done: list[int] = []
    predict_video(
        folder,
        ["left hand used in the action of cut it"],
        tmp_path / "o",
        piece=2,
        threads=1,
        overlay=False,
        on_frames=lambda frames, total: done.append(frames),
    )
    assert done == [2, 3]
    assert len(list((tmp_path / "o" / "masks").iterdir())) == 3
    assert not (tmp_path / "o" / "overlay.mp4").exists()


def test_the_command_predicts_again_into_its_own_folder_and_into_no_other(
    cli: Cli, folder: Path, tmp_path: Path
) -> None:
    words = ["predict", "--video", folder, "--text", "left hand used in the action of cut it", "--threads", 1]
    code, printed, told = cli(*words, "--out", tmp_path / "o", "--json")
    assert code == 0, told
    assert json.loads(printed)["frames"] == 3
    assert cli(*words, "--out", tmp_path / "o")[0] == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").write_text("x")
    code, _, told = cli(*words, "--out", tmp_path / "mine")
    assert code == 2
    assert "exists and holds other things than a video" in told
    assert (tmp_path / "mine" / "x").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--video", "{}"], "say what to look for: --text"),
        (["--video", "{}", "--text", " "], "say what to look for"),
        (["--video", "{}", "--text", "a", "--text", "a"], "the same text is given twice"),
        (["--video", "{}", "--text", "a", "--root", "x"], "--root goes with --manifest"),
        (["--video", "{}/nowhere", "--text", "a"], "the video is missing"),
        (["--manifest", "m", "--text", "a"], "--text goes with --video"),
        ([], "say what to predict: --manifest DIR, or --video FILE"),
        (["--video", "{}", "--manifest", "m", "--text", "a"], "say what to predict"),
        (["--video", "{}", "--text", "a", "--weights", "w"], "--weights needs --model"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    cli: Cli, folder: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    code, _, told = cli("predict", *(word.format(folder) for word in words), "--out", tmp_path / "o")
    assert code == 2
    assert message in told
    assert not (tmp_path / "o").exists()


def test_more_texts_than_ids_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="holds 254 objects, but there are 255 texts"):
        predict_video(folder, [str(i) for i in range(255)], tmp_path / "o")


def test_a_video_that_did_not_reach_the_disk_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"0 of 1 frames are in it\); is there room"):  # noqa: SIM117
        with VideoWriter(tmp_path / "v.mp4", 8.0) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8))
            (tmp_path / "v.mp4").unlink()


def test_a_legend_is_no_higher_than_the_video(tmp_path: Path) -> None:
    picture, mask = np.zeros((120, 160, 3), np.uint8), np.zeros((120, 160), np.uint8)
    few, many = (draw_overlay(picture, mask, [f"text {i}" for i in range(count)]) for count in (3, 254))
    assert few.shape[0] < many.shape[0] <= 120 + 120 + 16


def test_masks_are_called_the_same_in_pieces_and_at_once(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    for name in ("A.png", "a.png"):
        Image.new("RGB", (64, 48)).save(tmp_path / "v" / name)
    for piece in (1, 2):
        predict_video(tmp_path / "v", ["hand"], tmp_path / f"o{piece}", piece=piece, threads=1, overlay=False)
        masks = tmp_path / f"o{piece}" / "masks"
        assert sorted(path.name for path in masks.iterdir()) == ["%41.png", "a.png"]
