"""Manifests → a folder ready to upload as a dataset repository: checked first, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from actiseg_noise.borders.drafts import FolderDraft
from actiseg_noise.borders.remote import Address, find_address
from actiseg_noise.borders.writing import write_json, write_text
from actiseg_noise.check.findings import Finding
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.manifest.schema import RECIPE_ONLY
from actiseg_noise.progress import Progress
from actiseg_noise.publishing.card import card
from actiseg_noise.publishing.checksums import check_output, seal
from actiseg_noise.publishing.croissant import METADATA_NAME, croissant
from actiseg_noise.publishing.images import parse_images, write_images
from actiseg_noise.publishing.licence import find_licence
from actiseg_noise.publishing.places import Places, find_places
from actiseg_noise.publishing.preview import image_refusal, write_preview
from actiseg_noise.publishing.shards import Published, folder_of, write_published
from actiseg_noise.publishing.upload import publish_to
from actiseg_noise.view.frames import find_frames

LABELS = ("full", RECIPE_ONLY)
SHARD_MB = 256.0


class UnverifiedError(ActisegError):
    """A manifest that fails ``verify``, which nothing publishes. ``findings`` says why."""

    def __init__(self, path: Path, findings: list[Finding]) -> None:
        count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
        super().__init__(f"{path}: the manifest is not what it says, so it is not published ({count})")
        self.findings = findings


@dataclass(frozen=True)
class Publication:
    """What was published.

    Attributes:
        path: the folder, or the address as a path.
        cautions: what to think of before it is passed on: a licence that may forbid it, files only the publisher has.
        places: the addresses that its page names.
    """

    path: Path
    manifests: tuple[Published, ...]
    cautions: tuple[str, ...]
    places: Places


def publish(
    manifests: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    labels: str = "full",
    repo_id: str | None = None,
    url: str | None = None,
    tool_url: str | None = None,
    images: int | str | None = None,
    images_allowed: bool = False,
    root: str | Path | None = None,
    shard_mb: float = SHARD_MB,
    force: bool = False,
    progress: Progress | None = None,
) -> Publication:
    """Write a folder ready to upload: one or several manifests of one dataset, a card, the licence, checksums.

    >>> import actiseg_noise
    >>> publication = actiseg_noise.publish(folder, "publication")
    >>> [item.folder for item in publication.manifests]
    ['val/text-and-masks-s0-first3']

    Args:
        manifests: a manifest folder, or several. out: the folder to write, whole or not at all; or an address, such as
            ``hf://datasets/OWNER/NAME`` or ``s3://BUCKET/FOLDER``.
        labels: ``full``, or ``recipe-only``: without masks, which receivers rebuild.
        repo_id: ``owner/name`` on the hub, for the page's code and for Croissant.
        url: the folder on the web that the files will be in, for Croissant, instead of ``repo_id``.
        tool_url: where this tool is installed from: a Git repository or an archive; by default what its metadata say.
        images: of so many clips of each manifest, or ``all``, the frames with their masks, as a configuration.
        images_allowed: the publisher may pass on images whose licence does not say so.
        root: the dataset's folder, for pictures; by default the usual one.
        shard_mb: size at which a table's next shard begins, in 10^6 bytes.
        force: replace an earlier publication at ``out``, once the new one is whole.

    Raises:
        UnverifiedError: a manifest fails ``verify``.
        ActisegError: bad usage; manifests that do not belong together; an output that may not be replaced.
    """
    notes = progress or Progress()
    address = find_address(out)
    if address is not None:
        repo_id = repo_id or (None if url else address.repo_id)
        options: dict[str, Any] = {"labels": labels, "repo_id": repo_id, "url": url, "tool_url": tool_url}
        options |= {"images": images, "images_allowed": images_allowed, "root": root, "shard_mb": shard_mb}
        return _publish_to(address, manifests, options, force=force, progress=notes)
    folder = Path(out)
    _check_usage(labels, shard_mb)
    places, clips = find_places(repo_id, url, tool_url), parse_images(images)
    check_output(folder, force=force)
    paths = [manifests] if isinstance(manifests, str | Path) else manifests
    opened = [read_manifest(path) for path in paths]
    _check_together(opened)
    for manifest in opened:
        _check_labels(manifest, labels)
        if clips is not None:
            _check_images(manifest, labels, images_allowed)
    frames = _find_frames(opened, root, clips)
    for manifest in opened:
        if findings := verify(manifest):
            raise UnverifiedError(manifest.path, findings)
    check = partial(check_output, force=force)
    with FolderDraft(folder, check, what="publication", advice="choose another --out") as draft:
        withhold, size = labels == RECIPE_ONLY, int(shard_mb * 1e6)
        published = tuple(
            write_published(manifest, draft.path, withhold=withhold, shard_bytes=size, progress=notes)
            for manifest in opened
        )
        write_preview(published, draft.path, frames, images_allowed=images_allowed)
        if clips is not None:
            published = tuple(_with_images(item, draft.path, frames, clips, size) for item in published)
        write_text(draft.path / "README.md", card(published, places))
        metadata = croissant(published, draft.path, places, date=_today())
        write_json(draft.path / METADATA_NAME, metadata)
        seal(draft.path)
        draft.commit()
    return Publication(folder, published, (*_cautions(published), *_missing(published, frames)), places)


def _publish_to(
    address: Address,
    manifests: str | Path | Sequence[str | Path],
    options: dict[str, Any],
    *,
    force: bool,
    progress: Progress,
) -> Publication:
    """Publish to an address; see :func:`publish`."""
    made: list[Publication] = []

    def make(room: Path) -> None:
        made.append(publish(manifests, room, force=True, progress=progress, **options))

    publish_to(address, make, force=force, progress=progress)
    return replace(made[0], path=Path(str(address)))


def _check_usage(labels: str, shard_mb: float) -> None:
    """Refuse options that mean nothing."""
    if labels not in LABELS:
        raise UnknownNameError("--labels", labels, LABELS)
    raise_if(not shard_mb > 0, f"--shard-mb must be above 0, got {shard_mb:g}")


def _check_together(manifests: Sequence[Manifest]) -> None:
    """Refuse manifests that one publication cannot hold."""
    raise_if(not manifests, "no manifest to publish; name one or more manifest folders")
    places: dict[str, Manifest] = {}
    for manifest in manifests:
        first, name = manifests[0], folder_of(manifest.info)
        one, other = ((m.info.dataset["name"], m.info.dataset["version"]) for m in (first, manifest))
        if one != other:
            raise ActisegError(
                f"{first.path} is of {' '.join(one)} and {manifest.path} of {' '.join(other)}: a publication has one "
                "dataset and one licence; publish them apart"
            )
        if name in places:
            raise ActisegError(f"{places[name].path} and {manifest.path} are both {name}; publish one of them")
        places[name] = manifest


def _check_labels(manifest: Manifest, labels: str) -> None:
    """Refuse ``labels`` that a manifest cannot be published with."""
    content = manifest.info.content
    if labels == RECIPE_ONLY and content == "text":
        raise ActisegError(f"{manifest.path}: content text has no masks to leave out; publish it with --labels full")
    if labels == RECIPE_ONLY and manifest.info.imported:
        raise ActisegError(
            f"{manifest.path}: imported labels have no recipe that builds them again, so --labels recipe-only would "
            "leave nothing to make the masks from"
        )
    if labels != RECIPE_ONLY and content == RECIPE_ONLY:
        raise ActisegError(
            f"{manifest.path}: its masks were withheld (content recipe-only); publish it with --labels recipe-only, or "
            "build it from the dataset first"
        )


def _check_images(manifest: Manifest, labels: str, is_allowed: bool) -> None:
    """Refuse pictures that may not be passed on, or on which nothing would be seen."""
    refusal = None if is_allowed else image_refusal(manifest.info)
    if refusal is not None:
        raise ActisegError(
            f"--images: {refusal}, so the images of {manifest.info.dataset['name']} are not passed on. Leave it "
            "out, or say --images-allowed where you have the right to"
        )
    if labels == RECIPE_ONLY or manifest.info.content != "full":
        raise ActisegError(f"--images: {manifest.path} is published without masks, so there is nothing to draw")


def _find_frames(manifests: Sequence[Manifest], root: str | Path | None, images: int | str | None) -> Path | None:
    """Return the dataset's folder where pictures are asked for, or one is named; an embedded dataset is drawn there.

    Raises:
        ActisegError: there is none.
    """
    if root is None and images is None:
        return None
    found = [find_frames(manifest, root) for manifest in manifests]
    if images is not None and found[0] is None:
        raise ActisegError(f"--images: where is {manifests[0].info.dataset['name']}? Name its folder: --root DIR")
    return found[0]


def _with_images(item: Published, folder: Path, root: Path | None, clips: int | str, shard_bytes: int) -> Published:
    """Write the pictures of a published manifest and return it with them."""
    if root is None:
        return item
    made = write_images(read_manifest(folder / item.folder), item.folder, folder, root, clips, shard_bytes)
    return replace(item, images=made)


def _cautions(published: Sequence[Published]) -> Iterator[str]:
    """Yield what the licence may have against masks that are passed on, and options that name files of this machine."""
    caution = find_licence(str(published[0].info.dataset.get("licence", ""))).caution
    with_masks = [item.info for item in published if item.info.content == "full"]
    if caution and with_masks:
        way_out = "; --labels recipe-only leaves the masks out, and receivers rebuild them from their own copy"
        yield caution + ("; ask its authors" if any(info.imported for info in with_masks) else way_out)
    options = {(n, str(v)) for item in published for n, v in item.info.dataset["options"].items() if os.sep in str(v)}
    for name, value in sorted(options):
        yield f"the option {name}={value} names a file of yours; who builds the labels again needs the same file"


def _missing(published: Sequence[Published], root: Path | None) -> Iterator[str]:
    """Yield which manifests have fewer pictures than were asked for."""
    for item in published:
        if item.images is not None and (count := item.images.missing):
            verb = "is" if count == 1 else "are"
            yield (
                f"{count} of {count + item.images.rows} frames of {item.folder} {verb} not in {root}, or unreadable, "
                f"and {verb} left out of the pictures"
            )


def _today() -> str:
    """Return today's date; ``SOURCE_DATE_EPOCH``, as for every reproducible build, sets it."""
    stamp = os.environ.get("SOURCE_DATE_EPOCH")
    when = datetime.now(UTC) if stamp is None else datetime.fromtimestamp(int(stamp), UTC)
    return when.date().isoformat()
