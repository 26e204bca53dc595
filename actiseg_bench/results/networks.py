"""The networks of one run: the files that each has, and the mean of what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PREDICTIONS_NAME = "predictions.parquet"


def over_networks(found: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return name → mean over the networks of a run, None where one of them has none."""
    values = {name: [one[name] for one in found] for name in found[0]}
    known = {name: [value for value in row if value is not None] for name, row in values.items()}
    return {name: sum(row) / len(row) if len(row) == len(found) else None for name, row in known.items()}


def per_network(predictions: str, first: str) -> list[str]:
    """Return the names of a file that every network of a run has: ``predictions.parquet``, ``predictions-2.parquet``.

    Args:
        predictions: the digests, joined by "+". first: name of the first network's file.
    """
    return [file_of(first, number) for number in range(1, count_networks(predictions) + 1)]


def count_networks(predictions: str) -> int:
    """Return how many networks a run has, from the digests of their predictions, joined by "+"."""
    return predictions.count("+") + 1


def file_of(first: str, number: int) -> str:
    """Return the name of a network's file, counted from 1; ``first`` is that of the first network's."""
    stem, dot, suffix = first.rpartition(".")
    return first if number == 1 else f"{stem}-{number}{dot}{suffix}"
