"""Predictions against clean labels: the six metrics, masks of anybody, failure modes."""
