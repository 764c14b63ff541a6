# Two commands are the promise: `make run` and `make test`. Each does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM = false

.PHONY: setup run test slow check fix bench clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): a minute or two, once; longer where torch with CUDA is fetched."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

setup: $(VENV)/.installed-test  ## everything a developer needs

run: $(VENV)/.installed  ## gateway, monitor and dashboard with a small model
	$(BIN)/inferwatch demo

test: $(VENV)/.installed-test  ## the whole suite, less what is marked slow
	$(BIN)/python -m pytest -q -n 3 --dist loadgroup

slow: $(VENV)/.installed-test  ## the long fault tests
	$(BIN)/python -m pytest -q -m slow

check: $(VENV)/.installed-test  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.installed-test  ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-test  ## tables with ratios against a plain FastAPI app
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .artifacts
