"""The sentences of ``docs/metrics.md``; its numbers are computed by ``tools.pages.metrics``."""

from __future__ import annotations

INTRO = """# The metrics

What every number of a leaderboard and of `analyze` means. Made by `python -m tools.pages.metrics` from the
package's own functions; the numbers of the example are computed from the masks that are drawn.

One object in one frame is an *object-frame*. `g` are its pixels in the truth, `p` those of its prediction, I = g ∧
p, U = g ∨ p. An object is *positive* where it takes part in the action. Truth is clean labels; pixels without label
(void) are left out of both. Predictions of a clip's objects are merged into one mask first, and a positive score
below the model's threshold empties an object's mask. A strategy of several networks has the mean of their scores.

The example is a clip of two frames with four objects, + positive, – negative; dashed is the truth under a
prediction.

![Two frames of four objects: truth and prediction](images/metrics.svg)
"""

SIX_TEXT = {
    "p_miou": "mean I/U of positive objects, over object-frames with U > 0",
    "n_miou": "the same of negative objects: what is segmented that should be left alone",
    "p_ciou": "Σ I / Σ U of positive objects: large objects weigh more",
    "n_ciou": "the same of negative objects",
    "giou": (
        "mean over all object-frames: I/U of a positive one; 1 for silence and 0 for any prediction where there is no "
        "target (a negative object; a positive one with U = 0 has 1)"
    ),
    "acc": "how often an object is predicted exactly when it is positive and visible: (TP + TN) / all",
    "p_miou_hands": "p-mIoU of left and right hands alone",
    "p_miou_objects": "p-mIoU of everything else",
    "after": """\
Source: ActionVOS's metric script. gIoU is the generalised IoU of GRES (arXiv 2306.00968), not the box GIoU. A
network that predicts nothing has the best n-mIoU and n-cIoU there are, and a gIoU and Acc as high as the share of
object-frames without target: such rows are marked ∅ and are best in nothing. A metric that nothing defines, such as
n-mIoU without negative objects, is –.
""",
    "volume": """\
**J&F** ↑ is volumetric: the masks of a positive object in all frames of a clip are one volume, scored once. J = Σ I
/ Σ U over the frames. F is the harmonic mean of precision and recall of the boundaries: a boundary pixel is found
when one of the other boundary is at most .8 % of the image's diagonal away (rounded up; DAVIS's rule), and pixels
are summed over the frames before they are divided. J&F is the mean of both, over objects. Objects that are neither
visible nor predicted in any frame are left out. A mean over frames, as in `evaluate --davis`, gives a frame in
which an object is hardly visible the weight of one that it fills.
""",
    "frames": """\
`evaluate` and `predict` give J and F as the challenges average them, too: the mean over an object's frames, 1 where
it is neither visible nor predicted, then over the positive objects. In the example J is {j:.3f}, F {f:.3f}, J&F
{j_and_f:.3f}; `J volume` beside them is the table's {j_volume:.3f}.
""",
    "ungated": """\
**ungated** ↑ is p-mIoU of the *ungated* masks: what the network draws of a positive object by itself, before the
positive head may empty it and before another object takes its pixels. The six metrics see a mask only where the head
lets it through: a strategy that learns cleaner masks and one that does not have the same 0 where the object is left
out. Nothing is told by it about negatives; it is a measure of masks, not of a system, and rows are compared in it as in
the six. Were half of the onion in frame
1, which is not predicted, drawn behind the head, the example would have {ungated} instead of its p-mIoU, {gated}.
""",
    "ap": """\
**AP** ↑ is the average precision of the positive scores, and no threshold enters it: samples (clip, object) are
ranked by their score, and AP = Σ (recall_k − recall_k−1) · precision_k over the distinct scores from the highest,
without interpolation. The six metrics move with the threshold of the positive head, since it empties masks: p-mIoU
alone cannot say whether a network no longer knows what takes part, or only says it with less confidence. Chance is
the share of samples that are positive. A model without such scores has –.

In the example: {order}; AP {ap}.
""",
}

MODE_TEXT = {
    "intro": """\
ActiSeg-NL (arXiv 2509.16677) names them, the definitions are this project's. A *hit* is a positive object that is
visible and predicted. The band along a boundary is 2 % of the image's diagonal wide: {band} px in the example,
where a boundary of F is found within {tolerance} px.
""",
    "boundary_leakage": "predicted pixels outside the object within the band, over the object's area; mean over hits",
    "boundary_loss": "pixels of the object within the band that are not predicted, over its area; mean over hits",
    "mislocalization": "share of hits with I/U below .1",
    "identity_substitution": "share of hits whose prediction has a larger I/U with another object of the frame",
    "missed": "share of visible positive object-frames that are not predicted",
}

TRAINING = """## What a training does with wrong labels

The manifest knows which labels are wrong; strategies never get it.

* **selection** – of what a strategy believed in an epoch (samples it kept, pixels it trusted), the share that is
  right: *precision*; of what is right, the share that it believed: *recall*. Believing everything has the *base
  rate* for its precision; *AUROC* is the chance that of a wrong and a right label the wrong one is doubted more,
  where a strategy ranks them.
* **memorisation** – mean IoU, on training samples with a wrong label, with the label that was *given* and with the
  *clean* one, at probes during the training. On clean labels: on all samples.
* **noise sensitivity** – *slope*: least squares of a score over the level of noise, in points per unit of it;
  *area*: the mean of score / clean score along the axis, by trapezoids; 100 % is a score that noise does not move.
* **trade-off** – a row is on the *front* of a track when no other is at least as good in p-mIoU and n-mIoU and
  better in one.
* **severity** of a track – the share of positive samples whose noun names something else; the median IoU of noised
  masks with clean ones.
"""

CONCLUSIONS = """## What is concluded

A cell (track, strategy) has a run per noise seed (a draw of the labels) and training seed. `±` is the sample
standard deviation over its runs. Every row is held against the row with the best mean, metric by metric:

* **difference** – the mean over the runs that both rows have; an interval and a p of its own by Student's t, with
  the variance of the hierarchical bootstrap over noise seeds, training seeds and videos.
* **≈** – p is not below 5 % after Holm's correction for all comparisons of the leaderboard. It says "not shown to
  be worse".
* **Hedges' g** – the difference over the standard deviation of the runs' differences, corrected for few runs.
* **smallest detectable difference** – the true difference that such a comparison finds with a power of 80 % at the
  first step of the correction.
* **∅** – a run of the row misses 99 % or more of the visible positive objects: best in nothing, compared with
  nothing.
* **one training seed** – nothing is marked.
* **stability** – Kendall's tau-b between the orders of the methods, by their mean over trainings, under two noise
  seeds, and between those under two training seeds; means over the pairs, in `stability.csv` of `analyze`. 1: the
  same order; 0: none in common. Yardsticks are not ranked.

How often these intervals hold the truth is simulated in [decision 0012](decisions/0012-seeds-videos-and-marks.md).
"""

COSTS = """## Cost

**updates** are optimizer steps of all networks together: a strategy of two networks has twice those of the baseline
  at equal steps. **seconds** are of training, loading included; **MiB** the peak resident memory of the process.
  **time** and **memory** are the last two over those of the baseline's row on the same track. All are means over
  runs, as measured on the machine that made them.
"""

FILES_TEXT = """`actiseg-bench analyze DIR` writes these beside its charts, one folder per model, dataset and protocol.
Scores and shares are fractions, empty where undefined.
"""

_RUN = {
    "track": "the labels trained on",
    "strategy": "`gce`; `gce@released` in the other variant",
    "noise_seed": "of the track's noise",
    "seed": "of the training",
}
_SIX = dict.fromkeys(("p_miou", "n_miou", "p_ciou", "n_ciou", "giou", "acc"), "see the six metrics")
_MODES = dict.fromkeys(
    ("boundary_leakage", "boundary_loss", "mislocalization", "identity_substitution", "missed"), "see failure modes"
)

FILES: dict[str, tuple[str, dict[str, str]]] = {
    "runs.csv": (
        "one line per run.",
        _RUN
        | _SIX
        | {
            "p_miou_hands": "hands",
            "p_miou_objects": "objects",
            "p_miou_ungated": "ungated; empty for runs that an older version made",
            "p_j_volume": "volumetric J",
            "p_f_volume": "volumetric F; empty for runs that an older version made",
            "p_jf_volume": "volumetric J&F",
            "positive_ap": "AP of the positive scores",
        }
        | _MODES
        | {
            "silent": "whether the run predicts next to nothing (∅)",
            "tp": "object-frames that are predicted and should be, of the first network",
            "tn": "neither predicted nor to be",
            "fp": "predicted and not to be",
            "fn": "to be predicted and not",
            "networks": "of the strategy",
            "updates": "optimizer steps of all networks",
            "steps": "optimizer steps of each",
            "train_s": "seconds of training",
            "eval_s": "seconds of prediction and scoring",
            "peak_rss_mb": "peak memory of the process in MiB",
            "oracle": "what the strategy knew that a user would not",
            "run_key": "digest of everything that made the run",
        },
    ),
    "clips.csv": (
        "one line per run and evaluation clip, the mean over the strategy's networks.",
        _RUN
        | {"clip_id": "the clip", "video_id": "the video it is cut from; clips of one may share frames"}
        | _SIX
        | _MODES,
    ),
    "selection_epochs.csv": (
        "one line per run, epoch and unit, where a strategy selects or relabels.",
        _RUN
        | {
            "epoch": "from 1",
            "unit": "`samples` or `pixels`",
            "precision": "of what was believed, the share that is right",
            "recall": "of what is right, the share that was believed",
            "base_rate": "the precision of believing everything",
            "auroc": "of the ranking, where a strategy ranks samples",
        },
    ),
    "memorisation_probes.csv": (
        "one line per run and probe.",
        _RUN
        | {
            "step": "optimizer steps done",
            "fit_given": "mean IoU with the labels that were given",
            "fit_clean": "mean IoU with the clean labels",
            "held_out": "mean IoU on clips that are not trained on, where the protocol watches some",
        },
    ),
    "comparisons.csv": (
        "one line per comparison of the leaderboard.",
        {
            "track": "the labels trained on",
            "metric": "which of the six",
            "best": "the row with the best mean",
            "strategy": "the row that is held against it",
            "mean": "its score minus the best row's",
            "low": "of the 95 % interval of this pair alone",
            "high": "the same",
            "error": "standard error",
            "df": "degrees of freedom of Student's t",
            "p": "two-sided, of this pair alone",
            "p_corrected": "under Holm's correction",
            "comparisons": "how many were corrected for",
            "standardised": "Hedges' g; empty for two runs",
            "detectable": "smallest detectable difference",
            "separable": "whether p_corrected is below 5 %",
        },
    ),
}
