"""Which edits make a stored result stale: both directions, on copies of the two packages."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actiseg_bench.grid import execution
from actiseg_bench.models.base import MODELS
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.results.score_code import (
    MAKES_LABELS,
    PACKAGES,
    canonical,
    closure,
    digest_sources,
    find_module,
    imported,
    score_code_digest,
    shared_code,
)
from actiseg_bench.strategies.base import STRATEGIES
from actiseg_bench.strategies.gce import GCE
from actiseg_bench.strategies.sce import SCE

ROOT = execution.__name__
GCE_ON_TINY = [ROOT, "actiseg_bench.models.tiny", "actiseg_bench.strategies.gce"]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both packages, to be edited for a while."""
    place, sources_only = tmp_path_factory.mktemp("copies"), shutil.ignore_patterns("__pycache__", "*.safetensors")
    return {name: Path(shutil.copytree(folder, place / name, ignore=sources_only)) for name, folder in PACKAGES.items()}


def digest(packages: dict[str, Path], roots: list[str] = GCE_ON_TINY) -> str:
    """The digest of a run's code in copies of the packages."""
    return digest_sources([(name, path) for name in closure(roots, packages) if (path := find_module(name, packages))])


@contextmanager
def edited(packages: dict[str, Path], name: str, change: Callable[[str], str]) -> Iterator[None]:
    """Change the text of a module, and put it back."""
    path = find_module(name, packages)
    assert path is not None, name
    text = path.read_text("utf-8")
    assert change(text) != text, "the edit changes the file"
    path.write_text(change(text), "utf-8")
    yield
    path.write_text(text, "utf-8")


def another_value(text: str) -> str:
    """A statement more, of which nobody knows what it does."""
    return text + "\n_ANOTHER = 1\n"


def document(text: str) -> str:
    """Other words at the top, a comment above, one behind, and a blank line in every function."""
    lines = re.sub(
        r"^( *)return ", r"\1# why\n\n\1return ", text.replace('"""', '"""Other words. ', 1), flags=re.MULTILINE
    )
    return f"# A comment.\n{lines}\n# The end.\n"


@pytest.mark.parametrize(
    "name",
    [
        "actiseg_bench.strategies.gce",
        "actiseg_bench.strategies.base",
        "actiseg_bench.losses",
        "actiseg_bench.models.tiny",
        "actiseg_bench.training.train",
        "actiseg_bench.training.batches",
        "actiseg_bench.data.transforms",
        "actiseg_bench.data.manifest_dataset",
        "actiseg_bench.prediction.predict",
        "actiseg_bench.scoring.measure",
        "actiseg_bench.scoring.truth",
        "actiseg_bench.metrics.actionvos",
        "actiseg_bench.metrics.failure_modes",
        "actiseg_bench.results.networks",
        "actiseg_bench.results.predictions",
        "actiseg_bench.grid.execution",
        "actiseg_noise.masks",
        "actiseg_noise.manifest.read",
        "actiseg_noise.key",
    ],
)
def test_what_can_move_a_score_makes_a_result_stale_and_its_words_do_not(copies: dict[str, Path], name: str) -> None:
    before = digest(copies)
    with edited(copies, name, document):
        assert digest(copies) == before
    with edited(copies, name, another_value):
        assert digest(copies) != before


@pytest.mark.parametrize(
    "name",
    [
        "actiseg_bench.models.referformer.model",
        "actiseg_bench.models.referformer.network",
        "actiseg_bench.strategies.sce",
        "actiseg_bench.strategies.elr",
        "actiseg_bench.report.table",
        "actiseg_bench.report.charts",
        "actiseg_bench.cli.run",
        "actiseg_bench.cli.options",
        "actiseg_bench.grid.run",
        "actiseg_bench.grid.plan",
        "actiseg_bench.grid.jobs",
        "actiseg_bench.grid.protocols",
        "actiseg_bench.grid.tracks",
        "actiseg_bench.grid.runner",
        "actiseg_bench.check.verify",
        "actiseg_bench.check.files",
        "actiseg_bench.results.result",
        "actiseg_bench.results.provenance",
        "actiseg_bench.results.score_code",
        "actiseg_bench.training.options",
        "actiseg_bench.training.folder",
        "actiseg_bench.training.pretrain",
        "actiseg_bench",
        "actiseg_noise",
        "actiseg_noise.building.build",
        "actiseg_noise.noises.category_flip",
        "actiseg_noise.recipe",
        "actiseg_noise.terminal",
        "actiseg_noise.cli.build",
    ],
)
def test_what_moves_no_score_makes_nothing_stale(copies: dict[str, Path], name: str) -> None:
    before = digest(copies)
    with edited(copies, name, another_value):
        assert digest(copies) == before


def test_a_loss_that_another_strategy_borrows_is_that_one_s_too(copies: dict[str, Path]) -> None:
    apl = [ROOT, "actiseg_bench.models.tiny", "actiseg_bench.strategies.apl"]
    before = digest(copies, apl)
    with edited(copies, "actiseg_bench.strategies.gce", lambda text: text.replace("1e-6", "1e-5")):
        assert digest(copies, apl) != before


def test_a_model_in_a_folder_is_all_that_it_imports() -> None:
    found = closure(["actiseg_bench.models.referformer.model"], PACKAGES)
    assert {f"actiseg_bench.models.referformer{part}" for part in ("", ".text", ".matcher", ".network")} <= set(found)
    assert "actiseg_bench.models.tiny" not in found


def test_the_registries_do_not_join_all_models_and_strategies() -> None:
    found = set(closure([ROOT], PACKAGES))
    makers = {thing.__module__ for names in (MODELS, STRATEGIES) for thing in map(names.__getitem__, names)}
    assert not found & {name for name in makers if name.startswith("actiseg_bench.")}
    assert not {name for name in found if name.split(".")[1] in ("cli", "report", "check")}


NAMES_CODE = "actiseg_bench.results.score_code"
OUTSIDE = {
    *("actiseg_noise.recipe", "actiseg_noise.recipe_families"),
    *("actiseg_noise.vocabulary", "actiseg_noise.borders.named_files"),
}
"""What a run loads and no score depends on: two rooms that make labels, and what a recipe alone reads files with."""


def test_every_module_that_python_loads_for_a_run_is_in_its_closure_but_for_those_that_make_labels() -> None:
    code = f"import sys, {ROOT}; print(*sys.modules, sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.splitlines() if name.startswith(("actiseg_bench.", "actiseg_noise."))}
    inside = set(closure([ROOT], PACKAGES))
    assert loaded - inside == OUTSIDE | {NAMES_CODE}
    makers = {name for name in OUTSIDE if name.split(".")[1] in MAKES_LABELS}
    sources = {name: find_module(name, PACKAGES) for name in makers}
    used = {one for name, path in sources.items() if path for one in imported(path, name, PACKAGES)}
    assert OUTSIDE - makers == {"actiseg_noise.borders.named_files"} <= used


def test_a_root_that_is_no_module_is_refused() -> None:
    with pytest.raises(ValueError, match="no module 'actiseg_bench.trainer'"):
        closure(["actiseg_bench.trainer"], PACKAGES)


def test_imports_in_functions_count_and_those_for_type_checkers_do_not(copies: dict[str, Path]) -> None:
    lines = [
        '"""A module."""',
        "from typing import TYPE_CHECKING",
        "if TYPE_CHECKING:",
        "    from actiseg_bench.report.table import make_leaderboards",
        "def late():",
        "    from actiseg_noise import read_manifest",
        "    from .gce import GCE",
        "    import actiseg_bench.losses as losses, torch",
    ]
    path = copies["actiseg_bench"] / "strategies" / "late.py"
    path.write_text("\n".join(lines))
    found = set(imported(path, "actiseg_bench.strategies.late", copies))
    path.unlink()
    assert found == {"actiseg_noise.manifest.read", "actiseg_bench.strategies.gce", "actiseg_bench.losses"}


def test_a_class_from_outside_is_the_file_that_defines_it_and_what_that_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "my_loss.py"
    path.write_text("class Mine:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import my_loss

    def found() -> str:
        return score_code_digest([ROOT], [Tiny, my_loss.Mine])

    before = found()
    assert before != score_code_digest([ROOT], [Tiny])
    path.write_text('class Mine:\n    """Mine."""\n\n    pass\n')
    assert found() == before
    path.write_text("class Mine:\n    q = 1\n")
    assert found() != before
    path.write_text("from actiseg_bench.strategies.gce import GCE\n\nclass Mine(GCE):\n    pass\n")
    borrowing = found()
    path.write_text("from actiseg_bench.strategies.sce import SCE\n\nclass Mine(SCE):\n    pass\n")
    assert found() != borrowing


def test_a_run_s_code_is_what_all_runs_share_and_what_its_model_and_strategy_are() -> None:
    shared, gce, sce = (score_code_digest([ROOT], things) for things in ((), (GCE, Tiny), (SCE, Tiny)))
    assert shared == digest(dict(PACKAGES), [ROOT])
    assert shared_code(gce) == shared_code(sce) == shared
    assert gce != sce
    with pytest.raises(ValueError, match="no module"):
        score_code_digest(["actiseg_bench.trainer"], [Tiny])


def test_a_syntax_tree_is_the_same_text_in_every_python() -> None:
    source = "@d\ndef f(x: int = 1, *, y=None) -> str:\n    'words'\n    return f'a{x!r:>{y}}' 'b' if x else u'c'\n"
    assert canonical(ast.parse(source).body[0]) == (
        "FunctionDef(name=str:'f',args=arguments(args=[arg(arg=str:'x',annotation=Name(id=str:'int'))],"
        "kwonlyargs=[arg(arg=str:'y')],kw_defaults=[Constant(value=NoneType:None)],defaults=[Constant(value=int:1)]),"
        "body=[Expr(value=Constant(value=str:'words')),Return(value=IfExp(test=Name(id=str:'x'),"
        "body=JoinedStr(values=[Constant(value=str:'a'),FormattedValue(value=Name(id=str:'x'),conversion=int:114,"
        "format_spec=JoinedStr(values=[Constant(value=str:'>'),FormattedValue(value=Name(id=str:'y'),"
        "conversion=int:-1)])),Constant(value=str:'b')]),orelse=Constant(value=str:'c')))],"
        "decorator_list=[Name(id=str:'d')],returns=Name(id=str:'str'))"
    )
