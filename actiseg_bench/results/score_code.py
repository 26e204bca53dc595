"""Which code can move a score, and a digest of it that comments, docstrings and layout do not touch.

The code of a result is the *import closure* of what makes it: the modules of both packages that its roots import,
directly or through others, imports inside functions included; found in the source, nothing is run. The registries
import by name when the program runs, so a model's closure does not hold the other models.

Not followed: imports for type checkers alone; the two packages' own ``__init__``, which only name what lies elsewhere
(a name that is imported from there leads to where it is defined); this module, which names code and makes no score;
and the rooms of ``actiseg_noise`` that *make* labels. What those made is in the manifest, whose digest enters a
result's key beside this one; how a manifest is *read* is in the closure.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import actiseg_bench
import actiseg_noise
from actiseg_noise.key import encode_part

PACKAGES = {package.__name__: Path(package.__path__[0]) for package in (actiseg_bench, actiseg_noise)}
MAKES_LABELS = ("building", "datasets", "noises", "recipe", "recipe_families", "vocabulary")  # of actiseg_noise
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_NO_MEANING = ("ctx", "kind", "type_comment")
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def score_code_digest(roots: Iterable[str], things: Iterable[type] = ()) -> str:
    """Return the digest of the code that can move the scores of a run.

    It is that of what all runs share, BLAKE2b hex of 32 characters, and with ``things`` a "+" and that of what they are
    beside it.

    Args:
        roots: modules of these packages that make the run: ``actiseg_bench.training.train``.
        things: classes that take part, such as a strategy and a model. Where one comes from outside these packages, the
            file that defines it enters, those of its base classes in the same package, and what they import of ours.

    Raises:
        ValueError: a root that is no module.
    """
    shared = closure(roots, PACKAGES)
    modules: list[str] = []
    outside: set[Path] = set()
    for path in {path for thing in things for path in defining_files(thing)}:
        name = module_name(path, PACKAGES)
        if name is None:
            outside.add(path)
            modules += imported(path, path.stem, PACKAGES)
        else:
            modules.append(name)
    code = digest_sources(_files(shared))
    if not modules and not outside:
        return code
    own = [name for name in closure(modules, PACKAGES) if name not in shared]
    return f"{code}+{digest_sources([*_files(own), *sorted((path.name, path) for path in outside)])}"


def shared_code(digest: str) -> str:
    """Return the part of :func:`score_code_digest` that is the same for every model and strategy."""
    return digest.partition("+")[0]


def _files(modules: Iterable[str]) -> list[tuple[str, Path]]:
    """Return name and file of modules of these packages."""
    return [(name, path) for name in modules if (path := find_module(name, PACKAGES))]


def defining_files(thing: type) -> set[Path]:
    """Return the files that define a class and its base classes of the same package."""
    top = thing.__module__.partition(".")[0]
    return {Path(inspect.getfile(one)) for one in thing.__mro__ if one.__module__.partition(".")[0] == top}


def closure(roots: Iterable[str], packages: Mapping[str, Path]) -> list[str]:
    """Return the modules that the roots consist of, dotted names in order, the roots among them.

    Args:
        packages: name of each package that is followed → its folder.

    Raises:
        ValueError: a root that is no module of the packages.
    """
    found: set[str] = set()
    waiting = list(roots)
    for name in waiting:
        if find_module(name, packages) is None:
            raise ValueError(f"no module {name!r} in {', '.join(map(str, packages.values()))}")
    while waiting:
        name = waiting.pop()
        path = find_module(name, packages)
        if name in found or path is None or name == __name__ or _makes_labels(name):
            continue
        found.add(name)
        waiting += imported(path, name, packages)
        parent = name.rpartition(".")[0]
        if parent.count("."):  # a folder's own file runs first; those of the two packages only name things
            waiting.append(parent)
    return sorted(found)


def imported(path: Path, name: str, packages: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules of the packages that a module's file imports when it runs."""
    for node in _imports(path.read_text("utf-8")):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if find_module(alias.name, packages))
        else:
            base = _absolute(node, name, packages)
            for alias in node.names:
                home = find_name(base, alias.name, packages)
                if home is not None:
                    yield home


def find_name(module: str, name: str, packages: Mapping[str, Path]) -> str | None:
    """Return the module that ``from module import name`` leads to; None outside of the packages."""
    if find_module(f"{module}.{name}", packages):
        return f"{module}.{name}"
    path = find_module(module, packages)
    if path is None or module not in packages:
        return module if path else None
    home = _homes(path.read_text("utf-8")).get(name)
    return module if home is None else find_name(home, name, packages)


def find_module(name: str, packages: Mapping[str, Path]) -> Path | None:
    """Return the file of a module of the packages, a folder's ``__init__.py`` for a folder; None for any other."""
    top, *parts = name.split(".")
    if top not in packages:
        return None
    place = packages[top].joinpath(*parts)
    paths = (place.with_suffix(".py"), place / "__init__.py") if parts else (place / "__init__.py",)
    return next((path for path in paths if path.is_file()), None)


def module_name(path: Path, packages: Mapping[str, Path]) -> str | None:
    """Return the dotted name of a file of the packages, None for a file outside."""
    for top, folder in packages.items():
        if path.resolve().is_relative_to(folder.resolve()):
            parts = path.resolve().relative_to(folder.resolve()).with_suffix("").parts
            return ".".join([top, *(part for part in parts if part != "__init__")])
    return None


def digest_sources(files: Iterable[tuple[str, Path]]) -> str:
    """Hash names and the meaning of Python files; comments, docstrings, layout and line ends do not matter."""
    state = blake2b(digest_size=16)
    for name, path in files:
        state.update(encode_part(name) + encode_part(_canonical_text(path.read_text("utf-8"))))
    return state.hexdigest()


@cache
def _homes(text: str) -> dict[str, str]:
    """Return name → the first module that a file's text imports it from, be it on first use and for type checkers."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in reversed(nodes) if node.module for alias in node.names}


@cache
def _parse(text: str) -> ast.Module:
    """Return the syntax tree of a file's text without docstrings and without what type checkers alone see."""
    tree = ast.parse(text)
    _take_out(tree)
    return tree


@cache
def _imports(text: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    return tuple(node for node in _statements(_parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))


@cache
def _canonical_text(text: str) -> str:
    return canonical(_parse(text))


def _take_out(node: ast.AST) -> None:
    """Take docstrings and ``if TYPE_CHECKING`` out of a tree: no expression has any."""
    for block in _blocks(node):
        for statement in block:
            _take_out(statement)
        block[:] = [kept for one in block for kept in (one.orelse if _is_for_type_checkers(one) else [one])]
    if isinstance(node, _Documented) and ast.get_docstring(node, clean=False) is not None:
        del node.body[0]


def _blocks(node: ast.AST) -> Iterator[list[Any]]:
    """Yield the lists of statements right below a statement."""
    found = (getattr(node, name, None) for name in _BLOCKS)
    return (block for block in found if isinstance(block, list))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements below one."""
    for block in _blocks(node):
        for statement in block:
            yield statement
            yield from _statements(statement)


def _is_for_type_checkers(node: ast.AST) -> bool:
    """Return whether a statement is ``if TYPE_CHECKING``."""
    test = node.test if isinstance(node, ast.If) else None
    return (test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")) == "TYPE_CHECKING"


def canonical(node: Any) -> str:
    """Return a syntax tree as text that is the same in every Python from 3.11 on.

    ``ast.dump`` and ``ast.unparse`` are not: what they leave out, and how they quote, changed in 3.12 and 3.13. This
    one names every node and every field that is neither None nor empty, so that a field which a newer Python adds, and
    code does not use, changes nothing.
    """
    if isinstance(node, ast.JoinedStr):
        return f"JoinedStr(values=[{','.join(map(canonical, _joined(node.values)))}])"
    if isinstance(node, ast.AST):
        values = {name: getattr(node, name, None) for name in node._fields if name not in _NO_MEANING}
        whole = isinstance(node, ast.Constant)
        fields = [f"{name}={canonical(value)}" for name, value in values.items() if whole or value not in (None, [])]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(canonical, node))}]"
    return f"{type(node).__name__}:{node!r}"


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """Return the parts of an f-string, neighbouring texts as one and empty ones left out: Pythons differ in it."""
    found: list[ast.expr] = []
    for one in values:
        last = found[-1] if found else None
        if isinstance(one, ast.Constant) and isinstance(last, ast.Constant):
            found[-1] = ast.Constant(str(last.value) + str(one.value))
        elif not (isinstance(one, ast.Constant) and one.value == ""):
            found.append(one)
    return found


def _absolute(node: ast.ImportFrom, name: str, packages: Mapping[str, Path]) -> str:
    """Return the dotted name that ``from … import`` names, which may be relative to the module it stands in."""
    if not node.level:
        return node.module or ""
    path = find_module(name, packages)
    parts = name.split(".")
    up = node.level - (path is not None and path.name == "__init__.py")
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


def _makes_labels(name: str) -> bool:
    top, _, rest = name.partition(".")
    return top == actiseg_noise.__name__ and rest.split(".")[0] in MAKES_LABELS
