# Two commands set everything up: `make demo` and `make test`. Only Python (3.11 or newer), git and make are needed.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= out/demo

.PHONY: demo test lint bench weights manifests clean

demo: $(VENV)/.installed ## Train and score every strategy on every track of the quick protocol, print the leaderboard
	$(BIN)/actiseg-bench run --all --out $(DEMO)

test: $(VENV)/.installed-dev ## Lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

bench: $(VENV)/.installed-dev ## Speed and memory, ratios measured side by side
	$(BIN)/python benchmarks/build_masks.py
	$(BIN)/python benchmarks/mask_noises.py
	$(BIN)/python benchmarks/build_memory.py
	$(BIN)/python benchmarks/build_text.py
	$(BIN)/python benchmarks/polygon_noises.py
	$(BIN)/python benchmarks/kitchen_render.py
	$(BIN)/python benchmarks/strategy_steps.py
	$(BIN)/python benchmarks/evaluate.py
	$(BIN)/python benchmarks/loader.py
	$(BIN)/python benchmarks/grid_jobs.py
	$(BIN)/python benchmarks/referformer.py
	$(BIN)/python benchmarks/published_checkpoint.py

weights: $(VENV)/.installed-dev ## Make the bundled start weights again (`tiny`: about 20 minutes on two cores)
	$(BIN)/actiseg-bench pretrain --model tiny --out models/tiny
	$(BIN)/actiseg-bench pretrain --model referformer-mini --threads 1 --out models/referformer-mini

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
