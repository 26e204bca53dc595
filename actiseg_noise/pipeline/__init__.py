"""Adapter × recipe → manifest: draws, text, masks, rows, chunks, build."""
