"""``preview --out clip.gif``: a clip through time, clean labels beside given ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import Toy, make_clip, make_toy, thing, write_toy

import actiseg_noise
from actiseg_noise.borders.videos import MOVIE_SUFFIXES, open_video
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.clips import ManifestSample
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.plot_style import COLOURS
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.view.preview_movie import MOST_FRAMES, PANEL, _prompt, _side_lines, preview_movie, shown_frames
from actiseg_noise.view.preview_text import HARM, INK, LEGEND, MOST_LINES_OF_A_TEXT, PAPER, font, legend_width, wrap

BOTH = Recipe("both", (NoiseSpec("category_flip-v1", 1.0), NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"})))


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    toy = write_toy(make_toy(seed=1), tmp_path / "toy")
    return read_manifest(actiseg_noise.build(toy, recipe=BOTH, out=tmp_path / "m"))


def frames_of(path: Path) -> list[np.ndarray]:
    if path.suffix == ".mp4":
        return [picture for _, picture in open_video(path)]
    with Image.open(path) as image:
        frames = []
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.array(image.convert("RGB")))
    return frames


@pytest.mark.parametrize("suffix", MOVIE_SUFFIXES)
def test_every_frame_is_shown_with_the_clean_side_left_and_the_given_one_right(
    suffix: str, manifest: Manifest, tmp_path: Path
) -> None:
    movie = preview_movie(manifest, tmp_path / f"clip{suffix}", clips=["clip003"])
    frames = frames_of(movie.path)
    assert (movie.clips, movie.frames, movie.with_image, movie.left_out) == (("clip003",), 2, 0, 0)
    assert len(frames) == 2
    (height, width, _) = frames[0].shape
    assert (height % 2, width % 2) == (0, 0)
    below = frames[0][60:400]
    left, right = below[:, : width // 2], below[:, width // 2 :]
    assert not np.array_equal(left, right)
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_a_gif_shows_the_colours_of_objects_as_they_are(manifest: Manifest, tmp_path: Path) -> None:
    movie = preview_movie(manifest, tmp_path / "clip.gif", clips=["clip003"])
    (clip,) = manifest.iter_clips(["clip003"])
    shown = {tuple(pixel) for pixel in frames_of(movie.path)[0].reshape(-1, 3).tolist()}
    drawn = {mask.object_id for mask in clip.frames[0].masks.values() if mask.clean_area}
    assert drawn
    assert PAPER in shown
    assert {COLOURS[(i - 1) % len(COLOURS)] for i in drawn} <= shown


def test_the_same_movie_has_the_same_bytes(manifest: Manifest, tmp_path: Path) -> None:
    for suffix in (".gif", ".webp"):
        one, other = (preview_movie(manifest, tmp_path / f"{name}{suffix}").path for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()


def test_several_clips_follow_each_other_at_the_speed_asked_for(manifest: Manifest, tmp_path: Path) -> None:
    movie = preview_movie(manifest, tmp_path / "two.gif", clips=["clip001", "clip003"], limit=2, fps=4)
    assert (movie.clips, movie.frames) == (("clip001", "clip003"), 4)
    with Image.open(movie.path) as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (4, 250, 0)


def test_of_a_long_clip_frames_in_even_steps_are_shown(manifest: Manifest) -> None:
    (clip,) = manifest.iter_clips(["clip003"])
    long = replace(clip, frames=tuple(replace(clip.frames[0], frame_idx=i) for i in range(1000)))
    shown = [frame.frame_idx for frame in shown_frames(long)]
    assert (len(shown), shown[0], shown[-1]) == (MOST_FRAMES, 0, 999)
    assert {b - a for a, b in pairwise(shown)} == {6, 7}


def test_what_is_no_movie_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match=r"expected a movie's suffix, \.gif, \.webp, \.mp4, got \.avi"):
        preview_movie(manifest, tmp_path / "clip.avi")
    with pytest.raises(ActisegError, match="--fps must be from 1 to 30, got 0"):
        preview_movie(manifest, tmp_path / "clip.gif", fps=0)


def a_sample(manifest: Manifest, **values: object) -> ManifestSample:
    (clip,) = manifest.iter_clips(["clip003"])
    return replace(clip.samples[0], **values)  # type: ignore[arg-type]


def test_each_side_has_its_own_prompts_and_flags(manifest: Manifest) -> None:
    usual = "{} used in the action of wash up"
    texts = {"noun": "cup", "expression": usual.format("cup")}
    texts |= {"noisy_noun": "pan", "noisy_expression": usual.format("pan")}
    sample = a_sample(manifest, **texts, is_harmful=True, is_positive=True, noisy_is_positive=False)
    assert _prompt(sample, "clean")[0] == ("cup", INK)
    assert _prompt(sample, "noisy") == [("pan", HARM), ("  negative", HARM)]
    whole = a_sample(manifest, expression="the cup on the left", noisy_expression="the cup on the left")
    assert _prompt(whole, "noisy")[0] == ("the cup on the left", INK)


def test_long_prompts_are_wrapped_and_stay_in_their_column(manifest: Manifest, tmp_path: Path) -> None:
    long = make_clip("long", [thing(1, 4)], narration="put the lid of the " + "very " * 80 + "large pan away")
    toy = Toy(tmp_path, [long], {str(frame.mask_path): np.ones((24, 32), np.uint8) for frame in long.frames})
    opened = read_manifest(actiseg_noise.build(toy, recipe=BOTH, out=tmp_path / "long"))
    (clip,) = opened.iter_clips()
    room = 300
    for labels in ("clean", "noisy"):
        for words, _ in _side_lines(clip, labels, room):
            assert sum(font(14).getlength(text) for text, _ in words) <= room
    assert preview_movie(opened, tmp_path / "long.webp").frames == len(clip.frames)
    assert legend_width(LEGEND) < 2 * PANEL[0]


def test_words_are_wrapped_between_words_and_colours_stay() -> None:
    lines = wrap([("the red cup ", INK), ("→ the blue pan", HARM)], font(14).getlength("the red cup →"))
    assert ["".join(text for text, _ in line).strip() for line in lines] == ["the red cup →", "the blue pan"]
    assert {colour for _, colour in lines[1]} == {HARM}


def test_what_four_lines_do_not_hold_ends_in_dots_and_a_word_without_blanks_is_cut() -> None:
    lines = wrap([("word " * 100, INK)], 100)
    assert len(lines) == MOST_LINES_OF_A_TEXT
    assert lines[-1][-1][0].endswith("…")
    lines = wrap([("x" * 60, INK)], 100)
    assert "".join(text for line in lines for text, _ in line).startswith("xxxxxxxx")
    assert all(sum(font(14).getlength(text) for text, _ in line) <= 100 for line in lines)
