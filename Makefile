# One command sets up and does it. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Some tests start processes that fight for both cores; more workers than that gain nothing.
WORKERS ?= 2

.PHONY: help setup system-packages lock format lint types test laws wheel docs demo demo-improve demo-template bench check clean
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-16s %s\n", $$1, $$2}'

setup: $(VENV)/.done ## make the environment

$(VENV)/.done: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements.lock)"
	$(UV) pip sync -q --compile-bytecode --python $(BIN)/python requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src agents graphs tools
	@touch $@

system-packages: ## install the programs that the sandbox and the checks use, where that is allowed
	@scripts/system-packages

lock: setup ## lock the versions anew
	$(UV) pip compile -q --all-extras --group dev --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-annotate --no-header --generate-hashes pyproject.toml -o requirements.lock

format: setup ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: setup ## check the house style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## check the types, twice
	$(BIN)/mypy
	$(BIN)/pyright

test: setup system-packages ## run all tests, with coverage
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -q -n $(WORKERS) --dist worksteal
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

laws: setup system-packages ## hold the laws of upgrades over thousands of random edits
	LAW_EXAMPLES=2000 $(BIN)/python -m pytest -q -n $(WORKERS) tests/upgrade/test_laws.py tests/upgrade/merging/test_laws.py

wheel: setup ## build the wheel, install it in a fresh environment, and use it with the source away
	@scripts/smoke-test-wheel

docs: setup ## build the documentation
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict

demo: setup system-packages ## generate code from a task, prove it, and show the result
	@scripts/demo

demo-improve: setup system-packages ## have a tool that fails found, mended, released and taken back
	@scripts/demo-improve

demo-template: setup system-packages ## have the faults of a template found, mended and released
	@scripts/demo-template

bench: setup system-packages ## measure against rivals and limits, and write docs/benchmarks.md
	$(BIN)/python -m evals.benchmarks.run

check: lint types docs wheel test ## everything CI runs

clean: ## remove what was built
	rm -rf $(VENV) dist .site .coverage* .*_cache
