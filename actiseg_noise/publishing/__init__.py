"""A manifest as a folder ready to upload as a dataset repository."""
