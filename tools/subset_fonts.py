"""Make the fonts of ``actiseg-noise preview`` again: Matplotlib's DejaVu Sans, cut down to the letters we need."""

from __future__ import annotations

import shutil
from pathlib import Path

from fontTools.subset import main as subset
from matplotlib import get_data_path

FOLDER = Path(__file__).resolve().parents[1] / "actiseg_noise" / "view" / "fonts"
# Latin with accents, Greek and Cyrillic, punctuation, currencies, arrows, mathematical signs.
LETTERS = "U+0020-024F,U+0300-036F,U+0370-04FF,U+1E00-1EFF,U+2010-205E,U+20A0-20BF,U+2190-21FF,U+2200-22FF"
# Pillow's basic layout reads the old kerning table alone; the box for letters that are not there stays.
OPTIONS = ["--layout-features=", "--legacy-kern", "--notdef-outline", "--drop-tables+=FFTM,GSUB,GPOS,GDEF"]


def main() -> None:
    """Write both fonts and their licence."""
    source = Path(get_data_path()) / "fonts" / "ttf"
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        subset([str(source / name), f"--unicodes={LETTERS}", f"--output-file={FOLDER / name}", *OPTIONS])
    shutil.copyfile(source / "LICENSE_DEJAVU", FOLDER / "LICENSE_DEJAVU")


if __name__ == "__main__":
    main()
