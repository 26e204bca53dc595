"""Trains and scores referring video object segmentation under label noise, on manifests."""
