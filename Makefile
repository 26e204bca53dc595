# Two commands set everything up: `make demo` and `make test`. Only Python (3.11 or newer), git and make are needed.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= out/demo

# A process a core, eight at most (each holds torch, about 0.7 GB); who is done takes work from who is not.
PYTEST := $(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal
# Processes of the tests reuse what one of them compiled, whatever the shell's setting is.
unexport PYTHONDONTWRITEBYTECODE

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: help demo test check lint coverage slow soak versions hooks bench site weights trained manifests clean

demo: $(VENV)/.installed ## Train and score every strategy on every track of the quick protocol, print the leaderboard
	$(BIN)/actiseg-bench run --all --jobs 2 --out $(DEMO)

test: lint ## Lint, types, tests: what CI runs
	$(PYTEST)

check: lint ## Lint, types, and the tests that take under a minute in all: what to run before every commit
	$(PYTEST) -m "not slow"

lint: $(VENV)/.installed-dev ## Formatting, lint, spelling, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy

coverage: $(VENV)/.installed-dev ## The share of lines that the tests run, per module, those of processes that they start included
	$(PYTEST) --cov --cov-report term:skip-covered

slow: $(VENV)/.installed-dev ## Measure all tests again and write tests/slow.txt, what `make check` leaves out
	$(PYTEST) --measure

soak: $(VENV)/.installed-dev ## Edit files by the thousand, kill commands by the hundred; counts, and what goes wrong (hours)
	$(BIN)/python -m tools.soak --edits 10000 --kills 500 --keep out/soak
	$(BIN)/python -m tools.soak.clusters --kills 50 --keep out/soak-clusters

versions: ## Quick tests with every Python found here, and with the lowest versions that we declare
	$(PYTHON) tools/try_versions.py

hooks: $(VENV)/.installed-dev ## Let git run ruff, codespell and mypy before each commit
	$(BIN)/pre-commit install

bench: $(VENV)/.installed-dev ## Speed and memory, ratios measured side by side
	$(BIN)/python benchmarks/build_masks.py
	$(BIN)/python benchmarks/mask_noises.py
	$(BIN)/python benchmarks/readers.py
	$(BIN)/python benchmarks/build_memory.py
	$(BIN)/python benchmarks/build_text.py
	$(BIN)/python benchmarks/build_samples.py
	$(BIN)/python benchmarks/polygon_noises.py
	$(BIN)/python benchmarks/kitchen_render.py
	$(BIN)/python benchmarks/strategy_steps.py
	$(BIN)/python benchmarks/evaluate.py
	$(BIN)/python benchmarks/loader.py
	$(BIN)/python benchmarks/grid_jobs.py
	$(BIN)/python benchmarks/referformer.py
	$(BIN)/python benchmarks/published_checkpoint.py

site: $(VENV)/.installed-docs ## Build the pages as a website, from this folder alone: out/site/index.html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d out/.doctrees docs out/site
	@echo out/site/index.html

weights: $(VENV)/.installed-dev ## Make the bundled start weights again (`tiny`: about 20 minutes on two cores)
	$(BIN)/actiseg-bench pretrain --model tiny --out models/tiny
	$(BIN)/actiseg-bench pretrain --model referformer-mini --threads 1 --out models/referformer-mini

trained: $(VENV)/.installed ## Train the `tiny` that `predict --video` takes by itself (11 minutes on one busy core)
	$(BIN)/actiseg-noise build --dataset kitchen --split train --recipe clean --out out/trained/clean --resume
	$(BIN)/actiseg-bench train --manifest out/trained/clean --model tiny --steps 600 --threads 1 --out out/trained/tiny
	cp out/trained/tiny/checkpoint.safetensors models/tiny-trained/

manifests: $(VENV)/.installed ## Make the published variants of `kitchen` again (about a minute)
	$(BIN)/python manifests/make.py

clean: ## Remove the environment and what the demo made
	rm -rf $(VENV) $(DEMO)

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	touch $@
