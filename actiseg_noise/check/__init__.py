"""Whether a manifest is what it says: verify, rebuild from its dataset, compare two."""
