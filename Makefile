# make demo: the whole loop on a real game.  make test: lint, types, layering, tests.  make quick: the same without the
# tests that need a display or train, for the loop of editing.  All set up what they need.

PYTHON := .venv/bin/python
# So many tests at once; WORKERS=1 for one after the other. Many wait more than they compute: half as many again as
# there are cores.
CORES := $(shell nproc 2>/dev/null || echo 2)
WORKERS := $(shell expr \( $(CORES) \* 3 + 1 \) / 2)

# Two displays and two Wines at once: more wait for each other on few cores.
WINDOWS_WORKERS := 2

.PHONY: help setup demo quick test test-windows checks clean
.DEFAULT_GOAL := help

help:
	@echo "make demo          record, train and play a real game on a virtual display (SHOW=1: on your screen)"
	@echo "make test          lint, types, layering and tests (minutes)"
	@echo "make test-windows  the parts for Windows, in Windows' own Python under Wine (minutes; the first time it downloads"
	@echo "                   220 MB and takes 2 GB of disk; TRAIN=1: train there too, 370 MB and 1.9 GB more)"
	@echo "make quick         the same without what needs a display or trains (seconds)"
	@echo "make setup         only the environment in .venv that all of them use"
	@echo "make clean         remove the environment, what the demo made, and Windows' Python but for its downloads"

setup:
	@sh demo/setup.sh

demo: setup
	@$(PYTHON) -m demo $(if $(SHOW),--show)

test: checks
	@$(PYTHON) tests/windows/windows_python.py --say
	$(PYTHON) -m pytest -n $(WORKERS) -m "not wine or contract" -rfEs

test-windows: setup
	@sh demo/setup.sh wine
	@$(PYTHON) tests/windows/windows_python.py $(if $(TRAIN),--train)
	$(PYTHON) -m pytest -n $(WINDOWS_WORKERS) tests/windows

quick: checks
	$(PYTHON) -m pytest -n $(CORES) -m "not display and not training and not slow and not wine"

checks: setup
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-cache

clean:
	rm -rf .venv demo/out .windows/python .windows/prefix
