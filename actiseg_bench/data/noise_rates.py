"""Which labels are wrong, and how many: what is given held against what is clean, flag, text and mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from actiseg_bench.data.by_clip import ByClip
from actiseg_bench.records import NoiseRates
from actiseg_noise.manifest.arrays import read_numbers
from actiseg_noise.manifest.clips import ManifestSample
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.schema import NO_NOISE

WRONG_BELOW = 0.5
"""IoU with the clean mask below which a whole sample's given mask is wrong; selection of samples cannot mend pixels."""

Areas = npt.NDArray[np.float64]


def flags(sample: ManifestSample) -> tuple[bool, bool]:
    """Return whether a sample is given as positive, and whether it is: nothing else tells the two apart."""
    return sample.noisy_is_positive, sample.is_positive


def is_misnamed(sample: ManifestSample, clip: Iterable[ManifestSample]) -> bool:
    """Say whether flag and text of a sample ask for something wrong, whatever its mask.

    A positive's text does where it names something else (``is_harmful``). A negative's target is empty, which is right
    whatever its noun, unless a changed noun is that of a positive object of the clip: the text then asks for an object
    that acts. A wrong flag is always wrong, and so is another clip's narration: whether the object takes part in that
    action nobody can see.

    Args:
        clip: all samples of the clip.
    """
    given, clean = flags(sample)
    if given != clean or sample.narration_noise != NO_NOISE:
        return True
    if given:
        return sample.is_harmful
    return sample.noisy_noun != sample.noun and any(
        flags(other)[1] and other.noun == sample.noisy_noun for other in clip
    )


def noise_rates(manifest: Manifest, clips: ByClip) -> NoiseRates:
    """Return which shares of a manifest's training labels are wrong.

    A sample is wrong where it is misnamed, or, of positives, where the IoU of given and clean mask over all its frames
    is below one half: what is noised less is a question of pixels.
    """
    areas = mask_areas(manifest)
    wrong: dict[bool, list[bool]] = {True: [], False: []}
    acting: list[tuple[Areas, int]] = []
    for sample, misnamed, pixels in _iter_samples(clips):
        given, clean = flags(sample)
        own = areas.get(sample.sample_id, np.zeros(3))
        wrong[given].append(misnamed or (given and pooled_iou(own) < WRONG_BELOW))
        if given and clean:
            acting.append((own, pixels))
    both, given_pixels, clean_pixels = sum((own for own, _ in acting), np.zeros(3))
    canvas = sum(pixels for _, pixels in acting)
    return NoiseRates(
        positives=_share(sum(wrong[True]), len(wrong[True])),
        negatives=_share(sum(wrong[False]), len(wrong[False])),
        samples=_share(sum(wrong[True] + wrong[False]), len(wrong[True] + wrong[False])),
        foreground=_share(given_pixels - both, given_pixels),
        background=_share(clean_pixels - both, canvas - given_pixels),
        first=_told_first(manifest),
    )


def _told_first(manifest: Manifest) -> float:
    """Return ``NoiseRates.first``, in the arithmetic of the first protocols."""
    harmful = read_numbers(manifest.table("samples", ["is_harmful"]).column("is_harmful"))
    iou = read_numbers(manifest.table("masks", ["iou"]).column("iou"))
    return float(1 - (1 - harmful.mean()) * iou.mean()) if len(harmful) and len(iou) else 0.0


def mask_areas(manifest: Manifest) -> dict[str, Areas]:
    """Return sample_id → pixels of (given and clean, given, clean) over all its frames, float ``[3]``."""
    table = manifest.table("masks", ["sample_id", "iou", "noisy_area", "clean_area"])
    iou, given, clean = (read_numbers(table.column(name)) for name in ("iou", "noisy_area", "clean_area"))
    both = iou * (given + clean) / (1 + iou)  # iou is both / (given + clean - both)
    names, places = np.unique(table.column("sample_id").to_pylist(), return_inverse=True)
    sums = [np.bincount(places, values, len(names)) for values in (both, given, clean)]
    return dict(zip(map(str, names), np.stack(sums, 1), strict=True))


def pooled_iou(areas: Areas) -> float:
    """Return the IoU of what :func:`mask_areas` has of a sample; two empty masks are 1."""
    both, given, clean = areas
    return float(both / union) if (union := given + clean - both) > 0 else 1.0


def _iter_samples(clips: ByClip) -> Iterator[tuple[ManifestSample, bool, int]]:
    """Yield every sample, whether it is misnamed, and the pixels of its annotated frames."""
    for clip in clips.iter_without_masks():
        sizes = [frame.size for frame in clip.frames if frame.is_annotated and frame.size is not None]
        pixels = sum(height * width for height, width in sizes)
        yield from ((sample, is_misnamed(sample, clip.samples), pixels) for sample in clip.samples)


def named(samples: Sequence[ManifestSample], whole: Sequence[ManifestSample]) -> npt.NDArray[np.bool_]:
    """Return which of some samples of a clip are not misnamed, bool ``[K]``."""
    return np.array([not is_misnamed(sample, whole) for sample in samples], bool)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
