"""Names of folders and files of predicted masks."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actiseg_bench.prediction.names import find_names, mask_names
from actiseg_noise.borders.folders import is_data, portable_name


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["plain", "with space"], ["plain", "with space"]),
        (["vid:0", "put-into/pan"], ["vid%3A0", "put-into%2Fpan"]),
        (["A", "a", "b"], ["%41", "a", "b"]),
        (["x%41", "X%41"], ["x%2541", "%58%2541"]),
        (["caf\u00e9", "cafe\u0301"], ["caf%C3%A9", "cafe%CC%81"]),
        ([".hidden", "Thumbs.db", ".."], ["%2Ehidden", "%54humbs.db", "%2E%2E"]),
        (["nul", "NUL"], ["%6Eul", "%4EUL"]),
    ],
)
def test_a_name_is_the_id_as_far_as_every_system_takes_it(ids: list[str], names: list[str]) -> None:
    assert list(mask_names(ids).values()) == names
    assert find_names(ids, names) == dict(zip(ids, names, strict=True))


ids = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), unique=True, max_size=6)


@given(ids)
def test_ids_are_read_from_names_that_no_system_refuses_or_confuses(given: list[str]) -> None:
    names = mask_names(given)
    assert find_names(given, names.values()) == names
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names.values()}) == len(given)
    assert all(
        is_data(name) and portable_name(name.replace("%", "")) == name.replace("%", "") for name in names.values()
    )


def test_other_people_s_plain_names_are_found_first() -> None:
    assert find_names(["vid:0", "b"], ["vid:0", "vid%3A0"]) == {"vid:0": "vid:0"}


def test_a_name_that_is_no_code_stands_for_itself() -> None:
    assert find_names(["100%", "%FF"], ["100%", "%FF"]) == {"100%": "100%", "%FF": "%FF"}
