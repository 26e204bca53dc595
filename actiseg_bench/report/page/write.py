"""Write a report: one page per leaderboard, in one file each or with its pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_bench.check.case import ManifestIndex
from actiseg_bench.data.image_root import check_usable
from actiseg_bench.report.board import Leaderboard
from actiseg_bench.report.leaderboard import leaderboard
from actiseg_bench.report.page.clips import (
    SHOWN,
    Place,
    choose_clips,
    clip_entry,
    packed_clip,
    read_masks,
    read_scores,
)
from actiseg_bench.report.page.tables import board_data, cell_runs
from actiseg_bench.report.page.training_clips import (
    choose_training_clips,
    memorised_of,
    name_of,
    predictions_of,
    read_training,
    training_entry,
)
from actiseg_bench.results.stored import Results, StoredRun
from actiseg_noise.borders.drafts import remove_if_empty
from actiseg_noise.borders.folders import list_names, portable_name
from actiseg_noise.borders.text import read_bytes
from actiseg_noise.borders.writing import remove_file, write_bytes, write_text
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.info import check_no_manifest
from actiseg_noise.web.clip_data import Address
from actiseg_noise.web.page import Assets, render_page
from actiseg_noise.web.pictures import into_page, picture_reader

CLIPS = 40
MOST_TRAINED = 2  # of the clips that are asked for, the part that is added of training
FRAMES = "frames"
_PICTURE = re.compile(r"[0-9a-f]{16}\.webp")
_ASSETS = Assets(
    "actiseg_bench.report.page",
    "report.html",
    styles=("report.css",),
    scripts=(
        "chart.js",
        "ranking.js",
        "matrix.js",
        "sensitivity.js",
        "failures.js",
        "training.js",
        "clips.js",
        "main.js",
    ),
)


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        pages: one per leaderboard. clips: shown on all of them. bytes: of all files.
        missing: what could not be shown, a line each.
    """

    pages: tuple[Path, ...]
    clips: int
    bytes: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """Where a report's labels and pictures are.

    Attributes:
        folder: the runs', whose ``manifests`` are looked through. manifest: clean labels elsewhere.
        root: the folder of the scored dataset's pictures; None is its usual place.
    """

    folder: Path
    manifest: Path | None = None
    root: Path | None = None


def write_report(
    runs: Sequence[StoredRun], sources: Sources, out: Path, *, clips: int = CLIPS, single_file: bool = False
) -> Report:
    """Write a page per leaderboard, in the place of an earlier report's.

    Args:
        out: a folder; a page is ``index.html`` there, of several each in a folder of its own, and its pictures are
            beside it. With ``single_file`` the page itself, or the folder of several.
        clips: how many are shown, 0 for none; see :func:`choose_clips`. At most half as many training clips come with
            them, where runs have stored any.

    Raises:
        ActisegError: no run; an ``out`` that is a manifest's folder or cannot be written.
    """
    raise_if(not runs, "there is no finished run to report")
    check_no_manifest(out)
    boards = leaderboard(Results(runs))
    index = ManifestIndex(sources.folder, sources.manifest)
    pages, written, missing, shown = [], 0, [], 0
    for board in boards:
        page = _page_path(board, out, several=len(boards) > 1, single_file=single_file)
        held: list[str] = []
        beside = _Files(page.parent)
        cells = cell_runs(board, runs)
        firsts = {place: some[0] for place, some in cells.items() if some and not some[0].result.is_reference}
        place = into_page(held) if single_file else beside.place
        data, packed, lacking = _clips(firsts, index, sources, clips, place)
        trained = _training_clips(firsts, index, sources, clips // MOST_TRAINED, place)
        data += [entry | {"place": len(packed) + entry["place"]} for entry in trained[0]]
        packed, lacking = packed + trained[1], [*lacking, *trained[2]]
        title = f"{board.model} on {board.dataset}: {board.protocol}"
        whole = {"board": board_data(board, cells, sources.folder), "clips": data, "shown": SHOWN}
        write_text(page, render_page(_ASSETS, title, whole, packed, held, missing=lacking, folder=str(sources.folder)))
        if not single_file:  # the new page is there before the old one's pictures go
            beside.remove_others()
        pages.append(page)
        missing += lacking
        shown += len(packed)
        written += page.stat().st_size + beside.size
    return Report(tuple(pages), shown, written, tuple(missing))


def _page_path(board: Leaderboard, out: Path, *, several: bool, single_file: bool) -> Path:
    """Return where a leaderboard's page goes."""
    name = portable_name(f"{board.model}-{board.dataset}-{board.protocol}")
    if single_file:
        return out / f"{name}.html" if several else out if out.suffix == ".html" else out / "report.html"
    return out / name / "index.html" if several else out / "index.html"


class _Files:
    """Pictures in files beside a page, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Return how large the files are."""
        return sum(self._sizes.values())

    def place(self, data: bytes) -> str:
        """Write a picture and return its address for the page."""
        name = f"{FRAMES}/{_picture_name(data)}"
        if name not in self._sizes:
            (self._folder / FRAMES).mkdir(parents=True, exist_ok=True)
            write_bytes(self._folder / name, data)
            self._sizes[name] = len(data)
        return name

    def remove_others(self) -> None:
        """Remove the pictures of an earlier report that this one has no use for.

        A picture is known by its name, which is a digest of its bytes: a file of anybody else's stays.
        """
        folder = self._folder / FRAMES
        for name in list_names(folder):
            path = folder / name
            is_picture = _PICTURE.fullmatch(name) is not None and path.is_file() and not path.is_symlink()
            if is_picture and f"{FRAMES}/{name}" not in self._sizes and _picture_name(read_bytes(path)) == name:
                remove_file(path)
        remove_if_empty(folder)


def _picture_name(data: bytes) -> str:
    return f"{blake2b(data, digest_size=8).hexdigest()}.webp"


def _clips(
    shown: Mapping[Place, StoredRun],
    index: ManifestIndex,
    sources: Sources,
    count: int,
    place: Callable[[bytes], Address],
) -> tuple[list[Any], list[Any], list[str]]:
    """Return the list of clips, what is unpacked of each, and what is missing."""
    digests = {run.result.track.eval_manifest for run in shown.values()}
    manifest = index.find(next(iter(digests))) if len(digests) == 1 else None
    if not count or not shown:
        return [], [], []
    if manifest is None:
        why = (
            "runs of several evaluation labels" if len(digests) > 1 else "the clean labels are not at hand (--manifest)"
        )
        return [], [], [f"no clips: {why}"]
    scores, missing = read_scores(shown)
    chosen = choose_clips(scores, count)
    masks, unread = read_masks(shown, chosen)
    root, lacking = _root_of(manifest, sources.root)

    picture_of = picture_reader(root, place)
    clips = list(manifest.iter_clips(chosen))
    entries = [clip_entry(clip, number, scores) for number, clip in enumerate(clips)]
    return (
        entries,
        [packed_clip(clip, masks[clip.clip_id], picture_of) for clip in clips],
        [*missing, *unread, *lacking],
    )


def _training_clips(
    shown: Mapping[Place, StoredRun],
    index: ManifestIndex,
    sources: Sources,
    count: int,
    place: Callable[[bytes], Address],
) -> tuple[list[Any], list[Any], list[str]]:
    """Return of training clips what :func:`_clips` does: those whose wrong labels the rows give back most."""
    labels: dict[str, str | None] = {}
    for (track, _), run in shown.items():
        labels.setdefault(track, run.result.track.train_manifest)
    mine = {one: run for one, run in shown.items() if run.result.track.train_manifest == labels[one[0]]}
    stored, missing = read_training(mine) if count else ({}, [])
    shares, clips = {}, {}
    for track in dict.fromkeys(track for track, _ in stored):
        manifest = index.find(labels[track])
        if manifest is None:
            missing.append(f"no training clips of {track}: its labels are not at hand")
            continue
        for clip in manifest.iter_clips([name for of, name in stored if of == track]):
            if found := memorised_of(clip, stored[track, clip.clip_id]):
                shares[track, clip.clip_id], clips[track, clip.clip_id] = found, (clip, manifest)
    entries: list[Any] = []
    packed: list[Any] = []
    for track, name in choose_training_clips(shares, count):
        clip, manifest = clips[track, name]
        root, _ = _root_of(manifest, sources.root)
        entries.append(training_entry(clip, track, len(packed), shares[track, name]))
        masks = predictions_of(stored[track, name], track)
        packed.append(packed_clip(clip, masks, picture_reader(root, place)) | {"id": name_of(clip, track)})
    return entries, packed, missing


def _root_of(manifest: Any, root: Path | None) -> tuple[Path | None, list[str]]:
    """Return the folder of the pictures, None where there is none, and a line that says so."""
    try:
        return check_usable(manifest, root), []
    except ActisegError as error:
        return None, [f"no pictures behind the masks: {error}"]
