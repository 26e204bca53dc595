"""``view``: clean labels against given ones in a browser, one file that needs nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_noise.borders.writing import write_text
from actiseg_noise.manifest.clips import ManifestClip
from actiseg_noise.manifest.command import RECIPE_NAME, build_command
from actiseg_noise.manifest.info import check_no_manifest
from actiseg_noise.manifest.read import Manifest, open_whole
from actiseg_noise.view.frames import find_frames
from actiseg_noise.view.inspection import inspect
from actiseg_noise.view.preview_clips import choose_rows
from actiseg_noise.web.clip_data import clip_data
from actiseg_noise.web.page import Assets, render_page
from actiseg_noise.web.pictures import into_page, picture_reader

CLIPS = 40
PAGE_NAME = "view.html"
_ASSETS = Assets("actiseg_noise.web", "view.html", scripts=("view.js",))


@dataclass(frozen=True)
class ViewedManifest:
    """A page that was written.

    Attributes:
        path: of the file. clips: how many it shows. with_pictures: of how many of them a frame was found.
        bytes: its size. root: where frames were looked for, None: nowhere.
    """

    path: Path
    clips: int
    with_pictures: int
    bytes: int
    root: Path | None


def view_manifest(
    manifest: str | Path | Manifest,
    out: str | Path = PAGE_NAME,
    *,
    root: str | Path | None = None,
    clips: Sequence[str] | None = None,
    limit: int = CLIPS,
    noise_only: bool = False,
) -> ViewedManifest:
    """Write a page that shows a manifest's clips, clean labels against given ones; it opens from disk.

    >>> import actiseg_noise
    >>> page = actiseg_noise.view_manifest(folder, "view.html", limit=2)
    >>> page.clips, page.path.name
    (2, 'view.html')

    Args:
        manifest: a manifest folder, or an open manifest. out: the file to write, or, where that is not named
            ``.html``, a folder for ``view.html``.
        root: the dataset's folder, by default the usual one; an embedded dataset draws its frames. Without it, or
            without a frame's image, masks lie on a plain dark canvas.
        clips: only these clips. limit: at most so many, those whose labels changed first.
        noise_only: leave out clips whose labels are all clean.

    Raises:
        ActisegError: an unknown clip, nothing to show, no such root, or ``out`` lies in a manifest's
            folder or cannot be written.
    """
    opened = open_whole(manifest)
    folder = find_frames(opened, root)
    chosen = [row.clip for row in choose_rows(opened, clips=clips, limit=limit, noise_only=noise_only)]
    pictures: list[str] = []
    picture_of = picture_reader(folder, into_page(pictures))
    shown = [clip_data(clip, picture_of) for clip in chosen]
    info, path = opened.info, Path(out)
    if path.suffix.lower() != ".html":
        path /= PAGE_NAME
    check_no_manifest(path.parent)
    data = {"clips": [_entry(clip) | {"place": place} for place, clip in enumerate(chosen)]}
    text = render_page(
        _ASSETS,
        f"{info.name}: clean labels against given ones",
        data,
        shown,
        pictures,
        about=_about(opened, len(chosen)),
        sections=inspect(opened).sections(),
        name=info.name,
        digest=info.digest,
        commands=_commands(opened),
    )
    write_text(path, text)
    found = sum(any(frame["picture"] is not None for frame in clip["frames"]) for clip in shown)
    return ViewedManifest(path, len(chosen), found, path.stat().st_size, folder)


def _about(manifest: Manifest, shown: int) -> str:
    """Say in a line what the manifest is, and how much of it is shown."""
    info = manifest.info
    counts = ", ".join(f"{info.counts[name]:,} {name}" for name in ("clips", "samples") if info.counts.get(name))
    recipe = f"recipe {info.recipe.recipe_id}, seed {info.recipe.seed}"
    return f"{info.dataset['title']}, split {info.split}, {recipe}: {counts}. {shown:,} clips are shown here."


def _commands(manifest: Manifest) -> list[str]:
    """Return the commands that check a manifest and, where it was published with its recipe, build it again."""
    check = shlex.join(["actiseg-noise", "verify", str(manifest.path)])
    is_published = (manifest.path / RECIPE_NAME).is_file()
    return [check, *([build_command(manifest.info, str(manifest.path), "rebuilt")] if is_published else [])]


def _entry(clip: ManifestClip) -> dict[str, Any]:
    """Return what the list of clips is filtered by."""
    samples, masks = clip.samples, clip.masks
    texts = sum(sample.noisy_expression != sample.expression for sample in samples)
    flags = sum(sample.noisy_is_positive != sample.is_positive for sample in samples)
    iou = min((mask.iou for mask in masks), default=1.0)
    words = {clip.clip_id, clip.narration, *(w for s in samples for w in (s.noun, s.noisy_noun, s.noisy_expression))}
    changes = {"prompts": texts, "flags": flags, "masks": sum(mask.iou < 1 for mask in masks)}
    note = ", ".join(f"{count} {name if count > 1 else name[:-1]} changed" for name, count in changes.items() if count)
    return {
        "id": clip.clip_id,
        "note": note or "all clean",
        "text": texts,
        "flag": flags,
        "narration": clip.noisy_narration != clip.narration,
        "iou": iou,
        "words": "\n".join(sorted(words)).lower(),
    }
