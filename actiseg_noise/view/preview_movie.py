"""A clip through time as GIF, WebP or MP4: clean labels beside given ones, with both prompts of its objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from actiseg_noise.borders.images import resize_frame
from actiseg_noise.borders.videos import write_movie
from actiseg_noise.errors import raise_if
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame, ManifestSample
from actiseg_noise.manifest.read import Manifest, open_whole
from actiseg_noise.masks import Picture, Size
from actiseg_noise.plot_style import COLOURS, colour_of
from actiseg_noise.view.frames import find_frames
from actiseg_noise.view.preview_clips import choose_rows
from actiseg_noise.view.preview_picture import EMPTY, masks_of, overlay
from actiseg_noise.view.preview_text import FADED, HARM, INK, LINE, PAPER, Words, draw_legend, font, wrap, write
from actiseg_noise.web.pictures import read_picture

SIDES = ("clean", "noisy")
PANEL = (480, 360)  # most width and height of a picture, in px
MARGIN, GAP, INDENT = 14, 12, 18
FPS = 6.0
MOST_FRAMES = 150  # of a clip; a longer one is shown in even steps
_MOST_OBJECTS = 8


@dataclass(frozen=True)
class PreviewMovie:
    """A movie that was written.

    Attributes:
        clips: the ids of its clips. frames: how many it shows, of how many (``with_image``) the image was found, and
            how many (``left_out``) were passed over in clips of more than 150. root: where images were looked for.
    """

    path: Path
    clips: tuple[str, ...]
    frames: int
    with_image: int
    left_out: int
    root: Path | None


def preview_movie(
    manifest: str | Path | Manifest,
    out: str | Path,
    *,
    root: str | Path | None = None,
    clips: Sequence[str] | None = None,
    limit: int = 1,
    noise_only: bool = False,
    fps: float = FPS,
) -> PreviewMovie:
    """Write a clip frame by frame, clean masks and prompts to the left, the given ones to the right.

    Args:
        manifest: a manifest folder, or an open manifest.
        out: the file to write: ``.gif``, ``.webp`` or ``.mp4``.
        root: the dataset's folder; see :func:`actiseg_noise.preview`.
        clips: these clips, one after the other. limit: at most so many, those whose labels changed first.
        noise_only: leave out clips whose labels are all clean.
        fps: frames a second, 1 to 30.

    Raises:
        ActisegError: an unknown clip, nothing to show, a clip without frames, no such root, another suffix, or ``out``
            cannot be written.
    """
    raise_if(not 1 <= fps <= 30, f"--fps must be from 1 to 30, got {fps:g}")
    opened = open_whole(manifest)
    folder = find_frames(opened, root)
    rows = choose_rows(opened, clips=clips, limit=limit, noise_only=noise_only)
    shown = [(row.clip, shown_frames(row.clip)) for row in rows]
    empty = next((clip.clip_id for clip, frames in shown if not frames), None)
    raise_if(empty is not None, f"{opened.path}: clip {empty!r} has no frame to show; leave it out")
    drawn = _Drawer(shown, folder)
    write_movie(Path(out), iter(drawn), fps, (PAPER, INK, FADED, HARM, *COLOURS))
    ids, left_out = tuple(clip.clip_id for clip, _ in shown), sum(len(clip.frames) - len(f) for clip, f in shown)
    return PreviewMovie(Path(out), ids, drawn.frames, drawn.with_image, left_out, folder)


def shown_frames(clip: ManifestClip) -> list[ManifestFrame]:
    """Return the frames that have masks, all where none has any; of many some, in even steps, the ends among them."""
    frames = [frame for frame in clip.frames if frame.masks] or list(clip.frames)
    if len(frames) <= MOST_FRAMES:
        return frames
    return [frames[i] for i in np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int).tolist()]


class _Drawer:
    """Draws the frames of some clips on canvases of one size, one at a time, and counts what images there were."""

    def __init__(self, clips: Sequence[tuple[ManifestClip, list[ManifestFrame]]], root: Path | None) -> None:
        self._root = root
        self._clips = clips
        self._stills = [_Still(clip, read_picture(frames[0], root), frames[0].size) for clip, frames in clips]
        self.frames = self.with_image = 0

    def __iter__(self) -> Iterator[Picture]:
        """Yield ``uint8 RGB [H, W, 3]``, sides even."""
        size = tuple(max(still.size[axis] for still in self._stills) for axis in (0, 1))
        for still, (_, frames) in zip(self._stills, self._clips, strict=True):
            for number, frame in enumerate(frames, 1):
                picture = read_picture(frame, self._root)
                self.frames += 1
                self.with_image += picture is not None
                canvas = np.full((size[0] + size[0] % 2, size[1] + size[1] % 2, 3), PAPER, np.uint8)
                drawn = still.draw(frame, picture, f"{number} of {len(frames)}")
                canvas[: drawn.shape[0], : drawn.shape[1]] = drawn
                yield canvas


class _Still:
    """What stays the same from frame to frame of a clip: its texts, and where the pictures go."""

    def __init__(self, clip: ManifestClip, picture: Picture | None, size: Size | None) -> None:
        height, width = picture.shape[:2] if picture is not None else size or (9, 16)
        scale = min(PANEL[0] / width, PANEL[1] / height)
        self._panel = max(1, round(height * scale)), max(1, round(width * scale))
        self._clip = clip
        self._column = max(self._panel[1], PANEL[0] * 3 // 4)
        self._texts = [list(_side_lines(clip, labels, self._column - INDENT)) for labels in SIDES]
        self._top = MARGIN + 2 * LINE + 8
        below = LINE * max(map(len, self._texts)) + 10 + LINE
        self.size = (
            self._top + self._panel[0] + 8 + below + MARGIN,
            max(2 * MARGIN + 2 * self._column + GAP, 2 * MARGIN + 480),
        )

    def draw(self, frame: ManifestFrame, picture: Picture | None, place: str) -> Picture:
        """Return one frame of the movie."""
        image = Image.new("RGB", self.size[::-1], PAPER)
        draw = ImageDraw.Draw(image)
        draw.text((MARGIN, MARGIN), self._clip.clip_id, INK, font(14, "Bold"))
        left = MARGIN + font(14, "Bold").getlength(self._clip.clip_id)
        write(draw, left, MARGIN, [(f"   frame {frame.frame_id.removeprefix('frame_')}, {place}", FADED)])
        canvas = np.full((*self._panel, 3), EMPTY, np.uint8) if picture is None else resize_frame(picture, self._panel)
        for column, (labels, lines) in enumerate(zip(SIDES, self._texts, strict=True)):
            x = MARGIN + column * (self._column + GAP)
            write(draw, x, MARGIN + LINE + 6, [(f"{labels} labels", FADED)])
            positives = {sample.object_id for sample in self._clip.samples if sample.flag(labels)}
            panel = overlay(canvas, masks_of(frame, labels), frame.void_mask(), positives)
            image.paste(Image.fromarray(panel), (x, self._top))
            for number, (words, object_id) in enumerate(lines):
                y = self._top + self._panel[0] + 8 + LINE * number
                if object_id is not None:
                    draw.rounded_rectangle((x, y + 3, x + 11, y + 14), 3, colour_of(object_id))
                write(draw, x + INDENT, y, words)
        draw_legend(draw, MARGIN, self.size[0] - MARGIN - LINE)
        return np.asarray(image)


def _side_lines(clip: ManifestClip, labels: str, room: float) -> Iterator[tuple[Words, int | None]]:
    """Yield the lines under one side: its narration, and the prompts of what is positive on either side."""
    said = clip.narrated(labels)
    colour = INK if said == clip.narration else HARM
    yield from ((words, None) for words in wrap([(f"“{said}”", colour)], room))
    objects = [sample for sample in clip.samples if sample.is_positive or sample.noisy_is_positive]
    for sample in objects[:_MOST_OBJECTS]:
        first, *more = wrap(_prompt(sample, labels), room)
        yield first, sample.object_id
        yield from ((words, None) for words in more)
    if len(objects) > _MOST_OBJECTS:
        yield [(f"and {len(objects) - _MOST_OBJECTS} more", FADED)], None


def _prompt(sample: ManifestSample, labels: str) -> Words:
    """Return what one side calls an object, and the flag that it gives it where the sides differ."""
    named = sample.text(labels)
    is_usual = named.expression.startswith(f"{named.noun} used in the action of ")
    is_wrong = labels == "noisy" and sample.is_harmful and sample.expression != sample.noisy_expression
    words: Words = [(named.noun if is_usual else named.expression, HARM if is_wrong else INK)]
    if sample.is_positive != sample.noisy_is_positive:
        flag = "positive" if sample.flag(labels) else "negative"
        words.append((f"  {flag}", FADED if labels == "clean" else HARM))
    return words
