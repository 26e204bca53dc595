"""What to cite: the dataset's own entry, or for the embedded dataset, which has none, that of ActiSeg-NL."""

from __future__ import annotations

from typing import Any

PAPER_URL = "https://arxiv.org/abs/2509.16677"
PAPER = f"""@misc{{li2025segmenttoact,
  title = {{Segment-to-Act: Label-Noise-Robust Action-Prompted Video Segmentation Towards Embodied Intelligence}},
  author = {{Li, Wenxin and Peng, Kunyu and Wen, Di and Liu, Ruiping and Duan, Mengfei and Luo, Kai and Yang, Kailun}},
  year = {{2025}},
  eprint = {{2509.16677}},
  archivePrefix = {{arXiv}},
  url = {{{PAPER_URL}}}
}}"""


def citation(card: dict[str, Any]) -> str:
    """Return what somebody who uses the labels of a dataset cites: BibTeX, or the dataset's own words.

    A dataset that states nothing has labels that ActiSeg-NL's noises made.
    """
    stated = str(card.get("citation") or "")
    return PAPER if card.get("is_embedded") or stated in ("", "none") else stated
