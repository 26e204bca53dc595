"""A WordNet 3.0 dictionary of a few words, in the real one's file format, as far as NLTK reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

ACT, ANIMAL, ARTIFACT, FOOD, PERSON, PLANT = 4, 5, 6, 13, 18, 20
LICENCE = "  1 WordNet 3.0 Copyright 2006 by Princeton University. (Written by a test.)  \n"

# Senses in order of frequency per word: lexicographer file, words, gloss.
SENSES: tuple[tuple[int, tuple[str, ...], str], ...] = (
    (ARTIFACT, ("pan", "cooking_pan"), "a wide metal vessel"),
    (ARTIFACT, ("mug",), "with handle and usually cylindrical"),
    (ARTIFACT, ("cup",), "a small open container"),
    (ARTIFACT, ("cleaver", "meat_cleaver", "chopper"), "a butcher's knife"),
    (ARTIFACT, ("knife",), "edge tool used as a cutting instrument"),
    (PERSON, ("stripper", "peeler"), "a performer"),
    (ARTIFACT, ("peeler", "paring_tool"), "a device for peeling vegetables"),
    (ARTIFACT, ("cutting_board", "chopping_board"), "a board to cut food on"),
    (PLANT, ("aubergine", "Solanum_melongena", "eggplant_bush"), "hairy upright herb"),
    (FOOD, ("eggplant", "aubergine", "mad_apple"), "egg-shaped vegetable"),
    (ANIMAL, ("octopus", "devilfish"), "bottom-living cephalopod"),
    (ACT, ("rap", "tap"), "a gentle blow"),
    (ARTIFACT, ("bin", "trash_can"), "a container"),
    (FOOD, ("potato", "Irish_potato", "spud", "potatoes"), "an edible tuber"),
)


def write_wordnet(
    folder: Path,
    senses: Sequence[tuple[int, tuple[str, ...], str]] = SENSES,
    kinds: Mapping[str, str] | None = None,
) -> Path:
    """Write data, index and exception files; return the folder.

    Args:
        kinds: first word of a sense → first word of the sense, further up in ``senses``, that it is a kind of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("noun", "verb", "adj", "adv"):
        (folder / f"index.{part}").write_text(LICENCE)
        (folder / f"data.{part}").write_text(LICENCE)
        (folder / f"{part}.exc").write_text("knives knife\n" if part == "noun" else "")
    data = LICENCE
    offsets: dict[str, list[str]] = {}
    at: dict[str, str] = {}
    for file, words, gloss in senses:
        offset = at[words[0]] = f"{len(data):08d}"
        kind = (kinds or {}).get(words[0])
        up = "000" if kind is None else f"001 @ {at[kind]} n 0000"
        data += f"{offset} {file:02d} n {len(words):02x} {''.join(f'{word} 0 ' for word in words)}{up} | {gloss}  \n"
        for word in words:
            offsets.setdefault(word.lower(), []).append(offset)
    index = "".join(f"{w} n {len(o)} 0 {len(o)} 0 {' '.join(o)}  \n" for w, o in sorted(offsets.items()))
    (folder / "data.noun").write_text(data)
    (folder / "index.noun").write_text(LICENCE + index)
    return folder
