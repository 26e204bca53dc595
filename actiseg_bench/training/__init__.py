"""Training: items and batches, the loop, what is kept on the way, and what wrong labels do to it."""
