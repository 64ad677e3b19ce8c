# The commands that people and CI run. Each makes what it needs: a virtual environment in .venv, and nothing outside.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?=
GROUP ?= dev
PACKAGES := connector_core connectors tests conftest.py
CONNECTORS := $(patsubst %/pyproject.toml,%,$(wildcard connectors/*/pyproject.toml))

.PHONY: demo test test-lowest check format docs bench clean

demo: $(VENV)/.installed
	@$(BIN)/python tests/demo.py

# One process a core; the tests of a file stay together, since they share what is slow to make.
test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto --dist loadfile

# The same tests with the lowest releases that pyproject.toml allows.
test-lowest:
	$(MAKE) test VENV=.venv-lowest GROUP=test CONSTRAINTS=tests/lowest.txt

check: $(VENV)/.installed
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix $(PACKAGES)
	$(BIN)/ruff format $(PACKAGES)

# The tables in docs/ that are made from the code; a test tells when they are out of step.
docs: $(VENV)/.installed
	$(BIN)/python tests/support_table.py

bench: $(VENV)/.installed
	@$(BIN)/python tests/bench.py

clean:
	rm -rf .venv .venv-lowest dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml $(CONNECTORS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 $(MAKECMDGOALS)" or 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[new]' $(CONNECTORS:%=--editable '%[sandbox]') --group $(GROUP) \
		$(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	@touch $@
