"""The command that builds a published manifest's labels again, from the reader's own copy of the dataset."""

from __future__ import annotations

import shlex

from actiseg_noise.manifest.info import VOCABULARY_NAME, ManifestInfo

RECIPE_NAME = "recipe.toml"
CLIPS_NAME = "clips.txt"


def build_command(info: ManifestInfo, folder: str, out: str) -> str:
    """Return the ``actiseg-noise build`` that makes the rows of a manifest, to be typed as it is.

    The vocabulary is the manifest's own, because what a copy of the dataset holds may give another. Without masks to
    read, and for a dataset that the package draws, no root is needed; else ``DIR`` stands for it.

    Args:
        folder: where the published manifest lies, with ``recipe.toml`` and, where it ``names_clips``, ``clips.txt``.
        out: where the new manifest goes.
    """
    card = info.dataset
    words = ["actiseg-noise", "build", "--dataset", card["name"], "--split", info.split]
    words += [] if card.get("is_embedded") else ["--root", "DIR"]
    words += ["--recipe", f"{folder}/{RECIPE_NAME}"]
    if any(slot.unit in ("clip", "sample") for slot in info.noises):
        words += ["--vocabulary", f"{folder}/{VOCABULARY_NAME}"]
    words += [word for name, value in card["options"].items() for word in ("--option", f"{name}={value}")]
    words += ["--content", "text"] if info.content == "text" else []
    words += [f"--clips=@{folder}/{CLIPS_NAME}"] if names_clips(info) else []  # PowerShell takes no word that begins so
    words += ["--limit", str(info.selection["limit"])] if "limit" in info.selection and not names_clips(info) else []
    words += ["--allow-eval"] if info.split in card["eval_splits"] and not info.recipe.is_clean else []
    words += ["--no-gate"] if any(not slot.is_allowed for slot in info.noises) else []
    return shlex.join([*words, "--out", out])


def names_clips(info: ManifestInfo) -> bool:
    """Return whether a build must be told its clips: some were chosen, or left out because files were missing."""
    return "clips" in info.selection or bool(info.skipped)
