"""What every export begins and ends with: one side's labels of a manifest, a folder, its images, what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from actiseg_noise.borders.folders import check_file_name
from actiseg_noise.exchange.export_clips import check_exportable, iter_export_clips
from actiseg_noise.exchange.export_folder import ExportFolder
from actiseg_noise.exchange.export_images import ExportImages, about_images
from actiseg_noise.exchange.export_names import changed
from actiseg_noise.manifest.clips import ManifestClip
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.progress import Progress


class Export:
    """An export in the making. A context manager.

    Args:
        format_: what it is called. split: what the format calls the manifest's split.
        labels: ``noisy`` or ``clean``. root: the dataset's folder, for images. images: what is done with these, one of
            ``IMAGES``. force: replace an earlier export.

    Attributes:
        folder, images, counts: to write, take and count into.

    Raises:
        ManifestError: masks were withheld.
    """

    def __init__(
        self,
        manifest: Manifest,
        out: Path,
        format_: str,
        split: str,
        *,
        labels: str = "noisy",
        root: Path | None = None,
        images: str = "none",
        force: bool = False,
        progress: Progress | None = None,
    ) -> None:
        check_exportable(manifest)
        self.manifest, self.labels, self.root = manifest, labels, root
        self.split = check_file_name(split, "split")
        self.counts: Counter[str] = Counter()
        self.folder = ExportFolder(out, force=force)
        self.images = ExportImages(self.folder, root, images, self.counts)
        self._what = {"format": format_, "labels": labels, "split": self.split} | about_images(images)
        self._renamed_frames: dict[str, dict[str, str]] = {}
        self._progress = progress

    def __enter__(self) -> Self:
        self.folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.folder.__exit__(kind, error, trace)

    def manifest_clips(self) -> Iterator[ManifestClip]:
        """Yield the manifest's clips in order; memory follows the largest."""
        return iter_export_clips(self.manifest, self._progress)

    def name_frames(
        self, folder: str, frame_ids: Sequence[str], how: Callable[[Sequence[str]], dict[str, str]]
    ) -> dict[str, str]:
        """Return frame_id → the frame's name in a folder of the export, and note which are called otherwise."""
        names = how(frame_ids)
        if others := changed(names):
            self._renamed_frames[folder] = others
        return names

    def commit(self, **more: Any) -> dict[str, Any]:
        """Give the folder its name and return what ``export.json`` says: ``more`` too."""
        said = {"counts": dict(self.counts), "renamed_frames": self._renamed_frames}
        self.folder.commit(self.manifest.info, self._what | more | said)
        return self.folder.report
