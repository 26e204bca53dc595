"""Pages for a browser: one file, no server, no network. What is on them is decided by ``view`` and by the bench."""
