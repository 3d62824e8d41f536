# Each command makes its own .venv, installs what it needs, and does the job.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all lint
demo: $(VENV)/ready
	$(BIN)/python benchmarks/demo.py --out output

test: $(VENV)/ready
	$(BIN)/python -m pytest -c tests/pytest.ini tests -m "not slow"

test-all: $(VENV)/ready
	$(BIN)/python -m pytest -c tests/pytest.ini tests

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt -e ".[standalone,data,evaluate,test]"
	touch $@
