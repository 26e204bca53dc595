"""The manifest: a folder of Parquet files that carries clean and noisy labels side by side."""
