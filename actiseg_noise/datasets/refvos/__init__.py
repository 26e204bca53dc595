"""``refvos``: referring video object segmentation, in the forms of Ref-YouTube-VOS, MeViS and ReVOS."""

from actiseg_noise.datasets.refvos.adapter import RefVos

__all__ = ["RefVos"]
