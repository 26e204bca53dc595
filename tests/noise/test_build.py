"""The build: folders, replacing, refusing, worker processes; what a user finds afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from builds import RECIPE, Notes, digest, listing
from toys import Toy, make_clip, make_toy, thing, write_toy

import actiseg_noise
from actiseg_noise.building import chunk
from actiseg_noise.building.pool import finished_chunks
from actiseg_noise.building.request import make_request
from actiseg_noise.errors import ActisegError, DataError, GateError, UnknownNameError
from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.recipe import Recipe
from actiseg_noise.records import Clip

pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return write_toy(make_toy(), tmp_path / "data")


# --- what comes out


def test_a_build_leaves_a_manifest_and_nothing_else(toy: Toy, tmp_path: Path) -> None:
    out = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "made" / "m")
    assert out == tmp_path / "made" / "m"
    assert listing(tmp_path / "made") == ["m"]
    assert listing(out) == [
        "clips.parquet",
        "frames.parquet",
        "manifest.json",
        "masks.parquet",
        "samples.parquet",
        "vocabulary.json",
    ]
    info = actiseg_noise.read_manifest(out).info
    assert info.counts == {
        "clips": 12,
        "frames": 24,
        "samples": sum(len(clip.objects) for clip in toy.clips),
        "masks": sum(2 * len(clip.objects) for clip in toy.clips),
    }
    assert [(slot.noise_id, slot.unit) for slot in info.noises] == [
        ("category_flip-v1", "sample"),
        ("noun_substitution-v1", "sample"),
        ("dilate-v1", "mask"),
    ]
    assert info.recipe == RECIPE
    assert info.name == "toy/train/toy-mix-s3"


def test_workers_and_chunks_do_not_change_the_digest(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "one")
    two = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "two", workers=2)
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 500)
    whole = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "whole")
    assert digest(one) == digest(two) == digest(whole)
    infos = [actiseg_noise.read_manifest(path).info for path in (one, two, whole)]
    assert all(replace(info, files={}) == replace(infos[0], files={}) for info in infos)


def test_the_root_and_the_paths_do_not_enter_the_digest(toy: Toy, tmp_path: Path) -> None:
    elsewhere = write_toy(make_toy(), tmp_path / "elsewhere")
    clips = [replace(c, frames=tuple(replace(f, image_path=None) for f in c.frames)) for c in elsewhere.clips]
    one = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "one")
    other = actiseg_noise.build(Toy(tmp_path / "elsewhere", clips), recipe=RECIPE, out=tmp_path / "other")
    assert digest(one) == digest(other)


def test_text_content_reads_no_mask(tmp_path: Path) -> None:
    toy = make_toy(root=tmp_path / "no such folder")
    toy.masks = {}
    recipe = Recipe("text", RECIPE.noises[:2], seed=3)
    manifest = actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=recipe, content="text", out=tmp_path / "m"))
    assert manifest.info.content == "text"
    assert manifest.table("masks").num_rows == 0
    frames = manifest.table("frames")
    assert frames.num_rows == 24
    assert frames.column("height").null_count == frames.column("width").null_count == 24


def test_text_is_the_same_with_and_without_masks(toy: Toy, tmp_path: Path) -> None:
    recipe = Recipe("text", RECIPE.noises[:2], seed=3)
    text, full = (
        actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=recipe, content=c, out=tmp_path / c))
        for c in ("text", "full")
    )
    assert text.table("samples") == full.table("samples")
    assert text.digest != full.digest


def test_a_build_that_found_no_mask_says_so(tmp_path: Path) -> None:
    toy = make_toy(root=tmp_path)
    toy.clips = tuple(replace(clip, frames=()) for clip in toy.clips)
    for content, told in (("full", 1), ("text", 0)):
        actiseg_noise.build(toy, content=content, out=tmp_path / content, progress=(heard := Notes()))
        assert sum(f"{content} has no masks: none was found below {tmp_path}" in one for one in heard.notes) == told


def test_an_empty_split_is_a_manifest(tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(actiseg_noise.build(Toy(tmp_path), recipe=RECIPE, out=tmp_path / "m"))
    assert manifest.info.counts == {table.name: 0 for table in TABLES}
    assert manifest.info.severity == {"harmful_positives": None, "median_iou": None}


def test_the_default_folder_says_what_it_is(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert actiseg_noise.build(toy, recipe="flip-40") == Path("manifests/toy/train/flip-40-s0")
    assert actiseg_noise.build(toy, recipe="flip-40", seed=5, limit=3) == Path("manifests/toy/train/flip-40-s5-first3")
    exact = actiseg_noise.build(toy, recipe="flip-40", exact_rate=True, temporal="clip")
    assert exact.name == "flip-40+exact+per-clip-s0"


def test_the_vocabulary_does_not_depend_on_the_selection(toy: Toy, tmp_path: Path) -> None:
    all_clips, one_clip = (
        actiseg_noise.read_manifest(actiseg_noise.build(toy, out=tmp_path / f"m{limit}", limit=limit))
        for limit in (None, 1)
    )
    assert all_clips.vocabulary == one_clip.vocabulary
    assert all_clips.info.vocabulary == {"origin": "dataset", "digest": all_clips.vocabulary.digest()}


def test_a_vocabulary_file_is_used(toy: Toy, tmp_path: Path) -> None:
    first = actiseg_noise.build(toy, recipe="flip-40", out=tmp_path / "m")
    again = actiseg_noise.build(toy, recipe="flip-40", vocabulary=first / "vocabulary.json", out=tmp_path / "again")
    assert digest(first) == digest(again)
    assert actiseg_noise.read_manifest(again).info.vocabulary["origin"] == "vocabulary.json"


def test_exact_rates_are_stated_exactly(toy: Toy, tmp_path: Path) -> None:
    path = actiseg_noise.build(toy, recipe=RECIPE, exact_rate=True, out=tmp_path / "m", workers=2)
    for spec, slot in zip(RECIPE.noises, actiseg_noise.read_manifest(path).info.noises, strict=True):
        assert slot.realised == round(spec.rate * slot.eligible) == slot.interval[0] == slot.interval[1]


def test_a_track_is_counted_once(toy: Toy, tmp_path: Path) -> None:
    path = actiseg_noise.build(toy, recipe=RECIPE, temporal="clip", out=tmp_path / "m")
    manifest = actiseg_noise.read_manifest(path)
    masks = manifest.table("masks").to_pylist()
    visible = {row["sample_id"] for row in masks if row["clean_area"]}
    positive = {row["sample_id"] for row in manifest.table("samples").to_pylist() if row["is_positive"]}
    slot = manifest.info.noises[2]
    assert (slot.unit, slot.eligible) == ("track", len(visible & positive))
    assert slot.realised == len({row["sample_id"] for row in masks if row["mask_noise"] != "none"})


def test_progress_counts_every_clip(toy: Toy, tmp_path: Path) -> None:
    heard = Notes()
    actiseg_noise.build(toy, out=tmp_path / "m", progress=heard)
    assert (heard.clips, heard.total) == (12, 12)
    actiseg_noise.build(toy, out=tmp_path / "t", content="text", progress=(heard := Notes()))
    assert (heard.clips, heard.total) == (12, None)


def test_manifest_json_is_for_people(toy: Toy, tmp_path: Path) -> None:
    data = json.loads((actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m") / "manifest.json").read_text())
    assert list(data)[:2] == ["schema_version", "tool_version"]
    assert data["seed"] == 3
    assert data["dataset"]["title"] == "Toy"
    assert data["noises"][0]["rate"] == data["noises"][0]["realised"] / data["noises"][0]["eligible"]
    assert str(tmp_path) not in json.dumps(data), "no path of this machine"


# --- what is refused


def test_an_existing_output_is_kept(toy: Toy, tmp_path: Path) -> None:
    out = actiseg_noise.build(toy, recipe="flip-40", out=tmp_path / "m")
    before = digest(out)
    same = (
        r"m: the output exists and is what this command builds, so nothing is left to do\. Choose another --out, or re"
    )
    with pytest.raises(ActisegError, match=same):
        actiseg_noise.build(toy, recipe="flip-40", out=out)
    differs = r"recipe flip-40 \(seed 0\) there, flip-20 \(seed 3\) here, selection none there, limit 2 here"
    for resume in (False, True):
        with pytest.raises(ActisegError, match=rf"m: the output exists, and is of another build: {differs}\. Choose"):
            actiseg_noise.build(toy, recipe="flip-20", seed=3, limit=2, out=out, resume=resume)
    assert digest(out) == before
    assert listing(tmp_path) == ["data", "m"]


def test_force_replaces_a_manifest_and_nothing_else(toy: Toy, tmp_path: Path) -> None:
    out = actiseg_noise.build(toy, recipe="flip-40", out=tmp_path / "m")
    before = digest(out)
    assert digest(actiseg_noise.build(toy, recipe="flip-20", out=out, force=True)) != before
    assert listing(tmp_path) == ["data", "m"]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(ActisegError, match="thesis: exists and is not a manifest, so it is not replaced"):
        actiseg_noise.build(toy, out=tmp_path / "thesis", force=True)
    assert listing(tmp_path / "thesis") == ["chapter.tex"]


def test_force_loses_nothing_when_the_build_fails(toy: Toy, tmp_path: Path) -> None:
    out = actiseg_noise.build(toy, recipe="flip-40", out=tmp_path / "m")
    before = digest(out)
    (toy.root / toy.clips[0].frames[0].mask_path).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"clip000/f000\.png: not a readable PNG"):
        actiseg_noise.build(toy, recipe="flip-20", out=out, force=True)
    assert digest(out) == before
    assert listing(tmp_path) == ["data", "m"]


def test_force_deletes_no_file_of_somebody_else(toy: Toy, tmp_path: Path) -> None:
    out = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m")
    (out / "._masks.parquet").write_bytes(b"left by a Mac")
    actiseg_noise.build(toy, recipe=RECIPE, out=out, force=True)
    (out / "notes").mkdir()
    (out / "notes/thoughts.txt").write_text("mine")
    with pytest.raises(ActisegError, match=r"--force would delete 1 file that is not of the manifest.*notes/thoughts"):
        actiseg_noise.build(toy, recipe=RECIPE, out=out, force=True)
    assert (out / "notes/thoughts.txt").read_text() == "mine"


def test_bad_input_leaves_nothing_behind(toy: Toy, tmp_path: Path) -> None:
    (toy.root / toy.clips[0].frames[0].mask_path).unlink()
    with pytest.raises(DataError, match=r"clip000/f000\.png: the mask file is missing"):
        actiseg_noise.build(toy, out=tmp_path / "deep" / "down" / "m")
    assert listing(tmp_path) == ["data"]


def test_an_evaluation_split_is_noised_only_on_purpose(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match=r"'val' is an evaluation split of 'toy' and recipe 'flip-40' has noise"):
        actiseg_noise.build(toy, split="val", recipe="flip-40", out=tmp_path / "m")
    actiseg_noise.build(toy, split="val", out=tmp_path / "clean")
    actiseg_noise.build(toy, split="val", recipe="flip-40", allow_eval=True, out=tmp_path / "noisy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, r"dataset 'toy' has no split 'tset'\. Known: train, val"),
        ({"recipe": "flop-40"}, r"unknown recipe 'flop-40'\. Did you mean 'flip-40'\?"),
        ({"content": "texts"}, r"unknown content 'texts'\. Did you mean 'text'\?"),
        ({"content": "recipe-only"}, r"unknown content 'recipe-only'"),
        ({"recipe": "mask-9", "content": "text"}, r"has mask noise \(dilate-v1\), but --content text carries no masks"),
        ({"temporal": "frames"}, r"unknown temporal mode 'frames'\. Did you mean 'frame'\?"),
        ({"vocabulary": "nowhere.json"}, r"--vocabulary nowhere\.json: expected 'dataset', 'train' or a JSON file"),
        ({"limit": 0}, r"--limit must be at least 1, got 0"),
        ({"workers": 0}, r"--workers must be at least 1, got 0"),
        ({"clips": ["clip0001"]}, r"1 of 1 are not in split 'train' \(12 clips\): 'clip0001'\. Did you mean 'clip001'"),
    ],
)
def test_bad_usage_is_refused(toy: Toy, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        actiseg_noise.build(toy, out=tmp_path / "m", **options)
    assert listing(tmp_path) == ["data"]


def test_an_unknown_dataset_comes_with_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"unknown dataset 'vots'\. Did you mean 'vost'\? Known: .*'ytvis' reads .* CVAT and Label",
    ):
        actiseg_noise.build("vots")


def test_options_that_an_adapter_does_not_know_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="dataset 'actionvos' has no option 'objects'. Known: "):
        actiseg_noise.build("actionvos", root=tmp_path, options={"objects": "merged"})


def test_a_bad_vocabulary_file_is_refused(toy: Toy, tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text('{"categories": 3}')
    with pytest.raises(
        ActisegError, match=r"--vocabulary .*words\.json: categories: expected a list of objects, found 3"
    ):
        actiseg_noise.build(toy, vocabulary=path, out=tmp_path / "m")


def test_the_gate_can_be_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actiseg_noise.building.plan import Slot

    toy = Toy(tmp_path, [make_clip(f"c{i:03d}", [thing(1, 1), thing(2, 2)], 0) for i in range(100)])
    monkeypatch.setattr(Slot, "fires", lambda _slot, _key: False)
    with pytest.raises(GateError, match=r"category_flip-v1: 0 of 200 draws were corrupted, but a rate of 0\.4 allows"):
        actiseg_noise.build(toy, recipe="flip-40", out=tmp_path / "m")
    assert not (tmp_path / "m").exists()
    path = actiseg_noise.build(toy, recipe="flip-40", out=tmp_path / "m", gate=False)
    assert actiseg_noise.read_manifest(path).info.noises[0].realised == 0


# --- worker processes


class Crashing(Toy):
    """A toy that ends the process that reads its masks."""

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        yield from self.clips

    def read_index_mask(self, clip: Clip, frame: Any) -> Any:
        os._exit(9)


def test_a_worker_that_dies_is_an_error_with_advice(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match=r"a worker process ended in the middle of its work \(exit code 9\)"):
        actiseg_noise.build(Crashing(toy.root, toy.clips), out=tmp_path / "m", workers=2)
    assert listing(tmp_path) == ["data"]


def test_an_error_in_a_worker_is_the_same_error(toy: Toy, tmp_path: Path) -> None:
    (toy.root / toy.clips[3].frames[0].mask_path).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"clip003/f000\.png: not a readable PNG"):
        actiseg_noise.build(toy, out=tmp_path / "m", workers=2)


SCRIPT = """
import sys
from pathlib import Path
import actiseg_noise
sys.path.insert(0, {tests!r})
from toys import Toy, make_toy
from actiseg_noise.building import chunk
chunk.FRAMES_PER_CHUNK = 5
toy = Toy(Path({root!r}), make_toy().clips)
{guard}print(actiseg_noise.build(toy, out={out!r}, workers=2))
"""


def run_python(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], input=given, capture_output=True, text=True, check=False)


def test_workers_from_a_script_without_a_main_guard_are_refused_with_the_reason(tmp_path: Path) -> None:
    root = write_toy(make_toy(), tmp_path / "data").root  # not by the script, which every worker imports
    folders = {"root": str(root), "out": str(tmp_path / "m"), "tests": str(Path(__file__).parent)}
    script, text = tmp_path / "script.py", SCRIPT.format(guard="", **folders)
    script.write_text(text)
    for done in (run_python(str(script)), run_python("-", given=text)):
        line = done.stderr.strip().splitlines()[-1]
        assert "if __name__ ==" in line
        assert "`__main__`" in line
        assert "memory" not in line
        assert not (tmp_path / "m").exists()
    folders["out"] = str(tmp_path / "n")  # a worker of those before may be just ending, with the lock of their place
    script.write_text(SCRIPT.format(guard="if __name__ == '__main__': ", **folders))
    done = run_python(str(script))
    assert done.stdout == f"{tmp_path / 'n'}\n", done.stderr


class Killed(Crashing):
    """A toy that the system kills when its masks are read."""

    def read_index_mask(self, clip: Clip, frame: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_was_killed_is_an_error_that_names_the_signal(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match=r"killed by SIGKILL, as the system does when memory runs out.*--workers"):
        actiseg_noise.build(Killed(toy.root, toy.clips), out=tmp_path / "m", workers=2)
    assert listing(tmp_path) == ["data"]


def test_worker_processes_end_with_the_generator_that_is_abandoned(toy: Toy, tmp_path: Path) -> None:
    before = set(active_children())
    wanted = chunk.numbered(chunk.split_chunks(toy.clips, "full"), tmp_path)
    finished = finished_chunks(make_request(toy).job(), wanted, 2)
    assert next(finished)[1] > 0
    assert len(set(active_children()) - before) == 2
    finished.close()
    assert set(active_children()) <= before
