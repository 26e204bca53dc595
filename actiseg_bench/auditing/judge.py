"""How good a ranking is where truth is known: AUROC, average precision, precision among the worst."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from actiseg_bench.metrics.ranking import average_precision
from actiseg_noise.errors import raise_if

SHARES = (0.01, 0.05, 0.10)


class Judgement(NamedTuple):
    """A ranking's quality; everything in [0, 1].

    Attributes:
        labels: how many. share: of wrong labels, what a ranking by chance has as average precision.
        auroc: probability that a wrong label is ranked above a right one; ties count half.
        average_precision: mean precision at every wrong label; tied scores are taken together.
        precision: among the worst 1, 5 and 10 % (at least one label).
    """

    labels: int
    share: float
    auroc: float
    average_precision: float
    precision: tuple[float, ...]


def judge(scores: npt.ArrayLike, is_wrong: npt.ArrayLike) -> Judgement:
    """Judge a ranking, worst first.

    Args:
        scores: ``[N]``, higher is more likely wrong. is_wrong: ``[N]``, the truth.

    Raises:
        ActisegError: no wrong label or no right one; a score that is no number.
    """
    given, wrong = np.asarray(scores, np.float64), np.asarray(is_wrong, bool)
    raise_if(
        bool(not wrong.any() or wrong.all()), f"{wrong.sum()} of {len(wrong)} labels are wrong: nothing to tell apart"
    )
    raise_if(not bool(np.isfinite(given).all()), "a score is no number")
    count, bad = len(wrong), int(wrong.sum())
    auroc = (rankdata(given)[wrong].sum() - bad * (bad + 1) / 2) / (bad * (count - bad))
    worst = wrong[np.argsort(-given, kind="stable")]
    at = [max(1, round(share * count)) for share in SHARES]
    average = average_precision(given, wrong) or 0.0  # never None: some are wrong
    return Judgement(count, bad / count, float(auroc), average, tuple(float(worst[:n].mean()) for n in at))
