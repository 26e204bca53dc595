"""One manifest → a published folder: its tables as shards, compressed well, with or without its masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from actiseg_noise.borders.writing import write_text
from actiseg_noise.datasets.selection import Selection
from actiseg_noise.errors import ManifestError, raise_if
from actiseg_noise.manifest.command import CLIPS_NAME, RECIPE_NAME, names_clips
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.schema import RECIPE_ONLY, Table
from actiseg_noise.manifest.write import Digests, ManifestWriter
from actiseg_noise.progress import Progress
from actiseg_noise.publishing.columns import iter_published, published_tables
from actiseg_noise.publishing.images import PublishedImages
from actiseg_noise.publishing.toml import recipe_toml

_LEVEL = 19  # of zstd: a tenth smaller than the quickest, and a publication is written once


@dataclass(frozen=True)
class Published:
    """One manifest in a publication.

    Attributes:
        folder: relative to the publication, ``<split>/<recipe id>-s<seed>``.
        info: what its ``manifest.json`` says.
        in_memory: table → bytes of its rows in Arrow's layout.
        images: its frames with masks drawn over them, None without ``--images``.
    """

    folder: str
    info: ManifestInfo
    in_memory: dict[str, int]
    images: PublishedImages | None = None

    @property
    def variant(self) -> str:
        """Return the last part of the folder, the recipe and its seed."""
        return self.folder.rpartition("/")[2]

    def files(self, table: Table) -> list[str]:
        """Return the paths of a table's shards, relative to the publication."""
        return [f"{self.folder}/{name}" for name in table.files_among(self.info.files)]


def folder_of(info: ManifestInfo) -> str:
    """Return where a manifest goes in a publication: ``<split>/<recipe id>-s<seed>``, as a build names it."""
    clips = info.selection.get("clips")
    suffix = Selection(info.selection.get("limit"), None if clips is None else tuple(clips)).suffix
    return f"{info.split}/{info.recipe.recipe_id}-s{info.recipe.seed}{suffix}"


def write_published(
    manifest: Manifest, root: Path, *, withhold: bool, shard_bytes: int, progress: Progress
) -> Published:
    """Write a manifest's published folder under ``root``; the digest stays what it was.

    Raises:
        ManifestError: the rows read do not have the manifest's digest.
    """
    folder = folder_of(manifest.info)
    path = root / folder
    path.mkdir(parents=True)
    if not manifest.info.imported:
        write_text(path / RECIPE_NAME, recipe_toml(manifest.info.recipe))
    if names_clips(manifest.info):
        names = manifest.table("clips", ["clip_id"])["clip_id"].to_pylist()
        write_text(path / CLIPS_NAME, "".join(f"{name}\n" for name in names))
    in_memory = dict.fromkeys((table.name for table in manifest.schema), 0)
    tables = published_tables(manifest.info.schema_version)
    with ManifestWriter(path, tables, shard_bytes=shard_bytes, level=_LEVEL) as writer:
        for table in manifest.schema:
            for batch in iter_published(manifest, table, withhold=withhold):
                in_memory[table.name] += batch.nbytes
                writer.append(table.name, batch)
        info = writer.finish(lambda digests: _info(manifest, digests, withhold), manifest.vocabulary)
    progress.note(f"written: {folder}")
    return Published(folder, info, in_memory)


def _info(manifest: Manifest, digests: Digests, withhold: bool) -> ManifestInfo:
    """Return what the published ``manifest.json`` says: other files and, without masks, other digests of columns."""
    raise_if(
        digests.digest != manifest.digest,
        f"{manifest.path}: its rows have the digest {digests.digest}, manifest.json says {manifest.digest}; they "
        "changed while they were published. Verify it and publish again.",
        ManifestError,
    )
    content = RECIPE_ONLY if withhold else manifest.info.content
    columns = {
        table.name: {name: digest for name, digest in digests.columns[table.name].items() if name in known}
        for table in manifest.schema
        for known in [{column.name for column in table.columns}]
    }
    return replace(manifest.info, files=digests.files, columns=columns, content=content)
