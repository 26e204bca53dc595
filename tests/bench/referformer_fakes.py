"""A ReferFormer small enough for tests, whatever becomes of the bundled ones."""

from __future__ import annotations

from actiseg_bench.models.referformer import ReferFormer, ReferFormerConfig, TextConfig

SMALL = ReferFormerConfig(
    blocks=(1, 1, 1, 1),
    stem=16,
    width=64,
    heads=4,
    encoder_layers=1,
    decoder_layers=2,
    feedforward=128,
    dropout=0.0,
    points=2,
    queries=3,
    mask_width=32,
    text=TextConfig("words", 2048, 64, 1, 4, 128, 34, 0.0),
)


class SmallReferFormer(ReferFormer):
    """Every part that the published sizes have."""

    configuration = SMALL
