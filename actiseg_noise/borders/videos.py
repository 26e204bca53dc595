"""Videos: the frames of a file or of a folder of images, one after the other, and a file of drawn frames or a movie."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_noise.borders.folders import IMAGE_SUFFIXES, list_files, list_names
from actiseg_noise.borders.images import read_frame
from actiseg_noise.borders.text import check_file
from actiseg_noise.borders.writing import WriteError, move, remove_file, whole_file
from actiseg_noise.errors import ActisegWarning, DataError
from actiseg_noise.masks import Picture

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
MOVIE_SUFFIXES = (".gif", ".webp", ".mp4")
CODECS = ("vp09", "mp4v")  # VP9 plays in browsers; OpenCV's own builds have no H.264
FPS = 10.0
NEAR = 12  # a colour of a GIF that is so near to one that has to be kept is left out for it


@dataclass(frozen=True)
class Video:
    """A video that can be read.

    Attributes:
        path: a file, or a folder of images in natural order. frames: how many there are, None where a file does not
            say. fps: frames a second, as the file says; of a folder, ten.
    """

    path: Path
    frames: int | None
    fps: float

    @property
    def frame_ids(self) -> list[str]:
        """Return the names of a folder's images without their suffixes; none of a file, whose frames are numbers."""
        return list(list_files(self.path, IMAGE_SUFFIXES)) if self.path.is_dir() else []

    def __iter__(self) -> Iterator[tuple[str, Picture]]:
        """Yield (frame_id, picture ``uint8 RGB [H, W, 3]``, upright): a file's stem, or a number of five digits.

        Raises:
            DataError: a frame that cannot be read or is of another shape than the first; a file without any.

        A file that has fewer frames than it says is told of by an ActisegWarning, after the last one: some containers
        do no more than estimate.
        """
        frames = _of_folder(self.path) if self.path.is_dir() else _of_file(self.path)
        shape, read = None, 0
        for frame_id, picture in frames:
            shape = shape or picture.shape
            if picture.shape != shape:
                raise DataError(
                    f"{self.path}: frame {frame_id} is {picture.shape[1]}×{picture.shape[0]}, the first one "
                    f"{shape[1]}×{shape[0]} (width×height); a video has frames of one size"
                )
            yield frame_id, picture
            read += 1
        if not read:
            raise DataError(f"{self.path}: no frame could be read; is it a video that this machine can decode?")
        if self.frames is not None and read < self.frames:
            warnings.warn(
                f"{self.path}: says that it has {self.frames} frames, {read} could be read; where it was cut off or is "
                "damaged, frames are missing, and those behind a gap have earlier numbers. Fetch it again",
                ActisegWarning,
                stacklevel=2,
            )


def open_video(path: Path) -> Video:
    """Return a video file, or a folder of JPEG, PNG or WebP images.

    Raises:
        DataError: no such file or folder; a folder without images; a file that OpenCV cannot open.
    """
    if path.is_dir():
        count = len(list_files(path, IMAGE_SUFFIXES))
        if not count:
            inside = ", ".join(list_names(path)[:3]) or "nothing"
            raise DataError(f"{path}: expected images ({', '.join(IMAGE_SUFFIXES)}), found {inside}")
        return Video(path, count, FPS)
    check_file(path, "video", DataError)
    with _captured(path) as capture:
        import cv2

        count, fps = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), float(capture.get(cv2.CAP_PROP_FPS))
    return Video(path, count if count > 0 else None, fps if 0 < fps < 1000 else FPS)


def _of_folder(path: Path) -> Iterator[tuple[str, Picture]]:
    """Yield the images of a folder."""
    for stem, name in list_files(path, IMAGE_SUFFIXES).items():
        yield stem, read_frame(path / name)


def _of_file(path: Path) -> Iterator[tuple[str, Picture]]:
    """Yield the frames of a video file."""
    import cv2

    with _captured(path) as capture:
        number = 0
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield f"{number:05d}", np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
            number += 1


@contextmanager
def _captured(path: Path) -> Iterator[Any]:
    """Open a video file with OpenCV, which turns it upright as its header says."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise DataError(
                f"{path}: cannot be read as a video; expected one of {', '.join(VIDEO_SUFFIXES)} with a codec that "
                "OpenCV decodes, or a folder of images"
            )
        yield capture
    finally:
        capture.release()


class VideoWriter:
    """Writes frames of one size into an MP4 file, in a folder that is there whole or not at all. A context manager.

    Raises (at its end):
        WriteError: frames are missing in the file.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self._fps = path, fps
        self._writer: Any = None
        self._written = 0

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._writer is None:
            return
        self._writer.release()
        if kind is None:
            self._check_written()

    def _check_written(self) -> None:
        """Raise WriteError unless all frames are in the file: OpenCV says nothing of a full disk."""
        try:
            found = open_video(self.path).frames
        except DataError:
            found = 0
        if found != self._written:
            lost = OSError(f"{found} of {self._written} frames are in it")
            raise WriteError(self.path, lost, "; is there room on the disk?")

    def write(self, picture: Picture) -> None:
        """Append a frame, ``uint8 RGB [H, W, 3]``; an odd side loses its last row or column, which no codec takes.

        Raises:
            DataError: OpenCV has none of the codecs.
        """
        import cv2

        self._written += 1
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        self._writer = self._writer or self._open(width, height)
        self._writer.write(cv2.cvtColor(np.ascontiguousarray(picture[:height, :width]), cv2.COLOR_RGB2BGR))

    def _open(self, width: int, height: int) -> Any:
        """Return OpenCV's writer with the first codec that it has."""
        import cv2

        for codec in CODECS:
            writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*codec), self._fps, (width, height))
            if writer.isOpened():
                return writer
        raise DataError(f"{self.path}: this OpenCV writes none of {', '.join(CODECS)}; leave the overlay out")


def write_movie(
    path: Path, frames: Iterator[Picture], fps: float, colours: Sequence[tuple[int, int, int]] = ()
) -> Path:
    """Write frames of one size as GIF, WebP (both go round for ever) or MP4, whole or not at all, and return ``path``.

    Args:
        frames: ``uint8 RGB [H, W, 3]``, at least one, taken one at a time.
        colours: RGB, those that a GIF, which has 256 for a frame, shows as they are.

    Raises:
        DataError: another suffix; OpenCV has no codec. WriteError: see :func:`whole_file`.
    """
    from PIL import Image

    suffix = path.suffix.lower()
    if suffix not in MOVIE_SUFFIXES:
        raise DataError(f"{path}: expected a movie's suffix, {', '.join(MOVIE_SUFFIXES)}, got {suffix or 'none'}")
    with whole_file(path) as partial:
        if suffix == ".mp4":
            _write_mp4(partial, frames, fps)
        elif suffix == ".webp":
            images = (Image.fromarray(picture) for picture in frames)
            _write_images(partial, images, fps, format="WEBP", quality=85, method=4)
        else:
            _write_images(partial, (_of_few_colours(picture, colours) for picture in frames), fps, format="GIF")
    return path


def _write_mp4(partial: Path, frames: Iterator[Picture], fps: float) -> None:
    """Write a video beside ``partial``, as OpenCV knows a container by its suffix, and give it that name."""
    video = partial.with_name(f"{partial.name}.mp4")
    try:
        with VideoWriter(video, fps) as writer:
            for picture in frames:
                writer.write(picture)
        move(video, partial)
    finally:
        remove_file(video)


def _write_images(partial: Path, images: Iterator[Any], fps: float, **options: Any) -> None:
    """Write pictures that follow each other."""
    first = next(images)
    first.save(partial, save_all=True, append_images=images, duration=round(1000 / fps), loop=0, **options)


def _of_few_colours(picture: Picture, colours: Sequence[tuple[int, int, int]]) -> Any:
    """Return a picture in 256 colours, ``colours`` among them."""
    from PIL import Image

    image = Image.fromarray(picture)
    found = np.array(image.quantize(256 - len(colours)).getpalette(), np.int16).reshape(-1, 3)
    kept = np.array(colours, np.int16).reshape(-1, 3)
    near = (np.abs(found[:, None] - kept[None]).max(2) < NEAR).any(1)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([kept, found[~near]]).ravel().tolist())
    return image.quantize(palette=palette)
