"""The files of an audit: tables for a spreadsheet, corrections for ``actiseg-noise clean``, a contact sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from actiseg_bench.auditing.findings import FrameFinding, SampleFinding
from actiseg_bench.auditing.sheet import draw_sheet
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_noise.borders.writing import whole_csv, write_figure, write_json
from actiseg_noise.manifest.corrections import COLUMNS, FLAG, MASK, NOUN, Correction, describe_flag, describe_move
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.plot_style import DPI

SAMPLES, FRAMES, CORRECTIONS = "samples.csv", "frames.csv", "corrections.csv"
SHEET, ABOUT = "worst.png", "audit.json"
LEAST = 0.5  # a label below this score is not proposed for correction


def write_audit(
    out: Path,
    manifest: Manifest,
    data: ManifestDataset,
    samples: Sequence[SampleFinding],
    frames: Sequence[FrameFinding],
    about: dict[str, Any],
    *,
    worst: int,
) -> None:
    """Write everything; ``audit.json`` last."""
    for name, kind, rows in ((SAMPLES, SampleFinding, samples), (FRAMES, FrameFinding, frames)):
        with whole_csv(out / name, kind._fields) as writer:
            writer.writerows({key: _cell(value) for key, value in row._asdict().items()} for row in rows)
    with whole_csv(out / CORRECTIONS, COLUMNS) as writer:
        writer.writerows(one.cells() for one in propose(manifest.digest, samples, frames))
    figure = draw_sheet(manifest, data, samples[:worst], frames)
    write_figure(out / SHEET, figure, DPI)
    write_json(out / ABOUT, about)


def propose(digest: str, samples: Sequence[SampleFinding], frames: Sequence[FrameFinding]) -> Iterator[Correction]:
    """Yield a correction of every noun, flag and mask whose score is ``LEAST`` or more: nouns first, masks last."""
    for one in samples:
        if one.suggested_noun is not None and (one.noun_score or 0.0) >= LEAST:
            score = round(one.noun_score or 0.0, 6)
            yield Correction(digest, one.sample_id, None, NOUN, one.given_noun, one.suggested_noun, score)
    for one in samples:
        if one.suggested_is_positive is not None:
            given, other = describe_flag(one.given_is_positive), describe_flag(one.suggested_is_positive)
            yield Correction(digest, one.sample_id, None, FLAG, given, other, round(one.flag_score or 0.0, 6))
    for frame in frames:
        if frame.move_px and (frame.score or 0.0) >= LEAST:
            move, score = describe_move(frame.move_px), round(frame.score or 0.0, 6)
            yield Correction(digest, frame.sample_id, frame.frame_idx, MASK, frame.mask_digest, move, score)


def _cell(value: object) -> object:
    """Return a number with six digits, nothing for None, true and false in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    return round(value, 6) if isinstance(value, float) else "" if value is None else value
