# Everything is done in .venv, which the first target that needs it makes; `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.complete
DOCS_DONE := docs/node_modules/.complete
SITE_DONE := $(VENV)/.complete-site

BUILD := docs/_build
WORK := $(BUILD)/work
BOOK := $(BUILD)/html
SPHINX_OPTIONS ?= -W -n --keep-going -j auto

.DEFAULT_GOAL := help
.PHONY: help html serve linkcheck test site-test lint format clean-html clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The stamps are written last: an interrupted installation is taken up again.
$(DONE): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs,test]'
	@touch $@

$(SITE_DONE): $(DONE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[site]'
	@touch $@

$(DOCS_DONE): docs/package.json docs/package-lock.json $(DONE)
	cd docs && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund
	@touch $@

# The book is built aside and takes the place of the last one only when it is complete.
html: $(DONE) $(DOCS_DONE) ## build the book, running the pages that need it
	$(BIN)/python -m sphinx -b html $(SPHINX_OPTIONS) -d $(WORK)/doctrees docs $(WORK)/html
	@rm -rf $(BOOK).new && cp -R $(WORK)/html $(BOOK).new && rm -rf $(BOOK) && mv $(BOOK).new $(BOOK)
	@echo "The book is ready: open $(abspath $(BOOK))/index.html"

serve: $(DONE) $(DOCS_DONE) ## open the book in a browser and rebuild it at every change
	$(BIN)/sphinx-autobuild -n -j auto --open-browser --port 0 --watch gdbp \
	  --ignore '*/_build/*' --ignore '*/node_modules/*' --ignore '*/__pycache__/*' \
	  -d $(WORK)/serve-doctrees docs $(WORK)/serve

linkcheck: $(DONE) $(DOCS_DONE) ## check the links to other sites (needs a network)
	$(BIN)/python -m sphinx -b linkcheck -j auto -d $(WORK)/linkcheck-doctrees docs $(WORK)/linkcheck

test: $(DONE) $(DOCS_DONE) ## run the tests and every example in docstrings, pages and README
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term

site-test: $(SITE_DONE) ## look at the built book in a browser (after make html)
	$(BIN)/python -m pytest -m site tests/test_site.py

lint: $(DONE) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DONE) ## bring the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean-html: ## remove the built book and the kept results of its pages
	rm -rf $(BUILD)

clean: clean-html ## remove all that is not in the repository's history
	rm -rf $(VENV) docs/node_modules .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
