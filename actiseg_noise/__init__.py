"""Noisy variants of action-based video object segmentation datasets, reproducible to the bit."""
