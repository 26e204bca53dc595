"""``kitchen`` on disk: drawn once and whole, with digests that are checked, whatever was killed, changed or raced."""

from __future__ import annotations

import errno
import json
import multiprocessing
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.datasets.kitchen import SPLITS, VERSION, Kitchen, draw_split, plan_video, render, render_video
from actiseg_noise.datasets.kitchen import adapter as kitchen_adapter
from actiseg_noise.errors import ActisegError, DataError

VIDEOS = 3
FILES = VIDEOS * 3 * 2


@pytest.fixture(autouse=True)
def small_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPLITS, "val", VIDEOS)
    monkeypatch.setitem(SPLITS, "train", VIDEOS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the first videos of ``val`` drawn."""
    draw_split(tmp_path, "val")
    return tmp_path


def read_all_masks(root: Path) -> None:
    dataset = Kitchen(root)
    for clip in dataset.iter_clips("val", with_frames=True):
        for frame in clip.frames:
            dataset.read_index_mask(clip, frame)


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


# --- what is drawn


def test_a_split_is_drawn_whole_with_a_digest_per_file_and_nothing_beside_it(root: Path) -> None:
    index = json.loads((root / "val/index.json").read_text())
    assert [path.name for path in root.iterdir()] == ["val"]
    assert index["version"] == VERSION
    assert len(index["files"]) == FILES
    assert set(tree(root / "val")) == {"index.json", *index["files"]}
    for name, digest in index["files"].items():
        assert digest == blake2b((root / "val" / name).read_bytes(), digest_size=16).hexdigest()


def test_masks_on_disk_are_the_rendered_ones(root: Path) -> None:
    dataset = Kitchen(root)
    clips = list(dataset.iter_clips("val", with_frames=True))
    assert len(clips) == 2 * VIDEOS
    for number, clip in enumerate(clips):
        drawn = render_video(plan_video("val", number // 2))
        for frame, expected in zip(clip.frames, drawn, strict=True):
            assert np.array_equal(dataset.read_index_mask(clip, frame), expected.mask)


def test_the_two_clips_of_a_video_own_the_same_files(root: Path) -> None:
    first, second = list(Kitchen(root).iter_clips("val", with_frames=True))[:2]
    assert (first.clip_id, second.clip_id) == ("val_00000a", "val_00000b")
    assert first.frames == second.frames
    assert first.narration != second.narration
    flags = zip(first.objects, second.objects, strict=True)
    assert not any(a.is_positive and b.is_positive for a, b in flags)


def test_golden_masks() -> None:
    """What version 1 draws: a change here is a new VERSION of ``kitchen``."""
    state = blake2b(digest_size=16)
    for index in range(3):
        for frame in render_video(plan_video("val", index)):
            state.update(frame.mask.tobytes())
    assert (VERSION, state.hexdigest()) == (1, "d53867d6d3b1e20092efabc902a99a6d")


def test_text_content_draws_nothing(tmp_path: Path) -> None:
    assert len(list(Kitchen(tmp_path / "absent").iter_clips("train", with_frames=False))) == 2 * VIDEOS
    assert not any(tmp_path.iterdir())


def test_a_drawn_split_is_left_alone(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    draw_split(root, "val")
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


# --- kills and races


def test_a_draft_that_a_kill_left_is_thrown_away(tmp_path: Path) -> None:
    left = tmp_path / ".val.partial/new-1"
    (left / "masks").mkdir(parents=True)
    (left / "masks/00000.png").write_bytes(b"half")
    other = tmp_path / ".train.partial"
    other.mkdir()
    draw_split(tmp_path, "val")
    assert {path.name for path in tmp_path.iterdir()} == {"val", ".train.partial"}
    read_all_masks(tmp_path)


def test_a_drawing_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kitchen_adapter, "palette_png", interrupt)
    with pytest.raises(KeyboardInterrupt):
        draw_split(tmp_path, "val")
    assert not any(tmp_path.iterdir())


def test_two_processes_drawing_at_once_end_with_one_whole_split(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=draw_together, args=(tmp_path / "raced",)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    draw_split(tmp_path / "alone", "val")
    assert [path.name for path in (tmp_path / "raced").iterdir()] == ["val"]
    assert tree(tmp_path / "raced") == tree(tmp_path / "alone")


def draw_together(root: Path) -> None:
    """Draw the small split in a process of its own, which the fixture does not reach."""
    SPLITS["val"] = VIDEOS
    draw_split(root, "val")


def test_without_locks_the_slower_process_accepts_the_faster_ones_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_split(tmp_path / "other", "val")
    rendered = render.render_video

    def overtaken(video):
        if not (tmp_path / "mine/val").exists():
            (tmp_path / "other/val").rename(tmp_path / "mine/val")
        return rendered(video)

    monkeypatch.setattr(render, "render_video", overtaken)
    draw_split(tmp_path / "mine", "val")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["val"]
    read_all_masks(tmp_path / "mine")


# --- damage


def test_a_changed_mask_is_refused(root: Path) -> None:
    path = root / "val/masks/val_00001/00002.png"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(
        DataError, match=r"val_00001/00002\.png: the file has digest .* was drawn.*Delete .*val to draw"
    ):
        read_all_masks(root)


def test_a_missing_mask_is_refused(root: Path) -> None:
    (root / "val/masks/val_00001/00002.png").unlink()
    with pytest.raises(DataError, match=r"00002\.png: the drawn file is missing\. Delete"):
        read_all_masks(root)


def test_a_file_that_was_not_drawn_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match=r"val_00009/00000\.png: .*index\.json does not list this file.*Delete"):
        kitchen_adapter.check_digest(root / "val", "masks/val_00009/00000.png", draw_split(root, "val"))


def test_a_folder_in_place_of_a_mask_is_refused(root: Path) -> None:
    path = root / "val/masks/val_00000/00000.png"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"00000\.png: a folder stands where the drawn file should be"):
        read_all_masks(root)


def test_a_truncated_index_is_refused(root: Path) -> None:
    path = root / "val/index.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        DataError,
        match=r"index\.json: malformed JSON .*: not the index .*Delete .*val to draw it again",
    ):
        draw_split(root, "val")


@pytest.mark.parametrize("text", ["[]", "{}", '{"version": 1}', '{"version": 1, "files": [1]}', "null", "\x00"])
def test_an_index_of_another_shape_is_refused(root: Path, text: str) -> None:
    (root / "val/index.json").write_text(text)
    with pytest.raises(DataError, match="not the index of a drawn split"):
        draw_split(root, "val")


def test_a_split_folder_without_its_index_is_refused_and_kept(root: Path) -> None:
    (root / "val/index.json").unlink()
    with pytest.raises(DataError, match=r"index\.json: the file is missing: not the index of a drawn split\. Delete"):
        draw_split(root, "val")
    assert (root / "val/masks/val_00000/00000.png").is_file()


def test_another_version_is_refused(root: Path) -> None:
    path = root / "val/index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": VERSION + 1}))
    with pytest.raises(DataError, match=rf"holds kitchen version {VERSION + 1}, this package draws version {VERSION}"):
        draw_split(root, "val")


# --- where nothing can be drawn


def test_a_root_inside_a_file_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be drawn there \(Not a directory\).*ACTISEG_KITCHEN_ROOT"):
        draw_split(tmp_path / "file/kitchen", "val")


def test_a_root_that_is_a_file_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be drawn there \((File exists|Not a directory)\)"):
        draw_split(tmp_path / "file", "val")


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EROFS, "Read-only file system"), (errno.ENOSPC, "no room to write: No space left")]
)
def test_a_disk_that_refuses_is_named_and_left_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, words.rpartition(": ")[2])

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(
        DataError, match=rf"cannot be drawn there \({words}\)\. Pass --root DIR, or set ACTISEG_DATA or"
    ):
        draw_split(tmp_path, "val")
    assert not any(tmp_path.iterdir())


def test_a_drawn_split_needs_no_right_to_write(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in ("mkdir", "write_bytes", "write_text"):
        monkeypatch.setattr(Path, name, refuse)
    read_all_masks(root)


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match=r"'kitchen' has no split 'testing'\. Known: pretrain, train, val, test"):
        next(Kitchen(tmp_path).iter_clips("testing", with_frames=True))


def test_palette_is_the_davis_one(root: Path) -> None:
    from PIL import Image

    path = root / "val/masks/val_00000/00000.png"
    with Image.open(path) as image:
        assert image.mode == "P"
        assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
    assert read_index_mask(path).shape == (240, 400)
