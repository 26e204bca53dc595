"""Tiny deposits in the layouts of real datasets, with the names and the irregularities that real ones have.

Every registered dataset that is not embedded has a writer in ``DEPOSITS``: the conformance suite reads what it writes,
and what those of ``FORMS`` write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Mask = npt.NDArray[np.uint8]

DAVIS_PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128, 0, 128, 128, 128, 128, 128]

VOST_LISTS = {
    "train": ("10_tear_aluminium_foil", "9_cut_jalapeño", "455_open_cereal box: the big one"),
    "val": ("1169_peel_onion", "555_tear_foil"),
    "test": ("3_knead_dough",),
}


def save_mask(path: Path, mask: Mask) -> None:
    """Write an index mask as the palette PNG that DAVIS, VOST and ActionVOS use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask)
    image.putpalette(DAVIS_PALETTE + [0] * (768 - len(DAVIS_PALETTE)))  # turns 'L' into 'P', the values stay
    image.save(path)


def save_frame(path: Path, height: int = 12, width: int = 16) -> None:
    """Write a grey JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 90, 90)).save(path)


def vost_mask(step: int = 0) -> Mask:
    """Return a 12×16 mask with the instances 1 and 3, moving with ``step``, and a patch of void."""
    mask = np.zeros((12, 16), np.uint8)
    mask[2:6, 1 + step : 5 + step] = 1
    mask[7:10, 2 + step : 4 + step] = 3
    mask[0:3, 12:15] = 255
    return mask


def write_vost(
    root: Path, lists: Mapping[str, Sequence[str]] = VOST_LISTS, without_masks: Collection[str] = ()
) -> Path:
    """Write a VOST tree and return its root.

    Each video has images at frames 0, 6, 12 and masks at 0, 12, 18: one image without mask, one mask without image.
    """
    (root / "ImageSets").mkdir(parents=True)
    for split, videos in lists.items():
        (root / "ImageSets" / f"{split}.txt").write_text("".join(f"{v}\n" for v in videos), encoding="utf-8")
        for video in videos:
            for number in (0, 6, 12):
                save_frame(root / "JPEGImages" / video / f"frame{number:05d}.jpg")
            for step, number in enumerate((0, 12, 18)):
                if video not in without_masks:
                    save_mask(root / "Annotations" / video / f"frame{number:05d}.png", vost_mask(step))
    return root


def actionvos_object(name: str, class_id: int, *, positive: int, **more: object) -> dict[str, object]:
    """Return one value of ``object_classes``."""
    return {"name": name, "class_id": class_id, "handbox": 0, "narration": positive, "positive": positive} | more


def actionvos_entry(seq_id: int = 4, **changes: object) -> dict[str, object]:
    """Return an entry as ``data_prepare_visor.py`` writes it, three objects over two frames."""
    objects = {
        "1": actionvos_object("bin/garbage can/recycling bin", 18, positive=0),
        "2": actionvos_object("crème fraîche", 113, positive=1),
        "3": actionvos_object("left hand", 300, positive=1, handbox=1),
    }
    return {
        "seq_id": seq_id,
        "video": "P01_107",
        "start": 952 + 100 * seq_id,
        "narration": "take the crème fraîche and",
        "verb": "put-into",
        "verb_class": 5,
        "noun": "bag:cereal",
        "noun_class": 19,
        "end": 992 + 100 * seq_id,
        "sparse_frames": ["frame_0000000954.jpg", "frame_0000000992.jpg"],
        "object_classes": objects,
    } | changes


def actionvos_folder(entry: Mapping[str, object]) -> str:
    """Return the folder name of an entry."""
    return "{seq_id:08d}_{video}_{verb}_{noun}".format(**entry)


def actionvos_mask(ids: Sequence[int], step: int = 0) -> Mask:
    """Return a 12×16 mask with one block per id."""
    mask = np.zeros((12, 16), np.uint8)
    for place, object_id in enumerate(ids):
        mask[1:5, 1 + 4 * place + step : 4 + 4 * place + step] = object_id
    return mask


def write_actionvos(root: Path, splits: Mapping[str, Sequence[Mapping[str, object]]] | None = None) -> Path:
    """Write an ActionVOS tree and return its root; the last object of a clip leaves the view in the second frame."""
    splits = splits if splits is not None else _actionvos_splits()
    (root / "ImageSets").mkdir(parents=True, exist_ok=True)
    for split, entries in splits.items():
        text = json.dumps(list(entries), ensure_ascii=False)
        (root / "ImageSets" / f"{split}.json").write_text(text, encoding="utf-8")
        side = "train" if split == "train" else "val"
        for entry in entries:
            ids = sorted(int(key) for key in entry["object_classes"])  # type: ignore[attr-defined]
            for step, name in enumerate(entry["sparse_frames"]):  # type: ignore[var-annotated, arg-type]
                place = f"{side}/{actionvos_folder(entry)}/{name.removesuffix('.jpg')}"
                save_frame(root / f"JPEGImages_Sparse/{place}.jpg")
                save_mask(root / f"Annotations_Sparse/{place}.png", actionvos_mask(ids[: len(ids) - step], step))
                if side == "train":
                    save_mask(root / f"Weights_Sparse/{place}.png", np.full((12, 16), 3, np.uint8))
    return root


def _actionvos_splits() -> dict[str, list[dict[str, object]]]:
    """Return splits with what real files have: unordered entries, flags, frames without '.jpg', a clip of no object."""
    flags = {"redundant": False, "missing": False, "other": False}
    reviewed = [
        actionvos_entry(12, **flags | {"redundant": True}),
        actionvos_entry(4, **flags, noun="onion, red", video="P02_09"),
    ]
    unsaid = {"1": {"name": "foil", "class_id": 61, "positive": True}}
    train = [
        actionvos_entry(2, sparse_frames=["frame_0000000010", "frame_0000000300"]),
        actionvos_entry(1, object_classes=unsaid),
        actionvos_entry(3, object_classes={}),
    ]
    return {"train": train, "val": [actionvos_entry(4)], "val_human": reviewed, "val_novel": reviewed[1:]}


def _writer_of(name: str, part: str = "") -> Callable[[Path], Path]:
    """Return ``write_<name>``, or ``write_<name>_<part>``, of the module ``deposit_<name>``, which imports this one."""
    function = f"write_{name}_{part}".rstrip("_")

    def write(root: Path) -> Path:
        written: Path = getattr(import_module(f"deposit_{name}"), function)(root)
        return written

    return write


DEPOSITS: dict[str, Callable[[Path], Path]] = {
    "vost": write_vost,
    "actionvos": write_actionvos,
    "visor": _writer_of("visor"),
    "vscos": _writer_of("vscos"),
    "davis": _writer_of("davis"),
    "refvos": _writer_of("refvos"),
    "ytvis": _writer_of("ytvis"),
}


@dataclass(frozen=True)
class Form:
    """Files of another form that an adapter reads: judged by the conformance suite as a dataset of its own.

    Attributes:
        splits: those that the deposit has; empty: all of the dataset's.
    """

    dataset: str
    write: Callable[[Path], Path]
    splits: tuple[str, ...] = ()


FORMS: dict[str, Form] = {
    "ytvis-label-studio": Form("ytvis", _writer_of("label_studio")),
    "ytvis-cvat": Form("ytvis", _writer_of("cvat")),
    "refvos-egomask": Form("refvos", _writer_of("egomask"), ("test", "valid")),
    "refvos-egomask-train": Form("refvos", _writer_of("egomask", "train"), ("train",)),
}


def writer_of(name: str) -> Callable[[Path], Path]:
    """Return what writes the deposit of a dataset or of a form."""
    return FORMS[name].write if name in FORMS else DEPOSITS[name]


def dataset_of(name: str) -> str:
    """Return the dataset that reads the deposit of a dataset or of a form."""
    return FORMS[name].dataset if name in FORMS else name
