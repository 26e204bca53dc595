"""``python -m actiseg_noise``: the same as ``actiseg-noise``."""

from __future__ import annotations

from actiseg_noise.cli import main

if __name__ == "__main__":
    main()
