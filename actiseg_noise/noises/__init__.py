"""Noises: one file per family, each a pure function of a key and what it corrupts."""
