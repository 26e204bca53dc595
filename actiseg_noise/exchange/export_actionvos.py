"""Export to ActionVOS's layout, as its trainers and those of ActiSeg-NL read it.

    ImageSets/<split>.json                                     one list of actions, with the exported words
    ImageSets/<split>_meta_expressions_promptaction.json       expressions; noisy ones with class_id_org and exp_org
    ImageSets/<split>_objects_category.json                    categories; noisy ones with class_id_org and category_org
    Annotations_Sparse/<side>/<FOLDER>/<frame>.png             index masks of all objects, DAVIS palette
    Weights_Sparse/train/<FOLDER>/<frame>.png                  where the dataset has them or its adapter draws them
    JPEGImages_Sparse/<side>/<FOLDER>/<frame>.jpg              with images

Keys, their order and their types are the published ones, of ``val_human`` in every evaluation split: the published
metrics script asks every clip for ``redundant``, ``missing`` and ``other``. Noisy flags, of which none were published,
stand in ``positive``, beside ``positive_org`` (manifests of schema 2). Weight maps are of the clean flags, which they
show; those of clips with another flag are counted. What a dataset does not say is written as ActionVOS's own
preparation of VOST writes it: start and end 0, classes -1, handbox and narration as positive. The layout has no void:
such pixels are background. It numbers a clip's objects without gaps: ids with gaps are renumbered, in order, and
``export.json`` says how.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actiseg_noise.borders.images import mask_size
from actiseg_noise.borders.writing import write_text
from actiseg_noise.datasets.actionvos import side_of
from actiseg_noise.errors import DataError
from actiseg_noise.exchange.export_base import Export
from actiseg_noise.exchange.export_clips import masks_of, paint
from actiseg_noise.exchange.export_folder import ExportFolder
from actiseg_noise.exchange.export_images import find_inside, is_there
from actiseg_noise.exchange.export_names import FolderNames, sorted_names
from actiseg_noise.exchange.export_weights import DrawnWeights
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame, ManifestSample
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.schema import ACTION, NO_NOISE
from actiseg_noise.masks import Size
from actiseg_noise.records import expression

SPLITS = ("train", "val", "val_human", "val_novel")
FLAGS = ("redundant", "missing", "other")

Values = dict[str, Any]

_NO_FILE_NAME = re.compile(r"[/\\\0]")


@dataclass
class _Texts:
    """The three JSON files in the making: a line per clip, with the position it has in the dataset's own list."""

    lines: list[tuple[int, str, str, str, str]] = field(default_factory=list)

    def add(self, order: int, folder: str, entry: Values, expressions: Values, categories: Values) -> None:
        """Keep one clip."""
        self.lines.append((order, folder, json.dumps(entry), json.dumps(expressions), json.dumps(categories)))

    def write(self, folder: ExportFolder, split: str) -> None:
        """Write the files as ``json.dumps`` would write them whole."""
        self.lines.sort()
        entries = ", ".join(line[2] for line in self.lines)
        write_text(folder.path("ImageSets", f"{split}.json"), f"[{entries}]")
        for index, kind in ((3, "meta_expressions_promptaction"), (4, "objects_category")):
            members = ", ".join(f"{json.dumps(line[1])}: {line[index]}" for line in self.lines)
            path = folder.path("ImageSets", f"{split}_{kind}.json")
            write_text(path, f'{{"videos": {{{members}}}}}')


def export_actionvos(manifest: Manifest, out: Path, **options: Any) -> dict[str, Any]:
    """Write a manifest's labels in ActionVOS's layout and return what ``export.json`` says.

    The JSON text of all clips is held in memory, masks one clip at a time. A manifest of content ``text`` gives the
    JSON files alone.

    Args:
        options: labels, root (for weight maps, too), images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, two objects overlap, an image does not fit
            its labels, or ``out`` is no export.
    """
    split = layout_split(manifest.info.split, manifest.info.dataset["eval_splits"])
    with Export(manifest, out, "actionvos", split, **options) as export:
        writer = _ActionWriter(export)
        for clip in export.manifest_clips():
            writer.add(clip)
        writer.texts.write(export.folder, split)
        return export.commit(renumbered=writer.renumbered)


class _ActionWriter:
    """Writes clip after clip."""

    def __init__(self, export: Export) -> None:
        self.export, self.folder, self.labels, self.counts = export, export.folder, export.labels, export.counts
        self.split, self.side, self.root = export.split, side_of(export.split), export.root
        self.has_flags = export.manifest.info.schema_version >= ACTION
        self.drawn = None if self.root is None else DrawnWeights(export.manifest.info, self.root)
        self.texts = _Texts()
        self.renumbered: dict[str, dict[str, int]] = {}
        self.counts.update(clips=0, objects=0, masks=0)
        self._folders = FolderNames()

    def add(self, clip: ManifestClip) -> None:
        """Write one clip."""
        name = clip_folder(clip)
        self._folders.check(name, f"clip {clip.clip_id!r}")
        numbers = {sample.object_id: place for place, sample in enumerate(clip.samples, 1)}
        if any(new != old for old, new in numbers.items()):
            self.renumbered[name] = {str(new): old for old, new in numbers.items()}
        frames = [frame for frame in clip.frames if frame.is_annotated]
        stems = self.export.name_frames(name, [frame.frame_id for frame in frames], sorted_names)
        self._add_texts(clip, name, list(stems.values()))
        for frame in frames:
            self._add_frame(clip, name, frame, stems[frame.frame_id], numbers)
        self.counts["clips"] += 1
        self.counts["objects"] += len(clip.samples)

    def _add_texts(self, clip: ManifestClip, name: str, stems: list[str]) -> None:
        """Keep a clip's part of the JSON files."""
        words = [_Words(sample, self.labels, self.has_flags) for sample in clip.samples]
        expressions = {str(i): word.expression(i + 1) for i, word in enumerate(words)}
        self.texts.add(
            clip.source_order,
            name,
            _entry(clip, name, clip.narrated(self.labels), words, stems, self.split),
            {"expressions": expressions, "frames": stems},
            {"objects": {str(i + 1): word.category() for i, word in enumerate(words)}},
        )
        prompts = [expression(word.noun, clip.narrated(self.labels)) for word in words]
        self.counts["expressions_that_the_list_of_actions_cannot_say"] += sum(
            word.text != prompt for word, prompt in zip(words, prompts, strict=True)
        )

    def _add_frame(
        self, clip: ManifestClip, name: str, frame: ManifestFrame, stem: str, numbers: dict[int, int]
    ) -> None:
        """Write one frame's mask, weights and image, all of the name ``stem``."""
        where = f"clip {clip.clip_id!r}, frame {frame.frame_id!r}"
        if frame.size is not None:
            index_mask, overlap = paint(masks_of(frame, self.labels), frame.size, numbers)
            if overlap:
                raise DataError(f"{where}: two objects overlap, which index masks cannot hold; use --format refvos")
            self.folder.write_mask(index_mask, "Annotations_Sparse", self.side, name, f"{stem}.png")
            self.counts["masks"] += 1
            self.counts["frames_with_void_as_background"] += frame.void_rle is not None
        if self.root is None:
            return
        if self.side == "train":
            self._add_weights(clip, frame, ("Weights_Sparse", self.side, name, f"{stem}.png"), where)
        self.export.images.take(frame, frame.size, where, "JPEGImages_Sparse", self.side, name, f"{stem}.jpg")

    def _add_weights(self, clip: ManifestClip, frame: ManifestFrame, place: tuple[str, ...], where: str) -> None:
        """Copy a frame's weight map, or write the one that the adapter draws."""
        if frame.weight_path is not None and self.root is not None:
            source = find_weights(self.root, frame.weight_path, where)
            is_found = is_there(source)
            if is_found:
                _check_weights(mask_size(source), frame.size, f"{where}: {source}")
                self.folder.take_file(source, "copy", *place)
            self.counts["weights" if is_found else "weights_not_found"] += 1
        elif self.drawn is not None and (weights := self.drawn.find(clip.clip_id, frame.frame_id)) is not None:
            self.folder.write_mask(weights, *place)
            self.counts["weights"] += 1
        else:
            return
        if self.labels == "noisy" and any(sample.flag_noise != NO_NOISE for sample in clip.samples):
            self.counts["weights_of_other_flags"] += 1


class _Words:
    """What one object is called, and whether it is positive: exported and, beside noisy words, originally.

    Args:
        has_flags: say the clean flag, too, because the noisy one may be another.
    """

    def __init__(self, sample: ManifestSample, labels: str, has_flags: bool) -> None:
        self.sample = sample
        self.is_noisy = labels == "noisy"
        self.positive = int(sample.flag(labels))
        self.positive_org = {"positive_org": int(sample.is_positive)} if has_flags and self.is_noisy else {}
        self.category_id, self.noun, self.text = sample.text(labels)

    def expression(self, object_id: int) -> Values:
        """Return the object's entry in the file of expressions."""
        entry = {"exp": self.text, "obj_id": str(object_id), "positive": self.positive, "class_id": self.category_id}
        org = {"class_id_org": self.sample.category_id, "exp_org": self.sample.expression, **self.positive_org}
        return entry | (org if self.is_noisy else {})

    def category(self) -> Values:
        """Return the object's entry in the file of categories."""
        entry = {"category": self.noun, "positive": self.positive, "class_id": self.category_id}
        org = {"class_id_org": self.sample.category_id, "category_org": self.sample.noun, **self.positive_org}
        return entry | (org if self.is_noisy else {})

    def object_class(self) -> Values:
        """Return the object's entry in the list of actions."""
        return {
            "name": self.noun,
            "class_id": self.category_id,
            "handbox": _flag(self.sample.handbox, self.sample.is_positive),
            "narration": _flag(self.sample.in_narration, self.sample.is_positive),
            "positive": self.positive,
        }


def _entry(clip: ManifestClip, name: str, narration: str, words: list[_Words], stems: list[str], split: str) -> Values:
    """Return a clip's entry in the list of actions, with the narration of the exported side."""
    video, verb, noun = _parts(clip)
    entry = {
        "seq_id": int(name.partition("_")[0]),
        "video": video,
        "start": clip.start_frame or 0,
        "narration": narration,
        "verb": verb,
        "verb_class": _number(clip.verb_class),
        "noun": noun,
        "noun_class": _number(clip.noun_class),
        "end": clip.stop_frame or 0,
        "sparse_frames": [f"{stem}.jpg" for stem in stems],
        "object_classes": {str(i): word.object_class() for i, word in enumerate(words, 1)},
    }
    flags = {flag: getattr(clip, flag) for flag in FLAGS}
    return entry | (flags if split != "train" or any(flags.values()) else {})


def _check_weights(weights: Size, masks: Size | None, where: str) -> None:
    """Refuse weights of another size than their masks: the trainer multiplies the two."""
    if masks is not None and weights != masks:
        sizes = [f"{width}×{height}" for height, width in (weights, masks)]
        raise DataError(f"{where}: the weights are {sizes[0]}, their masks {sizes[1]}; export without --root")


def find_weights(root: Path, name: str, where: str) -> Path:
    """Return the PNG that a frame's ``weight_path`` names. It need not be there.

    Raises:
        DataError: it names what is no PNG, or a file that leaves the root.
    """
    path = find_inside(root, name, where)
    if path.suffix.lower() != ".png":
        raise DataError(f"{where}: expected a PNG of weights, the manifest names {name!r}; export without --root")
    return path


def clip_folder(clip: ManifestClip) -> str:
    """Return a clip's folder ``{seq_id:08d}_{video}_{verb}_{noun}``.

    A clip that is called so keeps its name; any other is numbered by its place in the dataset's own list, from 1.
    """
    rest = "_".join(_parts(clip))
    number, _, tail = clip.clip_id.partition("_")
    if tail == rest and number.isascii() and number.isdigit() and f"{int(number):08d}" == number:
        return clip.clip_id
    return f"{clip.source_order + 1:08d}_{rest}"


def layout_split(split: str, eval_splits: list[str]) -> str:
    """Return the split's name in the layout, which has four; another's is ``val`` for evaluation, else ``train``."""
    if split in SPLITS:
        return split
    return "val" if split in eval_splits else "train"


def _parts(clip: ManifestClip) -> Iterator[str]:
    """Yield video, verb and noun as a folder's name can hold them: '-' for a separator and for nothing."""
    for part in (clip.video_id, clip.verb, clip.noun):
        yield _NO_FILE_NAME.sub("-", part) or "-"


def _flag(flag: bool | None, is_positive: bool) -> int:
    """Return a flag as 0 or 1; what the dataset does not say is as positive."""
    return int(is_positive if flag is None else flag)


def _number(value: int | None) -> int:
    """Return a class id, -1 where the dataset does not say."""
    return -1 if value is None else value
