"""Write a report: one page per leaderboard, in one file each or with its pictures beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_bench.check.case import ManifestIndex
from actiseg_bench.data.image_root import check_usable
from actiseg_bench.report.cells import short_name
from actiseg_bench.report.extras import extras_reader
from actiseg_bench.report.page.clips import (
    SHOWN,
    Place,
    choose_clips,
    clip_entry,
    one_run_each,
    packed_clip,
    read_masks,
    read_scores,
)
from actiseg_bench.report.page.tables import block_names, board_data
from actiseg_bench.report.sums import sums_reader
from actiseg_bench.report.table import Leaderboard, make_leaderboards
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import StoredRun
from actiseg_noise.borders.folders import portable_name
from actiseg_noise.borders.writing import write_bytes, write_text
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.clips import ManifestFrame
from actiseg_noise.web.page import Assets, render_page
from actiseg_noise.web.pictures import data_uri, read_picture, webp

CLIPS = 40
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
    """Write a page per leaderboard.

    Args:
        out: a folder; a page is ``index.html`` there, of several each in a folder of its own, and its pictures are
            beside it. With ``single_file`` the page itself, or the folder of several.
        clips: how many are shown, 0 for none; see :func:`choose_clips`.

    Raises:
        ActisegError: no run; an ``out`` that cannot be written.
    """
    raise_if(not runs, "there is no finished run to report")
    submitted = {(run.result.track.protocol, run.result.run_key) for run in runs if run.is_submitted}
    boards = make_leaderboards([run.result for run in runs], sums_reader(runs), extras_reader(runs), submitted)
    index = ManifestIndex(sources.folder, sources.manifest)
    pages, written, missing, shown = [], 0, [], 0
    for board in boards:
        page = _page_path(board, out, several=len(boards) > 1, single_file=single_file)
        keeper = _Pictures(page.parent, inside=single_file)
        mine = [run for run in runs if _is_of(run.result, board)]
        runs_of = one_run_each(list(_places(mine, board)))
        data, packed, lacking = _clips(runs_of, index, sources, clips, keeper.place)
        title = f"{board.model} on {board.dataset}: {board.protocol}"
        whole = {"board": board_data(board, runs, sources.folder), "clips": data, "shown": SHOWN}
        write_text(page, render_page(_ASSETS, title, whole, packed, missing=lacking, folder=str(sources.folder)))
        pages.append(page)
        missing += lacking
        shown += len(packed)
        written += page.stat().st_size + keeper.size
    return Report(tuple(pages), shown, written, tuple(missing))


def _page_path(board: Leaderboard, out: Path, *, several: bool, single_file: bool) -> Path:
    """Return where a leaderboard's page goes."""
    name = portable_name(f"{board.model}-{board.dataset}-{board.protocol}")
    if single_file:
        return out / f"{name}.html" if several else out if out.suffix == ".html" else out / "report.html"
    return out / name / "index.html" if several else out / "index.html"


def _is_of(result: RunResult, board: Leaderboard) -> bool:
    """Return whether a result is one of a leaderboard's."""
    return (result.model, result.track.dataset, result.track.protocol) == (board.model, board.dataset, board.protocol)


class _Pictures:
    """Where a page's pictures go: into the page, or into files beside it, each once."""

    def __init__(self, folder: Path, *, inside: bool) -> None:
        self._folder, self._inside = folder, inside
        self._sizes: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Return how large the files are."""
        return sum(self._sizes.values())

    def place(self, data: bytes) -> str:
        """Return the address of a picture for the page."""
        if self._inside:
            return data_uri(data)
        name = f"frames/{blake2b(data, digest_size=8).hexdigest()}.webp"
        if name not in self._sizes:
            (self._folder / "frames").mkdir(parents=True, exist_ok=True)
            write_bytes(self._folder / name, data)
            self._sizes[name] = len(data)
        return name


def _clips(
    shown: Mapping[Place, StoredRun],
    index: ManifestIndex,
    sources: Sources,
    count: int,
    place: Callable[[bytes], str],
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

    def picture_of(frame: ManifestFrame) -> str | None:
        picture = read_picture(frame, root)
        return None if picture is None else place(webp(picture))

    clips = list(manifest.iter_clips(chosen))
    entries = [clip_entry(clip, number, scores) for number, clip in enumerate(clips)]
    return (
        entries,
        [packed_clip(clip, masks[clip.clip_id], picture_of) for clip in clips],
        [*missing, *unread, *lacking],
    )


def _places(runs: Sequence[StoredRun], board: Leaderboard) -> Iterator[tuple[Place, StoredRun]]:
    """Yield trained runs by row and track, which is called as on the leaderboard: two may share a name."""
    blocks = zip(board.blocks, block_names(board), strict=True)
    names = {(one.name, one.train_manifest): name for block, name in blocks for one in block.tracks}
    for run in runs:
        result = run.result
        if not result.is_reference:
            track = names[result.track.name, result.track.train_manifest]
            yield (track, short_name(result.strategy, result.variant)), run


def _root_of(manifest: Any, root: Path | None) -> tuple[Path | None, list[str]]:
    """Return the folder of the pictures, None where there is none, and a line that says so."""
    try:
        return check_usable(manifest, root), []
    except ActisegError as error:
        return None, [f"no pictures behind the masks: {error}"]
