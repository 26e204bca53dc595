"""Recipes: which noises, at which rates, with which options, make a variant. A recipe is also a TOML file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actiseg_noise.borders.named_files import MOST_BYTES, file_names, read_named
from actiseg_noise.borders.text import read_json, read_toml
from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if
from actiseg_noise.fields import LARGEST, Fields, check_depth, is_number, is_text
from actiseg_noise.recipe_families import FORMS, recipe_of_family

TEMPORAL = ("frame", "clip")
FOLDER = Path(__file__).parent / "recipes"

MOST_NOISES = 100

_A_CANVAS = (480, 854)  # rows, columns: what a kernel is at 480p, it is there
_ID = re.compile(r"[a-z0-9][a-z0-9._+-]{0,149}")
_EXACT, _PER, _ERASE = "+exact", "+per-", "+erase"
_ALTERED: dict[str, dict[str, Any]] = {  # what an id ends in, and the options of ``altered`` that it stands for
    _EXACT: {"exact_rate": True},
    **{_PER + mode: {"temporal": mode} for mode in TEMPORAL},
    _ERASE: {"allow_erase": True},
}
_RECIPE_KEYS = ("id", "title", "seed", "exact_rate", "temporal", "sequential", "allow_erase", "noise")


@dataclass(frozen=True)
class NoiseSpec:
    """One noise of a recipe.

    Attributes:
        noise_id: name and version in the registry of noises.
        rate: fraction of the eligible draws that are corrupted, 0–1.
        options: the noise's own options; what is not named keeps the noise's default.
    """

    noise_id: str
    rate: float
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", check_rate(self.rate, self.noise_id))

    def to_json(self) -> dict[str, Any]:
        """Return the form a ``[[noise]]`` table has."""
        return {"noise": self.noise_id, "rate": self.rate, **self.options}


@dataclass(frozen=True)
class Recipe:
    """The noise specs, seed and options that make a variant.

    Attributes:
        recipe_id: lower case, in folder names.
        noises: in order. Text noises: the first that takes a sample. Mask noises: as ``sequential`` says.
        seed: part of every draw's address.
        exact_rate: corrupt the ``round(rate * n)`` smallest uniforms instead of those below the rate.
        temporal: ``frame``: a mask noise draws per frame; ``clip``: once per (clip, object).
        sequential: apply every mask noise that fires, in order, instead of the first alone.
        allow_erase: a mask noise may leave nothing of an object; else the object stays as it was, and its row says so.
    """

    recipe_id: str
    noises: tuple[NoiseSpec, ...] = ()
    seed: int = 0
    exact_rate: bool = False
    temporal: str = "frame"
    sequential: bool = False
    title: str = ""
    allow_erase: bool = False

    def __post_init__(self) -> None:
        what = f"recipe {self.recipe_id!r}"
        raise_if(not _ID.fullmatch(self.recipe_id), f"{what}: an id is made of a-z 0-9 . _ + -, at most 150 of them")
        _check_type(self.seed, int, f"{what}: seed")
        raise_if(abs(self.seed) > LARGEST, f"{what}: seed must be a whole number of at most 63 bits")
        _check_type(self.title, str, f"{what}: title")
        raise_if(len(self.noises) > MOST_NOISES, f"{what}: {len(self.noises)} noises; expected at most {MOST_NOISES}")
        _check_type(self.exact_rate, bool, f"{what}: exact_rate")
        _check_type(self.sequential, bool, f"{what}: sequential")
        _check_type(self.allow_erase, bool, f"{what}: allow_erase")
        if self.temporal not in TEMPORAL:
            raise UnknownNameError("temporal mode", self.temporal, TEMPORAL)

    @property
    def is_clean(self) -> bool:
        """True when nothing can be corrupted."""
        return all(spec.rate == 0 for spec in self.noises)

    def altered(self, *, exact_rate: bool = False, temporal: str | None = None, allow_erase: bool = False) -> Recipe:
        """Return this recipe with options changed; its id says so, because a published id never changes meaning."""
        recipe = self
        if exact_rate and not recipe.exact_rate:
            recipe = replace(recipe, exact_rate=True, recipe_id=recipe.recipe_id + _EXACT)
        if temporal is not None and temporal != recipe.temporal:
            recipe = replace(recipe, temporal=temporal, recipe_id=f"{recipe.recipe_id}{_PER}{temporal}")
        if allow_erase and not recipe.allow_erase:
            recipe = replace(recipe, allow_erase=True, recipe_id=recipe.recipe_id + _ERASE)
        return recipe

    def to_json(self) -> dict[str, Any]:
        """Return the form of the TOML file, ``from_json``'s inverse."""
        return {
            "id": self.recipe_id,
            "title": self.title,
            "seed": self.seed,
            "exact_rate": self.exact_rate,
            "temporal": self.temporal,
            "sequential": self.sequential,
            "allow_erase": self.allow_erase,
            "noise": [spec.to_json() for spec in self.noises],
        }

    @classmethod
    def from_json(
        cls,
        data: dict[str, Any],
        where: str = "recipe",
        folder: Path | None = None,
        *,
        registered: bool = True,
        kind: type[ActisegError] = ActisegError,
    ) -> Recipe:
        """Return the recipe of a parsed TOML file.

        Args:
            registered: hold noises and options against the registry; False for the recipe of a manifest, which can be
                read where the package of one of its noises is not installed.
            folder: where the files lie that options name as ``"@FILE"``; their contents take the place of the name, so
                that a recipe holds all it needs.
            kind: of the error for a value of another type.

        Raises:
            ActisegError: an unknown or missing key, a value of another type, a rate outside [0, 1], an unknown noise or
                option.
        """
        fields_ = Fields(data, where, kind)
        fields_.check_keys(_RECIPE_KEYS)
        check_depth(data, where, kind)
        tables = fields_.raw("noise", [])
        raise_if(not isinstance(tables, list), f"{where}: write each noise as a [[noise]] table", kind)
        read = _noise_spec if registered else _foreign_spec
        noises = tuple(read(table, f"{where}, noise {i + 1}", folder, kind) for i, table in enumerate(tables))
        try:
            return cls(
                recipe_id=fields_.text("id", longest=150),
                noises=noises,
                seed=fields_.integer("seed", 0),
                exact_rate=fields_.flag("exact_rate", False),
                temporal=fields_.text("temporal", "frame"),
                sequential=fields_.flag("sequential", False),
                title=fields_.text("title", "", longest=1000),
                allow_erase=fields_.flag("allow_erase", False),
            )
        except ActisegError as error:
            raise error if type(error) is kind else kind(f"{where}: {error}") from None


def split_id(recipe_id: str) -> tuple[str, dict[str, Any]]:
    """Return the id of the recipe before it was altered, and the options given to :meth:`Recipe.altered`.

    >>> split_id("mask-15+per-clip+erase")
    ('mask-15', {'allow_erase': True, 'temporal': 'clip'})
    """
    changes: dict[str, Any] = {}
    while recipe_id.endswith(tuple(_ALTERED)):
        recipe_id, _, change = recipe_id.rpartition("+")
        changes |= _ALTERED[f"+{change}"]
    return recipe_id, changes


def check_rate(rate: object, what: str, kind: type[ActisegError] = ActisegError) -> float:
    """Return ``rate`` as a float.

    Raises:
        ActisegError (``kind``): it is no number in [0, 1].
    """
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        hint = f"; did you mean {rate / 100:g}?" if isinstance(rate, int | float) and 2 <= rate <= 100 else ""
        raise kind(f"{what}: expected a rate between 0 and 1, got {rate!r:.60}{hint}")
    return float(rate)


def _noise_spec(
    table: Any, where: str, folder: Path | None = None, kind: type[ActisegError] = ActisegError
) -> NoiseSpec:
    """Read one ``[[noise]]`` table and hold it against the registry."""
    from actiseg_noise.noises.base import NOISES

    spec = _foreign_spec(table, where, folder, kind)
    if spec.noise_id not in NOISES:
        raise UnknownNameError("noise", spec.noise_id, NOISES, f"{where}: unknown noise {spec.noise_id!r}")
    noise = NOISES[spec.noise_id]
    Fields(table, where, kind).check_keys(("noise", "rate", *noise.defaults))
    return spec


def _foreign_spec(
    table: Any, where: str, folder: Path | None = None, kind: type[ActisegError] = ActisegError
) -> NoiseSpec:
    """Read one ``[[noise]]`` table of a noise that may be nobody's here."""
    raise_if(not isinstance(table, dict), f"{where}: write each noise as a [[noise]] table", kind)
    fields_ = Fields(table, where, kind)
    options = {key: _inlined(fields_.raw(key), folder) for key in fields_ if key not in ("noise", "rate")}
    for key, value in options.items():
        _check_option(value, f"{where}: {key}", kind)
    noise_id = fields_.text("noise", longest=150)
    return NoiseSpec(noise_id, check_rate(fields_.raw("rate"), where, kind), options)


def _check_option(value: Any, where: str, kind: type[ActisegError]) -> None:
    """Refuse what no option can be: numbers that are not finite or that no float holds, dates, nesting without end."""
    check_depth(value, where, kind)
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list | tuple):
            waiting += item
        elif not (item is None or isinstance(item, bool) or is_number(item) or is_text(item)):
            raise kind(f"{where}: expected a text, a finite number, true, false, or lists of them; found {item!r:.60}")


def _inlined(value: Any, folder: Path | None) -> Any:
    """Return the contents of the TOML or JSON file that ``"@FILE"`` names; any other value as it is."""
    if folder is None or not isinstance(value, str) or not value.startswith("@"):
        return value
    path = folder / value[1:]
    return read_json(path, most=MOST_BYTES) if path.suffix.lower() == ".json" else read_toml(path, most=MOST_BYTES)


def _check_type(value: object, kind: type, what: str) -> None:
    """Refuse a value whose type is not exactly ``kind``."""
    if type(value) is not kind:
        raise ActisegError(f"{what} must be of type {kind.__name__}, got {value!r}")


def recipe_names() -> list[str]:
    """Return the names of the recipes that travel with the package."""
    return file_names(FOLDER)


def load_recipe(name: str | Path) -> Recipe:
    """Return a named recipe, one that its name describes (``flip-35``), or that of a TOML file.

    Raises:
        UnknownNameError: neither a recipe of the package nor a file; the message has the nearest name.
        ActisegError: a file that is no recipe; a rate over 100 %.
    """
    made = recipe_of_family(str(name)) if str(name) not in recipe_names() else None
    if made is not None:
        return Recipe.from_json(made, f"recipe {name}")
    try:
        data, path = read_named("recipe", name, FOLDER)
    except UnknownNameError as error:
        raise UnknownNameError("recipe", str(name), recipe_names(), more=f"Or any {', '.join(FORMS)}.") from error
    return Recipe.from_json(data, str(path), path.parent)


def ad_hoc_recipe(
    *,
    flip: float | None = None,
    noun: float | None = None,
    narration: float | None = None,
    flag: float | None = None,
    boundary: int | None = None,
    boundary_op: str = "dilate",
    boundary_rate: float = 1.0,
    boundary_unit: str = "480p",
) -> Recipe:
    """Return the recipe of rates given one by one, with a readable id: ``flip-30+noun-100+dilate-15``.

    Args:
        flip: rate of category flips. noun: rate of noun substitutions. narration: rate of narration swaps, per clip.
        flag: rate of flag flips. boundary: kernel of the mask noise.
    """
    parts: list[tuple[str, NoiseSpec]] = []
    if flip is not None:
        parts.append((f"flip-{_percent(flip, '--flip')}", NoiseSpec("category_flip-v1", flip)))
    if noun is not None:
        parts.append((f"noun-{_percent(noun, '--noun')}", NoiseSpec("noun_substitution-v1", noun)))
    if narration is not None:
        parts.append((f"narration-{_percent(narration, '--narration')}", NoiseSpec("narration_swap-v1", narration)))
    if flag is not None:
        parts.append((f"flag-{_percent(flag, '--flag')}", NoiseSpec("flag_flip-v1", flag)))
    if boundary is not None:
        share = _percent(boundary_rate, "--boundary-rate")
        name = f"{boundary_op}-{boundary}" + ("px" if boundary_unit == "px" else "")
        name += "" if share == "100" else f"-rate-{share}"
        parts.append((name, _boundary_spec(boundary_op, boundary, boundary_rate, boundary_unit)))
    return Recipe("+".join(name for name, _ in parts) or "clean", tuple(spec for _, spec in parts))


def _boundary_spec(operation: str, strength: int, rate: float, unit: str) -> NoiseSpec:
    """Return the newest version of a mask noise with its main option set to ``strength``."""
    from actiseg_noise.noises.base import NOISES, MaskNoise

    noise = NOISES[_newest(operation)]
    if not isinstance(noise, MaskNoise) or noise.strength is None:
        raise ActisegError(f"--boundary-op {operation} has no strength for --boundary to set; write a recipe for it")
    table = {"noise": noise.noise_id, "rate": rate, noise.strength: strength}
    spec = _noise_spec(table | ({"unit": unit} if "unit" in noise.defaults else {}), f"--boundary-op {operation}")
    try:
        noise.resolve({**noise.defaults, **spec.options}, *_A_CANVAS)
    except ActisegError as error:
        raise ActisegError(
            f"--boundary {strength}{'' if unit == '480p' else f' --boundary-unit {unit}'}: {error}"
        ) from None
    return spec


def _percent(rate: float, option: str) -> str:
    """Return 0.3 as ``30``, 0.125 as ``12.5``."""
    return f"{check_rate(rate, option) * 100:.6g}"


def _newest(operation: str) -> str:
    """Return the newest version of the mask noise called ``operation``."""
    from actiseg_noise.noises.base import NOISES

    versions: dict[str, int] = {}
    for noise_id in NOISES:
        name, _, version = noise_id.rpartition("-v")
        if NOISES[noise_id].kind == "mask":
            versions[name] = max(int(version), versions.get(name, 0))
    if operation not in versions:
        raise UnknownNameError("boundary operation", operation, versions)
    return f"{operation}-v{versions[operation]}"
