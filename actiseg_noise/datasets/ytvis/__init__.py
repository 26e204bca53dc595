"""``ytvis``: videos and images with a mask per object, in the JSON of YouTube-VIS, of COCO and their kin."""

from actiseg_noise.datasets.ytvis.adapter import YtVis

__all__ = ["YtVis"]
