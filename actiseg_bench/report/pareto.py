"""The trade-off between finding what takes part and leaving alone what does not."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Return which (p-mIoU, n-mIoU) no other point beats: higher is better in the first, lower in the second.

    A point is beaten by one that is at least as good in both and better in one; equal points stand together.
    """

    def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
        return one[0] >= other[0] and one[1] <= other[1] and one != other

    return [not any(beats(other, point) for other in points) for point in points]
