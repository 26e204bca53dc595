"""How well ``audit`` finds masks that people and a program drew differently, on somebody's own pictures.

    actiseg-noise import --clean HUMAN --noisy OTHER --objects union --images FRAMES --root ROOT --out M
    python benchmarks/audit_disagreement.py M OUT --root ROOT

The manifest's clean side is the reference that the audit never sees. A frame is wrong where the IoU of both sides is
below ``--below``. By frame over all clips, and by the rank correlation inside of each clip, which knows nothing of
which clip is hard. Then the corrections of a score of at least .5 are applied without a look.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import actiseg_bench
import actiseg_noise
from actiseg_bench.auditing.files import LEAST
from actiseg_bench.auditing.judge import judge
from actiseg_noise.key import Key


def read_overlaps(manifest: Path) -> dict[tuple[str, int], float]:
    """Return (sample_id, frame_idx) → IoU of the given mask with the reference, where either is visible."""
    found = {}
    for clip in actiseg_noise.read_manifest(manifest):
        for mask in clip.masks:
            given, reference = mask.decode(), mask.decode("clean")
            if (either := (given | reference).sum()) > 0:
                found[mask.sample_id, mask.frame_idx] = float((given & reference).sum() / either)
    return found


def main() -> None:
    """Audit a manifest of two sides and print what the reference says of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--below", type=float, default=0.7, help="IoU under which a frame counts as wrong")
    given = parser.parse_args()
    done = actiseg_bench.audit(given.manifest, given.out / "audit", check=["mask"], root=given.root)
    overlaps = read_overlaps(given.manifest)
    frames = [one for one in done.frames if (one.sample_id, one.frame_idx) in overlaps]
    overlap = np.array([overlaps[one.sample_id, one.frame_idx] for one in frames])
    score = np.array([one.score or 0.0 for one in frames])
    drawn = np.array([Key("benchmark", one.sample_id, one.frame_idx).uniform("score") for one in frames])
    small = -np.array([one.area_px for one in frames])
    print(
        f"{len(frames)} frames, mean IoU {overlap.mean():.3f}; {(overlap < given.below).mean():.2f} below {given.below}"
    )
    print("| ranking | AUROC | AP | Spearman with 1 - IoU, all | mean inside of a clip |\n|---|---|---|---|---|")
    for name, ranking in {"chance": drawn, "smallest mask first": small, "audit (edges)": score}.items():
        found = judge(ranking, overlap < given.below)
        by_clip = defaultdict(list)
        for one, value, iou in zip(frames, ranking, overlap, strict=True):
            by_clip[one.sample_id].append((value, 1 - iou))
        inside = [spearmanr(*zip(*pairs, strict=True)).statistic for pairs in by_clip.values() if len(pairs) > 2]
        whole = spearmanr(ranking, 1 - overlap).statistic
        print(f"| {name} | {found.auroc:.3f} | {found.average_precision:.3f} | {whole:.2f} | {np.mean(inside):.2f} |")
    proposed = sum((one.score or 0.0) >= LEAST and one.move_px != 0 for one in frames)
    print(f"{proposed} corrections of a score of at least {LEAST}")
    if not proposed:
        return
    cleaned = given.out / "cleaned"
    actiseg_noise.clean(given.manifest, done.corrections, cleaned, min_score=LEAST, force=True)
    after = read_overlaps(cleaned)
    changed = [key for key in overlaps if after[key] != overlaps[key]]
    was, now = (np.mean([side[key] for key in changed]) for side in (overlaps, after))
    print(f"applied unseen: {len(changed)} masks changed, their mean IoU {was:.3f} → {now:.3f}")
    print(f"mean IoU of all {np.mean(list(overlaps.values())):.3f} → {np.mean(list(after.values())):.3f}")


if __name__ == "__main__":
    main()
