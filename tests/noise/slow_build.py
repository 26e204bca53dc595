"""A command line that knows a slow dataset, for tests that kill it."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

from toys import Toy, make_toy

from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip


class SlowToy(Toy):
    """Takes its time over every mask."""

    seconds = 0.0

    def read_index_mask(self, clip: Clip, frame: Any) -> IndexMask:
        time.sleep(self.seconds)
        return super().read_index_mask(clip, frame)


class RegisteredToy(SlowToy):
    """Makes its own clips, as a registered dataset does."""

    def __init__(self, root: Path, *, skip_missing: bool = False) -> None:
        super().__init__(root, make_toy().clips, skip_missing=skip_missing)
        self.seconds = float((root / "seconds").read_text())


def main(arguments: list[str]) -> None:
    """Run the command line with the dataset registered and small chunks."""
    from actiseg_noise.building import chunk
    from actiseg_noise.cli import main as run
    from actiseg_noise.datasets.base import DATASETS

    DATASETS.add("toy", RegisteredToy)
    chunk.FRAMES_PER_CHUNK = 6
    sys.argv = ["actiseg-noise", *arguments]
    run()


if __name__ == "__main__":
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored, where the tests run in the background of a shell
    main(sys.argv[1:])
