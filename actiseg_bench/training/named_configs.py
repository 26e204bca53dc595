"""Named configurations: how a published training learns, as a TOML file of the keys that differ from the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_noise.borders.named_files import file_names, read_named
from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if

FOLDER = Path(__file__).parents[1] / "configs"
KEYS = ("title", "train")


@dataclass(frozen=True)
class NamedConfig:
    """How to learn.

    Attributes:
        name: of the file. title: one line. train: the keys of :class:`TrainConfig` that differ from its defaults.
    """

    name: str
    title: str
    train: dict[str, Any]


def config_names() -> list[str]:
    """Return the names of the configurations that travel with the package."""
    return file_names(FOLDER)


def load_config(name: str | Path) -> NamedConfig:
    """Return a named configuration, or that of a TOML file.

    Raises:
        UnknownNameError: neither a configuration of the package nor a ``.toml`` path; the message has the nearest name.
        ActisegError: a file that is no configuration; the message names the key.
    """
    data, path = read_named("configuration", name, FOLDER)
    return _checked(data, path)


def _checked(data: dict[str, Any], path: Path) -> NamedConfig:
    from actiseg_bench.training.config import RunConfig

    for key in data:
        if key not in KEYS:
            raise UnknownNameError(f"key in {path}:", key, KEYS)
    train, title = data.get("train", {}), data.get("title", "")
    raise_if(not isinstance(train, dict), f"{path}: [train] must be a table, got {train!r}")
    raise_if(not isinstance(title, str), f"{path}: title must be text, got {title!r}")
    try:
        RunConfig.from_dict({"train": train})
    except ActisegError as error:
        raise ActisegError(f"{path}: {error}") from None
    return NamedConfig(path.stem, title, train)
