"""Verify a manifest by itself: is every cell what was built, and does ``manifest.json`` say what the tables hold?

``check/recount.py`` draws the text again from the clean labels; ``check/rebuild.py`` compares with the dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from actiseg_noise.borders.text import read_json_object
from actiseg_noise.check.findings import Finding
from actiseg_noise.check.tables import TableCheck
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest.digest import manifest_digest
from actiseg_noise.manifest.info import INFO_NAME, VOCABULARY_NAME, ManifestInfo
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.schema import TABLES

__all__ = ["Finding", "verify_manifest"]


def verify_manifest(manifest: Manifest) -> list[Finding]:
    """Return what does not hold in a manifest; an empty list when all does.

    Checked: row counts, sort order and unique keys, null only where the schema allows it, row, column, table and
    manifest digests, the vocabulary's digest, every run-length code against its digest, area and IoU, and the counts
    of realised noise.
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
    return findings + _verify_realised(manifest.info, realised)


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
