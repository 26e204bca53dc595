"""What a dataset asks of those who pass its labels on: the licence, by the identifier of the hub, and what to cite."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
_CREATIVE = re.compile(r"cc[ -]by(?P<parts>(-(?:nc|sa|nd))*)[ -](?P<version>\d\.\d)")
_PARENTHESIS = re.compile(r"\s*\([^)]*\)$")
_OTHERS = {  # words → (identifier, address)
    "apache-2.0": ("apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "mit": ("mit", "https://opensource.org/license/mit"),
    "bsd-2-clause": ("bsd-2-clause", "https://opensource.org/license/bsd-2-clause"),
    "bsd-3-clause": ("bsd-3-clause", "https://opensource.org/license/bsd-3-clause"),
    "cc0-1.0": ("cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "cc0 1.0": ("cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
}
_FREE = frozenset(hub_id for hub_id, _ in _OTHERS.values())
_FREE_CREATIVE = re.compile(r"cc-by(-sa)?-[0-9.]+")
_UNSAID = ("", "none", "unknown")
_LONGEST_NAME = 96


@dataclass(frozen=True)
class Licence:
    """A dataset's licence.

    Attributes:
        text: the card's own words.
        hub_id: the hub's identifier; ``other`` for one that it does not know, ``unknown`` where nothing is stated.
        url: where it can be read, None where that is not known.
        allows_derivatives: whether changed versions may be passed on; None: not known.
    """

    text: str
    hub_id: str
    url: str | None
    allows_derivatives: bool | None

    @property
    def front_matter(self) -> dict[str, str]:
        """Return the entries of a dataset card's YAML."""
        if self.hub_id != "other":
            return {"license": self.hub_id}
        name = re.sub(r"[^a-z0-9.]+", "-", self.text.lower()).strip("-")[:_LONGEST_NAME].rstrip("-")
        return {"license": "other", "license_name": name}

    @property
    def caution(self) -> str | None:
        """Return why the masks had better not be passed on, None where the licence allows it."""
        if self.allows_derivatives:
            return None
        if self.allows_derivatives is None:
            return f"whether {self.text!r} allows derived masks to be passed on is not known here"
        return f"{self.text!r} forbids passing on derived works"

    @property
    def image_refusal(self) -> str | None:
        """Return why the dataset's images are not passed on, None where the licence allows that for any purpose."""
        if self.hub_id in _FREE or _FREE_CREATIVE.fullmatch(self.hub_id):
            return None
        if self.hub_id.startswith("cc-"):
            return f"{self.text!r} allows passing on images for some purposes alone"
        return f"whether {self.text!r} allows its images to be passed on is not known here"


def find_licence(text: str) -> Licence:
    """Return the licence that a dataset's card names; words in parentheses at the end say whose it is."""
    words = _PARENTHESIS.sub("", text.strip()).lower()
    found = _CREATIVE.fullmatch(words)
    if found is not None:
        kind = f"by{found['parts']}"
        url = f"https://creativecommons.org/licenses/{kind}/{found['version']}/"
        return Licence(text, f"cc-{kind}-{found['version']}", url, "-nd" not in found["parts"])
    if words in _OTHERS:
        return Licence(text, *_OTHERS[words], True)
    is_unsaid = words in _UNSAID or words.startswith("not stated")
    return Licence(text or "not stated", "unknown" if is_unsaid else "other", None, None)


def citation(card: dict[str, Any]) -> str:
    """Return what somebody who uses the labels of a dataset cites: BibTeX, or the dataset's own words.

    A dataset that states nothing has labels that ActiSeg-NL's noises made.
    """
    stated = str(card.get("citation") or "")
    return PAPER if card.get("is_embedded") or stated in ("", "none") else stated
