# make demo: the whole loop on a real game.  make test: lint, types, layering, tests.  Both set up what they need.

PYTHON := .venv/bin/python

.PHONY: help setup demo test clean
.DEFAULT_GOAL := help

help:
	@echo "make demo          record, train and play a real game on a virtual display (SHOW=1: on your screen)"
	@echo "make test          lint, types, layering and tests"
	@echo "make setup         only the environment in .venv that both use"
	@echo "make clean         remove the environment and what the demo made"

setup:
	@sh demo/setup.sh

demo: setup
	@$(PYTHON) -m demo $(if $(SHOW),--show)

test: setup
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-cache
	$(PYTHON) -m pytest

clean:
	rm -rf .venv demo/out
