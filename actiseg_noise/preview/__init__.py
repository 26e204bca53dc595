"""A contact sheet of a manifest: frames, clean and noisy masks, both prompts."""

from actiseg_noise.preview.sheet import draw_preview

__all__ = ["draw_preview"]
