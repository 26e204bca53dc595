"""Edits of Parquet files, and the digests of a manifest made anew over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tools.soak.values import wrong_number, wrong_text

if TYPE_CHECKING:
    import pyarrow as pa

REFERENCES = ("clip_id", "frame_idx", "object_id", "sample_id")
_OUTSIDE_TEXTS = ("../../../outside", "{outside}/picture.jpg", "/etc/hostname", "/dev/zero", "a\x00b")
INFO = "manifest.json"


class NotApplicableError(Exception):
    """An edit that this file has no place for."""


def rle_code(counts: Sequence[int]) -> str:
    """Return run lengths as COCO's compressed code, right or wrong as they are."""
    code = ""
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            digit, value = value & 31, value >> 5
            more = value != -1 if digit & 16 else value != 0
            code += chr((digit | 32 if more else digit) + 48)
    return code


def wrong_rle(random: Random, height: int = 240, width: int = 400) -> str:
    """Return a code of run lengths that do not fit a mask, or are none."""
    size = height * width
    made: tuple[list[int], ...] = (
        *([], [size], [size - 1], [size + 1], [10, 10], [10, 10, size], [10, -5, size - 5], [0, size], [0, 0, size]),
        *([10, size * 50], [2**31, 2**31], [2**32 - 1, 1], [2**62, 1], [-1], [1] * size, [10, 10, size - 20, 0, 0]),
    )
    raw = (
        "",
        "0",
        "\x00" * 40,
        "é" * 40,
        "o" * 1001,
        " !\"#$%&'" * 50,
        "~" * 40,
        "0" * 2_000_000,
        "1" * 5 + "o" * 100_000,
    )
    return random.choice([rle_code(random.choice(made)), random.choice(raw)])


def edit_table(random: Random, path: Path, sandbox: str) -> tuple[str, str]:
    """Edit a Parquet file by one of the ways below; return the way and what exactly was done.

    Raises:
        NotApplicableError: the table is too small for this way.
    """
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path).read(use_threads=False)
    way = random.choices(list(WAYS), list(WAYS.values()))[0]
    edited, detail = way(random, table, sandbox)
    names = [(field.name, field.type) for field in table.schema]
    if [(field.name, field.type) for field in edited.schema] == names and edited.equals(table.cast(edited.schema)):
        raise NotApplicableError("nothing is edited")
    pq.write_table(edited, path, compression="zstd")
    return way.__name__.replace("_", " "), detail


def _set(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """Return the table with other values in one column, nullable where a value is null."""
    import pyarrow as pa

    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    field = field.with_nullable(field.nullable or None in values)
    try:
        return table.set_column(index, field, pa.array(values, field.type))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as error:
        raise NotApplicableError(str(error)) from None


def _clip(value: Any, kind: str) -> Any:
    """Return a number in the range of an Arrow integer type."""
    bits, signed = (int(kind.lstrip("uint")), kind.startswith("int"))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return int(min(max(0 if isinstance(value, float) and isnan(value) else value, low), high))


def _other_cell(random: Random, name: str, kind: str, value: Any, sandbox: str) -> Any:
    """Return another value of a column's type."""
    if kind == "bool":
        return None if value is None or random.random() < 0.3 else not value
    if kind == "double":
        return random.choice([None, float(wrong_number(random)) if random.random() < 0.8 else 0.25])
    if kind.lstrip("u").startswith("int"):
        near = [None, (value or 0) + 1, (value or 0) - 1, wrong_number(random), wrong_number(random)]
        found = random.choice(near)
        return None if found is None else _clip(found, kind)
    if name.endswith("_rle"):
        return random.choice([None, wrong_rle(random), wrong_rle(random), wrong_text(random)])
    texts = [None, wrong_text(random), wrong_text(random), f"{value} ", str(value)[:-1], f"{value}x"]
    if name.endswith(("_path", "_id")):
        texts += [text.format(outside=sandbox) for text in _OUTSIDE_TEXTS]
    return random.choice(texts)


def _check_has_rows(table: pa.Table) -> None:
    if not table.num_rows:
        raise NotApplicableError("no rows")


def _pick(random: Random, table: pa.Table) -> tuple[str, str, list[Any]]:
    _check_has_rows(table)
    name = random.choice(table.schema.names)
    return name, str(table.schema.field(name).type), table.column(name).to_pylist()


def other_cell(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """One cell."""
    name, kind, values = _pick(random, table)
    row = random.randrange(len(values))
    before, values[row] = values[row], _other_cell(random, name, kind, values[row], sandbox)
    return _set(table, name, values), f"{name}, row {row}: {before!r:.60} → {values[row]!r:.60}"


def other_column(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """Every cell of a column, by one value."""
    name, kind, values = _pick(random, table)
    value = _other_cell(random, name, kind, values[0], sandbox)
    if isinstance(value, str) and len(value) > 10_000:
        value = value[:10_000]
    return _set(table, name, [value] * len(values)), f"{name}, every row: {value!r:.60}"


def swapped_cells(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """The cells of two rows in one column."""
    return _swap(random, table, [name for name in table.schema.names if name not in (*REFERENCES, "row_digest")])


def swapped_references(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """The cells of two rows in a column that says which rows of other tables belong to them."""
    return _swap(random, table, [name for name in table.schema.names if name in REFERENCES])


def _swap(random: Random, table: pa.Table, names: Sequence[str]) -> tuple[pa.Table, str]:
    if not names:
        raise NotApplicableError("no such column")
    name = random.choice(names)
    values = table.column(name).to_pylist()
    pairs = [(i, j) for i in range(min(30, len(values))) for j in range(i) if values[i] != values[j]]
    if not pairs:
        raise NotApplicableError("all cells are equal")
    i, j = random.choice(pairs)
    values[i], values[j] = values[j], values[i]
    return _set(table, name, values), f"{name}, rows {j} and {i} swapped"


def wrong_run_lengths(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """The code of a mask, with its digest, so that only the code itself is wrong."""
    from actiseg_noise.masks import Rle

    names = [name for name in table.schema.names if name.endswith("_rle")]
    if not names or not table.num_rows:
        raise NotApplicableError("no masks")
    name, row = random.choice(names), random.randrange(table.num_rows)
    values, code = table.column(name).to_pylist(), wrong_rle(random)
    values[row] = code
    table = _set(table, name, values)
    digest = name.replace("_rle", "_digest")
    if digest in table.schema.names:
        digests = table.column(digest).to_pylist()
        try:
            digests[row] = Rle(240, 400, code, 0).digest()
        except Exception as error:  # whatever refuses it: the code alone is wrong then
            return table, f"{name}, row {row}: {code!r:.60} ({type(error).__name__})"
        table = _set(table, digest, digests)
    return table, f"{name}, row {row}: {code!r:.60}, with its digest"


def wrong_sizes(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """Height and width, huge, zero or negative."""
    if "height" not in table.schema.names or not table.num_rows:
        raise NotApplicableError("no sizes")
    sizes = (
        (10**9, 10**9),
        (60_000, 60_000),
        (46_341, 46_341),
        (0, 0),
        (-5, -5),
        (1, 1),
        (240, 399),
        (400, 240),
        (2**31 - 1, 1),
    )
    height, width = random.choice(sizes)
    rows = range(table.num_rows) if random.random() < 0.5 else [random.randrange(table.num_rows)]
    for name, value in (("height", height), ("width", width)):
        values = table.column(name).to_pylist()
        for row in rows:
            values[row] = value
        table = _set(table, name, values)
    return table, f"{height}×{width} in {len(rows)} rows"


def wrong_json(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """The JSON inside of a cell."""
    if "parameters" not in table.schema.names:
        raise NotApplicableError("no JSON")
    values = table.column("parameters").to_pylist()
    rows = [row for row, value in enumerate(values) if value is not None]
    if not rows:
        raise NotApplicableError("no JSON")
    made = (
        "{",
        "[" * 200_000,
        "null",
        "5",
        "[]",
        '{"kernel": "x"}',
        '{"kernel": 1e400}',
        "NaN",
        "",
        '{"x": {}}',
        '"\\ud800"',
    )
    row, value = random.choice(rows), random.choice(made)
    values[row] = value
    return _set(table, "parameters", values), f"parameters, row {row}: {value!r:.60}"


def missing_rows(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """Rows that are not there."""
    return _take(random, table, "missing", _rows_left)


def rows_in_another_order(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """Rows doubled, or not in the order of their keys."""
    return _take(random, table, "rows", _other_orders)


def _rows_left(count: int, one: int) -> dict[str, list[int]]:
    return {
        "all": [],
        "the first": list(range(1, count)),
        "the last": list(range(count - 1)),
        f"row {one}": [row for row in range(count) if row != one],
        "all but the first": [0],
    }


def _other_orders(count: int, one: int) -> dict[str, list[int]]:
    return {
        "reversed": list(range(count))[::-1],
        f"row {one} twice": [*range(one + 1), *range(one, count)],
        "all twice": [*range(count), *range(count)],
        f"row {one} last": [*(row for row in range(count) if row != one), one],
    }


def _take(
    random: Random, table: pa.Table, what: str, rows_of: Callable[[int, int], dict[str, list[int]]]
) -> tuple[pa.Table, str]:
    """Return the rows that one of the named choices takes; they are made from the count of rows and one drawn row."""
    import pyarrow as pa

    _check_has_rows(table)
    rows = rows_of(table.num_rows, random.randrange(table.num_rows))
    name = random.choice(list(rows))
    return table.take(pa.array(rows[name], pa.int64())), f"{what}: {name}"


def other_columns(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """A column missing, more, renamed, elsewhere, or of another type."""
    import pyarrow as pa

    names = table.schema.names
    name = random.choice(names)
    what = random.choice(["missing", "extra", "doubled", "renamed", "order", "type", "type", "binary", "nested"])
    if what == "missing":
        return table.drop_columns([name]), f"{name}: missing"
    if what in ("extra", "doubled"):
        new = wrong_text(random)[:1000] if what == "extra" else name
        return table.append_column(new, pa.array(["x"] * table.num_rows)), f"a column more: {new!r:.60}"
    if what == "renamed":
        new = wrong_text(random)[:1000]
        return table.rename_columns([new if other == name else other for other in names]), f"{name} → {new!r:.60}"
    if what == "order":
        return table.select(names[::-1]), "columns reversed"
    index = table.schema.get_field_index(name)
    if what == "nested":
        return table.set_column(index, name, pa.array([["x"]] * table.num_rows)), f"{name}: lists"
    kind = (
        pa.binary()
        if what == "binary"
        else random.choice([pa.string(), pa.large_string(), pa.int8(), pa.float32(), pa.null()])
    )
    try:
        column = pa.nulls(table.num_rows) if kind == pa.null() else table.column(name).cast(pa.string()).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise NotApplicableError(str(error)) from None
    return table.set_column(index, name, column), f"{name}: {kind}"


def bad_utf8(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """Bytes that are no UTF-8 in a column of texts."""
    import pyarrow as pa

    names = [field.name for field in table.schema if field.type == pa.string() and table.num_rows]
    if not names:
        raise NotApplicableError("no texts")
    name = random.choice(names)
    values = [None if value is None else value.encode() for value in table.column(name).to_pylist()]
    row = random.randrange(len(values))
    values[row] = (values[row] or b"") + random.choice([b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", b"\x00\xff"])
    data = pa.array(values, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(data), data.buffers(), data.null_count)
    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    return table.set_column(index, field.with_nullable(field.nullable or None in values), text), f"{name}, row {row}"


def many_rows(random: Random, table: pa.Table, sandbox: str) -> tuple[pa.Table, str]:
    """A small file that holds very many equal rows, or very long texts."""
    import pyarrow as pa

    _check_has_rows(table)
    if random.random() < 0.5:
        indices = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000, pa.int32()), pa.array([0], pa.int64()))
        rows = table.slice(0, 1).take(indices.dictionary_decode())
        return rows, "2,000,000 equal rows"
    names = [field.name for field in table.schema if field.type == pa.string()]
    name = random.choice(names)
    values = table.column(name).to_pylist()
    values[0] = "a" * 50_000_000
    return _set(table, name, values), f"{name}, row 0: 50 MB"


WAYS: dict[Callable[[Random, Any, str], tuple[Any, str]], float] = {
    other_cell: 8,
    other_column: 3,
    swapped_cells: 2,
    swapped_references: 2,
    wrong_run_lengths: 4,
    wrong_sizes: 2,
    wrong_json: 1,
    missing_rows: 2,
    rows_in_another_order: 1.5,
    other_columns: 3,
    bad_utf8: 1,
    many_rows: 0.1,
}


def seal(folder: Path) -> bool:
    """Make every digest, count and size of a manifest anew; return False where its rows have none.

    What a table's edit made of the rows is digested as the writer would: only what the rows say is wrong afterwards.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from actiseg_noise.manifest.digest import RowDigest, TableDigest, manifest_digest
    from actiseg_noise.manifest.schema import TABLES

    info = json.loads((folder / INFO).read_text("utf-8"))
    digests = {}
    for table in TABLES:
        names = [column.name for column in table.columns]
        files = sorted(folder.glob(f"{table.name}*.parquet"))
        digest = TableDigest(table)
        count = 0
        for file in files:
            rows = pq.ParquetFile(file).read(use_threads=False)
            try:
                columns = {name: rows.column(name).to_pylist() for name in names}
                row_digest = RowDigest(table)
                columns["row_digest"] = [row_digest(row) for row in zip(*columns.values(), strict=True)]
                digest.update(columns)
            except (KeyError, ValueError, TypeError):  # UnicodeDecodeError is a ValueError
                return False
            count += rows.num_rows
            index = rows.schema.get_field_index("row_digest")
            field = rows.schema.field(index)
            rows = rows.set_column(index, field.name, pa.array(columns["row_digest"], pa.string()))
            pq.write_table(
                rows.cast(rows.schema.set(index, pa.field("row_digest", pa.string(), False))), file, compression="zstd"
            )
        digests[table.name] = digest.rows
        info["tables"][table.name] = digest.rows.hex()
        info["columns"][table.name] = digest.columns
        info["counts"][table.name] = count
    info["digest"] = manifest_digest(digests)
    info["files"] = {name: (folder / name).stat().st_size for name in info["files"]}
    (folder / INFO).write_text(json.dumps(info, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return True
