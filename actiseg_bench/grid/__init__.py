"""The grid: strategies × tracks × seeds, each run once, in its own folder."""
