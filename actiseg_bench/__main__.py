"""``python -m actiseg_bench``: the same as ``actiseg-bench``."""

from __future__ import annotations

from actiseg_bench.cli import main

if __name__ == "__main__":
    main()
