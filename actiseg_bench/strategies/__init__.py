"""Strategies: how to learn from noisy labels. One file each, the published formula visible as one pure function."""
