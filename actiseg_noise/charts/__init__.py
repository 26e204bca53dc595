"""Charts of a manifest as PNG files: ``inspect --plot``."""

from actiseg_noise.charts.draw import plot_manifest

__all__ = ["plot_manifest"]
