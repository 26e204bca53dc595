"""What a check is given: one run, and the manifests at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_bench.check.findings import RunFinding
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import StoredRun
from actiseg_noise import read_manifest
from actiseg_noise.borders.folders import walk_files
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, ManifestError
from actiseg_noise.manifest.info import INFO_NAME


class ManifestIndex:
    """The manifests at hand, by digest; those that runs ask for are verified themselves, once."""

    def __init__(self, folder: Path, given: Path | None) -> None:
        self._folder = folder
        self.is_given = given is not None
        self._places = {read_manifest(given).digest: given} if given else {}
        for path in walk_files(folder / "manifests", ".json"):
            try:
                if path.name == INFO_NAME:
                    self._places.setdefault(read_manifest(path.parent).digest, path.parent)
            except ManifestError:
                continue  # a run that needs it has a finding that there is none
        self._opened: dict[str, Any] = {}

    def find(self, digest: str | None) -> Any:
        """Return the manifest with this digest, None when it is not at hand."""
        if digest is None or digest not in self._places:
            return None
        if digest not in self._opened:
            self._opened[digest] = read_manifest(self._places[digest])
        return self._opened[digest]

    @property
    def count(self) -> int:
        """Return how many manifests were asked for and are at hand."""
        return len(self._opened)

    def findings(self) -> Iterator[RunFinding]:
        """Yield what does not hold in the manifests that were asked for."""
        for manifest in self._opened.values():
            try:
                for one in verify(manifest):
                    yield RunFinding(str(manifest.path), f"manifest, {one.where}", one.expected, one.found)
            except ActisegError as error:
                yield RunFinding(str(manifest.path), "manifest", "readable tables", str(error))


@dataclass(frozen=True)
class Case:
    """One run to verify.

    Attributes:
        data: the JSON of its result, as it is. where: its folder, relative to the verified one.
        manifests: those at hand. root, eval_root: folders of the pictures, None where they were not given; those of the
            evaluation are in ``root``, too, where both are of one dataset.
    """

    run: StoredRun
    data: Mapping[str, Any]
    where: str
    manifests: ManifestIndex
    root: Path | None = None
    eval_root: Path | None = None

    @property
    def result(self) -> RunResult:
        """Return what the run states."""
        return self.run.result
