"""What a check of a run gives: findings, or why it could not be made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from actiseg_bench.results.typed import is_close

WITHOUT = "submitted: their predictions are not at hand"


@dataclass(frozen=True)
class RunFinding:
    """One statement of a result that differs from what was computed.

    Attributes:
        where: the run's folder, relative to the verified one, or a manifest's. what: which statement.
        stated: what the result says. found: what was computed.
    """

    where: str
    what: str
    stated: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: stated {self.stated}, found {self.found}"

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class NotChecked:
    """Why a check could not be made of a run."""

    why: str


Outcome = Iterable[RunFinding | NotChecked]


def differences(where: str, prefix: str, stated: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[RunFinding]:
    """Yield a finding per name whose two values differ, or that only one side has."""
    for name in dict.fromkeys([*stated, *found]):
        pair = [side.get(name, "nothing") for side in (stated, found)]
        if not is_close(*pair):
            yield RunFinding(where, f"{prefix}{name}", *(_shown(value) for value in pair))


def _shown(value: Any) -> str:
    """Return a value as a finding shows it."""
    return f"{value:.6g}" if isinstance(value, float) else "undefined" if value is None else str(value)
