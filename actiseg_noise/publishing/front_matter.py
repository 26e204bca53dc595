"""The YAML at the top of a dataset card, which the hub reads: configurations, splits, licence, size, tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from actiseg_noise.manifest.schema import SAMPLES, TABLES, Table
from actiseg_noise.publishing.images import FEATURES, IMAGES, PublishedImages
from actiseg_noise.publishing.licence import find_licence
from actiseg_noise.publishing.shards import Published

_TAGS = ("label-noise", "video-object-segmentation", "referring-video-object-segmentation", "actiseg-nl", "croissant")
_SIZES = (
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
    "1B<n<10B",
    "10B<n<100B",
    "100B<n<1T",
)


def front_matter(published: Sequence[Published]) -> str:
    """Return the card's YAML, between its two lines of dashes."""
    import yaml

    card = published[0].info.dataset
    configs = [(name, parts) for name, parts in _configs(published).items()]
    data: dict[str, Any] = {"pretty_name": pretty_name(card)}
    data |= find_licence(str(card.get("licence", ""))).front_matter
    data |= {"task_categories": ["image-segmentation"], "tags": [*_TAGS, str(card["name"])]}
    data["size_categories"] = [size_category(sum(item.info.counts["samples"] for item in published))]
    pictures = list(_picture_configs(published).items())
    data["configs"] = [_config(name, parts) for name, parts in configs]
    data["configs"] += [_picture_config(name, parts) for name, parts in pictures]
    data["configs"][0]["default"] = True
    data["dataset_info"] = [_dataset_info(name, parts) for name, parts in configs]
    data["dataset_info"] += [_picture_info(name, parts) for name, parts in pictures]
    return f"---\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)}---\n"


def pretty_name(card: dict[str, Any]) -> str:
    """Return the publication's title."""
    return f"Label noise for {card['name']}"


def config_name(item: Published, table: Table) -> str:
    """Return the configuration that a table of a variant is: ``text-40-s0-samples``."""
    return f"{item.variant}-{table.name}"


def split_name(split: str) -> str:
    """Return a split as the hub allows it: letters, digits and underscores."""
    return re.sub(r"\W", "_", split)


def size_category(rows: int) -> str:
    """Return the hub's word for a number of rows."""
    return next((name for power, name in enumerate(_SIZES) if rows < 1000 * 10**power), "n>1T")


def _configs(published: Sequence[Published]) -> dict[str, list[tuple[Published, Table]]]:
    """Return configuration → its splits; a table without rows is none. Samples come first: they are what is looked at.

    A variant that is published for several splits is one configuration.
    """
    configs: dict[str, list[tuple[Published, Table]]] = {}
    for item in published:
        for table in (SAMPLES, *(table for table in TABLES if table is not SAMPLES)):
            if item.info.counts[table.name]:
                configs.setdefault(config_name(item, table), []).append((item, table))
    return configs


def _config(name: str, parts: Sequence[tuple[Published, Table]]) -> dict[str, Any]:
    """Return one configuration with its files."""
    files = [{"split": split_name(item.info.split), "path": item.files(table)} for item, table in parts]
    for entry in files:
        if len(entry["path"]) == 1:
            entry["path"] = entry["path"][0]
    return {"config_name": name, "data_files": files}


def _dataset_info(name: str, parts: Sequence[tuple[Published, Table]]) -> dict[str, Any]:
    """Return the sizes of a configuration's splits, which ``datasets`` holds what it loads against."""
    splits = [
        {
            "name": split_name(item.info.split),
            "num_bytes": item.in_memory[table.name],
            "num_examples": item.info.counts[table.name],
        }
        for item, table in parts
    ]
    on_disk = sum(item.info.files[path.rpartition("/")[2]] for item, table in parts for path in item.files(table))
    return {
        "config_name": name,
        "splits": splits,
        "download_size": on_disk,
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def pictures_name(item: Published) -> str:
    """Return the configuration that the pictures of a variant are: ``text-40-s0-images``."""
    return f"{item.variant}-{IMAGES}"


def _picture_configs(published: Sequence[Published]) -> dict[str, list[tuple[str, PublishedImages]]]:
    """Return configuration → (split, its pictures), of manifests that have any."""
    configs: dict[str, list[tuple[str, PublishedImages]]] = {}
    for item in published:
        if item.images is not None:
            configs.setdefault(pictures_name(item), []).append((split_name(item.info.split), item.images))
    return configs


def _picture_config(name: str, parts: Sequence[tuple[str, PublishedImages]]) -> dict[str, Any]:
    """Return one configuration of pictures with its files."""
    return {"config_name": name, "data_files": [{"split": split, "path": list(made.files)} for split, made in parts]}


def _picture_info(name: str, parts: Sequence[tuple[str, PublishedImages]]) -> dict[str, Any]:
    """Return the features of a configuration of pictures, by which the hub shows them, and its sizes."""
    splits = [{"name": split, "num_bytes": made.bytes_in_memory, "num_examples": made.rows} for split, made in parts]
    return {
        "config_name": name,
        "features": [{"name": column, "dtype": kind} for column, kind in FEATURES.items()],
        "splits": splits,
        "download_size": sum(made.bytes_on_disk for _, made in parts),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }
