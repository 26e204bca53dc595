"""``preview``: which frames are shown, and what is drawn of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from toys import Toy, make_clip, make_toy, thing, write_toy

import actiseg_noise
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError
from actiseg_noise.plot_style import COLOURS, colour_of
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.view.preview_clips import choose_rows
from actiseg_noise.view.preview_picture import EMPTY, VOID, masks_of, overlay
from actiseg_noise.view.preview_sheet import WIDTH, _lines, draw_preview
from actiseg_noise.view.preview_text import font
from actiseg_noise.web.pictures import read_picture

DILATE = Recipe("dilate", (NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"}),))
FLIP = Recipe("flip", (NoiseSpec("category_flip-v1", 0.2),))


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """Return clips with masks on disk and, of the first six, images of twice the masks' size."""
    toy = write_toy(make_toy(seed=1), tmp_path / "toy")
    for number, clip in enumerate(toy.clips[:6]):
        for frame in clip.frames:
            picture = Image.new("RGB", (64, 48), (200, 30 * number, 40))
            picture.save(toy.root / str(frame.image_path))
    return toy


def open_built(toy: Toy, recipe: Recipe, out: Path, **options: object) -> actiseg_noise.Manifest:
    return actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=recipe, out=out, **options))  # type: ignore[arg-type]


def test_clips_whose_labels_changed_come_first(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, FLIP, tmp_path / "m")
    rows = manifest.table("samples").to_pylist()
    noisy = sorted({row["clip_id"] for row in rows if row["text_noise"] != "none"})
    assert 0 < len(noisy) < 12
    assert [row.clip.clip_id for row in choose_rows(manifest, limit=len(noisy))] == noisy
    assert [row.clip.clip_id for row in choose_rows(manifest, limit=50, noise_only=True)] == noisy
    assert len(choose_rows(manifest, limit=50)) == 12
    assert len(choose_rows(manifest, limit=len(noisy) + 1)) == len(noisy) + 1


def test_the_frame_whose_masks_changed_most_is_shown(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, DILATE, tmp_path / "m")
    rows = manifest.table("masks").to_pylist()
    for shown in choose_rows(manifest, noise_only=True):
        lost = {
            index: sum(1 - r["iou"] for r in rows if r["clip_id"] == shown.clip.clip_id and r["frame_idx"] == index)
            for index in (0, 1)
        }
        assert shown.frame is not None
        assert lost[shown.frame.frame_idx] == pytest.approx(max(lost.values()))


def test_named_clips_alone(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, DILATE, tmp_path / "m")
    assert [row.clip.clip_id for row in choose_rows(manifest, clips=["clip007", "clip002"])] == ["clip002", "clip007"]
    with pytest.raises(ActisegError, match=r"no clip 'clip99' in this manifest"):
        choose_rows(manifest, clips=["clip99"])


def test_nothing_noisy_is_said(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, Recipe("clean"), tmp_path / "m")
    with pytest.raises(ActisegError, match="no clip's labels changed; leave out --noise-only"):
        choose_rows(manifest, noise_only=True)


def test_masks_are_those_of_the_manifest(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, DILATE, tmp_path / "m")
    (shown,) = choose_rows(manifest, clips=["clip003"])
    assert shown.frame is not None
    index_mask = toy.read_index_mask(toy.clips[3], toy.clips[3].frames[shown.frame.frame_idx])
    for object_id, mask in masks_of(shown.frame, "clean").items():
        assert np.array_equal(mask, index_mask == object_id)
    areas = {object_id: mask.iou < 1 for object_id, mask in shown.masks.items()}
    noisy, clean = masks_of(shown.frame, "noisy"), masks_of(shown.frame, "clean")
    assert {i: not np.array_equal(noisy[i], clean[i]) for i in noisy} == areas


def test_positives_are_tinted_negatives_outlined_void_hatched() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    big, small, void = (np.zeros((20, 30), bool) for _ in range(3))
    big[2:12, 2:12] = True
    small[2:12, 15:25] = True
    void[15:] = True
    drawn = overlay(picture, {1: big, 2: small}, void, {1})
    paled = overlay(picture, {}, None, set())[0, 0]
    assert np.array_equal(drawn[14, 4], COLOURS[0]), "the outline, at twice the mask's size"
    assert np.allclose(drawn[14, 14], (paled + np.array(COLOURS[0])) / 2, atol=1), "the tint"
    assert np.array_equal(drawn[14, 30], COLOURS[1])
    assert np.array_equal(drawn[14, 40], paled), "a negative is not tinted"
    hatched = {tuple(map(int, pixel)) for pixel in drawn[32:38].reshape(-1, 3)}
    assert hatched == {VOID, tuple(map(int, paled))}


def test_every_object_id_has_a_colour() -> None:
    assert {colour_of(object_id) for object_id in range(1, 256)} == set(COLOURS)


def test_images_come_from_the_root_and_never_from_outside(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, DILATE, tmp_path / "m")
    (shown,) = choose_rows(manifest, clips=["clip002"])
    picture = read_picture(shown.frame, toy.root)
    assert picture is not None
    assert picture.shape == (48, 64, 3)
    assert read_picture(shown.frame, None) is None
    assert shown.frame is not None
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    assert read_picture(replace(shown.frame, image_path="../outside.png"), toy.root) is None


def test_images_on_another_disk_are_shown_through_a_link(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, DILATE, tmp_path / "m")
    (shown,) = choose_rows(manifest, clips=["clip002"])
    assert shown.frame is not None
    image = toy.root / str(shown.frame.image_path)
    image.rename(tmp_path / "elsewhere.png")
    image.symlink_to(tmp_path / "elsewhere.png")
    assert read_picture(shown.frame, toy.root) is not None
    image.unlink()
    image.symlink_to(image)
    assert read_picture(shown.frame, toy.root) is None


def test_a_sheet_is_drawn_with_and_without_frames(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, DILATE, tmp_path / "m")
    sheet = draw_preview(manifest, root=toy.root, clips=[f"clip{n:03d}" for n in range(4, 8)])
    assert (sheet.rows, sheet.with_image) == (4, 2)
    assert sheet.image.width == WIDTH
    assert sheet.image.getpixel((20, 90)) == pytest.approx((200, 120, 40), abs=3), "the first row shows its frame"
    bare = draw_preview(manifest, clips=["clip004"])
    assert (bare.rows, bare.with_image) == (1, 0)
    assert bare.image.getpixel((20, 90)) == EMPTY
    assert draw_preview(manifest, clips=["clip004"]).image.tobytes() == bare.image.tobytes()


def test_a_manifest_of_text_shows_its_prompts(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, Recipe("flip", (NoiseSpec("category_flip-v1", 1.0),)), tmp_path / "m", content="text")
    sheet = draw_preview(manifest, limit=3)
    assert sheet.rows == 3


def test_both_prompts_and_what_is_harmful_are_written(toy: Toy, tmp_path: Path) -> None:
    recipe = Recipe("both", (NoiseSpec("category_flip-v1", 1.0), *DILATE.noises))
    manifest = open_built(toy, recipe, tmp_path / "m")
    (shown,) = choose_rows(manifest, clips=["clip003"])
    text = ["".join(word for word, _ in words) for words, _ in _lines(shown)]
    for sample in shown.clip.samples:
        if sample.is_positive:
            harm = "  harmful" if sample.is_harmful else ""
            assert f"{sample.noun} → {sample.noisy_noun}{harm}" in text
    assert any("dilate-v1, IoU 0." in line for line in text)
    whole = {"expression": "see the cup", "noisy_expression": "see the pan", "is_positive": True, "is_harmful": True}
    samples = (replace(shown.clip.samples[0], **whole),)  # type: ignore[arg-type]
    shown = replace(shown, clip=replace(shown.clip, samples=samples))
    text = ["".join(word for word, _ in words) for words, _ in _lines(shown)]
    assert text[2:4] == ["see the cup", "  → see the pan  harmful"]


def test_text_of_any_script_and_length_is_no_trouble(toy: Toy, tmp_path: Path) -> None:
    narration = "нарезать 洋葱 و بصل " * 30
    clip = make_clip("clip000", [thing(1, 4)], narration=narration)
    strange = Toy(toy.root, [clip], {str(frame.mask_path): np.ones((24, 32), np.uint8) for frame in clip.frames})
    assert draw_preview(open_built(strange, DILATE, tmp_path / "m")).rows == 1


def test_many_positive_objects_are_counted(toy: Toy, tmp_path: Path) -> None:
    clip = make_clip("clip000", [thing(i, 1) for i in range(1, 41)])
    crowd = Toy(toy.root, [clip], {str(f.mask_path): np.zeros((24, 32), np.uint8) for f in clip.frames})
    (shown,) = choose_rows(open_built(crowd, Recipe("clean"), tmp_path / "m"))
    assert "28 more positive objects" in [words[0][0] for words, _ in _lines(shown)]


def test_withheld_masks_are_left_out(toy: Toy, tmp_path: Path) -> None:
    manifest = open_built(toy, DILATE, tmp_path / "m")
    path = tmp_path / "m" / "masks.parquet"
    table = pq.read_table(path)
    rows = [row | {"clean_rle": None, "noisy_rle": None} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    assert draw_preview(manifest, limit=2).rows == 2


def test_the_command_writes_a_file_and_says_what_it_found(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    open_built(toy, replace(DILATE, noises=DILATE.noises + FLIP.noises), tmp_path / "m")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["actiseg-noise", "preview", "m", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out + printed.err

    code, text = run("--root", str(toy.root), "--out", "sheets/one.png", "--clips", "clip001", "--clips", "clip009")
    assert (code, text) == (0, f"sheets/one.png: 2 clips, 1 of 2 frames found in {toy.root}\n")
    code, text = run("--limit", "3")
    assert (code, text) == (
        0,
        "preview.png: 3 clips, 0 of 3 frames found; --root DIR shows the images below the masks\n",
    )
    with Image.open("preview.png") as image:
        assert image.width == WIDTH
    code, text = run("--out", "clip.webp", "--clips", "clip001", "--clips", "clip009", "--fps", "5")
    assert (code, text.partition(", images")[0]) == (0, "clip.webp: clip001, clip009: 4 frames")
    code, text = run("--out", "clip.bmp")
    assert (code, "--out clip.bmp: expected .png, .gif, .webp or .mp4" in text) == (2, True)
    code, text = run("--root", "nowhere")
    assert code == 2
    assert "--root nowhere: no such folder" in text


@pytest.mark.parametrize("weight", ["", "Bold"])
def test_letters_of_many_languages_and_our_own_signs_are_drawn_and_others_are_boxes(weight: str) -> None:
    letters = font(14, weight)
    box = bytes(letters.getmask("\ufffe"))
    assert bytes(letters.getmask("葱")) == box
    assert [letter for letter in "aéßłőşΩλЖя“”…→·×°≥–—" if bytes(letters.getmask(letter)) == box] == []
