"""Whether a manifest is what it says: verify it, draw and build it again, compare two."""
