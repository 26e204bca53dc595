"""The manifest's page, made from its schema: ``python -m tools.pages.manifest > docs/manifest.md``."""

from __future__ import annotations

import json
import sys

from actiseg_noise.manifest.digest import RowDigest, TableDigest, manifest_digest
from actiseg_noise.manifest.schema import ACTION_TABLES, CLIPS, PLAIN, SAMPLES, SCHEMA_VERSION, TABLES, Table

_CLIP = ("0001", "P01", "cut the onion", "cut", "onion", 7, 16, None, None, False, False, False, 0, "0001")
_TEXT = " used in the action of cut the onion"
_SAMPLES = (
    (
        *("0001/1", "0001", 1, True, None, True, 16, "onion", f"onion{_TEXT}"),
        *(13, "knife", f"knife{_TEXT}", "category_flip-v1", True),
    ),
    (
        *("0001/2", "0001", 2, True, True, False, 300, "left hand", f"left hand{_TEXT}"),
        *(300, "left hand", f"left hand{_TEXT}", "none", False),
    ),
)

_INTRO = f"""# The manifest

A manifest is a folder of Parquet files that carries the clean and the noisy labels of one split side by side, and a
`manifest.json` that says what it is. It is written by `actiseg-noise build` and read by
`actiseg_noise.read_manifest(path)`, or by anything that reads Parquet. This page is made from
`actiseg_noise/manifest/schema.py`. The newest schema is version {SCHEMA_VERSION}; a manifest without noise on
narrations and flags has version {PLAIN}, whose tables are these.

    manifests/<dataset>/<split>/<recipe id>-s<seed>/
      manifest.json       what it is, what it counts, its digests
      vocabulary.json     the categories, nouns and narrations that text noise drew from
"""

_CONTENT = """
`content` in `manifest.json` decides what is null: `full` carries every mask; `text` carries no mask (`masks.parquet` is
empty, `height` and `width` are null, and `frames.parquet` lists what the annotation lists); `recipe-only` is a full
manifest whose run-length codes were withheld: areas, IoUs and digests stay.

A table of more than 524,288 rows or 256 MiB is several files, `samples-00000-of-00002.parquet` and so on, which hold
its rows in this order; the digest is the same. `manifest.json` lists them, and a manifest that lacks one of them, or
has one that is not listed, is refused by its name: see [large manifests](#large-manifests).
What uses labels also refuses a manifest whose tables have more or fewer rows than `manifest.json` counts; `inspect`
warns of it, `verify` names what is wrong, and `read_manifest` opens it to be looked at (`Manifest.check_counts`).

In a published manifest every table has such names. Its rows say their split, recipe and seed, too, masks their height
and width, and `noisy_rle` is there even where it is the clean code: [publishing](publishing.md).

Rows are sorted by the columns that are named under each table, which together are unique; strings sort by code point.
Run-length codes are COCO's compressed ones; with the frame's `height` and `width`, pycocotools decodes them.

A table that another tool wrote again (pandas, Polars, DuckDB, Spark) is the same table where no value changed: strings
may be large strings, dictionaries or bytes, whole numbers any numbers, flags 0 and 1, a column without values of no
type; order of columns, other columns, row groups, compression and "nullable" do not matter. `read_manifest` gives the
types below, and refuses a column whose values they cannot hold.

From Python, `read_manifest(path)`, of a folder or an [address](publishing.md#manifests-by-address), gives whole tables
(`table("samples")` for Arrow, `to_pandas("samples")`), batches of rows (`iter_batches`), and clips: `iter_clips()`
yields one record per clip with its samples, frames and masks, in which a null `noisy_rle` has become the clean mask.
"""

_LARGE = """
## Large manifests

A manifest is opened by the footers of its files, and read row group by row group. `verify` checks it in parts, whose
ends follow from the manifest alone, in as many processes as there are cores where a table has two parts (of 131,072
rows; of masks 32,768); `--workers 1` is one. What it finds, and in which order, is the same with any number.

Peak memory in MiB, as `python benchmarks/manifest_memory.py` measures it, the largest process counted, of clips that
are made up: of *text* a clip has five objects and two frames, of *masks* two objects in three frames of 64×36 pixels,
with `mask-15` in pixels. A command that has opened a small manifest has 70 to 90.

| command | text: 2,000 clips | 20,000 | 200,000 | masks: 2,000 clips | 20,000 | 100,000 | 200,000 |
|---|---|---|---|---|---|---|---|
| `build` | 176 | 201 | 226 | 121 | 138 | 135 | 169 |
| `verify --workers 1` | 148 | 165 | 182 | 152 | 165 | 168 | 187 |
| `inspect` | 100 | 110 | 173 | 105 | 108 | 123 | 147 |
| `diff` | 131 | | 165 | 128 | | | |
| `publish` | 219 | | 269 | 212 | 234 | 242 | 282 |
| `export` (refvos; coco) | 127 | | 218 | 132 | | | |

200,000 clips of masks are 1.2 million masks. `diff` and `export` of many clips were measured with one frame of 32×32
pixels each: 113 and 140 (2,000 and 50,000 clips), 120 and 153 (2,000 and 20,000).

Memory grows until row groups are full, and beyond that by some 200 to 420 bytes a clip (masks, from 100,000 to 200,000
clips). `inspect` counts each pair of nouns that became each other, and exports keep the names of their folders, as no
two may have one, and `actionvos` the text of its JSON. Of masks one clip's are in memory.
"""

_ACTION = """
## Schema 2

A manifest whose recipe has noise on narrations or flags, or into which such labels were imported, has the columns
below, too, before `row_digest`, and those of them that schema 1 has mean this. Everything else is as above.
`read_manifest` gives the new columns of a manifest of schema 1 when they are asked for by name: as clean.

An object that is given as negative has an empty target, whatever `masks` says; one that is given as positive has its
noisy mask, which is its clean one where no neighbour's noise took pixels from it. What is scored is `is_positive`.
"""

_DRAWS = """
## Where the noise comes from

Every draw is a hash of its address: the seed, the noise's id, how often that noise came before in the recipe, the
source, the clip's `address`, `object_id`, and `frame_id` for a mask noise that draws per frame. A draw corrupts when
its uniform number is below the rate, so the 20 % set lies inside the 40 % set, and neither order, nor worker count, nor
a selection of clips, nor another noise changes it. With `exact_rate`, the `round(rate · n)` smallest uniforms corrupt.

* *Text*: noises are tried in the recipe's order until one takes the sample. `category_flip` may take every sample,
  `noun_substitution` every one not flipped whose category has another noun.
* *Narrations*: one draw per clip, whose address ends with the clip. `narration_swap` draws a clip of the split
  uniformly among those with another narration; the narrations of the whole split, and how many clips have each, stand
  in `vocabulary.json` and enter its digest.
* *Flags*: one draw per sample. Mask noise is of the objects whose clean flag is positive.
* *Masks*: a visible positive object is drawn in each frame (`temporal: frame`) or once per clip (`clip`). The first
  noise that fires is applied; with `sequential`, all that fire, in order. A noise that would erase an object leaves it.
* *Overlap*: positives are painted in object order and an earlier one keeps a contested pixel, noised or not; negatives
  keep what is left; void is never painted. `changed_by_neighbour` marks who lost pixels without being noised.
"""

_DIGEST = """
## The digest

The digest is over the label columns (marked ● above) of every row, not over files: equal digest, equal labels, on any
machine and with any version of Parquet.

* *Row digest*: BLAKE2b with 16 bytes of the table's name, a newline, and the row's label columns in the order above as
  one JSON array without spaces, non-ASCII characters as they are, in UTF-8.
* *Table digest*: BLAKE2b with 32 bytes of the row digests' bytes, in the order of the rows.
* *Manifest digest*: BLAKE2b with 32 bytes of, for each table in the order of this page, its name, a newline, and the
  table digest's bytes.
* *Column digest*: BLAKE2b with 16 bytes of a column's values from first to last, each as JSON followed by a comma. It
  does not enter the manifest digest; it lets `actiseg-noise verify` name the column of an edited cell.
* *Mask digest* (`clean_digest`, `noisy_digest`, `void_digest`): BLAKE2b with 16 bytes of `"{height} {width} {counts}"`.

A manifest of three rows, one clip with two samples, has these row digests:
"""

_CODE = """
And this is how its digest comes about; the last line holds:

```python
import json
from hashlib import blake2b

rows = {rows}


def row_digest(table, row):
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return blake2b(f"{{table}}\\n{{text}}".encode(), digest_size=16).digest()


digest = blake2b(digest_size=32)
for table, table_rows in rows.items():
    joined = b"".join(row_digest(table, row) for row in table_rows)
    digest.update(f"{{table}}\\n".encode() + blake2b(joined, digest_size=32).digest())
assert digest.hexdigest() == "{digest}"
```
"""


def manifest_page() -> str:
    """Return the whole page as Markdown."""
    files = "".join(f"      {t.file_name:<19} {t.meaning}\n" for t in TABLES)
    tables = "".join(_describe(table) for table in TABLES)
    return f"{_INTRO}{files}{_CONTENT}{tables}{_action_schema()}{_DRAWS}{_LARGE}{_DIGEST}{_example()}"


def _action_schema() -> str:
    """Return what schema 2 adds to the tables, and what it words otherwise."""
    lines = [_ACTION, "| table | column | type | label | meaning |", "|---|---|---|---|---|"]
    for plain, table in zip(TABLES, ACTION_TABLES, strict=True):
        for column in (column for column in table.columns if column not in plain.columns):
            label = "●" if column.is_label else ""
            lines.append(f"| {table.name} | `{column.name}` | {column.type} | {label} | {column.meaning} |")
    return "\n".join(lines) + "\n"


def _describe(table: Table) -> str:
    """Return one table's section."""
    lines = [f"\n## `{table.file_name}`", "", f"{table.meaning[0].upper()}{table.meaning[1:]}."]
    lines += [f"Sorted by {', '.join(f'`{name}`' for name in table.sort_by)}.", ""]
    lines += ["| column | type | label | meaning | null |", "|---|---|---|---|---|"]
    for column in table.columns:
        label = "●" if column.is_label else ""
        lines.append(f"| `{column.name}` | {column.type} | {label} | {column.meaning} | {column.null} |")
    return "\n".join(lines) + "\n"


def _example() -> str:
    """Return the worked example."""
    lines = ["", "| table | row | row digest |", "|---|---|---|"]
    for table, row in ((CLIPS, _CLIP), *((SAMPLES, row) for row in _SAMPLES)):
        text = json.dumps(_labels(table, row), ensure_ascii=False, separators=(",", ":"))
        lines.append(f"| {table.name} | `{text}` | `{RowDigest(table)(row)}` |")
    labels = {t.name: [_labels(t, row) for row in _rows(t)] for t in TABLES}
    return "\n".join(lines) + "\n" + _CODE.format(rows=_literal(labels), digest=example_digest())


def example_digest() -> str:
    """Return the digest of the page's three rows."""
    digests = {}
    for table in TABLES:
        digest, seal = TableDigest(table), RowDigest(table).seal
        sealed = [seal(row) for row in _rows(table)]
        columns = {c.name: [row[i] for row in sealed] for i, c in enumerate(table.columns)}
        digest.update(columns)
        digests[table.name] = digest.rows
    return manifest_digest(digests)


def _rows(table: Table) -> tuple[tuple[object, ...], ...]:
    """Return the example's rows of a table."""
    if table is CLIPS:
        return (_CLIP,)
    return _SAMPLES if table is SAMPLES else ()


def _labels(table: Table, row: tuple[object, ...]) -> list[object]:
    """Return the row's label columns."""
    names = [column.name for column in table.columns]
    return [row[names.index(name)] for name in table.label_columns]


def _literal(labels: dict[str, list[list[object]]]) -> str:
    """Return the rows as Python, one row a line."""
    lines = ["{"]
    for name, rows in labels.items():
        lines += [f'    "{name}": [', *(f"        {_list(row)}," for row in rows), "    ],"]
    return "\n".join([*lines, "}"])


def _list(row: list[object]) -> str:
    """Return one row as a Python list with double quotes."""
    return "[" + ", ".join(json.dumps(v, ensure_ascii=False) if isinstance(v, str) else repr(v) for v in row) + "]"


if __name__ == "__main__":
    sys.stdout.write(manifest_page())
