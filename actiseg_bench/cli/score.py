"""How scores are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_bench.scoring.davis_folders import DavisEvaluation
    from actiseg_bench.scoring.evaluation import Evaluation


def print_evaluation(result: Evaluation) -> None:
    """Print scores times 100 and what they were computed on."""
    from actiseg_bench.metrics.actionvos import TITLES
    from actiseg_bench.metrics.failure_modes import TITLES as MODES
    from actiseg_bench.metrics.object_scores import JF_TITLES, mean_scores
    from actiseg_noise.terminal import print_text

    titles = TITLES | {"p_miou_hands": "p-mIoU hands", "p_miou_objects": "p-mIoU objects"}
    _print_scores(result.scores_dict(), titles)
    if result.objects:
        _print_scores(mean_scores(result.objects), JF_TITLES, "J and F × 100, of positive objects")
    if result.failures:
        _print_scores(result.failures, MODES, "Failure modes × 100")
    _print_counts(result.counts_dict(), f"void pixels: {result.void}")
    _print_allowed(result.allowed)
    _print_matching(result.matching)
    _print_names("Objects without a pixel in any scored frame, scored all the same", result.never_visible)
    print_text("gIoU is the GRES generalised IoU with its no-target rule, not box GIoU.")


def print_davis(result: DavisEvaluation) -> None:
    """Print the means over objects times 100 and what they were computed on."""
    from actiseg_bench.metrics.object_scores import JF_TITLES
    from actiseg_noise.terminal import print_text

    _print_scores(result.scores_dict(), JF_TITLES | {"j_last": "J_last"})
    merged = "; all ids are one object" if result.merged else ""
    _print_counts(result.counts_dict(), f"void pixels: {result.void}{merged}")
    _print_allowed(result.allowed)
    _print_matching(result.matching)
    scored = "All frames are" if result.every else "First and last frames are not"
    print_text(f"{scored} scored; J_last is J over the last quarter of {'them' if result.every else 'the others'}.")
    _print_names("Clips of fewer than three masks, not scored", result.short)
    _print_names("Objects that appear after the first frame, scored from there on", result.late)
    _print_names("Ids that the first frame skips, scored all the same", result.unseen)
    what = "Ids without a pixel in any frame, below a clip's largest id"
    _print_names(f"{what}: scored as DAVIS's toolkit does, 1 where nothing is predicted of them", result.never_visible)


def _print_names(what: str, names: Sequence[str]) -> None:
    """Print names and what they are, how many, and the first ones; nothing where there is none."""
    from actiseg_bench.scoring.mask_folders import LISTED
    from actiseg_noise.terminal import print_text

    if names:
        more = f", … and {len(names) - LISTED} more" if len(names) > LISTED else ""
        print_text(f"{what}: {', '.join(names[:LISTED])}{more}")


def _print_scores(scores: Mapping[str, float | None], titles: Mapping[str, str], title: str = "Scores × 100") -> None:
    from actiseg_noise.terminal import print_table

    cells = {name: "–" if v is None else f"{100 * v:.1f}" for name, v in scores.items()}
    print_table(title, [titles[name] for name in cells], [list(cells.values())])


def _print_counts(counts: Mapping[str, int], more: str) -> None:
    from actiseg_noise.terminal import print_text

    text = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in counts.items())
    print_text(f"{text}; {more}")


def _print_matching(matching: Mapping[str, Any]) -> None:
    """Print how predictions that do not say their object were given to objects."""
    from actiseg_noise.terminal import print_text

    if matching:
        print_text(
            f"Predicted tracks: {matching['by_id']:,} name their object, {matching['by_score']:,} are the best of "
            f"their category, {matching['by_truth']:,} were assigned by the truth, {matching['unused']:,} are not "
            f"used; {matching['objects_without']:,} objects have none."
        )
    if matching.get("by_truth"):
        print_text(
            "Assigning by the truth is an oracle: it alone says which of several objects of a category is which."
        )


def _print_allowed(allowed: Mapping[str, Any]) -> None:
    """Print what was scored although it was not as it should be."""
    from actiseg_bench.scoring.mask_folders import ALLOWED
    from actiseg_noise.terminal import print_text

    for kind, masks in allowed.items():
        print_text(f"{ALLOWED[kind]}: {masks['count']:,}")
        for line in masks["first"]:
            print_text(f"  {line}")
        if masks["count"] > len(masks["first"]):
            print_text(f"  … and {masks['count'] - len(masks['first'])} more")
