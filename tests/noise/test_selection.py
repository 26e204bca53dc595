"""Clips are chosen before anything of them is looked for; a published card's command works where only they are."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deposit_davis import write_davis
from deposit_refvos import write_refvos
from deposit_visor import write_visor
from deposit_vscos import write_vscos
from deposits import write_actionvos, write_vost
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.cli import main
from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.datasets.selection import ALL, Selection
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.progress import Progress
from actiseg_noise.publishing.publication import publish

# Dataset → what writes it, and where the masks of a clip are.
DEPOSITS: dict[str, tuple[Callable[[Path], Path], Callable[[Path, str], Path]]] = {
    "vost": (write_vost, lambda root, clip_id: root / "Annotations" / clip_id),
    "davis": (write_davis, lambda root, clip_id: root / "Annotations/480p" / clip_id),
    "actionvos": (write_actionvos, lambda root, clip_id: root / "Annotations_Sparse/train" / clip_id),
    "refvos": (write_refvos, lambda root, clip_id: root / "train/Annotations" / clip_id.partition(":")[0]),
    "vscos": (write_vscos, lambda root, clip_id: next(root.glob(f"*/*/anno_masks/*/{clip_id}"))),
}


def listed(name: str, root: Path) -> list[str]:
    """Return the clips of the split train, ascending; no mask is needed for that but where it says how many objects."""
    return [clip.clip_id for clip in DATASETS[name](root).iter_clips("train", with_frames=False)]


def write_partial(name: str, root: Path, keep: int) -> tuple[Path, list[str]]:
    """Write a deposit in which one clip alone has masks; return the root and the clips' ids, in order."""
    write, folder = DEPOSITS[name]
    write(root)
    clip_ids = listed(name, root)
    kept = folder(root, clip_ids[keep])
    for place in {folder(root, clip_id) for clip_id in clip_ids} - {kept}:
        shutil.rmtree(place)
    return root, clip_ids


@pytest.mark.parametrize("name", DEPOSITS)
def test_clips_that_are_not_asked_for_may_lack_their_masks(name: str, tmp_path: Path) -> None:
    root, clip_ids = write_partial(name, tmp_path / "data", keep=-1)
    with pytest.raises(DataError, match="no mask|no folder"):
        actiseg_noise.build(name, root=root, out=tmp_path / "all")
    with pytest.raises(DataError, match="no mask|no folder"):
        actiseg_noise.build(name, root=root, clips=clip_ids[:1], out=tmp_path / "first")
    path = actiseg_noise.build(name, root=root, clips=clip_ids[-1:], out=tmp_path / "last")
    assert actiseg_noise.read_manifest(path).table("clips")["clip_id"].to_pylist() == clip_ids[-1:]
    assert actiseg_noise.read_manifest(path).info.skipped == ()


@pytest.mark.parametrize("name", DEPOSITS)
def test_the_first_clips_are_the_first_that_are_listed(name: str, tmp_path: Path) -> None:
    root, clip_ids = write_partial(name, tmp_path / "data", keep=0)
    path = actiseg_noise.build(name, root=root, limit=1, out=tmp_path / "one")
    assert actiseg_noise.read_manifest(path).table("clips")["clip_id"].to_pylist() == clip_ids[:1]
    assert compare_with_dataset(actiseg_noise.read_manifest(path), root=root) == []


@pytest.mark.parametrize("name", [*DEPOSITS, "visor"])
@pytest.mark.parametrize("content", ["text", "full"])
def test_a_clip_that_is_not_listed_is_refused_with_the_nearest_name(name: str, content: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    (write_visor if name == "visor" else DEPOSITS[name][0])(root)
    known = listed(name, root)[-1]
    with pytest.raises(ActisegError, match=re.escape(f"{known + 'x'!r}. Did you mean {known!r}?")):
        actiseg_noise.build(name, root=root, clips=[known, f"{known}x"], content=content, out=tmp_path / "m")


def test_the_chosen_clips_of_visor_are_those_of_the_whole(tmp_path: Path) -> None:
    root = write_visor(tmp_path / "data")
    dataset = DATASETS["visor"](root)
    clips = list(dataset.iter_clips("train", with_frames=True))
    assert list(dataset.select(Selection(limit=1)).iter_clips("train", with_frames=True)) == clips[:1]
    last = dataset.select(Selection(clips=(clips[-1].clip_id,)))
    assert list(last.iter_clips("train", with_frames=True)) == clips[-1:]


def test_a_chosen_clip_that_is_missing_may_be_left_out_and_is_counted(tmp_path: Path) -> None:
    root, clip_ids = write_partial("vost", tmp_path / "data", keep=0)
    path = actiseg_noise.build("vost", root=root, clips=clip_ids[:2], skip_missing=True, out=tmp_path / "m")
    info = actiseg_noise.read_manifest(path).info
    assert (info.counts["clips"], info.skipped) == (1, tuple(clip_ids[1:2]))


@pytest.mark.parametrize("skip_missing", [False, True])
def test_the_first_of_those_named_are_looked_for_alone(tmp_path: Path, skip_missing: bool) -> None:
    root, clip_ids = write_partial("vost", tmp_path / "data", keep=0)
    how: dict[str, Any] = {"clips": clip_ids, "limit": 2 if skip_missing else 1, "skip_missing": skip_missing}
    info = actiseg_noise.read_manifest(actiseg_noise.build("vost", root=root, out=tmp_path / "m", **how)).info
    assert (info.counts["clips"], info.skipped) == (1, tuple(clip_ids[1:2]) if skip_missing else ())
    with pytest.raises(ActisegError, match=r"'zzz'\."):
        actiseg_noise.build("vost", root=root, clips=[clip_ids[0], "zzz"], limit=1, out=tmp_path / "n")


def test_a_dataset_that_is_given_keeps_its_own_selection_and_count(tmp_path: Path) -> None:
    toy = write_toy(make_toy(), tmp_path / "data")
    request = make_request(toy, BuildOptions(limit=2))
    assert [clip.clip_id for clip in request.iter_clips()] == ["clip000", "clip001"]
    assert toy.selection == ALL
    assert toy.select(ALL) is toy
    assert toy.select(Selection(limit=2)).skipped is not toy.skipped


def test_an_adapter_that_knows_nothing_of_selections_gives_the_same_clips(tmp_path: Path) -> None:
    toy = Toy(tmp_path, make_toy().clips)  # its iter_clips yields all, whatever is selected
    request = make_request(toy, BuildOptions(clips=["clip003", "clip001"], limit=1, content="text"))
    assert [clip.clip_id for clip in request.iter_clips()] == ["clip001"]


# --- the card


def rebuild(page: str, folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Type the card's command in the published folder, with the dataset's folder for ``DIR``; return what it wrote."""
    (command,) = [line for line in page.splitlines() if line.startswith("actiseg-noise build")]
    words = [str(root) if word == "DIR" else word for word in shlex.split(command)]
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit, match="0"):
        main()
    return folder / words[words.index("--out") + 1]


@pytest.mark.parametrize("name", ["vost", "davis"])
@pytest.mark.parametrize("how", [{"clips": True}, {"limit": 1}, {"skip_missing": True}])
def test_the_card_of_a_partial_deposit_builds_it_again(
    name: str, how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, clip_ids = write_partial(name, tmp_path / "data", keep=0)
    chosen = {"clips": clip_ids[:1]} if "clips" in how else how
    source = actiseg_noise.build(name, root=root, flip=0.5, gate=False, out=tmp_path / "m", **chosen)
    published = publish([source], tmp_path / "published")
    page = (published.path / "README.md").read_text("utf-8")
    again = rebuild(page, published.path, root, monkeypatch)
    assert actiseg_noise.read_manifest(again).digest == actiseg_noise.read_manifest(source).digest
    assert (
        compare_with_dataset(actiseg_noise.read_manifest(published.path / published.manifests[0].folder), root=root)
        == []
    )


def test_a_file_of_clips_may_begin_with_a_byte_order_mark_and_end_its_lines_as_windows_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, clip_ids = write_partial("vost", tmp_path / "data", keep=0)
    (tmp_path / "clips.txt").write_bytes(b"\xef\xbb\xbf" + f"{clip_ids[0]}\r\n\r\n".encode())
    words = ["build", "--dataset", "vost", "--root", root, f"--clips=@{tmp_path}/clips.txt", "--out", tmp_path / "m"]
    monkeypatch.setattr("sys.argv", ["actiseg-noise", *map(str, words)])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert json.loads((tmp_path / "m/manifest.json").read_text("utf-8"))["selection"] == {"clips": clip_ids[:1]}


def test_a_name_that_is_not_there_is_an_error_though_the_limit_is_reached(tmp_path: Path) -> None:
    toy = write_toy(make_toy(), tmp_path / "toy")
    ids = [clip.clip_id for clip in toy.iter_clips("train", with_frames=False)]
    with pytest.raises(ActisegError, match=r"--clips: 1 of 4 are not in split 'train' .*'typo'"):
        actiseg_noise.build(toy, flip=0.5, content="text", clips=[*ids[:3], "typo"], limit=3, out=tmp_path / "m")


@pytest.mark.parametrize("content", ["full", "text"])
def test_a_split_without_any_clip_is_told_of(content: str, tmp_path: Path) -> None:
    root = write_davis(tmp_path / "data")
    (root / "ImageSets/2017/train.txt").write_text("\n")
    notes: list[str] = []

    class Told(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    actiseg_noise.build("davis", root=root, content=content, progress=Told(), out=tmp_path / "m")
    assert any("split 'train' of 'davis' has no clip, so the manifest is empty" in note for note in notes)
