"""Adapters: one file per dataset turns files on disk into clips and index masks."""
