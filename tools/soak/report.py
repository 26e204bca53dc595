"""Counts of a soak, and its failures, one line for each fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tools.soak.tried import Failure, Tried


@dataclass
class Tally:
    """What was tried, by kind, and what failed, by fault."""

    tries: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    times: Counter[str] = field(default_factory=Counter)
    faults: dict[tuple[str, str], list[Failure]] = field(default_factory=lambda: defaultdict(list))
    accepted: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, tried: Tried) -> None:
        """Count one try."""
        self.tries[tried.kind] += 1
        self.commands += tried.attempts
        self.times.update(tried.times)
        for failure in tried.failures:
            self.faults[failure.key].append(failure)
        if tried.accepted:
            self.accepted[tried.kind] += 1
            self.examples.setdefault(tried.kind, tried.accepted)

    @property
    def count(self) -> int:
        """Return how many tries there were."""
        return self.tries.total()


def lines(title: str, tally: Tally, elapsed: float) -> Iterable[str]:
    """Yield the lines of a report."""
    failed = sum(len(found) for found in tally.faults.values())
    counts = f"{tally.count:,} tries, {tally.commands:,} commands, {elapsed:,.0f} s"
    yield f"{title}: {counts}; {failed:,} failures, {len(tally.faults)} faults"
    if tally.times:
        yield "  seconds: " + ", ".join(f"{name} {seconds:,.0f}" for name, seconds in tally.times.most_common())
    for kind, count in sorted(tally.tries.items()):
        note = f", {tally.accepted[kind]:,} pass verify" if tally.accepted[kind] else ""
        yield f"  {count:6,}  {kind}{note}"
    for (command, fault), found in sorted(tally.faults.items(), key=lambda item: -len(item[1])):
        first = found[0]
        yield f"{len(found):5,} × {command}: {fault}"
        yield f"        {first.index}, {first.subject}, {first.detail[:200]}"
        yield f"        {first.command}: {first.fault[:300]}"
        folders = sorted({failure.folder for failure in found if failure.folder})
        yield from (f"        {folder}" for folder in folders)
