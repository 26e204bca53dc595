"""Engines: what runs pieces of work elsewhere."""
