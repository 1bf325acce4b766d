# Every target works on a fresh machine: the first one makes .venv and installs what is needed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test test-slow check bench clean

help:
	@echo "make demo       a server killed ten times at random, and nothing lost"
	@echo "make test       all tests but the slow ones"
	@echo "make test-slow  the slow ones: 1,000 kills"
	@echo "make check      ruff, mypy, import-linter"
	@echo "make bench      the benchmarks, one JSON line each"

$(READY): pyproject.toml sdk/python/pyproject.toml scripts/setup.sh
	PYTHON=$(PYTHON) scripts/setup.sh
	@touch $(READY)

demo: $(READY)
	@$(BIN)/python examples/demo.py

test: $(READY)
	$(BIN)/python -m pytest -q -m "not slow"

test-slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src sdk/python/src bench examples/demo.py
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m bench.invoke

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
