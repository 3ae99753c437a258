# Python 3.11 or newer, git and make are all that a machine needs; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo dev test lint types unit definitions bench-capture bench-conversions bench-submit bench-reconciliation proof docs constraints clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort

install: .venv/installed  ## install into .venv what constraints.txt names

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install  ## both simulators, several days of edits, the whole pipeline after each, no account needed
	$(BIN)/impact-pipeline demo

dev: install  ## the same in the Dagster UI, on loopback, with sensors and schedules on
	$(BIN)/impact-pipeline dev --simulators

test: install lint types definitions unit  ## everything that is checked

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

definitions: install
	$(BIN)/dagster definitions validate -w workspace.yaml --log-level error

unit: install
	$(BIN)/pytest -n 2

bench-capture: install  ## how fast capture is, against plain download into DuckDB; minutes
	$(BIN)/python -m impact_pipeline_tests.benchmarks.capture

bench-conversions: install  ## how fast changes become conversions, against one scan and join; long
	$(BIN)/python -m impact_pipeline_tests.benchmarks.conversions

bench-submit: install  ## how fast conversions leave, against the ideal and a plain thread pool; minutes
	$(BIN)/python -m impact_pipeline_tests.benchmarks.submit

bench-reconciliation: install  ## how fast a million conversions are compared and explained; long
	$(BIN)/python -m impact_pipeline_tests.benchmarks.reconciliation

proof: install  ## the proof at length, written to docs/proof.md; hours (SECONDS=… ends each part earlier)
	$(BIN)/python -m impact_pipeline_tests.proof --episodes 100000 --kills 1000 --bugs $(if $(SECONDS),--seconds $(SECONDS)) --write docs/proof.md

docs: install  ## write the pages anew that are made from the code
	$(BIN)/python -m impact_pipeline.config.parameters_page > docs/parameters.md
	$(BIN)/python -m impact_pipeline.warehouse.tables_page > docs/tables.md
	$(BIN)/python -m impact_pipeline_tests.capture.test_drift

constraints: install  ## resolve the dependencies anew and write constraints.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv lock
	$(BIN)/uv export --format requirements-txt --all-extras --no-hashes --no-emit-project --no-annotate --no-header --output-file constraints.txt --quiet
	rm -f uv.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache build dist *.egg-info
