"""From a manifest and an image root to batches."""
