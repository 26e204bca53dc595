"""Write the analysis of a folder of runs: per study the tables as CSV, the charts, every run and clip as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.metrics.failure_modes import MODES, failure_modes
from actiseg_bench.report.board import Leaderboard
from actiseg_bench.report.bootstrap import clip_sums
from actiseg_bench.report.charts import draw_failures, draw_levels, draw_profiles, draw_trade_off
from actiseg_bench.report.extras import ExtrasOf, extras_reader
from actiseg_bench.report.per_run import RUN, iter_runs, write_records
from actiseg_bench.report.sheets import Sheet, find_gaps, make_sheets
from actiseg_bench.report.study import Study, make_studies
from actiseg_bench.report.sums import sums_reader
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.report.training_charts import draw_memorisation, draw_selection
from actiseg_bench.results.networks import over_networks
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.object_frames import FILE_NAME, iter_clips, read_object_frames, read_videos
from actiseg_noise.borders.writing import FIGURE_FORMATS, remove_file, whole_csv, write_figure, write_text
from actiseg_noise.errors import ActisegError, MissingExtraError, raise_if
from actiseg_noise.plot_style import DPI, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHARTS: dict[str, Callable[[Study], Figure | None]] = {
    "failure_modes": draw_failures,
    "profiles": draw_profiles,
    "noise_levels": draw_levels,
    "trade_off": draw_trade_off,
    "selection": draw_selection,
    "memorisation": draw_memorisation,
}
CLIPS_NAME = "clips.csv"
CLIP_COLUMNS = (*RUN, "clip_id", "video_id", *METRICS, *MODES)


@dataclass(frozen=True)
class Analysis:
    """What was made of one study: its tables, what is missing, the files."""

    study: Study
    sheets: tuple[Sheet, ...]
    gaps: tuple[str, ...]
    files: tuple[Path, ...]


def analyze_runs(runs: Sequence[StoredRun], out: Path, figures: Sequence[str] = ("png",)) -> list[Analysis]:
    """Write ``<out>/<model>-<dataset>-<protocol>/`` of every study and return what was made.

    Args:
        figures: formats of the charts: ``png``, ``pdf``, ``svg``.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        ActisegError: no run was trained; a folder that cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("analyze", "Matplotlib", "plots")
    studies = make_studies(runs)
    raise_if(not studies, "only reference rows are here, which learn nothing: there is nothing to analyze")
    extras_of = extras_reader(runs)
    boards = make_leaderboards([run.result for run in runs], sums_reader(runs), extras_of)
    return [_analyze(study, _boards_of(study, boards), extras_of, out / study.name, figures) for study in studies]


def _boards_of(study: Study, boards: Sequence[Leaderboard]) -> list[Leaderboard]:
    """Return the leaderboard of a study."""
    key = study.model, study.dataset, study.protocol
    return [board for board in boards if (board.model, board.dataset, board.protocol) == key]


def _analyze(
    study: Study, boards: Sequence[Leaderboard], extras_of: ExtrasOf, folder: Path, figures: Sequence[str]
) -> Analysis:
    """Write the files of one study."""
    sheets = make_sheets(study, extras_of)
    gaps = find_gaps(study, sheets)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [write_text(folder / f"{sheet.name}.csv", sheet.to_csv()) for sheet in sheets]
        files += write_records(study, boards, extras_of, folder)
        with own_style(grid=True):
            for name, draw in CHARTS.items():
                files += _save(draw(study), folder / name, figures)
        clips, missing = write_clips(study, folder / CLIPS_NAME)
    except OSError as error:
        raise ActisegError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder with --out"
        ) from None
    return Analysis(study, tuple(sheets), (*gaps, *missing), (*files, *clips))


def _save(figure: Figure | None, path: Path, figures: Sequence[str]) -> list[Path]:
    """Write a chart in every format; of older runs' no file is left, in whatever format."""
    for form in FIGURE_FORMATS:
        remove_file(path.with_name(f"{path.name}.{form}"))
    return (
        [] if figure is None else [write_figure(path.with_name(f"{path.name}.{form}"), figure, DPI) for form in figures]
    )


def write_clips(study: Study, path: Path) -> tuple[list[Path], list[str]]:
    """Write one line per run and clip, scores as fractions; return the file, and what could not be read."""
    missing = []
    rows = 0
    with whole_csv(path, CLIP_COLUMNS) as writer:
        for head, run in iter_runs(study):
            try:
                for record in clip_records(run):
                    writer.writerow(head | record)
                    rows += 1
            except ActisegError as error:
                noise = f" noise seed {head['noise_seed']}" * (head["noise_seed"] != 0)
                missing.append(
                    f"no scores per clip of {head['track']} {head['strategy']}{noise} seed {head['seed']}: {error}"
                )
    if not rows:
        remove_file(path)
    return [path] * bool(rows), missing


def clip_records(run: StoredRun) -> Iterator[dict[str, Any]]:
    """Yield clip_id, video_id, scores and failure modes of every clip, the mean over the networks.

    Raises:
        ActisegError: a table of object-frames that is missing or unreadable.
    """
    networks = [dict(_measure_clips(path)) for path in run.files(FILE_NAME)]
    videos = read_videos(run.files(FILE_NAME)[0]) or {}
    for clip in networks[0]:
        yield {"clip_id": clip, "video_id": videos.get(clip), **over_networks([found[clip] for found in networks])}


def _measure_clips(path: Path) -> Iterator[tuple[str, dict[str, float | None]]]:
    """Yield (clip_id, scores and failure modes) of one network."""
    clips, frames = read_object_frames(path)
    top, bottom = clip_sums(frames.counts, len(clips))
    scores = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    for (clip, own), line in zip(iter_clips(clips, frames), scores.tolist(), strict=True):
        six = {name: None if np.isnan(score) else score for name, score in zip(METRICS, line, strict=True)}
        yield clip, six | failure_modes(own)
