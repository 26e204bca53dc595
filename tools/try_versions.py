"""Run the quick tests with every supported Python that is found, and with the lowest versions that we declare.

Prints a table: Python, which versions (``newest`` that pip takes, or ``lowest`` of every ``>=`` in pyproject.toml), how
it ended. ``--noise`` tries the noise tool alone, without torch: some 6 GB less a row where pip takes a CUDA build.
Exit code 1: some row failed. Settings of pip, an index for CPU builds among them, are taken from its own configuration.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SUPPORTED = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.fullmatch(r".*:: Python :: 3\.\d+", line)]
LOWEST, NEWEST = "lowest", "newest"
TESTS = {
    "all": ["tests"],
    "noise": ["tests/noise", "tests/conformance/test_datasets.py", "tests/conformance/test_noises.py"],
}
# For the tests of the noise tool alone: what they import beside it. The newest that pip takes with the rest.
TEST_TOOLS = ["pytest", "pytest-xdist", "hypothesis", "shapely", "pandas", "duckdb", "datasets", "mlcroissant"]


@dataclass(frozen=True)
class Row:
    """One environment: the Python in it, which versions of what we need, how its tests ended."""

    python: str
    versions: str
    outcome: str
    is_good: bool


def iter_candidates(version: str) -> Iterator[str]:
    """Yield programs that may be this Python: on the path, kept by pyenv, kept by uv."""
    yield from filter(None, [shutil.which(f"python{version}")])
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(home.glob(f"versions/{version}.*/bin/python3"), reverse=True))
    if shutil.which("uv"):
        found = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True, check=False)
        yield from found.stdout.split()


def find_python(version: str) -> str | None:
    """Return a program that is this Python and has ``venv``, or None."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for program in iter_candidates(version):
        done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return program
    return None


def lowest_versions() -> list[str]:
    """Return ``name==version`` for the lower bound of everything that we declare.

    Raises:
        SystemExit: a dependency that is declared without a lower bound.
    """
    lines = [*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())]
    pins = []
    for line in lines:
        if line.startswith(PROJECT["name"]):
            continue
        found = re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", line)
        if found is None:
            raise SystemExit(f"pyproject.toml: {line!r} has no lower bound; write NAME>=VERSION")
        pins.append(f"{found[1]}=={found[2]}")
    return sorted(set(pins))


def try_one(python: str, version: str, versions: str, scope: str, log: Path) -> Row:
    """Make an environment, install this checkout into it, run the quick tests. Everything printed goes to ``log``."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="versions-") as folder, log.open("w", encoding="utf-8") as output:
        env = Path(folder)

        def run(*command: str) -> bool:
            output.write(f"$ {' '.join(command)}\n")
            output.flush()
            return subprocess.run(command, cwd=ROOT, stdout=output, stderr=output, check=False).returncode == 0

        constraints = env / "constraints.txt"
        constraints.write_text("".join(f"{pin}\n" for pin in lowest_versions()) if versions == LOWEST else "", "utf-8")
        wanted = ["-e", ".[dev]"] if scope == "all" else ["-e", ".[plots,wordnet]", *TEST_TOOLS]
        pip = [str(env / "venv/bin/python"), "-m", "pip", "install", "--quiet", "-c", str(constraints)]
        if not run(python, "-m", "venv", str(env / "venv")) or not run(*pip, *wanted):
            return Row(version, versions, f"could not be installed, see {log}", is_good=False)
        pytest = [str(env / "venv/bin/python"), "-m", "pytest", "-n", "auto", "--maxprocesses", "8"]
        is_good = run(*pytest, "--dist", "worksteal", "-m", "not slow", "-p", "no:cacheprovider", *TESTS[scope])
    closing = [line for line in log.read_text("utf-8").splitlines() if re.search(r"\d+ (passed|failed|error)", line)]
    seconds = time.monotonic() - started
    outcome = closing[-1].strip("= ") if closing else "no test ran"
    return Row(version, versions, f"{outcome}; {seconds:.0f} s in all" + ("" if is_good else f", see {log}"), is_good)


def main(arguments: Sequence[str]) -> int:
    """Try what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noise", action="store_true", help="the noise tool alone, without torch")
    parser.add_argument("--python", action="append", metavar="3.N", help="only this Python; may be repeated")
    parser.add_argument("--only", choices=[LOWEST, NEWEST], help="only these versions of what we need")
    parser.add_argument("--logs", type=Path, default=ROOT / "out" / "versions", help="where the logs go")
    options = parser.parse_args(arguments)
    options.logs.mkdir(parents=True, exist_ok=True)
    rows = []
    for version in options.python or SUPPORTED:
        python = find_python(version)
        # What was the newest once has wheels for the Pythons of its time: the lowest are tried with our lowest Python.
        kinds = [NEWEST, LOWEST] if version == SUPPORTED[0] else [NEWEST]
        for versions in kinds if options.only is None else [options.only]:
            if python is None:
                rows.append(Row(version, versions, "no such Python here", is_good=True))
                continue
            log = options.logs / f"{version}-{versions}-{'noise' if options.noise else 'all'}.log"
            rows.append(try_one(python, version, versions, "noise" if options.noise else "all", log))
            print(f"{rows[-1].python}  {rows[-1].versions}  {rows[-1].outcome}", file=sys.stderr)
    print("Python  versions  outcome")
    for row in rows:
        print(f"{row.python:6}  {row.versions:8}  {row.outcome}")
    return 0 if all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
