"""Finished runs: what is stored of them and what made them."""
