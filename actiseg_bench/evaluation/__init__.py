"""Evaluation: predictions, ours or anybody's, against clean labels."""
