"""What to build: names and options resolved to a dataset, a recipe, a vocabulary and clips, or refused."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from inspect import Parameter, signature
from operator import attrgetter
from pathlib import Path
from typing import Any

from actiseg_noise.borders.distinct import Distinct, digest_of
from actiseg_noise.borders.roots import find_root
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.building.action import names_narration
from actiseg_noise.building.chunk import Job
from actiseg_noise.building.options import BuildOptions, Shard
from actiseg_noise.building.plan import kinds_of, needs_of, needs_verbs, schema_of
from actiseg_noise.building.views import check_images
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.selection import ALL, Selection
from actiseg_noise.errors import ActisegError, DataError, UnknownNameError, raise_if
from actiseg_noise.executors.base import Engine
from actiseg_noise.noises.base import NOISES
from actiseg_noise.recipe import Recipe, ad_hoc_recipe, load_recipe
from actiseg_noise.records import Clip
from actiseg_noise.version import tool_version
from actiseg_noise.vocabulary import Vocabulary

BUILT_CONTENTS = ("full", "text")


@dataclass(frozen=True)
class Request:
    """A build that has been checked: what ``asked`` names, resolved."""

    asked: BuildOptions
    dataset: Dataset
    recipe: Recipe
    vocabulary: Vocabulary
    selection: Selection

    @property
    def split(self) -> str:
        """Return the split."""
        return self.asked.split

    @property
    def content(self) -> str:
        """Return ``full`` or ``text``."""
        return self.asked.content

    @property
    def adapter_options(self) -> dict[str, Any]:
        """Return the dataset's own options."""
        return dict(self.asked.options or {})

    @property
    def out(self) -> Path:
        """Return where the manifest goes: as asked, or ``manifests/<dataset>/<split>/<recipe id>-s<seed>``."""
        if self.asked.out is not None:
            return Path(self.asked.out)
        name = f"{self.recipe.recipe_id}-s{self.recipe.seed}{self.selection.suffix}"
        return Path("manifests") / self.dataset.card.name / self.split / name

    @property
    def engine(self) -> Engine:
        """Return who does the work."""
        return Engine.parse(self.asked.engine)

    @property
    def shard(self) -> Shard | None:
        """Return the part of the build that is asked for, None for the whole."""
        return None if self.asked.shard is None else Shard.parse(self.asked.shard)

    @property
    def schema_version(self) -> int:
        """Return the schema of the manifest."""
        return schema_of(self.recipe)

    @property
    def identity(self) -> dict[str, Any]:
        """Return everything that decides the rows, but for the files on disk."""
        card = self.dataset.card
        return {
            "dataset": card.name,
            "version": card.version,
            "options": self.adapter_options,
            "split": self.split,
            "recipe": untitled(self.recipe),
            "content": self.content,
            "vocabulary": self.vocabulary.digest(),
            "selection": self.selection.to_json(),
            "tool": tool_version(),
            "schema": self.schema_version,
        }

    @property
    def fingerprint(self) -> str:
        """Return a digest of ``identity``, of the root and of how missing files are treated."""
        data = [self.identity, str(self.dataset.root.resolve()), self.dataset.skip_missing]
        return blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()

    def job(self, thresholds: Sequence[float] | None = None) -> Job:
        """Return what worker processes need."""
        limits = None if thresholds is None else tuple(thresholds)
        dataset = self.dataset.select(ALL)
        return Job(dataset, self.recipe, self.vocabulary, self.content, limits, self.schema_version)

    def iter_clips(self) -> Iterator[Clip]:
        """Yield the selected clips, objects in ascending object_id.

        Raises:
            DataError: the adapter's clips do not ascend, two have one address, or an image is missing that a noise of
                the recipe looks at.
            ActisegError: a clip that was asked for by name is not in the split, or every clip was left out.
        """
        looks_at_images = self.content == "full" and "image" in needs_of(self.recipe)
        clips = _in_order(self.dataset, self.split, with_frames=self.content == "full")
        if not self.dataset.chooses:
            clips = self.selection.choose(clips, attrgetter("clip_id"), self.split, self.dataset.skipped)
        is_empty = True
        for clip in clips:
            is_empty = False
            if looks_at_images:
                check_images(clip, self.dataset.root, self.recipe)
            ids = [item.object_id for item in clip.objects]
            yield clip if ids == sorted(ids) else _with_sorted_objects(clip)
        if is_empty and self.dataset.skipped:
            raise DataError(f"nothing is left to build: {describe_skipped(self.dataset.skipped)}")


def make_request(dataset: str | Dataset, options: BuildOptions | None = None) -> Request:
    """Resolve and check a build.

    Raises:
        ActisegError: bad usage, an unknown name, or a dataset that is not there.
    """
    asked = options or BuildOptions()
    if asked.content not in BUILT_CONTENTS:
        raise UnknownNameError("content", asked.content, BUILT_CONTENTS)
    raise_if(asked.limit is not None and asked.limit < 1, f"--limit must be at least 1, got {asked.limit}")
    raise_if(asked.processes < 1, f"--workers must be at least 1, got {asked.processes}")
    Engine.parse(asked.engine)
    if asked.shard is not None:
        Shard.parse(asked.shard)
    selection = Selection(asked.limit, None if asked.clips is None else tuple(sorted(set(asked.clips))))
    found = _open_dataset(dataset, asked)
    found.check_root()
    found.check_split(asked.split)
    variant = find_recipe(asked)
    _check_allowed(found, variant, asked)
    words = asked.vocabulary
    vocabulary = words if isinstance(words, Vocabulary) else find_vocabulary(found, words)
    if "narration" not in kinds_of(variant):
        vocabulary = vocabulary.with_narrations({})
    elif not vocabulary.narrations:
        vocabulary = with_narrations_of(vocabulary, found, asked.split, verbs=needs_verbs(variant))
    elif not needs_verbs(variant):
        vocabulary = vocabulary.with_narrations(vocabulary.narrations)
    request = Request(asked, found.select(selection), variant, vocabulary, selection)
    _check_text(request)
    return request


def find_recipe(asked: BuildOptions) -> Recipe:
    """Return the recipe that is named, or that of the rates given one by one; with the options that change it.

    Raises:
        ActisegError: both are given, or details of a boundary noise without one.
    """
    details = (asked.boundary_op, asked.boundary_rate, asked.boundary_unit)
    rates = {"--flip": asked.flip, "--noun": asked.noun, "--narration": asked.narration, "--flag": asked.flag}
    rates["--boundary"] = asked.boundary
    given = [option for option, value in rates.items() if value is not None]
    plain = BuildOptions()
    if asked.boundary is None and details != (plain.boundary_op, plain.boundary_rate, plain.boundary_unit):
        raise ActisegError("--boundary-op, --boundary-rate and --boundary-unit need --boundary K, the kernel")
    if given and asked.recipe is not None:
        name = asked.recipe.recipe_id if isinstance(asked.recipe, Recipe) else asked.recipe
        raise ActisegError(f"--recipe {name} and {', '.join(given)} contradict each other: give one or the other")
    if given:
        operation, rate, unit = details
        recipe = ad_hoc_recipe(
            flip=asked.flip,
            noun=asked.noun,
            narration=asked.narration,
            flag=asked.flag,
            boundary=asked.boundary,
            boundary_op=operation,
            boundary_rate=rate,
            boundary_unit=unit,
        )
    else:
        recipe = asked.recipe if isinstance(asked.recipe, Recipe) else load_recipe(asked.recipe or "clean")
    if asked.seed is not None:
        recipe = replace(recipe, seed=asked.seed)
    return recipe.altered(exact_rate=asked.exact_rate, temporal=asked.temporal, allow_erase=asked.allow_erase)


def untitled(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON without its title, which decides no row."""
    return {key: value for key, value in recipe.to_json().items() if key != "title"}


def find_vocabulary(dataset: Dataset, origin: str | Path) -> Vocabulary:
    """Return the vocabulary: of all the dataset's splits, of its train split, or of a JSON file.

    It never depends on which clips are selected.
    """
    if str(origin) in ("dataset", "train"):
        splits = ("train",) if origin == "train" else dataset.card.splits
        return Vocabulary.collect(dataset.iter_vocabulary(splits), str(origin))
    path = Path(origin)
    raise_if(not path.is_file(), f"--vocabulary {origin}: expected 'dataset', 'train' or a JSON file; no such file")
    vocabulary = Vocabulary.from_json(read_json_object(path), f"--vocabulary {path}")
    return replace(vocabulary, origin=path.name)


def with_narrations_of(vocabulary: Vocabulary, dataset: Dataset, split: str, *, verbs: bool = False) -> Vocabulary:
    """Return a vocabulary with the narrations of a split's clips that have a text that names it.

    It never depends on which clips are selected, nor on whether their frames are there.

    Args:
        verbs: with the action that each narration names, that of most clips; of as many the first in the alphabet.
    """
    everyone = copy.copy(dataset)
    everyone.selection, everyone.skip_missing, everyone.skipped = ALL, True, []
    told: dict[str, Counter[str]] = {}
    for clip in everyone.iter_clips(split, with_frames=False):
        if any(names_narration(clip, item) for item in clip.objects):
            told.setdefault(clip.narration, Counter())[_action_of(clip)] += 1
    counts = {text: found.total() for text, found in told.items()}
    if not verbs:
        return vocabulary.with_narrations(counts)
    return vocabulary.with_narrations(
        counts, {text: max(sorted(found), key=found.__getitem__) for text, found in told.items()}
    )


def _action_of(clip: Clip) -> str:
    """Return what a clip's action is called: several verbs may be of one class."""
    return clip.verb if clip.verb_class is None or clip.verb_class < 0 else f"verb class {clip.verb_class}"


def describe_skipped(clip_ids: Sequence[str]) -> str:
    """Return how many clips were left out, and the first ten."""
    names = ", ".join(clip_ids[:10]) + (", …" if len(clip_ids) > 10 else "")
    return f"left out {len(clip_ids):,} listed clip{'s' * (len(clip_ids) > 1)}, files or texts missing: {names}"


def _open_dataset(dataset: str | Dataset, asked: BuildOptions) -> Dataset:
    """Return the adapter: made from its name, or as given."""
    if isinstance(dataset, Dataset):
        return dataset
    kind, options = DATASETS[dataset], dict(asked.options or {})
    known = _list_options(kind)
    for name in options:
        if known is not None and name not in known:
            raise UnknownNameError("option", name, known, f"dataset {dataset!r} has no option {name!r}")
    root = find_root(kind.card, asked.root)
    if not Engine.parse(asked.engine).is_own:
        root = root.absolute()  # workers may stand in another folder
    return kind(root, skip_missing=asked.skip_missing, **options)


def _list_options(kind: type[Dataset]) -> list[str] | None:
    """Return the names of an adapter's own options: its keywords; None where it takes any."""
    parameters = list(signature(kind).parameters.values())
    if any(one.kind is Parameter.VAR_KEYWORD for one in parameters):
        return None
    return [
        one.name for one in parameters[1:] if one.name != "skip_missing" and one.kind is not Parameter.VAR_POSITIONAL
    ]


def _check_allowed(dataset: Dataset, recipe: Recipe, asked: BuildOptions) -> None:
    """Refuse noise on an evaluation split, and mask noise where no mask is read."""
    if asked.split in dataset.card.eval_splits and not recipe.is_clean and not asked.allow_eval:
        raise ActisegError(
            f"{asked.split!r} is an evaluation split of {dataset.card.name!r} and recipe {recipe.recipe_id!r} has "
            "noise. Scores on noisy labels mean little; pass --allow-eval if you want them, or --recipe clean."
        )
    noisy_masks = [s.noise_id for s in recipe.noises if s.rate and NOISES[s.noise_id].kind == "mask"]
    if asked.content == "text" and noisy_masks:
        raise ActisegError(
            f"recipe {recipe.recipe_id!r} has mask noise ({', '.join(noisy_masks)}), but --content text carries no "
            "masks. Use --content full, or a recipe of text noise."
        )


def _check_text(request: Request) -> None:
    """Refuse bad noise options, and text noise that no noun of the dataset can take, before any work."""
    plan = request.job().plan()
    others = [s for s in request.recipe.noises if s.rate and NOISES[s.noise_id].kind != "narration"]
    if plan.is_narration_idle and not others:  # one idle noise beside a working one is fine (decision 0006)
        count = len(request.vocabulary.narrations)
        told = f"{count or 'no'} narration{'s' * (count > 1)}"
        if count > 1:
            raise ActisegError(
                f"recipe {request.recipe.recipe_id!r} has noise on narrations, but none of the {told} in split "
                f"{request.split!r} of dataset {request.dataset.card.name!r} can take it: `actiseg-noise noises` and "
                "docs/noises.md say what each noise takes. Use a recipe of another noise."
            )
        raise ActisegError(
            f"recipe {request.recipe.recipe_id!r} swaps narrations, but the texts of the clips in split "
            f"{request.split!r} of dataset {request.dataset.card.name!r} name {told}: "
            "two different ones are needed. Use a recipe of another noise."
        )
    if plan.is_text_idle:
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
    with Distinct() as addresses:
        for clip in dataset.iter_clips(split, with_frames=with_frames):
            if previous is not None and clip.clip_id <= previous:
                raise DataError(
                    f"dataset {dataset.card.name!r}, split {split!r}: clip {clip.clip_id!r} comes after {previous!r}; "
                    "clip ids must ascend, each once"
                )
            if not addresses.add(clip.address):
                raise _same_address(clip)
            previous = clip.clip_id
            yield clip
        repeated = addresses.find_repeated()
    if repeated is not None:
        clips = dataset.iter_clips(split, with_frames=False)
        raise _same_address([clip for clip in clips if digest_of(clip.address) == repeated][-1])


def _same_address(clip: Clip) -> DataError:
    """Return the error of a clip whose address another one has."""
    return DataError(f"clip {clip.clip_id!r}: another clip has the address {clip.address!r}")


def _with_sorted_objects(clip: Clip) -> Clip:
    """Return the clip with its objects in ascending object_id."""
    return replace(clip, objects=tuple(sorted(clip.objects, key=lambda item: item.object_id)))
