"""WordNet synonyms: what they are, and where the dictionary comes from."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from dictionaries import SENSES, write_wordnet
from toys import make_toy

import actiseg_noise
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.key import Key
from actiseg_noise.noises import wordnet
from actiseg_noise.noises.base import Label
from actiseg_noise.noises.wordnet import VARIABLE, load_dictionary
from actiseg_noise.noises.wordnet_synonym import has_a_synonym, resolve_dictionary, used_dictionary, wordnet_synonym
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.vocabulary import Vocabulary

VOCABULARY = Vocabulary({5: ("pan",)}, {5: "pan"})


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is NLTK's whole data path, on a machine without a system dictionary."""
    import nltk.data

    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(wordnet, "SYSTEM_FOLDER", tmp_path / "share")
    wordnet._load.cache_clear()
    yield tmp_path
    wordnet._load.cache_clear()


# --- synonyms


@pytest.mark.parametrize(
    ("noun", "synonyms"),
    [
        ("pan", ("cooking pan",)),
        ("chopping board", ("cutting board",)),
        ("Chopping Board", ("cutting board",)),
        ("cleaver", ("chopper", "meat cleaver")),
        ("peeler", ("paring tool",)),  # not the performer's, whose sense is the more frequent one
        ("aubergine", ("eggplant", "mad apple")),  # the food's, not the plant's
        ("aubergines", ("eggplant", "mad apple")),  # looked up by its singular
        ("octopus", ("devilfish",)),  # no artifact and no food, but a thing
        ("tap", ()),  # an act alone
        ("potato", ("spud",)),  # not its plural, not the one with a capital
        ("knives", ()),  # knife is no synonym of knives
        ("bin/trash can/waste bin", ()),  # it says so itself
        ("bin", ("trash can",)),
        ("mug", ()),
        ("qwertz", ()),
        ("", ()),
    ],
)
def test_synonyms_are_the_other_words_for_the_thing(noun: str, synonyms: tuple[str, ...]) -> None:
    assert load_dictionary().synonyms(noun) == synonyms


def test_synonyms_are_drawn_uniformly_and_keep_the_category() -> None:
    parameters = resolve_dictionary({}, VOCABULARY)
    counts = Counter(wordnet_synonym(Key(i), Label(5, "cleaver"), VOCABULARY, **parameters) for i in range(1000))
    assert set(counts) == {Label(5, "chopper"), Label(5, "meat cleaver")}
    assert counts[Label(5, "chopper")] == pytest.approx(500, abs=5 * 250**0.5)
    assert has_a_synonym(Label(5, "pan"), VOCABULARY, **parameters)
    assert not has_a_synonym(Label(5, "mug"), VOCABULARY, **parameters)


def test_a_build_says_which_dictionary_it_used(tmp_path: Path) -> None:
    recipe = Recipe("r", (NoiseSpec("wordnet_synonym-v1", 1.0),))
    path = actiseg_noise.build(make_toy(clips=30), recipe=recipe, out=tmp_path / "m", content="text", gate=False)
    manifest = actiseg_noise.read_manifest(path)
    became = {(row["noun"], row["noisy_noun"]) for row in manifest.table("samples").to_pylist()}
    assert ("pan", "cooking pan") in became
    assert ("mug", "mug") in became
    assert all(
        noisy == noun or noisy in {w.replace("_", " ") for _, ws, _ in SENSES for w in ws} for noun, noisy in became
    )
    used = manifest.info.uses["wordnet"]
    assert used == used_dictionary(resolve_dictionary({}, VOCABULARY))["wordnet"]
    assert used.startswith(f"3.0 ({VARIABLE}), data.noun ")
    assert str(tmp_path.parent) not in (path / "manifest.json").read_text()


# --- where it is


def test_without_a_dictionary_the_error_says_three_ways_to_get_one(elsewhere: Path) -> None:
    with pytest.raises(ActisegError) as caught:
        load_dictionary()
    for way in ("python -m nltk.downloader wordnet", "apt-get install wordnet-base", f"set {VARIABLE}=DIR"):
        assert way in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "origin"), [("corpora/wordnet", "NLTK data"), ("share", "system package"), ("own folder", VARIABLE)]
)
def test_the_dictionary_is_found_in_each_of_the_places(
    elsewhere: Path, folder: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wordnet(elsewhere / folder)
    if origin == VARIABLE:
        monkeypatch.setenv(VARIABLE, str(elsewhere / folder))
    found = load_dictionary()
    assert found.synonyms("pan") == ("cooking pan",)
    assert found.description.startswith(f"3.0 ({origin}), data.noun ")


def test_the_folder_named_by_the_user_comes_first(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wordnet(elsewhere / "corpora" / "wordnet")
    write_wordnet(elsewhere / "mine", [(6, ("pan", "wok"), "mine")])
    monkeypatch.setenv(VARIABLE, str(elsewhere / "mine"))
    assert load_dictionary().synonyms("pan") == ("wok",)


def test_a_zip_as_nltk_downloads_it_is_read_as_it_is(elsewhere: Path) -> None:
    import shutil

    write_wordnet(elsewhere / "unpacked" / "wordnet")
    (elsewhere / "corpora").mkdir()
    shutil.make_archive(str(elsewhere / "corpora" / "wordnet"), "zip", elsewhere / "unpacked", "wordnet")
    assert load_dictionary().synonyms("cutting board") == ("chopping board",)


def test_a_folder_without_a_dictionary_is_refused(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(elsewhere / "nowhere"))
    with pytest.raises(
        DataError, match=rf"{VARIABLE} = .*nowhere: no file data\.noun in it\. Get it one of three ways"
    ):
        load_dictionary()


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_dictionary_is_refused(elsewhere: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index = write_wordnet(elsewhere / "mine") / "index.noun"
    if damage == "missing":
        index.unlink()
    else:
        index.write_text(index.read_text()[:-20])
    monkeypatch.setenv(VARIABLE, str(elsewhere / "mine"))
    with pytest.raises(DataError, match=r"mine: not a whole WordNet dictionary"):
        load_dictionary()


def test_without_nltk_the_error_says_how_to_install_it(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nltk.data", None)
    with pytest.raises(ActisegError, match=r'needs NLTK: pip install "actiseg-nl\[wordnet\]"'):
        load_dictionary()


def test_nltk_is_imported_by_nobody_who_does_not_use_it() -> None:
    code = (
        "import sys\n"
        "from actiseg_noise.recipe import load_recipe, recipe_names\n"
        "from actiseg_noise.noises.base import NOISES\n"
        "assert [NOISES[name] for name in NOISES] and [load_recipe(name) for name in recipe_names()]\n"
        "assert 'nltk' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
