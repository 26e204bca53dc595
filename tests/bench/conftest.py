"""The command line, called as it is typed; a small ReferFormer that reads published checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from published_fakes import NAME, PublishedMini

from actiseg_bench.cli import main
from actiseg_bench.models.base import MODELS
from actiseg_bench.training import features


@pytest.fixture(scope="session", autouse=True)
def features_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep features that tests compute out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "cache_folder", lambda: folder)
        yield


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a call of ``actiseg-bench`` → exit code, standard output, standard error on one line."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actiseg-bench", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, " ".join(printed.err.split())

    return call


@pytest.fixture
def spoken(cli: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str]]:
    """Return a call of ``actiseg-bench`` → exit code, all that it printed."""

    def call(*words: object) -> tuple[int, str]:
        code, out, err = cli(*words)
        return code, out + err

    return call


@pytest.fixture(scope="module")
def published_mini() -> Iterator[str]:
    """Return the name of a small model whose card is a published ReferFormer's, registered for the module's tests."""
    list(MODELS)  # all others are registered first
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS._things, NAME, PublishedMini)
        yield NAME
