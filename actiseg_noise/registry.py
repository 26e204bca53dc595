"""Registries: a name leads to a thing, and adding a thing is adding a file.

A registry imports every module of its package once, on first use, so a decorated function or class in a new file is
found without being listed anywhere; other people's packages join through an entry point of the registry's group. One
that cannot be imported, or whose name is taken, is left out with a warning: it stops nobody else's work.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from actiseg_noise.errors import ActisegWarning, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of thing (``dataset``, ``noise``, ``strategy``, ``model``).

    Args:
        kind: the word used in error messages.
        package: dotted package whose modules register themselves on import.
        group: entry-point group; an entry point is loaded for its side effect of registering.
        needs: attributes that every thing has; a plug-in whose things lack one is left out.
        advice: what is said last where a name is unknown.
    """

    def __init__(self, kind: str, package: str, group: str, needs: tuple[str, ...] = (), advice: str = "") -> None:
        self.kind = kind
        self._package = package
        self._group = group
        self._needs, self._advice = needs, advice
        self._things: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, thing: T) -> T:
        """Register ``thing`` under ``name``.

        Raises:
            ValueError: when another thing has the name already.
        """
        if self._things.setdefault(name, thing) is not thing:
            raise ValueError(f"two {self.kind}s are called {name!r}")
        return thing

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers what it decorates."""
        return lambda thing: self.add(name, thing)

    def __getitem__(self, name: str) -> T:
        """Return the thing called ``name``.

        Raises:
            UnknownNameError: with the nearest known name.
        """
        self._load()
        if name not in self._things:
            raise UnknownNameError(self.kind, name, self._things, more=self._advice)
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._things))

    def _load(self) -> None:
        if self._loaded:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._loaded = True  # only now: a module that fails to import fails again, it is not left out in silence
        for point in _find_entry_points(self._group):
            known = set(self._things)
            try:
                point.load()
                self._check_things(self._things.keys() - known)
            except (Exception, SystemExit) as error:
                for name in self._things.keys() - known:
                    del self._things[name]
                warnings.warn(_why_left_out(point, error), ActisegWarning, stacklevel=3)

    def _check_things(self, names: Iterable[str]) -> None:
        """Raise TypeError when one of these things lacks what every thing of its kind has."""
        for name in names:
            lacking = [attribute for attribute in self._needs if not hasattr(self._things[name], attribute)]
            if lacking:
                raise TypeError(f"{self.kind} {name!r} has no {', '.join(lacking)}")


def _find_entry_points(group: str) -> list[EntryPoint]:
    """Return a group's entry points, in an order that does not depend on the file system."""
    try:
        return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    except Exception as error:  # metadata of some installed package, not necessarily a plug-in
        warnings.warn(f"plug-ins cannot be looked for ({_reason(error)}); none is used", ActisegWarning, stacklevel=4)
        return []


def _why_left_out(point: EntryPoint, error: BaseException) -> str:
    """Return a line that names the plug-in, the distribution that brings it, and what is wrong with it."""
    name = getattr(point.dist, "name", None) or "an unknown distribution"
    version = getattr(point.dist, "version", None)
    brought_by = f"{name} {version}" if version else name
    return f"plug-in {point.name!r} of {brought_by} cannot be used ({_reason(error)}); it is left out"


def _reason(error: BaseException) -> str:
    """Return an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
