"""The records of rows are the schema's tables, column by column."""

from __future__ import annotations

from typing import get_type_hints

import pytest

from actiseg_noise.manifest.digest import RowDigest
from actiseg_noise.manifest.records import RECORDS, ClipRow, FrameRow, MaskLabels, MaskRow, SampleRow, seal
from actiseg_noise.manifest.schema import MASKS, Table

TYPES = {"str": str, "int32": int, "int64": int, "uint8": int, "bool": bool, "float64": float}


@pytest.mark.parametrize("table", RECORDS, ids=lambda table: RECORDS[table].__name__)
def test_a_record_has_the_columns_of_its_table_and_null_where_a_column_may_be_null(table: Table) -> None:
    hints = get_type_hints(RECORDS[table])
    expected = {c.name: TYPES[c.type] | None if c.null else TYPES[c.type] for c in table.columns}
    assert list(hints.items()) == list(expected.items())


def test_the_labels_of_a_mask_are_the_columns_after_those_that_name_it() -> None:
    names = [column.name for column in MASKS.columns]
    start = names.index("clean_area")
    assert tuple(names[start:-1]) == MaskLabels._fields
    hints, whole = get_type_hints(MaskLabels), get_type_hints(MaskRow)
    assert all(whole[name] == kind for name, kind in hints.items())


@pytest.mark.parametrize(
    "row",
    [
        ClipRow("c", "v", "cut onion", "cut", "onion", 1, None, 2, 3, False, False, False, 0, "c"),
        FrameRow("c", 0, "f", None, "f.png", None, 4, 5, True, None, None),
        SampleRow("c/1", "c", 1, True, None, True, 3, "onion", "x", 3, "onion", "x", "none", False),
        MaskRow("c/1", "c", 0, "f", 1, 6, "r", 6, None, "none", None, 1.0, False, False, "d", "d"),
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_sealed_row_is_the_same_record_with_its_digest(row: ClipRow) -> None:
    table = next(table for table, record in RECORDS.items() if record is type(row))
    sealed = seal(row)
    assert type(sealed) is type(row)
    assert sealed == row._replace(row_digest=RowDigest(table)(row))
    assert row.row_digest == ""
