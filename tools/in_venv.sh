#!/bin/sh
# Run a command of the active environment, else of .venv: git's hooks do not know which one is meant.
PATH="${VIRTUAL_ENV:-.venv}/bin:$PATH" exec "$@"
