"""``manifest.json``: what a manifest is, what it counts, and the digests that hold it together."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import list_folders
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest.schema import CONTENTS, SCHEMA_VERSION, TABLES
from actiseg_noise.recipe import Recipe

INFO_NAME = "manifest.json"
VOCABULARY_NAME = "vocabulary.json"


@dataclass(frozen=True)
class SlotCounts:
    """What one noise of the recipe did.

    Attributes:
        unit: what is drawn: ``sample``, ``mask`` (one frame of one object) or ``track`` (one object of one clip).
        eligible, realised: number of draws that could corrupt, and that did.
        on_positives: of the realised, those of positive objects.
        requested: the rate. threshold: a draw fires when its uniform is below this; the rate, unless exact.
        interval: smallest and largest ``realised`` that chance allows (two-sided, 1e-6); equal ends where exact.
    """

    noise_id: str
    unit: str
    requested: float
    threshold: float
    eligible: int
    realised: int
    on_positives: int
    interval: tuple[int, int]

    @property
    def rate(self) -> float | None:
        """Return the realised rate, None where nothing was eligible."""
        return self.realised / self.eligible if self.eligible else None


@dataclass(frozen=True)
class ManifestInfo:
    """The content of ``manifest.json``.

    Attributes:
        dataset: the dataset card's fields, and the adapter's options.
        content: ``full``, ``text`` or ``recipe-only``.
        vocabulary: origin and digest.
        selection: ``limit`` and ``clips`` when not the whole split was built, else empty.
        counts: rows per table.
        noises: one entry per noise of the recipe.
        severity: share of positives whose noun is harmful; median IoU of the noised masks, null without any.
        skipped: ids of listed clips that were left out because files or texts are missing.
        digest: of the labels (see ``manifest/digest.py``). tables: table → digest. columns: table → column → digest.
        files: file name → size in bytes; a table is one file, or several shards.
        uses: what besides the dataset the draws of noise depend on, name → what it is.
        imported: what an imported manifest was made from; empty for one that was built.
    """

    tool_version: str
    dataset: dict[str, Any]
    split: str
    recipe: Recipe
    content: str
    vocabulary: dict[str, str]
    counts: dict[str, int]
    noises: tuple[SlotCounts, ...]
    severity: dict[str, float | None]
    digest: str
    tables: dict[str, str]
    columns: dict[str, dict[str, str]]
    files: dict[str, int]
    selection: dict[str, Any] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    uses: dict[str, str] = field(default_factory=dict)
    imported: dict[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def name(self) -> str:
        """Return ``dataset/split/recipe-sSEED``."""
        return f"{self.dataset['name']}/{self.split}/{self.recipe.recipe_id}-s{self.recipe.seed}"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, ``from_json``'s inverse."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["recipe"] = self.recipe.to_json()
        data["seed"] = self.recipe.seed
        data["noises"] = [asdict(slot) | {"rate": slot.rate} for slot in self.noises]
        first = ("schema_version", "tool_version")
        return {key: data[key] for key in first} | {k: v for k, v in data.items() if k not in first}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ManifestInfo:
        """Return the info of a parsed ``manifest.json``.

        Raises:
            KeyError, TypeError, ValueError: a key is missing or has the wrong type.
        """
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data or f.name not in _LATER}
        _check_shape(known)
        known["recipe"] = Recipe.from_json(known["recipe"], "manifest.json recipe", registered=False)
        slots = [{f.name: slot[f.name] for f in fields(SlotCounts)} for slot in known["noises"]]
        known["noises"] = tuple(SlotCounts(**slot | {"interval": tuple(slot["interval"])}) for slot in slots)
        known["skipped"] = tuple(known["skipped"])
        return cls(**known)


_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LATER = ("uses", "imported")  # keys that manifests of version 0.1.0 lack

_KEYS_OF: dict[str, tuple[str, ...]] = {
    "dataset": ("name", "version", "title", "splits", "eval_splits", "options"),
    "vocabulary": ("origin", "digest"),
    "counts": tuple(table.name for table in TABLES),
    "tables": tuple(table.name for table in TABLES),
    "columns": tuple(table.name for table in TABLES),
    "severity": ("harmful_positives", "median_iou"),
    "files": (),
    "selection": (),
}


def _check_shape(known: dict[str, Any]) -> None:
    """Raise ValueError unless every entry that is a table is one, with the keys that readers rely on."""
    for name, keys in _KEYS_OF.items():
        if not isinstance(known[name], dict):
            raise ValueError(f"{name!r} must be an object, got {known[name]!r}")
        for key in keys:
            if key not in known[name]:
                raise ValueError(f"{name!r} lacks the key {key!r}")
    _check_files(known["files"])
    if known["content"] not in CONTENTS:
        raise ValueError(f"'content' must be one of {', '.join(CONTENTS)}, got {known['content']!r}")
    limit, clips = (known["selection"].get(key) for key in ("limit", "clips"))
    if not isinstance(limit, int | None) or not isinstance(clips, list | None):
        raise ValueError(f"'selection' is malformed: {known['selection']!r}")


def _check_files(files: dict[str, Any]) -> None:
    """Raise ValueError unless every file is one inside the folder and every table is whole."""
    for name, size in files.items():
        if not _FILE_NAME.fullmatch(name):
            raise ValueError(f"'files' names files of the manifest's folder, not {name!r}")
        if type(size) is not int:
            raise ValueError(f"'files': the size of {name} must be a number of bytes, got {size!r}")
    for table in TABLES:
        table.files_among(files)


def read_info(folder: Path) -> ManifestInfo:
    """Read ``manifest.json``.

    Raises:
        ManifestError: the folder is no manifest, the file is malformed, or its schema is newer than this version's.
    """
    path = folder / INFO_NAME
    if folder.is_file():
        where = f", {folder.parent}" if (folder.parent / INFO_NAME).is_file() else ""
        raise ManifestError(f"{folder}: a file; give the manifest's folder{where}")
    if not path.is_file():
        raise ManifestError(f"{folder}: no {INFO_NAME} here, so this is not a finished manifest folder{_hint(folder)}")
    data = read_json_object(path, ManifestError)
    version = data.get("schema_version")
    if type(version) is not int or version < 1:
        raise ManifestError(
            f"{path}: schema_version must be a positive integer, got {version!r}; fetch or build the manifest again"
        )
    if version > SCHEMA_VERSION:
        raise ManifestError(
            f"{path}: schema version {version}, but this version reads up to {SCHEMA_VERSION}. Upgrade: "
            "pip install -U actiseg-nl"
        )
    try:
        return ManifestInfo.from_json(data)
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{path}: a key is missing or malformed ({error!r}); fetch or build it again") from None


def _hint(folder: Path) -> str:
    """Say which manifests lie in a folder that is none: those of a publication, or of a folder of manifests."""
    inside = []
    for name in list_folders(folder):
        below = [name, *(f"{name}/{deeper}" for deeper in list_folders(folder / name))]
        inside += [place for place in below if (folder / place / INFO_NAME).is_file()]
    return f"; the manifests in it are {', '.join(inside[:5])}{' …' if len(inside) > 5 else ''}" if inside else ""
