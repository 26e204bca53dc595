"""ReferFormer (arXiv 2201.00487) with ActionVOS's positive head, in plain PyTorch, by the published names.

Data flow, for B clips of T frames and N samples (each one clip's expression)::

    frames ── backbone ──→ res2 … res5 (strides 4 … 32), once per clip
    words ─── text ──────→ words [N, L, 768], sentence [N, 768] ── resizer ──→ 256
    res3 … res5, and res5 at stride 64 ── × attention to words ── transformer (encoder) ──→ memory, 4 levels
    Q queries per frame, all starting as the sentence ── transformer (decoder) ──→ states, boxes, class scores
    mean of the states ── positive head ──→ positive logit
    res2 and memory, attending to words ── pixel_decoder ──→ mask features at stride 4
    state ── controller ──→ dynamic 1×1 convolutions over mask features and coordinates relative to the box ──→ masks

Frames of a batch have one size, so nothing is padded and nothing masked but missing words.
"""

from actiseg_bench.models.referformer.config import ReferFormerConfig, TextConfig
from actiseg_bench.models.referformer.model import ReferFormer
from actiseg_bench.models.referformer.network import ReferFormerNetwork

__all__ = ["ReferFormer", "ReferFormerConfig", "ReferFormerNetwork", "TextConfig"]
