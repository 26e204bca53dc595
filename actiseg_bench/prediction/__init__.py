"""Prediction: a trained network on the clips of a manifest, and how its masks are stored."""
