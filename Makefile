# The commands that people and CI run. Each makes what it needs: a virtual environment in .venv, and nothing outside.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?=
GROUP ?= dev
MARKED :=
LOWEST := VENV=.venv-lowest GROUP=test CONSTRAINTS=tests/lowest.txt
PACKAGES := connector_core connectors tests conftest.py
CONNECTORS := $(patsubst %/pyproject.toml,%,$(wildcard connectors/*/pyproject.toml))

# The tests start hundreds of processes: what they import is compiled once, even where the environment says not to.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo console test test-lowest .venv-lowest check format docs bench bench-peers clean

demo: $(VENV)/.installed
	@$(BIN)/python tests/demo.py

console: $(VENV)/.installed
	@$(BIN)/connectors console

# conftest.py says how many processes; the tests of a file stay together, since they share what is slow to make. Files
# begin in the order of their names, tests/ first: there are the longest, which must not be the last to begin.
test: $(VENV)/.installed
	@$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(if $(MARKED),-m '$(MARKED)')

# The same tests with the lowest releases that pyproject.toml allows, but for those that these releases don't reach.
test-lowest:
	$(MAKE) test $(LOWEST) MARKED='not own_environment and not own_code'

# What test-lowest makes first, alone, so that CI can make it beside the other environment.
.venv-lowest:
	$(MAKE) .venv-lowest/.installed $(LOWEST)

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

# Beside other clients, which have an environment of their own: docs/benchmarks.md is made anew.
bench-peers:
	$(MAKE) .venv-peers/.installed VENV=.venv-peers GROUP=peers
	@.venv-peers/bin/python tests/peers/compare.py --write

clean:
	rm -rf .venv .venv-lowest .venv-peers tests/peers/node_modules dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml $(CONNECTORS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 $(MAKECMDGOALS)" or 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[new,sql,console,celery,telemetry]' $(CONNECTORS:%=--editable '%[sandbox]') --group $(GROUP) \
		$(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	@touch $@
