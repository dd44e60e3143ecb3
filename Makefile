# Everything is done in .venv, which the first target that needs it makes; `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.complete
DOCS_DONE := docs/node_modules/.complete
SITE_DONE := $(VENV)/.complete-site
MEASURES_DONE := tests/node_modules/.complete
BENCH_DONE := $(VENV)/.complete-bench
MUTANTS_DONE := $(VENV)/.complete-mutants

BUILD := docs/_build
WORK := $(BUILD)/work
BOOK := $(BUILD)/html
EDITIONS ?= en zh_CN
EDITION ?= en
# Two writers a core: Sphinx prepares pages for them chunk by chunk, and the more writers, the smaller the chunks.
WRITERS := $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
SPHINX_OPTIONS ?= -W -n --keep-going -j $(WRITERS)

MUTANTS := .mutants
MODULES := $(filter-out __init__,$(patsubst gdbp/%.py,%,$(wildcard gdbp/*.py)))
MODULE ?= $(MODULES)

.DEFAULT_GOAL := help
.PHONY: help html pdf epub serve messages messages-check linkcheck reproducible readthedocs bench test site-test notebooks-test print-test mutants $(MODULES:%=mutants-%) lint format clean-html clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The stamps are written last: an interrupted installation is taken up again.
$(DONE): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs,test]'
	@touch $@

$(SITE_DONE): $(DONE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[site]'
	@touch $@

$(BENCH_DONE): $(DONE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

$(MUTANTS_DONE): $(DONE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	@touch $@

$(DOCS_DONE): docs/package.json docs/package-lock.json $(DONE)
	cd docs && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund
	@touch $@

$(MEASURES_DONE): tests/package.json tests/package-lock.json $(DONE)
	cd tests && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

# The editions are built aside, and take the place of the last book only when all are complete. The first one runs the cells.
html: $(DONE) $(DOCS_DONE) ## build the book, running the pages that need it (one edition: EDITIONS=en)
	@set -e; for edition in $(EDITIONS); do \
	  echo "The edition in $$edition:"; \
	  BOOK_LANGUAGE=$$edition $(BIN)/python -m sphinx -b html $(SPHINX_OPTIONS) \
	    -d $(WORK)/$$edition/doctrees docs $(WORK)/$$edition/html; \
	done
	@rm -rf $(BOOK).new && mkdir -p $(BOOK).new
	@set -e; for edition in $(EDITIONS); do cp -R $(WORK)/$$edition/html $(BOOK).new/$$edition; done
	@sed 's/EDITION/$(firstword $(EDITIONS))/' docs/_editions.html > $(BOOK).new/index.html
	@rm -rf $(BOOK) && mv $(BOOK).new $(BOOK)
	@echo "The book is ready: open $(abspath $(BOOK))/index.html"

# What Read the Docs does for "formats: [pdf, epub]", with Sphinx's warnings as errors. The cells' results are those of
# make html. TeX and librsvg are Debian's (CONTRIBUTING.md has the list). Dated by the last commit: equal sources, equal files.
pdf epub: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
pdf: export FORCE_SOURCE_DATE = 1

pdf: $(EDITIONS:%=pdf-%) ## build the book as a PDF, by LaTeX (one edition: EDITIONS=zh_CN)
epub: $(EDITIONS:%=epub-%) ## build the book as an EPUB

pdf-% epub-%: export BOOK_LANGUAGE = $*

pdf-%: $(DONE) $(DOCS_DONE)
	$(BIN)/python -m sphinx -b latex $(SPHINX_OPTIONS) -d $(WORK)/$*/doctrees docs $(WORK)/$*/pdf
	cd $(WORK)/$*/pdf && latexmk -r latexmkrc -pdf -f -dvi- -ps- -jobname=gdbp -interaction=nonstopmode -silent
	@cp $(WORK)/$*/pdf/gdbp.pdf $(BUILD)/gdbp-$*.pdf.new && mv $(BUILD)/gdbp-$*.pdf.new $(BUILD)/gdbp-$*.pdf
	@echo "The book is ready: $(abspath $(BUILD))/gdbp-$*.pdf"

epub-%: $(DONE) $(DOCS_DONE)
	@rm -rf $(WORK)/$*/epub # all that is in the folder goes into the book
	$(BIN)/python -m sphinx -b epub $(SPHINX_OPTIONS) -d $(WORK)/$*/doctrees docs $(WORK)/$*/epub
	@cp $(WORK)/$*/epub/gdbp.epub $(BUILD)/gdbp-$*.epub.new && mv $(BUILD)/gdbp-$*.epub.new $(BUILD)/gdbp-$*.epub
	@echo "The book is ready: $(abspath $(BUILD))/gdbp-$*.epub"

serve: $(DONE) $(DOCS_DONE) ## open the book in a browser and rebuild it at every change (EDITION=zh_CN)
	BOOK_LANGUAGE=$(EDITION) $(BIN)/sphinx-autobuild -n -j auto -D same_site_write_all=0 --open-browser --port 0 --watch gdbp \
	  --ignore '*/_build/*' --ignore '*/node_modules/*' --ignore '*/__pycache__/*' \
	  -d $(WORK)/$(EDITION)/serve-doctrees docs $(WORK)/$(EDITION)/serve

messages: $(DONE) $(DOCS_DONE) ## bring the catalogues of the translations up to date
	$(BIN)/python tools/messages.py

messages-check: $(DONE) $(DOCS_DONE) ## is every message translated? (after make html)
	$(BIN)/python tools/messages.py --check

linkcheck: $(DONE) $(DOCS_DONE) ## check the links to other sites (needs a network)
	$(BIN)/python -m sphinx -b linkcheck -j auto -d $(WORK)/linkcheck-doctrees docs $(WORK)/linkcheck

# With FIRST=docs/_build/html, a book just built from nothing, only the second is built.
reproducible: $(DONE) $(DOCS_DONE) ## build the book in two ways: are they the same, byte for byte?
	$(BIN)/python tools/reproducible.py $(FIRST:%=--first %)

readthedocs: html ## build the last commit as Read the Docs does: is it the same book?
	$(BIN)/python tools/readthedocs.py

# A file's examples share their names, so that a file is never divided between the workers.
test: $(DONE) $(DOCS_DONE) ## run the tests and every example in docstrings, pages and README
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term

site-test: $(SITE_DONE) $(MEASURES_DONE) ## look at the built book in a browser (after make html)
	$(BIN)/python -m pytest -m site tests
	@cat $(BUILD)/lighthouse.txt

# Each of two workers has a reader's environment; what needs PyTorch goes to one of them.
notebooks-test: $(DONE) ## run all notebooks of the built book as a reader would (after make html)
	$(BIN)/python -m pytest -m notebooks -n 2 --dist loadgroup tests/test_notebooks.py

print-test: $(SITE_DONE) ## look at the PDF and the EPUB (after make pdf epub)
	$(BIN)/python -m pytest -m print tests/test_print.py

# On a machine that does nothing else. The results are kept in benchmarks/results, from where the book shows them.
# ONLY=adam times one comparison and keeps nothing.
bench: $(BENCH_DONE) ## time the book's code beside others' (20 minutes)
	@mkdir -p $(BUILD)
	$(BIN)/python -m pytest benchmarks -q $(ONLY:%=-k %) --benchmark-json=$(BUILD)/times.json --benchmark-quiet \
	  --benchmark-min-rounds=1 --benchmark-max-time=0.2 --benchmark-min-time=0.0001 --benchmark-warmup=on
	$(BIN)/python benchmarks/report.py $(BUILD)/times.json $(ONLY:%=--show-only)
ifndef ONLY
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/scaling.py
endif

mutants: $(MODULE:%=mutants-%) ## break the code on purpose: do the tests notice? (one module: MODULE=losses)

# Each module is changed in a copy, where only tests/test_<module>.py is run. mutmut runs the tests that
# call the changed function, not those that use what was computed with it while they were imported: so
# a survivor has to pass all of them, in at most 10 minutes of computing. To see one of losses:
# cd .mutants/losses && ../../.venv/bin/mutmut show gdbp.losses.x_mse__mutmut_1
$(MODULES:%=mutants-%): mutants-%: $(MUTANTS_DONE)
	@rm -rf $(MUTANTS)/$* && mkdir -p $(MUTANTS)/$*/tests $(MUTANTS)/$*/docs
	@cp -R gdbp conftest.py $(MUTANTS)/$*/ && cp -R docs/chapters $(MUTANTS)/$*/docs/
	@cp tests/test_$(patsubst _%,%,$*).py $(MUTANTS)/$*/tests/
	@sed 's/MODULE/$*/' pyproject.toml > $(MUTANTS)/$*/pyproject.toml
	@cd $(MUTANTS)/$* && OMP_NUM_THREADS=1 $(abspath $(BIN))/mutmut run --max-children 2 > run.log 2>&1 \
	  || { tr '\r' '\n' < run.log | tail -n 20; exit 1; }
	@cd $(MUTANTS)/$* && $(abspath $(BIN))/mutmut results --all true > results.txt
	@cd $(MUTANTS)/$*/mutants && awk -F ': ' '$$2 != "killed" { print $$1 }' ../results.txt > ../again.txt
	@cd $(MUTANTS)/$*/mutants && xargs -P 2 -I @ sh -c 'ulimit -t 600; OMP_NUM_THREADS=1 \
	  MUTANT_UNDER_TEST=@ $(abspath $(BIN))/python -m pytest -x -q --hypothesis-profile=mutants tests \
	  > @.log 2>&1 && echo @' < ../again.txt | sort | tee ../survivors.txt
	@cd $(MUTANTS)/$* && total=$$(wc -l < results.txt) left=$$(wc -l < survivors.txt) \
	  && echo $*: $$total mutants, $$((total - left)) killed, $$((left)) survived

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
	rm -rf $(VENV) docs/node_modules tests/node_modules .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache $(MUTANTS)
