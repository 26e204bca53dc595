"""The forms that predictions come in, told apart by what lies where.

=========  ==================================  ===============================================
``index``  ``<clip>/<frame>.png``              pixel = object id
``folder`` ``<video>/<name>/<frame>.png``      a folder per object or expression, not 0 = there
``results``  ``results.json``                  YouTube-VIS: a list of tracks with run lengths
``rows``   ``predictions.parquet``             what a run or ``predict`` stored
=========  ==================================  ===============================================
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from actiseg_bench.prediction.names import find_names
from actiseg_bench.scoring.wanted import expression_of
from actiseg_noise.borders.folders import list_folders, list_masks
from actiseg_noise.errors import DataError

INDEX, FOLDER, RESULTS, ROWS = "index", "folder", "results", "rows"


def form_of(path: Path, known: Mapping[str, str]) -> str:
    """Return the form of predictions, or of a ground truth.

    Args:
        known: clip_id → video_id of what is scored; folders of other names do not say a form.

    Raises:
        DataError: folders of two forms.
    """
    if path.suffix.lower() == ".json" and not path.is_dir():
        return RESULTS
    if path.is_file():
        return ROWS
    expressions = {expression_of(*clip) for clip in known.items()}
    names = find_names({*known, *known.values()}, list_folders(path)).values()
    index, folder = [], []
    for name in sorted(names):
        inside = list_folders(path / name)
        if list_masks(path / name):
            index.append(name)
            _check_not_both(path / name, inside, expressions)
        elif inside:
            folder.append(name)
    if index and folder:
        raise DataError(
            f"{path}: folders of two forms: {index[0]!r} holds masks, {folder[0]!r} holds folders. Give every clip as "
            "<clip>/<frame>.png, or every one as <video>/<object or expression>/<frame>.png."
        )
    return FOLDER if folder else INDEX


def _check_not_both(folder: Path, inside: list[str], expressions: set[str | None]) -> None:
    """Raise DataError where a clip has index masks and, beside them, folders of objects or expressions."""
    both = [name for name in inside if (name.isdecimal() or name in expressions) and list_masks(folder / name)]
    if both:
        raise DataError(
            f"{folder}: two forms in one folder: masks, and the folder {both[0]!r} of masks. Keep the index masks, "
            "or the folders of single objects."
        )
