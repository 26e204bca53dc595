"""``verify``: is a manifest what it says? By itself, by drawing its prompts again, and against its dataset.

``CHECKS`` is all there is: the sentence at the end of ``verify`` names those of them that ran, and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from actiseg_noise.borders.text import read_json_object
from actiseg_noise.building.counts import Severity
from actiseg_noise.building.plan import schema_of
from actiseg_noise.check.findings import Finding, Findings, Unchecked
from actiseg_noise.check.part import COUNTS, DIGESTS, ORDER, RUN_LENGTHS, SCHEMA
from actiseg_noise.check.pieces import Pieces
from actiseg_noise.check.recount import recount, verify_severity
from actiseg_noise.check.references import verify_references
from actiseg_noise.check.registered import verify_card, verify_recipe
from actiseg_noise.check.tables import Digested, TableCheck, digest_table
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest.digest import manifest_digest
from actiseg_noise.manifest.info import INFO_NAME, KEYS, VOCABULARY_NAME, ManifestInfo
from actiseg_noise.manifest.read import Manifest, open_manifest
from actiseg_noise.manifest.rows import iter_rows
from actiseg_noise.manifest.schema import CLIPS, IMPORTED, NO_NOISE, RECIPE_ONLY
from actiseg_noise.noises.base import NOISES
from actiseg_noise.progress import Progress


@dataclass(frozen=True)
class Subject:
    """A manifest that is verified, with what is at hand to verify it.

    One pass over the tables, when they are first asked for, serves the checks of single rows, the digests and the
    severity. References, draws and the comparison with the dataset each read again the columns that they need.

    Attributes:
        root, dataset, with_dataset: whether, and from where, every row is built again.
        severity: of the rows; the pass over the tables counts it.
        workers: number of processes that read pieces of the manifest.
    """

    manifest: Manifest
    root: str | Path | None = None
    dataset: Dataset | None = None
    with_dataset: bool = False
    progress: Progress | None = None
    severity: Severity = field(default_factory=Severity, init=False)
    workers: int = 1

    @property
    def info(self) -> ManifestInfo:
        """Return what ``manifest.json`` says."""
        return self.manifest.info

    @cached_property
    def pieces(self) -> Pieces:
        """Return who checks the manifest piece by piece."""
        return Pieces(self.manifest, self.workers)

    @cached_property
    def tables(self) -> list[TableCheck]:
        """Return every table, read and checked."""
        checks: list[TableCheck] = []
        digested = {t.name: self._begin_digest(t.name) for t in self.manifest.schema}
        for table in self.manifest.schema:
            with_sizes = all(check.is_fit for check in checks)
            checks.append(TableCheck(self.manifest, table, self.severity, with_sizes=with_sizes))
            checks[-1].read(self.pieces, digested[table.name])
        return checks

    def _begin_digest(self, name: str) -> Callable[[], Digested | None] | None:
        """Let a worker process digest a table, which takes its rows in order; None: who reads them does."""
        return None if self.pieces.is_here else self.pieces.begin(digest_table, name)

    def found(self, name: str) -> list[Finding]:
        """Return what the pass over the tables found of one kind."""
        return [finding for table in self.tables for finding in table.found[name]]

    @property
    def is_fit(self) -> bool:
        """Return whether digests are defined for all cells."""
        return all(table.is_fit for table in self.tables)


@dataclass(frozen=True)
class Check:
    """One of the things that ``verify`` does.

    Attributes:
        name: what is checked, as the sentence names it.
        run: yields what is not so, and what could not be looked at.
        stage: a check runs when those of lower stages found nothing; the last stage runs always.
    """

    name: str
    run: Callable[[Subject], Iterable[Finding | Unchecked]]
    stage: int = 0


_ALWAYS = 3


def verify(
    manifest: str | Path | Manifest,
    root: str | Path | None = None,
    *,
    rebuild: bool = False,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    workers: int = 1,
) -> Findings:
    """Return what is not so in a manifest; an empty list when all checks passed.

    Its tables and statements are checked first; where they agree, the references between the tables, the recipe and the
    dataset's card against those known here, and the prompts, which are drawn again from the clean ones. With the
    dataset every row is built again. What was not checked is said with the reason.

    >>> import actiseg_noise
    >>> findings = actiseg_noise.verify(folder)
    >>> findings == []
    True
    >>> print(findings)  # doctest: +ELLIPSIS
    all checks passed: schema, counts, order, digests, run lengths, statements, references, ..., draws, severity; ...
    not checked, for that pass the dataset's folder (--root): split, selection, clean labels, which masks are noised...

    Args:
        manifest: a manifest folder, or an open manifest.
        root: the dataset's folder: build every row again from it and compare.
        rebuild: build again from the dataset's usual folder.
        dataset: the adapter to build with, for a dataset that is not registered.
        workers: number of processes that read pieces of the manifest; what is found does not depend on it. What is
            built again is built in this one.

    Raises:
        ManifestError: no manifest, or one that cannot be read.
        ActisegError: the dataset is not there, cannot be read, or is none that this version knows.
    """
    opened = open_manifest(manifest)
    with_dataset = rebuild or not (root is None and dataset is None)
    subject = Subject(opened, root, dataset, with_dataset, progress, workers=workers)
    with subject.pieces:
        return run_checks(subject, CHECKS)


def run_checks(subject: Subject, checks: Iterable[Check]) -> Findings:
    """Run checks, in order, and return what they found; only a check that ran is named among those that did."""
    found: list[tuple[int, Finding]] = []
    checked: list[str] = []
    unchecked: list[Unchecked] = []
    for check in checks:
        if check.stage != _ALWAYS and any(stage < check.stage for stage, _ in found):
            unchecked.append(Unchecked(check.name, "as what is above must be right first"))
            continue
        results = list(check.run(subject))
        missed = [result for result in results if isinstance(result, Unchecked)]
        found += [(check.stage, result) for result in results if isinstance(result, Finding)]
        unchecked += missed
        if not any(result.whole for result in missed):
            checked.append(check.name)
    findings = [finding for _, finding in found]
    return Findings(findings, checked=checked, unchecked=unchecked, digest=subject.manifest.digest)


def _schema(subject: Subject) -> list[Finding]:
    """Null only where it may be, numbers in their range."""
    return subject.found(SCHEMA)


def _counts(subject: Subject) -> Iterator[Finding]:
    """Rows per table, and rows that each noise changed."""
    yield from subject.found(COUNTS)
    for name in ("clips", "samples"):
        if not subject.info.counts[name]:
            yield Finding(f"{name}.parquet, rows", "at least one", "0")
    realised = sum((table.realised for table in subject.tables), Counter[str]())
    yield from _verify_realised(subject.info, realised)


def _order(subject: Subject) -> list[Finding]:
    """Rows sorted, each key once."""
    return subject.found(ORDER)


def _digests(subject: Subject) -> Iterator[Finding]:
    """Row, column, table and manifest digests, and the vocabulary's."""
    yield from _verify_vocabulary(subject.manifest)
    yield from subject.found(DIGESTS)
    if subject.is_fit:
        digests = {check.table.name: check.digest.rows for check in subject.tables}
        stated, found = subject.info.digest, manifest_digest(digests)
        if stated != found:
            yield Finding("manifest digest", stated, found)
            return
        for name, digest in digests.items():
            if subject.info.tables[name] != digest.hex():
                yield Finding(f"{INFO_NAME}, digest of {name}", subject.info.tables[name], digest.hex())


def _run_lengths(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Every code against its canvas, digest, area and IoU."""
    yield from subject.found(RUN_LENGTHS)
    if subject.info.content == RECIPE_ONLY:
        yield Unchecked("run lengths", "as they were withheld", whole=True)
    elif not any(table.codes for table in subject.tables):
        yield Unchecked("run lengths", "as there are none", whole=True)


def _severity(subject: Subject) -> list[Finding]:
    """The stated severity against the rows."""
    return verify_severity(subject.info, subject.severity)


def _dataset(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Every row, built again from the dataset."""
    info = subject.info
    if subject.with_dataset:
        from actiseg_noise.check.rebuild import compare_with_dataset

        yield from compare_with_dataset(
            subject.manifest, root=subject.root, dataset=subject.dataset, progress=subject.progress
        )
        return
    why = "as only the imported files can tell" if info.imported else "as only the dataset can tell"
    if info.dataset["name"] in DATASETS:
        why = "for that pass the dataset's folder (--root)"
    yield from (Unchecked(what, why, whole=True) for what in ("split", "selection", "clean labels"))
    if info.content != "text" and info.recipe.noises:
        yield Unchecked("which masks are noised, and how", why)


def _verify_vocabulary(manifest: Manifest) -> list[Finding]:
    """Hold ``vocabulary.json`` against the digest in ``manifest.json``."""
    expected, found = manifest.info.vocabulary["digest"], manifest.vocabulary.digest()
    return [] if expected == found else [Finding(f"{VOCABULARY_NAME}, digest", expected, found)]


def _statements(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Yield what ``manifest.json`` says of itself that its tables, its recipe or its other statements contradict."""
    info = subject.info
    recipe = [(spec.noise_id, spec.rate) for spec in info.recipe.noises]
    counted = [(slot.noise_id, slot.requested) for slot in info.noises]
    if recipe != counted:
        yield Finding(f"{INFO_NAME}, noises", f"those of the recipe, {recipe}", str(counted))
    if info.content == "text" and info.counts["masks"]:
        yield Finding(f"{INFO_NAME}, content", "no masks where content is text", f"{info.counts['masks']} masks")
    if info.split not in info.dataset["splits"]:
        yield Finding(f"{INFO_NAME}, split", f"one of {', '.join(info.dataset['splits'])}", repr(info.split))
    if not set(info.dataset["eval_splits"]) <= set(info.dataset["splits"]):
        yield Finding(f"{INFO_NAME}, eval_splits", "some of the splits", ", ".join(info.dataset["eval_splits"]))
    if info.imported:
        yield from _verify_imported(info)
    else:
        yield from _verify_schema_version(info)
    if subject.is_fit:
        yield from _verify_selection(subject.manifest)
    yield from _verify_repetitions(subject.manifest)


def _verify_imported(info: ManifestInfo) -> Iterator[Finding]:
    """Yield what a manifest of imported labels, which nothing here drew, cannot have."""
    drawn: dict[str, list[Any]] = {
        "recipe noise": [spec.noise_id for spec in info.recipe.noises],
        "noises": [slot.noise_id for slot in info.noises],
        "uses": list(info.uses),
        "seed": [info.recipe.seed] if info.recipe.seed else [],
    }
    for name, values in drawn.items():
        if values:
            where = f"{INFO_NAME}, {name}"
            yield Finding(where, "none, as 'imported' says that nothing was drawn", ", ".join(map(str, values)))


def _verify_schema_version(info: ManifestInfo) -> Iterator[Finding]:
    """Yield a schema version that is not that of the recipe's noises, where all of them are known here."""
    if (
        all(spec.noise_id in set(NOISES) for spec in info.recipe.noises)
        and schema_of(info.recipe) != info.schema_version
    ):
        where, why = f"{INFO_NAME}, schema_version", "which the recipe's noises need"
        yield Finding(where, f"{schema_of(info.recipe)}, {why}", str(info.schema_version))


def _verify_selection(manifest: Manifest) -> Iterator[Finding]:
    """Yield clips that the selection does not allow, or more of them."""
    limit, named = (manifest.info.selection.get(key) for key in ("limit", "clips"))
    clips = [row[0] for row in iter_rows(manifest, CLIPS.name, ["clip_id"])] if manifest.info.selection else []
    if limit is not None and len(clips) > limit:
        yield Finding(f"{INFO_NAME}, selection limit", f"at least the {len(clips)} clips that are there", str(limit))
    if named is not None and (others := sorted(set(clips) - set(named))):
        yield Finding(f"{CLIPS.file_name}, clip_id={others[0]!r}", "one of the clips of the selection", "another")


def _verify_repetitions(manifest: Manifest) -> Iterator[Finding | Unchecked]:
    """Yield what ``manifest.json`` says twice, for readers without our code, and not the same; and unknown keys."""
    data = read_json_object(manifest.path / INFO_NAME, ManifestError)
    if unknown := sorted(set(data) - KEYS):
        keys = ", ".join(map(repr, unknown))
        yield Unchecked(f"what {INFO_NAME} says under {keys}", "as this version knows no such key")
    seed = manifest.info.recipe.seed
    if data.get("seed", seed) != seed:
        yield Finding(f"{INFO_NAME}, seed", f"the recipe's, {seed}", repr(data["seed"]))
    for slot, stated in zip(manifest.info.noises, data["noises"], strict=True):
        if stated.get("rate", slot.rate) != slot.rate:
            where = f"{INFO_NAME}, rate of {slot.noise_id}"
            yield Finding(where, f"{slot.realised} of {slot.eligible}, {slot.rate}", repr(stated["rate"]))


def _verify_realised(info: ManifestInfo, realised: Counter[str]) -> Iterator[Finding]:
    """Hold the counts of noised rows against ``manifest.json``; what is drawn per track has no row of its own."""
    stated: Counter[str] = Counter()
    for slot in info.noises:
        if slot.unit != "track":
            stated[slot.noise_id] += slot.realised
    for noise_id, count in sorted(stated.items()):
        if realised[noise_id] != count:
            yield Finding(f"{INFO_NAME}, realised {noise_id}", str(count), str(realised[noise_id]))
    known = {NO_NOISE, *((IMPORTED,) if info.imported else ()), *(slot.noise_id for slot in info.noises)}
    for noise_id in sorted(set(realised) - known):
        where = f"{INFO_NAME}, noises"
        yield Finding(where, f"those that rows name, {noise_id!r} among them", f"{realised[noise_id]:,} rows of it")


CHECKS: tuple[Check, ...] = (
    Check("schema", _schema),
    Check("counts", _counts),
    Check("order", _order),
    Check("digests", _digests),
    Check("run lengths", _run_lengths),
    Check("statements", _statements),
    Check("references", lambda subject: verify_references(subject.manifest, subject.pieces), 1),
    Check("recipe", lambda subject: verify_recipe(subject.manifest), 1),
    Check("dataset card", lambda subject: verify_card(subject.manifest), 1),
    Check("draws", lambda subject: recount(subject.manifest, subject.pieces), 2),
    Check("severity", _severity, 2),
    Check("the dataset", _dataset, _ALWAYS),
)
"""What ``verify`` does, in order."""
