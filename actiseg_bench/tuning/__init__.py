"""Tuning: hyper-parameters drawn by address, equal trials for every strategy, chosen on noisy validation."""
