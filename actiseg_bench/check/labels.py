"""What a result says of its labels and pictures, against the manifests and the pictures themselves."""

from __future__ import annotations

from actiseg_bench.check.case import Case
from actiseg_bench.check.findings import NotChecked, Outcome, RunFinding, differences
from actiseg_bench.data.pictures import pictures_digest
from actiseg_noise.errors import ActisegError


def verify_labels(case: Case) -> Outcome:
    """Hold what a result says of its training labels against their manifest."""
    track = case.result.track
    if track.train_manifest is None:
        return
    manifest = case.manifests.find(track.train_manifest)
    if manifest is None:
        yield NotChecked("no manifest with their digest below manifests/")
        return
    recipe = manifest.info.recipe
    stated = {"recipe": track.recipe, "noise seed": track.noise_seed, "dataset": track.dataset, **track.severity}
    dataset = manifest.info.dataset["name"]
    found = {"recipe": recipe.recipe_id, "noise seed": recipe.seed, "dataset": dataset, **manifest.info.severity}
    yield from differences(case.where, "track, ", stated, found)


def verify_pictures(case: Case) -> Outcome:
    """Make the digests of the pictures again."""
    track = case.result.track
    if track.eval_images is None:
        yield NotChecked("a result of schema 2 has no digest of them")
        return
    if case.root is None and case.eval_root is None:
        yield NotChecked("give their folder: --root")
        return
    labels = {
        "train": (track.train_manifest, track.train_images, case.root),
        "eval": (track.eval_manifest, track.eval_images, case.eval_root),
    }
    for what, (digest, stated, given) in labels.items():
        manifest = case.manifests.find(digest)
        if digest is None:
            continue
        if manifest is None:
            yield NotChecked("a manifest that names them is not at hand")
            return
        is_trained_on = manifest.info.dataset["name"] == track.dataset
        root = given or (case.root if is_trained_on else None)
        if root is None:
            flag = "--root" if what == "train" else "--eval-root"
            yield NotChecked(f"give the folder of the {what} pictures: {flag}")
            return
        try:
            found = pictures_digest(manifest, root)
        except ActisegError as error:
            found = str(error)
        if found != stated:
            yield RunFinding(case.where, f"{what} pictures", str(stated), found)
