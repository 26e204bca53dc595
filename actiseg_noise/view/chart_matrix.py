"""The confusion matrix of categories: which category a prompt names, by the category it should name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.plot_style import INK, new_figure
from actiseg_noise.vocabulary import Vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CATEGORIES = 25
PRINTED = 0.01


def draw_confusions(info: ManifestInfo, vocabulary: Vocabulary, counts: Counter[tuple[int, int]]) -> Figure:
    """Draw, per clean category, the share of its prompts that name each category."""
    from matplotlib.colors import PowerNorm

    shares, names, rows = confusion_shares(vocabulary, counts)
    size = 2.6 + 0.27 * len(rows)
    some = f", the {len(rows)} most frequent" if names[-1] == "all others" else ""
    figure = new_figure(f"Categories named by the prompts{some}", subtitle(info), size + 0.9, size)
    axes = figure.subplots()
    image = axes.imshow(np.ma.masked_equal(shares, 0), cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.set_xticks(range(len(names)), names, fontsize=7, rotation=90)
    axes.set_ylabel("clean category (prompts)")
    axes.set_xlabel("category of the noisy noun")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for i, j in np.argwhere(shares >= PRINTED).tolist():
        colour = "white" if shares[i, j] > 0.3 else INK
        axes.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", fontsize=5.5, color=colour)
    bar = figure.colorbar(
        image, ax=axes, shrink=0.5, ticks=[0, 0.05, 0.2, 0.5, 1], format=lambda v, _: f"{100 * v:g} %"
    )
    bar.outline.set_visible(False)
    bar.ax.set_title("of the row", fontsize=7, loc="left")
    return figure


def subtitle(info: ManifestInfo) -> str:
    """Return the line that names the manifest below a chart's title."""
    return f"{info.name}, digest {info.digest[:12]}"


def confusion_shares(
    vocabulary: Vocabulary, counts: Counter[tuple[int, int]], most: int = MOST_CATEGORIES
) -> tuple[npt.NDArray[np.float64], list[str], list[str]]:
    """Return the shares ``[rows, columns]``, each row summing to 1, and the names of columns and rows.

    With more than ``most`` categories only the most frequent have a row; the other columns are one, the last.
    """
    totals: Counter[int] = Counter()
    for (clean, _), count in counts.items():
        totals[clean] += count
    kept = sorted(sorted(totals, key=lambda c: (-totals[c], c))[:most])
    place = {category: index for index, category in enumerate(kept)}
    matrix = np.zeros((len(kept), len(kept) + 1))
    for (clean, noisy), count in counts.items():
        if clean in place:
            matrix[place[clean], place.get(noisy, len(kept))] += count / totals[clean]
    names = [vocabulary.names.get(category, str(category)) for category in kept]
    rows = [f"{name} ({totals[category]:,})" for name, category in zip(names, kept, strict=True)]
    if not matrix[:, -1].any():
        return matrix[:, :-1], names, rows
    return matrix, [*names, "all others"], rows
