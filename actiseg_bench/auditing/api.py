"""``audit`` for Python: what the command of that name does, from the same record of options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_bench.auditing.run import Audit
    from actiseg_bench.training.progress import Progress


def audit(
    manifest: str | Path,
    out: str | Path,
    *,
    check: Sequence[str] = (),
    folds: int = 3,
    strategy: str = "baseline",
    strategy_options: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    **options: Any,
) -> Audit:
    """Rank the given (noisy) labels of a manifest by how likely they are wrong, and say what they should be.

    Nouns and flags are judged by networks that did not learn from the video; boundaries by the picture's edges. The
    same call continues an interrupted audit. ``audit.corrections`` is for :func:`actiseg_noise.clean`.

    Args:
        manifest: a manifest folder with masks.
        out: where tables, corrections, contact sheet and what the networks said go.
        check: what to look at: ``noun``, ``mask``, ``flag``; nothing: all three. ``mask`` alone trains nothing.
        folds: parts that videos are dealt into, 2 or more. strategy, strategy_options: how to learn.
        on_progress: called with (steps done, steps in all, loss).
        options: the other fields of :class:`AuditOptions`, such as ``root``, ``model``, ``weights``, ``steps``.

    Raises:
        ActisegError: unknown names; a manifest without masks; one category alone, or no positive or negative sample,
            where that check needs them; more folds than videos; an ``out`` with another audit in it.
    """
    from actiseg_bench.auditing.options import AuditOptions
    from actiseg_bench.auditing.run import run_audit
    from actiseg_noise.borders.locks import locked

    root = options.pop("root", None)
    given: dict[str, Any] = {
        "root": None if root is None else Path(root),
        "strategy_options": dict(strategy_options or {}),
    }
    asked = AuditOptions(
        manifest=Path(manifest), out=Path(out), check=tuple(check), folds=folds, strategy=strategy, **given, **options
    )
    with locked(asked.out):
        return run_audit(asked, on_progress)
