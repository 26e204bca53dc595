"""What to build: names and options resolved to a dataset, a recipe, a vocabulary and clips, or refused."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

from actiseg_noise.borders.roots import find_root
from actiseg_noise.building.chunk import Job
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.errors import ActisegError, DataError, UnknownNameError, raise_if
from actiseg_noise.manifest.schema import SCHEMA_VERSION
from actiseg_noise.noises.base import NOISES
from actiseg_noise.recipe import Recipe, load_recipe
from actiseg_noise.records import Clip
from actiseg_noise.vocabulary import Vocabulary

BUILT_CONTENTS = ("full", "text")


@dataclass(frozen=True)
class Selection:
    """Which clips of a split: the first ``limit``, those named by ``clips``, or all."""

    limit: int | None = None
    clips: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is not the default."""
        data = {"limit": self.limit, "clips": None if self.clips is None else list(self.clips)}
        return {key: value for key, value in data.items() if value is not None}

    @property
    def suffix(self) -> str:
        """Return what distinguishes the folder of a partial build."""
        some = "" if self.clips is None else f"-clips{len(self.clips)}"
        return some + ("" if self.limit is None else f"-first{self.limit}")


@dataclass(frozen=True)
class Request:
    """A build that has been checked. ``options`` are the adapter's own."""

    dataset: Dataset
    split: str
    recipe: Recipe
    content: str
    vocabulary: Vocabulary
    selection: Selection
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def default_out(self) -> Path:
        """Return ``manifests/<dataset>/<split>/<recipe id>-s<seed>``."""
        name = f"{self.recipe.recipe_id}-s{self.recipe.seed}{self.selection.suffix}"
        return Path("manifests") / self.dataset.card.name / self.split / name

    @property
    def identity(self) -> dict[str, Any]:
        """Return everything that decides the rows, but for the files on disk."""
        card = self.dataset.card
        return {
            "dataset": card.name,
            "version": card.version,
            "options": self.options,
            "split": self.split,
            "recipe": self.recipe.to_json(),
            "content": self.content,
            "vocabulary": self.vocabulary.digest(),
            "selection": self.selection.to_json(),
            "tool": tool_version(),
            "schema": SCHEMA_VERSION,
        }

    @property
    def fingerprint(self) -> str:
        """Return a digest of ``identity``, of the root and of how missing files are treated."""
        data = [self.identity, str(self.dataset.root.resolve()), self.dataset.skip_missing]
        return blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()

    def job(self, thresholds: Sequence[float] | None = None) -> Job:
        """Return what worker processes need."""
        limits = None if thresholds is None else tuple(thresholds)
        return Job(self.dataset, self.recipe, self.vocabulary, self.content, limits)

    def iter_clips(self) -> Iterator[Clip]:
        """Yield the selected clips, objects in ascending object_id.

        Raises:
            DataError: the adapter's clips do not ascend, or two have one address.
            UnknownNameError: a selected clip is not in the split.
        """
        clips = _in_order(self.dataset, self.split, with_frames=self.content == "full")
        if self.selection.clips is not None:
            clips = _chosen(clips, self.selection.clips, self.split)
        for index, clip in enumerate(clips):
            if index == self.selection.limit:
                return
            ids = [item.object_id for item in clip.objects]
            yield clip if ids == sorted(ids) else _with_sorted_objects(clip)


def make_request(
    dataset: str | Dataset,
    *,
    root: str | Path | None = None,
    split: str = "train",
    recipe: str | Path | Recipe = "clean",
    seed: int | None = None,
    content: str = "full",
    exact_rate: bool = False,
    temporal: str | None = None,
    allow_erase: bool = False,
    vocabulary: str | Path | Vocabulary = "dataset",
    options: dict[str, Any] | None = None,
    skip_missing: bool = False,
    limit: int | None = None,
    clips: Sequence[str] | None = None,
    allow_eval: bool = False,
) -> Request:
    """Resolve and check a build; the arguments are those of ``build``."""
    if content not in BUILT_CONTENTS:
        raise UnknownNameError("content", content, BUILT_CONTENTS)
    raise_if(limit is not None and limit < 1, f"--limit must be at least 1, got {limit}")
    found = _open_dataset(dataset, root, skip_missing, options or {})
    found.check_root()
    found.check_split(split)
    variant = _resolve_recipe(recipe, seed).altered(exact_rate=exact_rate, temporal=temporal, allow_erase=allow_erase)
    _check_allowed(found, split, variant, content, allow_eval)
    request = Request(
        dataset=found,
        split=split,
        recipe=variant,
        content=content,
        vocabulary=vocabulary if isinstance(vocabulary, Vocabulary) else find_vocabulary(found, vocabulary),
        selection=Selection(limit, None if clips is None else tuple(sorted(set(clips)))),
        options=dict(options or {}),
    )
    _check_text(request)
    return request


def find_vocabulary(dataset: Dataset, origin: str | Path) -> Vocabulary:
    """Return the vocabulary: of all the dataset's splits, of its train split, or of a JSON file.

    It never depends on which clips are selected.
    """
    if str(origin) in ("dataset", "train"):
        splits = ("train",) if origin == "train" else dataset.card.splits
        return Vocabulary.collect(dataset.iter_vocabulary(splits), str(origin))
    path = Path(origin)
    raise_if(not path.is_file(), f"--vocabulary {origin}: expected 'dataset', 'train' or a JSON file; no such file")
    try:
        vocabulary = Vocabulary.from_json(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ActisegError(f"--vocabulary {path}: not a vocabulary file ({error!r})") from None
    return replace(vocabulary, origin=path.name)


def tool_version() -> str:
    """Return the installed version of this package."""
    return version("actiseg-nl")


def _open_dataset(
    dataset: str | Dataset, root: str | Path | None, skip_missing: bool, options: dict[str, Any]
) -> Dataset:
    """Return the adapter: made from its name, or as given."""
    if isinstance(dataset, Dataset):
        return dataset
    kind = DATASETS[dataset]
    try:
        return kind(find_root(kind.card, root), skip_missing=skip_missing, **options)
    except TypeError:
        if not options:
            raise
        raise ActisegError(f"dataset {dataset!r} does not take the options {', '.join(options)}") from None


def _resolve_recipe(recipe: str | Path | Recipe, seed: int | None) -> Recipe:
    """Return the recipe with its seed."""
    found = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    return found if seed is None else replace(found, seed=seed)


def _check_allowed(dataset: Dataset, split: str, recipe: Recipe, content: str, allow_eval: bool) -> None:
    """Refuse noise on an evaluation split, and mask noise where no mask is read."""
    if split in dataset.card.eval_splits and not recipe.is_clean and not allow_eval:
        raise ActisegError(
            f"{split!r} is an evaluation split of {dataset.card.name!r} and recipe {recipe.recipe_id!r} has noise. "
            "Scores on noisy labels mean little; pass --allow-eval if you want them, or --recipe clean."
        )
    noisy_masks = [s.noise_id for s in recipe.noises if s.rate and NOISES[s.noise_id].kind == "mask"]
    if content == "text" and noisy_masks:
        raise ActisegError(
            f"recipe {recipe.recipe_id!r} has mask noise ({', '.join(noisy_masks)}), but --content text carries no "
            "masks. Use --content full, or a recipe of text noise."
        )


def _check_text(request: Request) -> None:
    """Refuse bad noise options, and text noise that no noun of the dataset can take, before any work."""
    if request.job().plan().is_text_idle:
        vocabulary, card = request.vocabulary, request.dataset.card
        nouns = sum(map(len, vocabulary.nouns.values()))
        raise ActisegError(
            f"recipe {request.recipe.recipe_id!r} has text noise, but none of the {nouns} nouns in "
            f"{len(vocabulary.category_ids)} categories of dataset {card.name!r} can take it: text noise needs "
            "categories with nouns. Use a recipe of mask noise, or --vocabulary FILE."
        )


def _in_order(dataset: Dataset, split: str, *, with_frames: bool) -> Iterator[Clip]:
    """Yield the adapter's clips, holding it to ascending clip ids and distinct addresses."""
    previous: str | None = None
    addresses: set[str] = set()
    for clip in dataset.iter_clips(split, with_frames=with_frames):
        if previous is not None and clip.clip_id <= previous:
            raise DataError(
                f"dataset {dataset.card.name!r}, split {split!r}: clip {clip.clip_id!r} comes after {previous!r}; "
                "clip ids must ascend, each once"
            )
        raise_if(
            clip.address in addresses,
            f"clip {clip.clip_id!r}: another clip has the address {clip.address!r}",
            DataError,
        )
        addresses.add(clip.address)
        previous = clip.clip_id
        yield clip


def _with_sorted_objects(clip: Clip) -> Clip:
    """Return the clip with its objects in ascending object_id."""
    return replace(clip, objects=tuple(sorted(clip.objects, key=lambda item: item.object_id)))


def _chosen(clips: Iterator[Clip], names: tuple[str, ...], split: str) -> Iterator[Clip]:
    """Yield the clips called ``names``, after checking that all of them exist."""
    wanted = set(names)
    known: list[str] = []
    chosen = []
    for clip in clips:
        known.append(clip.clip_id)
        if clip.clip_id in wanted:
            chosen.append(clip)
    unknown = sorted(wanted.difference(known))
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ActisegError(
            f"--clips: {len(unknown)} of {len(wanted)} are not in split {split!r} ({len(known)} clips): "
            f"{', '.join(map(repr, unknown[:10]))}.{hint}"
        )
    yield from chosen
