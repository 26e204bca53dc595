"""Frames per second of drawing ``kitchen`` (image and mask) on one core: ``python benchmarks/kitchen_render.py``."""

from __future__ import annotations

from time import perf_counter

import cv2

from actiseg_noise.datasets.kitchen import plan_video, render_video

WARM, TIMED = 20, 100  # videos


def main() -> None:
    """Plan and draw videos, print the rates."""
    cv2.setNumThreads(1)
    for index in range(WARM):
        render_video(plan_video("train", index))
    start = perf_counter()
    videos = [plan_video("pretrain", index) for index in range(TIMED)]
    planned = perf_counter()
    frames = sum(len(render_video(video)) for video in videos)
    drawn = perf_counter()
    print(f"plan    {1e3 * (planned - start) / TIMED:8.2f} ms/video")
    print(f"render  {frames / (drawn - planned):8.1f} frames/s")
    print(f"both    {frames / (drawn - start):8.1f} frames/s")


if __name__ == "__main__":
    main()
