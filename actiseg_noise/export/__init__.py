"""Export: a manifest's labels in the layouts that other people's code reads."""
