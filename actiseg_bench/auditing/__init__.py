"""Audits: which labels of a manifest are likely wrong, ranked, with what they should be."""
