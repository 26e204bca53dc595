"""``croissant.json``: the publication's files, tables and columns as Croissant metadata (mlcommons.org/croissant)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from actiseg_noise.borders.drafts import other_files
from actiseg_noise.manifest.schema import TABLES, Column, Table
from actiseg_noise.plain import markdown_text, printable, web_address
from actiseg_noise.publishing.checksums import sha256_of
from actiseg_noise.publishing.columns import published_tables
from actiseg_noise.publishing.front_matter import config_name, pretty_name
from actiseg_noise.publishing.licence import PAPER_URL, citation, find_licence
from actiseg_noise.publishing.places import Places
from actiseg_noise.publishing.shards import Published

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"str": "sc:Text", "bool": "sc:Boolean", "float64": "sc:Float"}
_PARQUET = "application/x-parquet"
_FORMATS = {"parquet": _PARQUET, "json": "application/json", "toml": "application/toml", "webp": "image/webp"}
METADATA_NAME = "croissant.json"
_REPOSITORY = "repository"


def croissant(published: Sequence[Published], root: Path, places: Places, *, date: str) -> dict[str, Any]:
    """Return the metadata of the publication at ``root``.

    Files are found beside ``croissant.json``, or in the repository on the hub or below the address that ``places`` has.

    Args:
        date: of publication, ISO 8601.
    """
    card = published[0].info.dataset
    licence = find_licence(str(card.get("licence", "")))
    tables = [
        (item, table)
        for item in published
        for table in published_tables(item.info.schema_version)
        if item.info.counts[table.name]
    ]
    metadata = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": pretty_name(card).replace(" ", "-"),
        "description": f"Clean and noisy labels of {markdown_text(card['title'])}, side by side; images not included.",
        "license": licence.url or markdown_text(licence.text),
        "url": places.home or web_address(card.get("homepage")) or places.tool_url or PAPER_URL,
        "citeAs": _without_tags(citation(card)),
        "datePublished": date,
        "version": f"1.0.0+{_digest(published)}",
        "distribution": [
            *([_repository(str(places.home))] if places.repo_id else []),
            *(found for item, table in tables for found in _files(item, table, root, places)),
            *(_file(name, root, places) for name in sorted(_beside_tables(published, root))),
        ],
        "recordSet": [_record_set(item, table) for item, table in tables],
    }
    return {key: value for key, value in metadata.items() if value is not None}


def _without_tags(text: str) -> str:
    """Return a text of several lines in which a browser finds no tags."""
    return printable(text).replace("<", "&lt;").replace(">", "&gt;")


def _digest(published: Sequence[Published]) -> str:
    """Return what names the labels of all manifests together, 12 hex digits."""
    return blake2b("".join(item.info.digest for item in published).encode(), digest_size=6).hexdigest()


def _repository(home: str) -> dict[str, Any]:
    """Return the repository on the hub, from which files are read one by one."""
    return {
        "@type": "cr:FileObject",
        "@id": _REPOSITORY,
        "name": _REPOSITORY,
        "description": "The dataset repository.",
        "contentUrl": home,
        "encodingFormat": "git+https",
        "sha256": "https://github.com/mlcommons/croissant/issues/80",  # no digest of a repository is defined; see there
    }


def _files(item: Published, table: Table, root: Path, places: Places) -> Iterator[dict[str, Any]]:
    """Yield the set of a table's shards, and each shard with its digest."""
    inside = {"containedIn": {"@id": _REPOSITORY}} if places.repo_id else {}
    set_id = _set_id(item, table)
    paths = item.files(table)
    yield {
        "@type": "cr:FileSet",
        "@id": set_id,
        "name": set_id.replace("/", "-"),
        "encodingFormat": _PARQUET,
        "includes": paths if len(paths) > 1 else paths[0],
    } | inside
    yield from (_file(path, root, places) for path in paths)


def _beside_tables(published: Sequence[Published], root: Path) -> Iterator[str]:
    """Yield the files that are there when the metadata is made and that no table has."""
    in_tables = {path for item in published for table in TABLES for path in item.files(table)}
    yield from (name for name in other_files(root, in_tables.__contains__) if name not in ("README.md", METADATA_NAME))


def _file(path: str, root: Path, places: Places) -> dict[str, Any]:
    """Return one file with its digest, where it will be found."""
    inside = {"containedIn": {"@id": _REPOSITORY}} if places.repo_id else {}
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path.replace("/", "-"),
        "contentUrl": path if places.url is None else f"{places.url}/{quote(path)}",
        "contentSize": f"{(root / path).stat().st_size} B",
        "encodingFormat": _FORMATS.get(path.rpartition(".")[2], "text/plain"),
        "sha256": sha256_of(root / path),
    } | inside


def _set_id(item: Published, table: Table) -> str:
    """Return the id of a table's shards."""
    return f"{item.folder}/{table.name}"


def _record_set(item: Published, table: Table) -> dict[str, Any]:
    """Return one table with its columns."""
    name = f"{item.info.split}/{config_name(item, table)}"
    fields = [_field(name, item, table, column) for column in table.columns]
    key = [{"@id": f"{name}/{column}"} for column in table.sort_by]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name.replace("/", "-"),
        "description": f"Recipe {item.variant}, split {item.info.split}: {table.meaning}.",
        "key": key if len(key) > 1 else key[0],
        "field": fields,
    }


def _field(name: str, item: Published, table: Table, column: Column) -> dict[str, Any]:
    """Return one column."""
    null = f"; null: {column.null}" if column.null else ""
    return {
        "@type": "cr:Field",
        "@id": f"{name}/{column.name}",
        "name": column.name,
        "description": f"{column.meaning}{null}",
        "dataType": _TYPES.get(column.type, "sc:Integer"),
        "source": {"fileSet": {"@id": _set_id(item, table)}, "extract": {"column": column.name}},
    }
