"""Images of an export: the dataset's files, copied or linked, or written again at the size of the labels.

    copy, link   the file itself: refused where it is stored turned (EXIF), or its size is not that of its labels
    resize       a JPEG that fits is copied; any other image is read upright, resized and written as a JPEG

The readers of the layouts draw labels and boxes on the image as it is stored and compare no sizes: what does not fit
is read without a word, and wrongly.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import is_inside
from actiseg_noise.borders.images import FrameHeader, check_shape, frame_header, read_frame, resize_frame
from actiseg_noise.errors import DataError
from actiseg_noise.exchange.export_folder import ExportFolder
from actiseg_noise.manifest.clips import ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import Size

IMAGES = ("none", "copy", "link", "resize")
JPEG_QUALITY = 95
_JPEG = (".jpg", ".jpeg")


class ExportImages:
    """Takes the images of an export into its folder.

    Args:
        root: the dataset's folder; None where no image is asked for. how: one of ``IMAGES``.
        counts: gets ``images`` and, of those, ``images_resized``.
    """

    def __init__(self, folder: ExportFolder, root: Path | None, how: str, counts: Counter[str]) -> None:
        self.folder, self.how, self.counts = folder, how, counts
        self._root = None if how == "none" else root

    def take(self, frame: ManifestFrame, size: Size | None, where: str, *parts: str) -> None:
        """Put a frame's image at a place of the export; nothing where none is asked for.

        Args:
            size: (height, width) of the labels; None where there are none to fit.

        Raises:
            DataError: the image is missing, no image, leads elsewhere, or does not fit the labels.
        """
        if self._root is None:
            return
        source = find_image(self._root, frame.image_path, where, only_jpeg=self.how != "resize")
        header = frame_header(source)
        fits = size is None or header.size == size
        if self.how != "resize":
            _check_stored(header, size, f"{where}: {source}")
            self.folder.take_file(source, self.how, *parts)
        elif fits and not header.is_turned and header.format == "JPEG":
            self.folder.take_file(source, "copy", *parts)
        else:
            check_shape(size or header.size, header.size, where, may_scale=True)
            self.folder.write_image(resize_frame(read_frame(source), size or header.size), JPEG_QUALITY, *parts)
            self.counts["images_resized"] += not fits
        self.counts["images"] += 1


def about_images(how: str) -> dict[str, Any]:
    """Return what ``export.json`` says of how images were taken."""
    return {"images": how} | ({"jpeg_quality": JPEG_QUALITY} if how == "resize" else {})


def _check_stored(header: FrameHeader, size: Size | None, where: str) -> None:
    """Refuse an image that readers of the layout would not lay under its labels as it is stored."""
    advice = "pass --images resize, which writes images that fit"
    if header.is_turned:
        raise DataError(f"{where}: is stored turned, with an EXIF orientation that readers do not apply; {advice}")
    if size is not None and header.size != size:
        sizes = [f"{width}×{height}" for height, width in (header.size, size)]
        raise DataError(f"{where}: the image is {sizes[0]}, its labels are {sizes[1]} (width×height); {advice}")


def find_image(root: Path, name: str | None, where: str, *, only_jpeg: bool = True) -> Path:
    """Return the image that a frame's ``image_path`` names.

    Raises:
        DataError: it names none, or what is no JPEG, or a file that leaves the root or is not there.
    """
    if name is None:
        raise DataError(f"{where}: the manifest names no image; pass --images none")
    if only_jpeg and not name.lower().endswith(_JPEG):
        raise DataError(f"{where}: expected a JPEG, the manifest names {name!r}; pass --images resize, or none")
    path = find_inside(root, name, where)
    if not is_there(path):
        raise DataError(f"{where}: {path} is missing. Point --root to the dataset's folder, or pass --images none.")
    return path


def find_inside(root: Path, name: str, where: str) -> Path:
    """Return the place of a file that a manifest names, below the root. It need not be there.

    The name is somebody else's; links below the root are the user's own, and are followed.

    Raises:
        DataError: the name is absolute or has '..'.
    """
    if not is_inside(name):
        raise DataError(f"{where}: the manifest names {name!r}, which leaves the root; such a manifest is not exported")
    return root / name


def is_there(path: Path) -> bool:
    """Return whether a file is there; a name that the system does not even take is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def usual_images(manifest: Manifest, root: Path | None) -> str:
    """Return what is done with images where nobody says.

    ``resize`` where all are there and the first has another size than its labels; else ``none``.
    """
    if root is None or manifest.info.content == "text":
        return "none"
    first = None
    for clip in manifest.iter_clips(with_masks=False):
        for frame in (frame for frame in clip.frames if frame.size is not None):
            path = None if frame.image_path is None else find_inside(root, frame.image_path, f"clip {clip.clip_id!r}")
            if path is None or not is_there(path):
                return "none"
            first = first or (path, frame.size)
    return "none" if first is None or frame_header(first[0]).size == first[1] else "resize"
