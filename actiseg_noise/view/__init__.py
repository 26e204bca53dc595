"""Manifests for human eyes: figures in words, contact sheets, charts."""
