"""``verify``: is a manifest what it says? By itself, by drawing its prompts again, and against its dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from actiseg_noise.borders.text import read_json_object
from actiseg_noise.check.findings import Finding, Findings
from actiseg_noise.check.recount import recount
from actiseg_noise.check.tables import TableCheck
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest.digest import manifest_digest
from actiseg_noise.manifest.info import INFO_NAME, VOCABULARY_NAME, ManifestInfo
from actiseg_noise.manifest.read import Manifest, open_manifest
from actiseg_noise.manifest.rows import iter_rows
from actiseg_noise.manifest.schema import CLIPS, TABLES
from actiseg_noise.progress import Progress

_CHECKED = ("schema", "counts", "order", "digests", "run lengths")


def verify(
    manifest: str | Path | Manifest,
    root: str | Path | None = None,
    *,
    rebuild: bool = False,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Return what is not so in a manifest; an empty list when all checks passed.

    Its tables and statements are checked first (:func:`verify_tables`); where they agree, the prompts are drawn again
    from the clean ones and the draws counted (:func:`recount`). With the dataset every row is built again.

    >>> import actiseg_noise
    >>> findings = actiseg_noise.verify(folder)
    >>> findings == []
    True
    >>> print(findings)  # doctest: +ELLIPSIS
    all checks passed: schema, counts, order, digests, run lengths, draws; digest ...
    not checked, for that pass the dataset's folder (--root): split, selection, clean labels, which masks are noised...

    Args:
        manifest: a manifest folder, or an open manifest.
        root: the dataset's folder: build every row again from it and compare.
        rebuild: build again from the dataset's usual folder.
        dataset: the adapter to build with, for a dataset that is not registered.

    Raises:
        ManifestError: no manifest, or one that cannot be read.
        ActisegError: the dataset is not there, cannot be read, or is none that this version knows.
    """
    opened = open_manifest(manifest)
    imported = bool(opened.info.imported)
    found, checked, unchecked = verify_tables(opened), list(_CHECKED), list[str]()
    if not found:
        counted = recount(opened)
        found, unchecked = counted.findings, counted.unchecked
        checked.append("severity" if imported else "draws")
    with_dataset = rebuild or not (root is None and dataset is None)
    if with_dataset:
        from actiseg_noise.check.rebuild import compare_with_dataset

        found += compare_with_dataset(opened, root=root, dataset=dataset, progress=progress)
        checked.append("the dataset")
        unchecked = ["noisy labels"] if imported else []
    why = "as only the imported files can tell" if imported else "as only the dataset can tell"
    if not with_dataset and opened.info.dataset["name"] in DATASETS:
        why = "for that pass the dataset's folder (--root)"
    return Findings(found, checked=checked, unchecked=unchecked, why_unchecked=why, digest=opened.digest)


def verify_tables(manifest: Manifest) -> list[Finding]:
    """Return where the tables of a manifest, and what ``manifest.json`` says of them, do not agree.

    Checked: row counts, sort order and unique keys, null only where the schema allows it, row, column, table and
    manifest digests, the vocabulary's digest, every run-length code against its digest, area and IoU, the counts of
    realised noise, and that every row is of a listed clip.
    """
    findings = _verify_vocabulary(manifest)
    digests = {}
    realised: Counter[str] = Counter()
    all_fit = True
    for table in TABLES:
        check = TableCheck(manifest, table, with_sizes=all_fit)
        findings += check.findings()
        all_fit &= check.is_fit
        digests[table.name] = check.digest.rows
        realised += check.realised
    expected, found = manifest.info.digest, manifest_digest(digests)
    if all_fit and expected != found:
        findings.append(Finding("manifest digest", expected, found))
    elif all_fit:
        findings += _verify_statements(manifest, digests)
    findings += _verify_realised(manifest.info, realised)
    return findings or list(_verify_clip_ids(manifest))


def _verify_clip_ids(manifest: Manifest) -> Iterator[Finding]:
    """Yield, per table, the first clip that ``clips`` does not list; all tables are sorted by clip."""
    for table in (table for table in TABLES if table is not CLIPS):
        listed = iter_rows(manifest, CLIPS.name, ["clip_id"])
        at = next(listed, None)
        for row, _ in groupby(iter_rows(manifest, table.name, ["clip_id"])):
            while at is not None and at < row:
                at = next(listed, None)
            if at != row:
                yield Finding(f"{table.file_name}, clip_id={row[0]!r}", f"a row in {CLIPS.file_name}", "none")
                break


def _verify_vocabulary(manifest: Manifest) -> list[Finding]:
    """Hold ``vocabulary.json`` against the digest in ``manifest.json``."""
    expected, found = manifest.info.vocabulary["digest"], manifest.vocabulary.digest()
    return [] if expected == found else [Finding(f"{VOCABULARY_NAME}, digest", expected, found)]


def _verify_statements(manifest: Manifest, digests: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield what ``manifest.json`` says of itself that its tables, its recipe or its other statements contradict."""
    info = manifest.info
    for name, digest in digests.items():
        if info.tables[name] != digest.hex():
            yield Finding(f"{INFO_NAME}, digest of {name}", info.tables[name], digest.hex())
    recipe = [(spec.noise_id, spec.rate) for spec in info.recipe.noises]
    counted = [(slot.noise_id, slot.requested) for slot in info.noises]
    if recipe != counted:
        yield Finding(f"{INFO_NAME}, noises", f"those of the recipe, {recipe}", str(counted))
    if info.content == "text" and info.counts["masks"]:
        yield Finding(f"{INFO_NAME}, content", "no masks where content is text", f"{info.counts['masks']} masks")
    if info.split not in info.dataset["splits"]:
        yield Finding(f"{INFO_NAME}, split", f"one of {', '.join(info.dataset['splits'])}", repr(info.split))
    yield from _verify_repetitions(manifest)


def _verify_repetitions(manifest: Manifest) -> Iterator[Finding]:
    """Yield what ``manifest.json`` says twice, for readers without our code, and not the same."""
    data = read_json_object(manifest.path / INFO_NAME, ManifestError)
    seed = manifest.info.recipe.seed
    if data.get("seed", seed) != seed:
        yield Finding(f"{INFO_NAME}, seed", f"the recipe's, {seed}", repr(data["seed"]))
    for slot, stated in zip(manifest.info.noises, data["noises"], strict=True):
        if stated.get("rate", slot.rate) != slot.rate:
            where = f"{INFO_NAME}, rate of {slot.noise_id}"
            yield Finding(where, f"{slot.realised} of {slot.eligible}, {slot.rate}", repr(stated["rate"]))


def _verify_realised(info: ManifestInfo, realised: Counter[str]) -> list[Finding]:
    """Hold the counts of noised rows against ``manifest.json``; what is drawn per track has no row of its own."""
    stated: Counter[str] = Counter()
    for slot in info.noises:
        if slot.unit != "track":
            stated[slot.noise_id] += slot.realised
    return [
        Finding(f"manifest.json, realised {noise_id}", str(count), str(realised[noise_id]))
        for noise_id, count in sorted(stated.items())
        if realised[noise_id] != count
    ]
