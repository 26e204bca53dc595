"""A folder ready to upload as a Hugging Face dataset repository: shards, card, Croissant, checksums, recipe."""
