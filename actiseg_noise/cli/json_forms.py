"""What each command of ``actiseg-noise`` prints with ``--json``."""

from __future__ import annotations

from actiseg_noise.check.findings import Finding
from actiseg_noise.exchange.clean import Cleaned
from actiseg_noise.json_schema import (
    ANY,
    FLAG,
    NUMBER,
    TEXT,
    WHOLE,
    Schema,
    array,
    either,
    joined,
    mapping,
    nullable,
    record,
    schema_of,
)
from actiseg_noise.manifest.info import SlotCounts
from actiseg_noise.records import DatasetCard

_SHARE = nullable(NUMBER)
_DIGESTS = mapping(TEXT)
_SLOT = joined(schema_of(SlotCounts), record(("rate", _SHARE, "The realised rate; null where nothing was eligible.")))

RECIPE = record(
    ("id", TEXT),
    ("title", TEXT),
    ("seed", WHOLE, "Part of every draw's address."),
    ("exact_rate", FLAG, "Whether exactly the requested share is corrupted."),
    ("temporal", TEXT, "frame or clip: what one draw of a mask noise is for."),
    ("sequential", FLAG, "Whether mask noises apply one after another."),
    ("allow_erase", FLAG, "Whether a mask noise may leave nothing of an object."),
    ("noise", array(record(("noise", TEXT, "Its id."), ("rate", NUMBER), extra={".": ANY}))),
)
_DATASET = joined(schema_of(DatasetCard), record(("options", mapping(ANY), "Of the adapter.")))
BUILT = record(
    ("path", TEXT, "The manifest's folder."),
    ("schema_version", WHOLE, "Of the manifest."),
    ("tool_version", TEXT),
    (
        "dataset",
        {**_DATASET, "required": ["name", "version"]},
        "The dataset's card; of an import, what is known of it.",
    ),
    ("split", TEXT),
    ("recipe", RECIPE),
    ("seed", WHOLE, "The recipe's."),
    ("content", TEXT, "full, text or recipe-only."),
    ("vocabulary", mapping(TEXT), "Origin and digest."),
    ("counts", mapping(WHOLE), "Rows per table."),
    ("noises", array(_SLOT), "What each noise of the recipe did."),
    ("severity", mapping(_SHARE), "How bad the noise is."),
    ("digest", TEXT, "Of the labels: 64 hex digits."),
    ("tables", _DIGESTS, "Table → digest."),
    ("columns", mapping(_DIGESTS), "Table → column → digest."),
    ("files", mapping(WHOLE), "Name → bytes."),
    ("selection", mapping(ANY), "limit and clips, where not the whole split was built."),
    ("skipped", array(TEXT), "Clips that were left out because files or texts are missing."),
    ("uses", mapping(TEXT), "What besides the dataset the draws depend on."),
    ("imported", mapping(ANY), "What an imported manifest was made of."),
    (
        "findings?",
        array(schema_of(Finding)),
        "Of what shards made: what is wrong; the exit code is 1 where there is any.",
    ),
    what="What manifest.json says, and where it is.",
)
DRY_RUN = record(
    ("out", TEXT, "Where the manifest would be."),
    ("output exists", FLAG),
    ("recipe", TEXT),
    ("seed", WHOLE),
    ("clips", WHOLE),
    ("skipped clips", WHOLE),
    ("samples", WHOLE),
    ("positive samples", WHOLE),
    ("masks to read", WHOLE),
    ("bytes", nullable(WHOLE), "About how large the manifest would be; null where that is not known."),
    ("clips built for the size", WHOLE),
    extra={r"^[0-9]+ ": {**TEXT, "description": "Per noise, by its place in the recipe: what it would do, in words."}},
    what="With --dry-run.",
)
SHARD = record(
    ("shard", TEXT, "N/COUNT."),
    ("folder", TEXT, "Where all shards work."),
    ("clips", WHOLE),
    ("chunks", WHOLE),
    ("is_built", FLAG, "The manifest was there already."),
    what="With --shard.",
)
_COUNT = record(("name", TEXT), ("count", WHOLE), ("total", WHOLE), ("share", _SHARE))
INSPECTION = record(
    ("name", TEXT, "dataset/split/recipe-sSEED."),
    ("digest", TEXT),
    ("content", TEXT),
    ("selection", mapping(ANY)),
    ("skipped", array(TEXT)),
    ("counts", mapping(WHOLE), "Rows per table."),
    ("rows", mapping(WHOLE), "Rows per table that its files have; others than ``counts`` where some were lost."),
    ("noises", array(_SLOT)),
    ("severity", mapping(_SHARE)),
    (
        "observed",
        record(
            ("prompts", mapping(_COUNT)),
            ("masks", mapping(_COUNT)),
            ("actions?", mapping(_COUNT)),
            ("median_iou", mapping(record(("masks", WHOLE), ("iou", NUMBER)))),
        ),
        "Counted in the rows.",
    ),
    (
        "confusions",
        array(
            record(*((name, TEXT) for name in ("category", "noun", "noisy_category", "noisy_noun")), ("samples", WHOLE))
        ),
        "The most frequent ones first.",
    ),
    ("iou_histogram", mapping(array(WHOLE)), "Noise → masks whose IoU with the clean one is in tenths from 0 to 1."),
    ("charts?", array(TEXT), "With --plot: files."),
)
VERDICT = record(
    ("holds", FLAG, "Whether nothing is wrong; the exit code is 1 otherwise."),
    ("checked", array(TEXT)),
    ("not checked", array(record(("what", TEXT), ("why", TEXT)))),
    ("digest", TEXT),
    ("findings", array(schema_of(Finding))),
)
_CHANGED = (("changed", WHOLE), ("common", WHOLE))
_TABLE = record(
    *((name, WHOLE) for name in ("only_in_a", "only_in_b", "common", "differing")),
    ("columns", mapping(WHOLE), "Column → rows in which it differs."),
    ("first", array(record(("key", mapping(ANY)), ("cells", mapping(array(ANY)))))),
)
DIFF = record(
    ("equal", FLAG, "The exit code is 1 where it is false."),
    ("same split", FLAG),
    ("a", TEXT),
    ("b", TEXT),
    ("statements", mapping(array(ANY)), "What manifest.json says differently: name → of a, of b."),
    ("prompts", record(*_CHANGED)),
    ("flags", record(*_CHANGED)),
    ("masks", record(*_CHANGED, ("mean_iou", _SHARE, "Of the masks that differ."))),
    ("tables", mapping(_TABLE)),
)
_RENAMED = mapping(ANY)
EXPORT = record(
    ("path", TEXT, "The folder."),
    ("tool_version", TEXT),
    ("manifest", record(("name", TEXT), ("digest", TEXT))),
    ("format", TEXT),
    ("labels", TEXT, "noisy or clean."),
    ("split", TEXT),
    ("images", TEXT, "none, copy, link or resize."),
    ("counts", mapping(WHOLE)),
    ("files", WHOLE),
    ("renamed?", _RENAMED, "Video → its name there."),
    ("renamed_frames", _RENAMED, "Video → frame → its name there."),
    ("renumbered?", _RENAMED, "Clip → object ids there and here."),
    ("masks?", TEXT, "In which form."),
    ("jpeg_quality?", WHOLE, "Of resized images."),
)
PUBLICATION = record(
    ("path", nullable(TEXT), "The folder, or the address; null: nothing was published."),
    ("manifests", array(record(("folder", TEXT), ("digest", TEXT)))),
    ("cautions", array(TEXT), "What to think of before it is passed on."),
    ("findings", array(schema_of(Finding)), "Why a manifest is not published; the exit code is 1 where there is any."),
)
PICTURE = record(
    ("path", TEXT, "The file."),
    ("clips", WHOLE, "How many it shows."),
    ("frames", WHOLE, "How many it shows."),
    ("with_image", WHOLE, "Of the frames, those whose image was found."),
    ("root", nullable(TEXT), "Where images were looked for; null: nowhere."),
)
VIEW = record(
    ("path", TEXT, "The page."),
    ("clips", WHOLE),
    ("with_pictures", WHOLE, "Clips whose frames were found."),
    ("root", nullable(TEXT)),
    ("bytes", WHOLE),
)
_NOISE = (("name", TEXT), ("kind", TEXT), ("what it does", TEXT), ("source", TEXT))

FORMS: dict[str, Schema] = {
    "build": either(BUILT, DRY_RUN, SHARD),
    "datasets": array(record(*((name, TEXT) for name in ("name", "title", "splits", "size", "licence", "root")))),
    "noises": array(record(*_NOISE)),
    "noises show": record(*_NOISE, ("options", mapping(ANY), "Name → default.")),
    "recipes": array(record(("name", TEXT), ("title", TEXT))),
    "recipes show": RECIPE,
    "inspect": INSPECTION,
    "preview": PICTURE,
    "view": VIEW,
    "verify": VERDICT,
    "diff": DIFF,
    "import": BUILT,
    "export": EXPORT,
    "clean": schema_of(Cleaned),
    "publish": PUBLICATION,
}
