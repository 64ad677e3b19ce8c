# The commands that people and CI run. Each makes what it needs: a virtual environment in .venv, and nothing outside.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := connector_core connectors tests

.PHONY: demo test check format bench clean

demo: $(VENV)/.installed
	@$(BIN)/python tests/demo.py

test: $(VENV)/.installed
	$(BIN)/python -m pytest

check: $(VENV)/.installed
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix $(PACKAGES)
	$(BIN)/ruff format $(PACKAGES)

bench: $(VENV)/.installed
	@$(BIN)/python tests/bench.py

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml connectors/postmark/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 $(MAKECMDGOALS)" or 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[cli]' --editable 'connectors/postmark[sandbox]' --group dev
	@touch $@
