"""Do runs that differ in something that should not matter rank the methods in the same order?

    python benchmarks/rankings.py out/full out/half-rate out/double-rate

Every folder has runs of one model. Prints Kendall's tau between the orders of each two folders, per track that both
have, over the noise and training seeds that both have, and how many of the first and last three methods are so in both.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

from actiseg_bench.report.extras import ExtrasOf, extras_reader
from actiseg_bench.report.stability import RANKED, compare_rankings, rank_methods, split_rankings
from actiseg_bench.report.study import Study, make_studies
from actiseg_bench.results.stored import read_results

Side = tuple[Study, ExtrasOf]


def compare(one: Side, other: Side, track: str, metric: str) -> str:
    """Return the cells of a table's row."""
    sides = [rank_methods(study, [track], metric, extras_of) for study, extras_of in (one, other)]
    rows = set(sides[0]) & set(sides[1])
    runs = set.intersection(*(set(side[row]) for side in sides for row in rows))
    kept = [{row: {run: side[row][run] for run in runs} for row in rows} for side in sides]
    orders = [split_rankings(side, lambda _: 0)[0] for side in kept if runs]
    found = compare_rankings(*orders) if runs else None
    if found is None:
        return f"| {len(rows)} | {len(runs)} | | | |"
    tau = "" if found.tau is None else f"{found.tau:.2f}"
    return f"| {found.rows} | {len(runs)} | {tau} | {found.top} of 3 | {found.bottom} of 3 |"


def main() -> None:
    """Print a table of each two folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    sides: dict[str, Side] = {}
    for folder in parser.parse_args().folders:
        runs = read_results(folder).runs
        (study,) = make_studies(runs)
        sides[folder.name] = study, extras_reader(runs)
    print("| runs | track | metric | methods | seeds | tau | top | bottom |\n|---|---|---|---|---|---|---|---|")
    for (name, one), (other_name, other) in combinations(sides.items(), 2):
        for track in (track for track in one[0].tracks if track in other[0].tracks):
            for metric, title in RANKED.items():
                print(f"| {name}, {other_name} | {track} | {title} {compare(one, other, track, metric)}")


if __name__ == "__main__":
    main()
