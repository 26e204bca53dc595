"""``davis``: DAVIS 2016 and 2017, and folders of any other shape that hold images and masks."""

from actiseg_noise.datasets.davis.adapter import Davis

__all__ = ["Davis"]
