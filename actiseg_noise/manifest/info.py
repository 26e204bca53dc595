"""``manifest.json``: what a manifest is, what it counts, and the digests that hold it together."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import list_folders
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.errors import ActisegError, ManifestError
from actiseg_noise.fields import Fields, check_depth
from actiseg_noise.manifest.schema import CONTENTS, PLAIN, SCHEMA_VERSION, TABLES
from actiseg_noise.recipe import Recipe

INFO_NAME = "manifest.json"
VOCABULARY_NAME = "vocabulary.json"
ACTION_SEVERITY = ("wrong_narration_positives", "wrong_flag_positives")
"""What severity says in schema 2 alone."""
MOST_BYTES = 2**26
"""Of ``manifest.json`` and ``vocabulary.json``."""


@dataclass(frozen=True)
class SlotCounts:
    """What one noise of the recipe did.

    Attributes:
        noise_id: of the registry, with its version.
        unit: what is drawn: ``clip``, ``sample``, ``mask`` (one frame of one object) or ``track`` (one object of one
            clip).
        eligible: number of draws that could corrupt. realised: of these, those that did.
        on_positives: of the realised, those of positive objects; of clips, those with a positive object.
        requested: the rate, in [0, 1]. threshold: a draw fires when its uniform is below this; the rate, unless exact.
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

    @property
    def is_allowed(self) -> bool:
        """Return whether chance allows what the noise did, so that a build with its gate passes."""
        return self.interval[0] <= self.realised <= self.interval[1]


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
        severity: share of positives whose text is harmful; median IoU of the noised masks, null without any; in schema
            2 the shares of positives with another clip's narration and of those given as negative.
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
    schema_version: int = PLAIN

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
    def from_json(cls, data: dict[str, Any], where: str = INFO_NAME) -> ManifestInfo:
        """Return the info of a parsed ``manifest.json``; keys that this version does not know are left aside.

        Raises:
            ManifestError: a key is missing, or has a value of another type or outside its range; ``where`` is named.
        """
        check_depth(data, where, ManifestError)
        known = Fields(data, where, ManifestError)
        names = [table.name for table in TABLES]
        tables, columns, counts = (known.inner(key) for key in ("tables", "columns", "counts"))
        return cls(
            tool_version=known.text("tool_version", longest=200),
            dataset=_read_dataset(known.inner("dataset")),
            split=known.name("split"),
            recipe=Recipe.from_json(known.table("recipe"), f"{where}: recipe", registered=False, kind=ManifestError),
            content=known.one_of("content", CONTENTS),
            vocabulary=_read_vocabulary(known.inner("vocabulary")),
            counts={name: counts.integer(name, least=0) for name in names},
            noises=tuple(map(_read_slot, known.each("noises"))),
            severity=_read_severity(known.inner("severity")),
            digest=known.hex("digest", 64),
            tables={name: tables.text(name) for name in names},
            columns={name: _texts_by_key(columns.inner(name)) for name in names},
            files=_read_files(known.inner("files"), where),
            selection=_read_selection(known.inner("selection")),
            skipped=known.texts("skipped"),
            uses=_texts_by_key(known.inner("uses")) if "uses" in data else {},
            imported=known.table("imported", {}),
            schema_version=known.integer("schema_version", least=1),
        )


KEYS = frozenset(f.name for f in fields(ManifestInfo)) | {"seed"}
"""The keys of ``manifest.json`` that this version knows."""
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_UNITS = ("clip", "sample", "mask", "track")
_CARD_TEXTS = ("size", "licence", "citation", "homepage", "how_to_get")


def _read_dataset(card: Fields) -> dict[str, Any]:
    """Return the dataset's card and options, every field that the card has checked."""
    card.name("name")
    for key in ("source", "version", "title"):
        card.text(key)
    about = {key: card.optional(key, card.text) or "" for key in _CARD_TEXTS}
    card.optional("void_id", card.integer, least=1, most=255)
    card.flag("is_embedded", False)
    card.table("options")
    splits = {key: list(card.texts(key)) for key in ("splits", "eval_splits")}
    return {key: card.raw(key) for key in card} | about | splits


def _read_vocabulary(fields_: Fields) -> dict[str, str]:
    """Return origin and digest of the vocabulary."""
    return {"origin": fields_.text("origin"), "digest": fields_.hex("digest", 32)}


def _read_slot(slot: Fields) -> SlotCounts:
    """Return what one noise did."""
    interval = slot.raw("interval")
    ends = Fields(dict(zip("01", interval, strict=False)) if isinstance(interval, list) else interval, *slot.place)
    return SlotCounts(
        noise_id=slot.text("noise_id", longest=200),
        unit=slot.one_of("unit", _UNITS),
        requested=slot.number("requested", least=0, most=1),
        threshold=slot.number("threshold", least=0, most=1),
        eligible=slot.integer("eligible", least=0),
        realised=slot.integer("realised", least=0),
        on_positives=slot.integer("on_positives", least=0),
        interval=(ends.integer("0", least=0), ends.integer("1", least=0)),
    )


def _read_severity(severity: Fields) -> dict[str, float | None]:
    """Return the severity; null where nothing was counted."""
    more = [key for key in ACTION_SEVERITY if key in severity]
    return {
        key: severity.raw(key) if severity.raw(key) is None else severity.number(key, least=0, most=1)
        for key in ("harmful_positives", "median_iou", *more)
    }


def _read_selection(selection: Fields) -> dict[str, Any]:
    """Return which clips were built; empty for all of them."""
    found: dict[str, Any] = {key: selection.raw(key) for key in selection}
    if "limit" in found:
        selection.integer("limit", least=1)
    if "clips" in found:
        selection.texts("clips")
    return found


def _read_files(files: Fields, where: str) -> dict[str, int]:
    """Return file name → bytes: files inside the folder, among them every table, whole."""
    for name in files:
        if not _FILE_NAME.fullmatch(name):
            raise ManifestError(f"{where}: 'files' names files of the manifest's folder, not {name!r:.60}")
    try:
        for table in TABLES:
            table.files_among(files)
    except ValueError as error:
        raise ManifestError(f"{where}: files: {error}") from None
    return {name: files.integer(name, least=0) for name in files}


def _texts_by_key(texts: Fields) -> dict[str, str]:
    """Return an object of texts."""
    return {key: texts.text(key) for key in texts}


def check_no_manifest(out: Path) -> None:
    """Raise ActisegError where ``out`` is the folder of a manifest, into which nothing else is written."""
    if (out / INFO_NAME).is_file():
        raise ActisegError(f"--out {out}: holds a manifest, whose folder stays as it is; use another --out")


def read_info(folder: Path) -> ManifestInfo:
    """Read ``manifest.json``.

    Raises:
        ManifestError: the folder is no manifest, the file is malformed, or its schema is newer than this version's.
    """
    path = folder / INFO_NAME
    if folder.is_file():
        where = f", {folder.parent}" if (folder.parent / INFO_NAME).is_file() else ""
        raise ManifestError(f"{folder}: a file; give the manifest's folder{where}")
    if not folder.exists():
        raise ManifestError(f"{folder}: no such folder; expected a manifest's, as 'actiseg-noise build' writes it")
    if not path.is_file():
        raise ManifestError(f"{folder}: no {INFO_NAME} here, so this is not a finished manifest folder{_hint(folder)}")
    data = read_json_object(path, ManifestError, most=MOST_BYTES, unique=True)
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
    return ManifestInfo.from_json(data, str(path))


def _hint(folder: Path) -> str:
    """Say which manifests lie in a folder that is none: those of a publication, or of a folder of manifests."""
    inside = []
    for name in list_folders(folder):
        below = [name, *(f"{name}/{deeper}" for deeper in list_folders(folder / name))]
        inside += [place for place in below if (folder / place / INFO_NAME).is_file()]
    return f"; the manifests in it are {', '.join(inside[:5])}{' …' if len(inside) > 5 else ''}" if inside else ""
