# Two commands do everything: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: help install demo test test-quick test-peer lint docs clean

help:
	@echo "make demo        set up, simulate a cohort, run everything, say where the results are"
	@echo "make test        set up and pass every check and test"
	@echo "make test-quick  the fast tests alone"
	@echo "make docs        write the generated pages of docs/ again"
	@echo "make clean       remove the demo's results and caches"

# The environment is made again when a dependency changes.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

install: $(VENV)/.installed

demo: install
	$(BIN)/wbr simulate $(DEMO) --patients 24
	# Eight patients a scanner are too few for ComBat's own limit of ten; the ledger says so.
	WBR_MINIMUM_PER_BATCH=7 $(BIN)/wbr run $(DEMO)/exports --clinical $(DEMO)/clinical.csv \
		--store $(DEMO)/store --vault $(DEMO)/vault

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-quick: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 -m "not reference and not end_to_end and not peer"

test: lint
	$(BIN)/python -m pytest -n 2 -m "not peer"

# The validation pages need the reference data (WBR_REFERENCE_DATA).
docs: install
	$(BIN)/python -m wbr_platform.documentation docs
	$(BIN)/python -m wbr_platform.validation.readme_table README.md
	for name in suv ibsi ibsi2 sts combat segmentation; do \
		$(BIN)/wbr validate $$name --markdown docs/validation_$$name.md > /dev/null || true; \
	done

# PyRadiomics beside our own engine, in an environment of its own: it must not be in the way.
.venv-peer/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-peer
	.venv-peer/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e . pytest pytest-xdist hypothesis numpy 'setuptools>=77,<81' wheel versioneer
	.venv-peer/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--no-build-isolation -e '.[pyradiomics]'
	@touch $@

test-peer: .venv-peer/.installed
	.venv-peer/bin/python -m pytest -n 2 -m peer

clean:
	rm -rf $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
