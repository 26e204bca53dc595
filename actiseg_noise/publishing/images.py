"""``--images``: frames of a few clips with their masks drawn over them, as a table that the hub's viewer shows.

A picture is what ``datasets`` calls an ``Image``: a struct of ``bytes`` and ``path``. The frame is the dataset's own
file; the two overlays are WebP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.images import webp_bytes
from actiseg_noise.borders.text import read_bytes
from actiseg_noise.borders.writing import move
from actiseg_noise.errors import ActisegError
from actiseg_noise.fields import parse_number
from actiseg_noise.manifest.clips import LABELS, ManifestClip, ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.view.preview_clips import choose_rows
from actiseg_noise.view.preview_picture import masks_of, overlay
from actiseg_noise.web.pictures import read_picture

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ALL = "all"
IMAGES = "images"
"""The folder of these tables, and how their configurations end."""
TEXT, NUMBER, PICTURE = "string", "int64", "image"
FEATURES = {
    "clip_id": TEXT,
    "frame_idx": NUMBER,
    "frame_id": TEXT,
    "narration": TEXT,
    "clean_prompts": TEXT,
    "noisy_prompts": TEXT,
    "image": PICTURE,
    "clean_masks": PICTURE,
    "noisy_masks": PICTURE,
    "split": TEXT,
    "recipe": TEXT,
    "seed": NUMBER,
}
"""Column → its type in the words of ``datasets``."""
_ROWS_PER_GROUP = 50
_MOST_BYTES = 1_000_000  # of an overlay


@dataclass(frozen=True)
class PublishedImages:
    """The pictures of one manifest.

    Attributes:
        files: relative to the publication. rows: frames. bytes_in_memory, bytes_on_disk: of all shards.
        missing: frames that were asked for and could not be read.
    """

    files: tuple[str, ...]
    rows: int
    bytes_in_memory: int
    bytes_on_disk: int
    missing: int


def parse_images(text: str | int | None) -> int | str | None:
    """Return how many clips' pictures are asked for: a number, ``all``, or None.

    Raises:
        ActisegError: anything else.
    """
    if text is None or text == ALL:
        return text
    clips = parse_number(str(text))
    if not clips:
        raise ActisegError(f"--images {text!s:.40}: expected how many clips, at least 1, or {ALL}")
    return clips


def write_images(
    manifest: Manifest, place: str, folder: Path, root: Path, clips: int | str, shard_bytes: int
) -> PublishedImages:
    """Write the pictures of clips, those whose labels changed first, below ``folder/images``.

    Args:
        place: the manifest's folder in the publication. root: the dataset's folder. clips: how many, or ``all``.

    Raises:
        ActisegError: none of their frames is there.
    """
    writer = _Shards(folder, f"{IMAGES}/{place}", shard_bytes)
    for clip in _iter_clips(manifest, clips):
        for frame in clip.frames:
            if frame.is_annotated:
                writer.add(_row(manifest, clip, frame, root))
    if not writer.rows:
        raise ActisegError(f"--images: no frame of {manifest.path} is in {root}; --root DIR is the dataset's folder")
    return writer.close()


def _iter_clips(manifest: Manifest, clips: int | str) -> Iterator[ManifestClip]:
    """Yield the clips to show, in order."""
    if isinstance(clips, str):
        yield from manifest.iter_clips()
    else:
        yield from (row.clip for row in choose_rows(manifest, limit=clips))


def _row(manifest: Manifest, clip: ManifestClip, frame: ManifestFrame, root: Path) -> dict[str, Any] | None:
    """Return the row of a frame; None where its image is not there."""
    from PIL import Image

    picture = read_picture(frame, root)
    if picture is None:
        return None
    drawn = {}
    for labels in LABELS:
        positives = {sample.object_id for sample in clip.samples if sample.flag(labels)}
        over = overlay(picture, masks_of(frame, labels), frame.void_mask(), positives)
        drawn[labels] = {"bytes": webp_bytes(Image.fromarray(over), _MOST_BYTES), "path": f"{frame.frame_id}.webp"}
    info = manifest.info
    return {
        "clip_id": clip.clip_id,
        "frame_idx": frame.frame_idx,
        "frame_id": frame.frame_id,
        "narration": clip.narration,
        "clean_prompts": _prompts(clip, "clean"),
        "noisy_prompts": _prompts(clip, "noisy"),
        "image": {"bytes": read_bytes(root / str(frame.image_path), "image"), "path": frame.image_path},
        "clean_masks": drawn["clean"],
        "noisy_masks": drawn["noisy"],
        "split": info.split,
        "recipe": info.recipe.recipe_id,
        "seed": info.recipe.seed,
    }


def _prompts(clip: ManifestClip, labels: str) -> str:
    """Return the texts of the positive objects, one a line."""
    positives = [sample for sample in clip.samples if sample.flag(labels)]
    return "\n".join(sample.text(labels).expression for sample in positives)


def _schema() -> pa.Schema:
    """Return the Arrow schema of a table of pictures."""
    import pyarrow as pa

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    types = {TEXT: pa.string(), NUMBER: pa.int64(), PICTURE: picture}
    return pa.schema([(name, types[kind]) for name, kind in FEATURES.items()])


class _Shards:
    """Parquet files that get rows, a next one begun at ``shard_bytes``; they get their names when all are there."""

    def __init__(self, folder: Path, place: str, shard_bytes: int) -> None:
        self.rows = 0
        self._folder, self._place, self._shard_bytes = folder, place, shard_bytes
        self._paths: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[dict[str, Any]] = []
        self._in_memory = self._in_shard = self._missing = 0

    def add(self, row: dict[str, Any] | None) -> None:
        """Take in a row, or that there is none for a frame."""
        if row is None:
            self._missing += 1
            return
        self.rows += 1
        self._waiting.append(row)
        if len(self._waiting) >= _ROWS_PER_GROUP:
            self._write()

    def _write(self) -> None:
        """Write the waiting rows as one row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        rows = pa.Table.from_pylist(self._waiting, _schema())
        if self._writer is None:
            path = self._folder / f"{self._place}.part-{len(self._paths):05d}"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._paths.append(path)
            self._writer, self._in_shard = pq.ParquetWriter(path, rows.schema, compression="zstd"), 0
        self._writer.write_table(rows)
        self._in_memory, self._in_shard = self._in_memory + rows.nbytes, self._in_shard + rows.nbytes
        self._waiting = []
        if self._in_shard >= self._shard_bytes:
            self._finish()

    def _finish(self) -> None:
        """Close the shard that is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def close(self) -> PublishedImages:
        """Write what waits and give the shards their names."""
        self._write()
        self._finish()
        names = tuple(f"{self._place}-{i:05d}-of-{len(self._paths):05d}.parquet" for i in range(len(self._paths)))
        for path, name in zip(self._paths, names, strict=True):
            move(path, self._folder / name)
        on_disk = sum((self._folder / name).stat().st_size for name in names)
        return PublishedImages(names, self.rows, self._in_memory, on_disk, self._missing)
