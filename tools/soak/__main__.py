"""Soak: edit files by the thousand and kill commands by the hundred, and count what goes wrong.

    python -m tools.soak --edits 10000 --kills 500

Every edit has an address, SEED/INDEX; ``--only INDEX`` makes that one again. Exit code 1: something went wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.soak.attempt import Limits, import_commands
from tools.soak.edits import sound_failures, subjects_of, try_edits
from tools.soak.kills import try_kills
from tools.soak.made import make_subjects
from tools.soak.report import Tally, lines
from tools.soak.tried import Tried


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=10_000, metavar="N", help="edits to try (10,000)")
    parser.add_argument("--kills", type=int, default=500, metavar="N", help="kills to try (500)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all that is drawn (0)")
    parser.add_argument("--first", type=int, default=0, metavar="INDEX", help="the first edit's and kill's number (0)")
    parser.add_argument("--only", type=int, metavar="INDEX", help="one edit, which is tried again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (one per core)")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="begin no further edit, then no further kill, after M minutes each"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where failures are kept: the edited files, command, output"
    )
    parser.add_argument(
        "--kitchen", type=Path, metavar="DIR", help="the drawn dataset (~/.cache/actiseg/kitchen-1, drawn there)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Soak and print what was seen."""
    options = parse(arguments)
    kitchen = options.kitchen or Path.home() / ".cache/actiseg/kitchen-1"
    quick = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 — files in memory, where there are any
    with tempfile.TemporaryDirectory(prefix="soak-", dir=quick) as name:
        work = Path(name)
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
        import_commands()
        made = work / "made"
        make_subjects(made, kitchen)
        subjects = subjects_of(options.seed, _indices(options, options.edits))
        unsound = list(sound_failures(work / "sound", made, subjects))
        for line in unsound:
            print(f"on sound files: {line}", file=sys.stderr)
        tallies = [_edit(options, work, made), _kill(options, work, made)]
    return 1 if unsound or any(tally.faults for tally in tallies) else 0


def _edit(options: argparse.Namespace, work: Path, made: Path) -> Tally:
    """Try the edits and print their counts."""
    more = {"keep": options.keep, "limits": Limits(), "minutes": options.minutes}
    tries = try_edits(
        _indices(options, options.edits), seed=options.seed, jobs=options.jobs, work=work, made=made, **more
    )
    return _count("Edits", tries)


def _kill(options: argparse.Namespace, work: Path, made: Path) -> Tally:
    """Try the kills and print their counts."""
    more = {"keep": options.keep, "minutes": options.minutes}
    tries = try_kills(
        _indices(options, options.kills), seed=options.seed, jobs=options.jobs, work=work, made=made, **more
    )
    return _count("Kills", tries)


def _indices(options: argparse.Namespace, count: int) -> range:
    """Return the numbers of the tries; of one that is tried again, where any of its kind is wanted."""
    if options.only is not None:
        return range(options.only, options.only + min(count, 1))
    return range(options.first, options.first + count)


def _count(title: str, tries: Iterator[Tried]) -> Tally:
    """Count tries as they come, say now and then how many there were, and print the counts."""
    tally, started = Tally(), time.monotonic()
    try:
        for tried in tries:
            tally.add(tried)
            if tally.count % 500 == 0:
                passed = time.monotonic() - started
                print(f"{title.lower()}: {tally.count:,}, {len(tally.faults)} faults, {passed:,.0f} s", file=sys.stderr)
    finally:  # what was seen is printed when it is interrupted, too
        if tally.count:
            print("\n".join(lines(title, tally, time.monotonic() - started)), flush=True)
    return tally


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
