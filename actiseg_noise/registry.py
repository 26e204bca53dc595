"""Registries: a name leads to a thing, and adding a thing is adding a file.

A registry imports every module of its package once, on first use, so a decorated function or class in a new file is
found without being listed anywhere; other people's packages join through an entry point of the registry's group.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from actiseg_noise.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of thing (``dataset``, ``noise``, ``strategy``, ``model``).

    Args:
        kind: the word used in error messages.
        package: dotted package whose modules register themselves on import.
        group: entry-point group; an entry point is loaded for its side effect of registering.
    """

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind = kind
        self._package = package
        self._group = group
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
            raise UnknownNameError(self.kind, name, self._things)
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
        for point in entry_points(group=self._group):
            point.load()
        self._loaded = True  # only now: a module that fails to import fails again, it is not left out in silence
