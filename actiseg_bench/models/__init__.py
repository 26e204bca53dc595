"""Bundled models: one file or folder each, registered in ``MODELS``."""
