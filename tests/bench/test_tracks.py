"""Protocols and tracks: what the files may say, and which manifests are built or kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from bench_fakes import FakeManifest, fake_manifest

import actiseg_noise
from actiseg_bench.data import pictures
from actiseg_bench.grid.protocols import choose, load_protocol, protocol_names
from actiseg_bench.grid.tracks import open_track, protocol_tracks, reference_track, shared_clips
from actiseg_bench.results.stored import run_folder
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.recipe import NoiseSpec, Recipe, recipe_names

OWN = """
id = "own-v1"
dataset = "vost"
strategies = ["gce"]
[tracks]
mine = "mine.toml"
clean = "clean"
[train]
steps = 7
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_the_package_has_the_quick_and_the_full_protocol() -> None:
    assert protocol_names() == ["actiseg-nl", "full", "full-v1", "quick", "quick-v1", "vost", "vscos"]
    quick, full = load_protocol("quick-v1"), load_protocol("full-v1")
    assert list(quick.tracks) == ["clean", "text-40", "mask-15", "mixed-40-15"]
    assert (quick.seeds, full.seeds, len(full.tracks)) == (1, 3, 13)
    eight = ("baseline", "apl", "co_teaching", "elr", "gce", "npn", "pmhm", "sce")
    assert quick.strategies == full.strategies == eight
    told = {"select": "batch", "rates": "first", "warmup_share": 0.05}
    assert quick.options == full.options == {"co_teaching": told}
    assert quick.model == full.model == "tiny"
    assert quick.train == full.train == {"steps": 90, "loss": {"dice_over": "all"}}


def test_their_second_versions_watch_a_split_that_is_not_scored() -> None:
    quick, full = load_protocol("quick"), load_protocol("full")
    assert (quick.id, full.id, quick.model, full.model) == ("quick-v2", "full-v2", "tiny-decoder", "tiny-decoder")
    assert (full.validation_split, full.eval_split, quick.eval_split) == ("val", "test", "test")
    assert (quick.noise_seeds, full.noise_seeds, full.seeds) == ((0,), (0, 1), 5)
    assert set(quick.tracks) <= set(full.tracks)


@pytest.mark.parametrize("name", protocol_names())
def test_every_track_of_a_protocol_has_a_recipe(name: str) -> None:
    assert set(load_protocol(name).tracks.values()) <= set(recipe_names())


def test_a_protocol_of_ones_own_is_a_file_with_recipes_beside_it(tmp_path: Path) -> None:
    own = load_protocol(write(tmp_path, OWN))
    assert own.tracks == {"mine": str(tmp_path / "mine.toml"), "clean": "clean"}
    assert (own.id, own.strategies, own.train, own.seeds) == ("own-v1", ("gce",), {"steps": 7}, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('dataset = "vost"', 'datset = "vost"'), "unknown key in .*: 'datset'. Did you mean 'dataset'?"),
        (('dataset = "vost"', ""), "the key 'dataset' is missing or empty"),
        (('dataset = "vost"', 'dataset = "vost"\nseeds = 0'), "seeds must be at least 1, got 0"),
        (('dataset = "vost"', 'dataset = "vost"\nseeds = true'), "seeds cannot be True"),
        (
            ('dataset = "vost"', 'dataset = "vost"\nnoise_seeds = [0, 0]'),
            r"noise_seeds must be different seeds, got \(0, 0\)",
        ),
        (('dataset = "vost"', 'dataset = "vost"\nnoise_seeds = ["a"]'), "noise_seeds must be different seeds"),
        (('dataset = "vost"', 'dataset = "vost"\nnoise_seed = -1'), r"different seeds, got \(-1,\)"),
        (('dataset = "vost"', 'dataset = "vost"\nnoise_seeds = [1]\nnoise_seed = 1'), "noise_seeds: give one of them"),
        (("[tracks]", "[options]\ngce = 3\n[tracks]"), r"\[options.gce\] must be a table, got 3"),
        (('["gce"]', '"gce"'), "strategies are a list of names or 'all'"),
        (('clean = "clean"', "clean = 3"), "track 'clean' needs the name or file of a recipe, got 3"),
        (('clean = "clean"', 'reference = "clean"'), "a track cannot be called 'reference'"),
        (('"own-v1"', '"../v1"'), "id: '../v1' cannot be the name of a file or folder"),
        (('"own-v1"', '".own"'), "id: '.own' is a hidden name"),
        (('clean = "clean"', '"a\\\\b" = "clean"'), "name of a track: .* cannot be the name of a file or folder"),
        (('clean = "clean"', '"a\\u001b[31m" = "clean"'), "name of a track: expected one line of printable text"),
        (("[tracks]", "[tracks"), "not a readable TOML file"),
    ],
)
def test_a_malformed_protocol_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        load_protocol(write(tmp_path, OWN.replace(*change)))


def test_an_unknown_protocol_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'quick'?"):
        load_protocol("quik")
    with pytest.raises(ActisegError, match=r"nowhere.toml: no such protocol file"):
        load_protocol("nowhere.toml")


def test_names_are_chosen_once_and_in_order() -> None:
    assert choose("track", ["b", "a", "b"], ["a", "b", "c"]) == ["b", "a"]
    assert choose("track", [], ["a", "b", "c"]) == ["a", "b", "c"]
    with pytest.raises(UnknownNameError, match=r"unknown track 'clena'. Did you mean 'clean'?"):
        choose("track", ["clena"], ["clean", "text-40"])


@dataclass
class Info:
    recipe: Recipe
    dataset: dict[str, Any]
    severity: dict[str, float | None]


NOISY = Info(Recipe("text-40", seed=3), {"name": "kitchen", "source": "kitchen"}, {"median_iou": 0.5})


class OnDisk(FakeManifest):
    """A manifest in memory that says what it is."""

    digest = ""

    def __init__(self, tables: dict[str, pa.Table] | None = None, digest: str = "0123456789abcdef") -> None:
        super().__init__(tables or {})
        self.info = NOISY  # type: ignore[assignment]
        self.digest = digest


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_manifest(path: Path) -> OnDisk:
        return OnDisk(digest=f"digest of {path.name}")

    monkeypatch.setattr(actiseg_noise, "read_manifest", read_manifest, raising=False)
    monkeypatch.setattr(pictures, "pictures_digest", lambda manifest, _: f"pictures of {manifest.digest}")


@pytest.mark.usefixtures("on_disk")
def test_a_protocols_manifests_are_built_once_each_under_the_output(tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def build(dataset: str, **options: Any) -> Path:
        asked.append((dataset, options))
        return Path(options["out"])

    tracks = protocol_tracks(load_protocol("quick-v1"), ["clean", "text-40"], tmp_path, build)
    assert [(o["split"], o["recipe"], str(o["out"].relative_to(tmp_path))) for _, o in asked] == [
        ("val", "clean", "kitchen/val/clean-s0"),
        ("train", "clean", "kitchen/train/clean-s0"),
        ("train", "text-40", "kitchen/train/text-40-s0"),
    ]
    assert all(d == "kitchen" and o["seed"] == 0 and o["resume"] and o["force"] for d, o in asked)
    assert [t.info.name for t in tracks] == ["clean", "text-40"]
    assert {t.info.eval_manifest for t in tracks} == {"digest of clean-s0"}
    assert tracks[1].info.train_manifest == "digest of text-40-s0"


@pytest.mark.usefixtures("on_disk")
def test_every_draw_of_the_noise_is_a_track_and_clean_labels_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_manifest(path: Path) -> OnDisk:
        recipe, seed = path.name.rsplit("-s", 1)
        found = OnDisk(digest=f"digest of {path.name}")
        noises = (NoiseSpec("category_flip-v1", 0.4),) if recipe != "clean" else ()
        found.info = Info(Recipe(recipe, noises, seed=int(seed)), NOISY.dataset, {})  # type: ignore[assignment]
        return found

    monkeypatch.setattr(actiseg_noise, "read_manifest", read_manifest, raising=False)
    asked: list[str] = []

    def build(dataset: str, *, out: Path, **_: Any) -> Path:
        asked.append(out.name)
        return out

    protocol = replace(load_protocol("full"), noise_seeds=(0, 3))
    tracks = protocol_tracks(protocol, ["clean", "flip-40"], tmp_path, build)
    assert [(t.info.name, t.info.noise_seed) for t in tracks] == [("clean", 0), ("flip-40", 0), ("flip-40", 3)]
    assert asked == ["clean-s0", "clean-s0", "clean-s0", "flip-40-s0", "flip-40-s3"]
    assert {t.validation for t in tracks} == {tmp_path / "kitchen" / "val" / "clean-s0"}
    assert {t.eval_manifest for t in tracks} == {tmp_path / "kitchen" / "test" / "clean-s0"}
    folders = [run_folder(t.info, "tiny", "gce-faithful", 1, tmp_path) for t in tracks]
    assert [folder.name for folder in folders] == ["seed1", "seed1", "noise3-seed1"]


@pytest.mark.usefixtures("on_disk")
def test_two_manifests_make_a_track_named_after_recipe_and_digest(tmp_path: Path) -> None:
    track = open_track(tmp_path / "noisy", tmp_path / "eval")
    assert (track.info.name, track.info.protocol, track.info.noise_seed) == ("text-40-digest", "own", 3)
    assert track.info.severity == {"median_iou": 0.5}
    images = "pictures of digest of noisy", "pictures of digest of eval"
    assert (track.info.train_images, track.info.eval_images) == images
    reference = reference_track(track)
    assert (reference.info.name, reference.info.train_manifest, reference.train_manifest) == ("reference", None, None)
    assert reference.info.eval_manifest == track.info.eval_manifest
    assert (reference.info.train_images, reference.info.eval_images) == (None, images[1])


@pytest.mark.parametrize("field", ["dataset", "train_split", "eval_split"])
def test_a_protocol_s_manifests_lie_below_the_output(tmp_path: Path, field: str) -> None:
    def build(dataset: str, *, out: Path, **_: Any) -> Path:
        assert out.resolve().is_relative_to(tmp_path)
        return out

    protocol = replace(load_protocol("quick"), **{field: "../../elsewhere"})
    with pytest.raises(ActisegError, match="cannot be the name of a file or folder"):
        protocol_tracks(protocol, ["flip-40"], tmp_path, build)


def test_clips_that_are_trained_and_scored_on_are_found() -> None:
    tables = fake_manifest().tables
    here, elsewhere = OnDisk(tables), OnDisk(tables)
    elsewhere.info = Info(Recipe("clean"), {"name": "other", "source": "other"}, {})
    assert shared_clips(here, here) == ["a", "b"]  # type: ignore[arg-type]
    assert shared_clips(here, elsewhere) == []  # type: ignore[arg-type]
