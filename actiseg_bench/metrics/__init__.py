"""Scores from integer counts: one file per family of metrics."""
