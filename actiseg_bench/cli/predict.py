"""``predict``: the masks that a network gives, in files: of a manifest's clips, with their scores, or of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from actiseg_bench.cli.base import AsJson, TextEncoder, app
from actiseg_bench.cli.network import (
    ACheckpoint,
    ADevice,
    AModel,
    ANumber,
    AThreshold,
    Threads,
    Weights,
    print_threshold,
)
from actiseg_bench.cli.score import print_evaluation
from actiseg_noise.errors import raise_if


@app.command()
def predict(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the masks go: <clip_id>/<frame_id>.png, and predictions.parquet.")
    ],
    manifest: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The clips to predict: a manifest folder.")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="Instead: a video, or a folder of images, with --text.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What to look for in the video; repeatable.")
    ] = None,
    piece: Annotated[int, typer.Option(metavar="N", min=1, help="Frames of a video that are predicted together.")] = 32,
    no_overlay: Annotated[
        bool, typer.Option("--no-overlay", help="Do not write overlay.mp4, the video with its masks drawn in.")
    ] = False,
    checkpoint: ACheckpoint = None,
    model: AModel = None,
    weights: Weights = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="The dataset's folder.")] = None,
    network: ANumber = 1,
    positive_threshold: AThreshold = None,
    device: ADevice = "auto",
    threads: Threads = None,
    text_encoder: TextEncoder = None,
    json: AsJson = False,
) -> None:
    """Predict a manifest's clips: palette PNGs, and their scores on the clean masks. Or one's own video.

    'evaluate --pred OUT --manifest M' gives the same scores from the PNGs. With --video and no network the bundled
    'tiny' is used, which was trained on drawn kitchens.
    """
    named: dict[str, Any] = {"checkpoint": checkpoint, "model": model, "weights": weights, "network": network}
    options: dict[str, Any] = {"positive_threshold": positive_threshold, "device": device, "threads": threads}
    raise_if((manifest is None) == (video is None), "say what to predict: --manifest DIR, or --video FILE with --text")
    if video is not None:
        raise_if(root is not None, "--root goes with --manifest")
        _predict_video(video, text or [], out, {"piece": piece, "overlay": not no_overlay, **named, **options}, json)
        return
    raise_if(bool(text), "--text goes with --video: a manifest has its own texts")
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.scoring.prediction_folder import predict as predict_masks
    from actiseg_noise.terminal import print_json, print_next, print_text, printed_results

    with count_progress("clips") as on_clip:
        result = predict_masks(str(manifest), out, root=root, **named, **options, on_clip=on_clip)
    with printed_results(out):
        if json:
            print_json(result.to_json())
            return
        print_evaluation(result.evaluation)
        print_threshold(result.positive_threshold)
        print_text(f"masks: {out}")
        print_next("", ("actiseg-bench", "evaluate", "--pred", out, "--manifest", manifest))


def _predict_video(video: Path, texts: list[str], out: Path, options: dict[str, Any], as_json: bool) -> None:
    """Predict a video and print what was found."""
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.prediction.video import OVERLAY, predict_video
    from actiseg_noise.terminal import print_json, print_text, printed_results

    with count_progress("frames") as on_frames:
        made = predict_video(video, texts, out, **options, on_frames=lambda done, total: on_frames(done, total or done))
    with printed_results(out):
        if as_json:
            print_json({"out": str(out), "frames": made.frames, "seconds": made.seconds, "seen": made.seen})
            return
        for text, share in made.seen.items():
            print_text(f"{text!r}: in {share:.0%} of the frames")
        print_text(f"{made.frames} frames in {made.seconds:.1f} s ({made.frames / made.seconds:.1f} a second)")
        print_text(f"masks: {out / 'masks'}" + (f"; to watch: {out / OVERLAY}" if options["overlay"] else ""))
