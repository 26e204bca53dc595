"""Small real manifests of the embedded dataset, built once per session; which tests are slow."""

import gc
import json
import os
import signal
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dictionaries import write_wordnet
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

import actiseg_noise
from actiseg_noise import terminal
from actiseg_noise.application import find_forms

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads that spin for long slow a shared machine
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many processes as cores: one thread each

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # commands that tests interrupt must hear it

SLOW = Path(__file__).parent / "slow.txt"
SLOW_S = 1.0
SECONDS: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--measure``, what ``make slow`` runs."""
    parser.addoption("--measure", action="store_true", help="write the tests that took a second or more to slow.txt")


def name_of(nodeid: str) -> str:
    """Return file and function of a test, without its parameters."""
    return nodeid.split("[", maxsplit=1)[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what slow.txt lists, and let files with much of it go first, so that no process waits for a last long test.

    A test that was never measured is not slow.
    """
    listed = {name: float(seconds) for seconds, name in map(str.split, SLOW.read_text("utf-8").splitlines())}
    of_file = Counter[str]()
    for name, seconds in listed.items():
        of_file[name.partition("::")[0]] += seconds
    for item in items:
        if name_of(item.nodeid) in listed:
            item.add_marker("slow")
    items.sort(key=lambda item: -of_file[item.nodeid.partition("::")[0]])


def pytest_collection_finish() -> None:
    """Take all that is imported out of the garbage collector's rounds: torch alone is a million things to walk."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what a test function took under all its parameters, fixtures included."""
    SECONDS[name_of(report.nodeid)] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write slow.txt, where asked to, from the process that has all reports."""
    if session.config.getoption("measure") and "PYTEST_XDIST_WORKER" not in os.environ:
        slow = [(seconds, name) for name, seconds in SECONDS.most_common() if seconds >= SLOW_S]
        SLOW.write_text("".join(f"{seconds:5.1f} {name}\n" for seconds, name in slow), "utf-8")


@pytest.fixture(scope="session", autouse=True)
def small_wordnet(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A dictionary of a few words, on every machine the same, for the noises that need one."""
    os.environ["ACTISEG_WORDNET"] = str(write_wordnet(tmp_path_factory.mktemp("wordnet")))


@pytest.fixture(scope="session")
def kitchen_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kitchen")


@pytest.fixture(scope="session")
def clean_val(kitchen_root: Path) -> Path:
    """The clean labels of kitchen's first 8 evaluation clips: 4 videos, two clips each."""
    return build(kitchen_root, "clean")


@pytest.fixture(scope="session")
def noisy_val(kitchen_root: Path) -> Path:
    """The same clips with text and mask noise."""
    return build(kitchen_root, "mixed-40-15")


@pytest.fixture(scope="session")
def flagged_val(kitchen_root: Path) -> Path:
    """The same clips with two fifths of the flags wrong."""
    return build(kitchen_root, "flag-40")


def build(root: Path, recipe: str) -> Path:
    out = root / "manifests" / recipe
    return actiseg_noise.build(
        "kitchen", root=root, split="val", recipe=recipe, out=out, limit=8, allow_eval=True, workers=1, gate=False
    )


@pytest.fixture(autouse=True)
def checked_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold all that a command prints with ``--json`` against its schema, in every test that runs one in its process."""
    printed = terminal.print_json

    def print_checked(data: Any) -> None:
        tool, words = sys.argv[0], [word for word in sys.argv[1:] if not word.startswith("-")]
        if tool in ("actiseg-noise", "actiseg-bench"):
            forms = find_forms(f"{tool.replace('-', '_')}.cli.json_forms")
            pairs = [" ".join(pair) for pair in pairwise(words)]
            command = next(name for name in (*pairs, *words) if name in forms)
            seen = json.loads(json.dumps(terminal._finite(data)))
            if wrong := best_match(Draft202012Validator(forms[command]).iter_errors(seen)):
                raise wrong
        printed(data)

    monkeypatch.setattr(terminal, "print_json", print_checked)
