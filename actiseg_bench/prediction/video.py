"""One's own video: masks of what some texts refer to, an overlay to watch, and scores, in a folder.

masks/<frame_id>.png   index mask: 1 is the first text, 2 the second, …; in the DAVIS colours
overlay.mp4            the video with the masks drawn in
scores.csv             frame, text, whether it takes part (score), pixels
video.json             network, video, texts, threshold
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actiseg_bench.data.sizes import grid_size, shown_size
from actiseg_bench.device import pick_device
from actiseg_bench.models.weights import bundled_folder
from actiseg_bench.prediction.names import mask_names
from actiseg_bench.prediction.networks import TrainedNetwork, open_network
from actiseg_bench.prediction.predict import ClipPrediction, iter_predictions_of
from actiseg_bench.records import ClipItem
from actiseg_bench.results.result import CHECKPOINT_NAME
from actiseg_bench.training.process import process_state
from actiseg_noise.borders.drafts import FolderDraft, check_nothing_else
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.borders.videos import Video, VideoWriter, open_video
from actiseg_noise.borders.writing import whole_csv, write_json
from actiseg_noise.errors import raise_if
from actiseg_noise.masks import IndexMask, Picture
from actiseg_noise.plot_style import colour_of

VIDEO_NAME, MASKS, OVERLAY, SCORES = "video.json", "masks", "overlay.mp4", "scores.csv"
PIECE = 32
"""Frames that are predicted together where the model's card has no bound."""
BUNDLED = "tiny-trained"
TINT = 0.45
COLUMNS = ("frame", "text_id", "text", "score", "pixels")
Counts = npt.NDArray[np.int64]
OnFrames = Callable[[int, int | None], None]


@dataclass(frozen=True)
class PredictedVideo:
    """Masks of a video.

    Attributes:
        path: the folder. frames: how many. seconds: all of them took, decoding and writing included.
        seen: text → share of the frames in which something of it was found.
    """

    path: Path
    frames: int
    seconds: float
    seen: dict[str, float]


def predict_video(
    video: str | Path,
    texts: Sequence[str],
    out: str | Path,
    *,
    checkpoint: str | Path | None = None,
    model: str | None = None,
    weights: str | Path | None = None,
    network: int = 1,
    piece: int = PIECE,
    overlay: bool = True,
    positive_threshold: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    on_frames: OnFrames | None = None,
) -> PredictedVideo:
    """Predict what some texts refer to, in every frame of a video.

    Args:
        video: a file, or a folder of images. texts: referring expressions, 1 to 254.
        out: a new folder, or one that an earlier call made.
        checkpoint, model, weights, network: see :func:`open_network`; without any of them the bundled ``tiny``, trained
            on drawn kitchens: to try the command.
        piece: frames that are predicted together, at most as many as the model's card allows. A text takes part, or
            does not, in a whole piece.
        overlay: write the video with the masks drawn in.
        on_frames: called after every piece with (frames done, frames in all or None).

    Raises:
        ActisegError: no text, or too many; no such video or network; a folder with other things in it.
    """
    texts = [text.strip() for text in texts]
    raise_if(not texts or not all(texts), "say what to look for: --text 'knife used in the action of cut onion'")
    raise_if(len(texts) > 254, f"an index mask holds 254 objects, but there are {len(texts)} texts")
    raise_if(len(set(texts)) < len(texts), "the same text is given twice")
    source = open_video(Path(video))
    if checkpoint is None and model is None and weights is None:
        checkpoint = bundled_folder(BUNDLED) / CHECKPOINT_NAME
    trained = open_network(checkpoint, model, weights, network)
    threshold, started = trained.threshold(positive_threshold), time.perf_counter()
    bound = trained.network.card.max_frames
    pieces = _pieces(iter(source), min(piece, bound) if bound else piece)
    report = trained.identity | {"video": source.path.name, "texts": texts, "positive_threshold": threshold}
    seen, done = np.zeros(len(texts), np.int64), 0
    with process_state(threads or trained.threads), FolderDraft(Path(out), _check_ours, what="video") as draft:
        with _Folder(draft.path, texts, source, overlay=overlay) as folder:
            on = pick_device(device)
            trained.network.to(on)
            for frame_ids, pictures in pieces:
                clip = _predict(trained, pictures, texts, threshold, on, done)
                seen += folder.write(frame_ids, pictures, clip)
                done += len(pictures)
                if on_frames is not None:
                    on_frames(done, source.frames)
        write_json(draft.path / VIDEO_NAME, report | trained.about | {"frames": done})
        draft.commit()
    shares = dict(zip(texts, (seen / max(1, done)).tolist(), strict=True))
    return PredictedVideo(Path(out), done, time.perf_counter() - started, shares)


def _check_ours(folder: Path) -> None:
    """Raise ActisegError unless a folder was made by an earlier call."""
    raise_if(
        not (folder / VIDEO_NAME).is_file(), f"{folder}: exists and holds other things than a video; use another --out"
    )
    own = (VIDEO_NAME, OVERLAY, SCORES)
    check_nothing_else(folder, "video", lambda name: name in own or name.startswith(f"{MASKS}/"))


def _pieces(frames: Iterator[tuple[str, Picture]], size: int) -> Iterator[tuple[list[str], list[Picture]]]:
    """Yield frames a few at a time."""
    raise_if(size < 1, f"--piece must be at least 1, got {size}")
    ids: list[str] = []
    pictures: list[Picture] = []
    for frame_id, picture in frames:
        ids.append(frame_id)
        pictures.append(picture)
        if len(ids) == size:
            yield ids, pictures
            ids, pictures = [], []
    if ids:
        yield ids, pictures


def _predict(
    trained: TrainedNetwork,
    pictures: Sequence[Picture],
    texts: Sequence[str],
    threshold: float | None,
    device: torch.device,
    first: int,
) -> ClipPrediction:
    """Return the prediction of one piece."""
    item = make_item(pictures, texts, trained.network.card.input_size, trained.network.card.mask_stride, first)
    (clip,) = iter_predictions_of(trained.network, [item], device, threshold=threshold, is_scored=trained.has_scores)
    return clip


def make_item(
    pictures: Sequence[Picture],
    texts: Sequence[str],
    size: tuple[int, int] | int | None,
    stride: int,
    first: int = 0,
) -> ClipItem:
    """Return frames and texts as a clip of a dataset, whose masks nobody knows.

    Args:
        pictures: T of ``uint8 [H, W, 3]``. size: what they are resized to, as a model's card says it.
        first: the position of the first one in the video.
    """
    import cv2

    canvas = (pictures[0].shape[0], pictures[0].shape[1])
    shown = shown_size(size, canvas)
    small = [cv2.resize(picture, shown[::-1], interpolation=cv2.INTER_AREA) for picture in pictures]
    frames = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous()
    count, places = len(texts), tuple(range(first, first + len(pictures)))
    return ClipItem(
        clip_id="video",
        frames_id=f"video {first}",
        frame_idx=places,
        canvas=canvas,
        frames=frames,
        sample_ids=tuple(f"video/{i + 1}" for i in range(count)),
        object_ids=tuple(range(1, count + 1)),
        expressions=tuple(texts),
        masks=torch.zeros(count, len(pictures), *grid_size(shown, stride), dtype=torch.uint8),
        is_positive=torch.ones(count, dtype=torch.bool),
    )


class _Folder:
    """The files of a video in the making."""

    def __init__(self, path: Path, texts: Sequence[str], source: Video, *, overlay: bool) -> None:
        self._path, self._texts = path, texts
        self._names = mask_names(source.frame_ids)
        self._stack = ExitStack()
        self._csv = self._stack.enter_context(whole_csv(path / SCORES, COLUMNS))
        self._video = self._stack.enter_context(VideoWriter(path / OVERLAY, source.fps)) if overlay else None

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def write(self, frame_ids: Sequence[str], pictures: Sequence[Picture], clip: ClipPrediction) -> Counts:
        """Write a piece; return of every text in how many of its frames something was found, ``int64 [K]``."""
        seen = np.zeros(len(self._texts), np.int64)
        for frame_id, picture, mask in zip(frame_ids, pictures, clip.masks, strict=True):
            write_index_mask(self._path / MASKS / f"{self._names.get(frame_id, frame_id)}.png", mask)
            pixels = np.bincount(mask.ravel(), minlength=len(self._texts) + 1)[1:]
            seen += pixels > 0
            for i, text in enumerate(self._texts):
                row = (frame_id, i + 1, text, _rounded(clip.positive_scores[i]), int(pixels[i]))
                self._csv.writerow(dict(zip(COLUMNS, row, strict=True)))
            if self._video is not None:
                self._video.write(draw_overlay(picture, mask, self._texts))
        return seen


def _rounded(score: float | None) -> float | None:
    """Return a score with as many digits as anybody reads."""
    return None if score is None else round(score, 4)


def draw_overlay(picture: Picture, mask: IndexMask, texts: Sequence[str]) -> Picture:
    """Return a picture with masks tinted and outlined in their colours, and the texts under it.

    Args:
        picture: ``uint8 RGB [H, W, 3]``. mask: ``uint8 [H, W]``, 0 or the number of a text, from 1.

    Returns:
        ``uint8 RGB [H + legend, W, 3]``.
    """
    import cv2

    drawn = picture.astype(np.float32)
    for number in np.unique(mask[mask > 0]).tolist():
        inside = (mask == number).view(np.uint8)
        drawn[inside > 0] = (1 - TINT) * drawn[inside > 0] + TINT * np.array(colour_of(number))
        outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, colour_of(number), max(1, round(min(mask.shape) / 240)))
    height, width = mask.shape
    return np.concatenate([drawn.astype(np.uint8), _legend(width, height, tuple(texts))])


@lru_cache(1)
def _legend(width: int, most: int, texts: tuple[str, ...]) -> Picture:
    """Return the texts, each behind its colour, on a dark strip; of those that make it higher than ``most``, some.

    Of 254 texts the strip would be many times as high as the video, which no codec takes.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = max(11, round(width / 45))
    line = round(1.5 * size)
    shown = texts if line * len(texts) <= most else texts[: max(1, most // line - 1)]
    more = len(texts) - len(shown)
    strip = Image.new("RGB", (width, line * (len(shown) + (more > 0)) + line // 2), (24, 26, 29))
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(size)
    if more:
        pen.text((2 * size, line // 4 + len(shown) * line - 1), f"… and {more} more", font=font, fill=(160, 168, 176))
    for i, text in enumerate(shown):
        top = line // 4 + i * line
        pen.rectangle((size // 2, top + 2, size // 2 + size - 2, top + size), fill=colour_of(i + 1))
        pen.text((2 * size, top - 1), text, font=font, fill=(235, 238, 240))
    return np.asarray(strip)
