"""Addresses of images in Label Studio's tasks, and what their files may be called on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from actiseg_noise.borders.folders import IMAGE_SUFFIXES
from actiseg_noise.fields import is_text

IMAGE = "image"
"""The key that is taken where several lead to an image."""

_UPLOAD = re.compile(r"(?:data/)?upload/(?:[0-9]+/)?(?:[0-9a-f]{8}-)?(?P<name>[^/]+)", re.ASCII)
_IN_QUERY = ("d", "filepath")  # /data/local-files/?d=…, /storage-data/uploaded/?filepath=…


def path_of(address: str) -> str:
    """Return the path in an address, from its server, bucket or document root on; '/' between its parts.

    >>> path_of("/data/local-files/?d=day%201/a.jpg"), path_of("s3://bucket/day/a.jpg"), path_of("/data/upload/1/a.jpg")
    ('day 1/a.jpg', 'day/a.jpg', 'data/upload/1/a.jpg')
    """
    try:
        parts = urlsplit(address)
        query = parse_qs(parts.query)
    except ValueError:
        return ""
    path = next((query[key][0] for key in _IN_QUERY if key in query), None)
    return (unquote(parts.path) if path is None else path).replace("\\", "/").lstrip("/")


def names_of(path: str) -> tuple[str, ...]:
    """Return what an image may be called below the folder of images, the best name first.

    An upload bears eight digits before its own name, which it comes back with or without; of any other path the folders
    before may be missing.

    >>> names_of("data/upload/1/ab12cd34-a.jpg"), names_of("days/1/a.jpg")
    (('a.jpg', 'ab12cd34-a.jpg'), ('days/1/a.jpg', '1/a.jpg', 'a.jpg'))
    """
    upload = _UPLOAD.fullmatch(path)
    if upload:
        return tuple(dict.fromkeys((upload["name"], path.rpartition("/")[2])))
    parts = path.split("/")
    return tuple("/".join(parts[place:]) for place in range(len(parts)))


def find_images(data: Mapping[str, Any]) -> dict[str, str]:
    """Return key → path of the values of a task's data that are addresses of images."""
    paths = {key: path_of(value) for key, value in data.items() if is_text(value)}
    return {key: path for key, path in paths.items() if path.lower().endswith(IMAGE_SUFFIXES)}
