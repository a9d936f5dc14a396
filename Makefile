# Every target sets itself up: Python 3.11 or newer and make are all a fresh machine needs.
PYTHON ?= python3
BIN := .venv/bin
UV ?= uv
Q ?=
CLONES ?=

.PHONY: help sandbox run ask chat test test-opensearch soak check eval eval-fetch bench screenshots diagram messages format lock clean

help:
	@echo "make sandbox       the bot against a local Telegram emulator, in your browser; no token needed"
	@echo "make ask Q='...'   one question in the terminal"
	@echo "make chat          questions and answers in the terminal"
	@echo "make run           the bot on Telegram (TELEGRAM_TOKEN from the environment or .env)"
	@echo "make test          all tests but those that take long"
	@echo "make test-opensearch  those against OpenSearch, which is fetched once; needs Java 17 and Maven"
	@echo "make soak          those that take long: kills, stops and overlaps under load"
	@echo "make check         lint, types and layers"
	@echo "make eval          how well it answers, against pinned floors"
	@echo "make eval-fetch    fetch the documents of the everyday questions, which make eval asks if they are there"
	@echo "make messages      bring the translations up to date with bot/i18n/messages.py, and compile them"
	@echo "make bench         how fast it is, beside an echo bot and other search engines"
	@echo "make screenshots   the pictures in the README; needs Chromium and its driver"
	@echo "make diagram       the diagram of packages in ARCHITECTURE.md"
	@echo "make format        mend what the linter can mend"
	@echo "make lock          make the lists of requirements again; needs uv"

# The stamp is newer than the lists it was installed from, or is made again.
$(BIN)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Verbatim needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv (once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(BIN)/.installed-dev: $(BIN)/.installed requirements-dev.txt
	@echo "Setting up the development tools (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

sandbox: $(BIN)/.installed
	@$(BIN)/verbatim sandbox

run: $(BIN)/.installed
	@$(BIN)/verbatim run

# The question goes through the environment, so that no character of it is the shell's or make's.
ask: export VERBATIM_QUESTION = $(value Q)
ask: $(BIN)/.installed
	@test -n "$$VERBATIM_QUESTION" || { echo "What is the question? make ask Q='...'" >&2; exit 2; }
	@$(BIN)/verbatim ask -- "$$VERBATIM_QUESTION" || [ $$? -eq 1 ]

chat: $(BIN)/.installed
	@$(BIN)/verbatim chat

# In parallel, a file of tests in one process; processes that tests start are not counted as covered.
test: $(BIN)/.installed-dev
	@$(BIN)/python -m pytest -n auto --dist loadfile --cov

# A stock OpenSearch, from the repository that Maven is set up with.
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

check: $(BIN)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# The length of a quote and meanings decide the figures; the .env of an operator must not change them.
eval: export QUOTE_CHARS = 300
eval: export MEANING = auto
eval: $(BIN)/.installed
	@failed=0; \
	$(BIN)/verbatim eval --docs tests/eval/documents --floors tests/eval/floors.json --no-misses \
		--by language --by kind tests/eval/questions.jsonl || failed=$$?; \
	echo; \
	$(BIN)/python -m tests.eval.everyday || failed=$$?; \
	exit $$failed

# CLONES names a folder of clones to take repositories from.
eval-fetch: export VERBATIM_CLONES = $(value CLONES)
eval-fetch: $(BIN)/.installed
	@$(BIN)/python -m tests.eval.fetch $${VERBATIM_CLONES:+--clones "$$VERBATIM_CLONES"}

# Neither line numbers nor today's date, so that nothing but the sentences makes a difference.
messages: $(BIN)/.installed-dev
	@template=$$(mktemp) && trap 'rm -f "$$template"' EXIT && \
	$(BIN)/pybabel --quiet extract --no-default-keywords --keyword _ --keyword _n:1,2 --no-location \
		--output-file "$$template" bot/i18n/messages.py && \
	$(BIN)/pybabel --quiet update --domain verbatim --output-dir bot/i18n/locale --input-file "$$template" \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date && \
	$(BIN)/pybabel --quiet compile --domain verbatim --directory bot/i18n/locale

# The search engines it compares with have an environment of their own; without them it measures ours alone.
bench: $(BIN)/.installed
	@$(MAKE) --no-print-directory .venv-bench/.installed || echo "The search engines to compare with cannot be installed." >&2
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

format: $(BIN)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Exact versions with hashes, for any platform, naming no package index; the bot runs with the versions
# that the tests ran with.
COMPILE := pip compile --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

lock:
	$(UV) $(COMPILE) pyproject.toml --group dev -o requirements-dev.txt
	$(UV) $(COMPILE) pyproject.toml --constraints requirements-dev.txt -o requirements.txt
	$(UV) $(COMPILE) benchmarks/requirements.in -o benchmarks/requirements.txt

clean:
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .opensearch .eval .coverage*
