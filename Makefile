# Everything runs in .venv and against private services under .local/ (see klineproject/local).
.DEFAULT_GOAL := help
.PHONY: help run demo test check lock bench down clean .venv node_modules

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
LOCAL := $(BIN)/python -m klineproject.local
# Which instance the settings take their services from; each target has its own.
INSTANCE = KLINE_INSTANCE=$(1)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv node_modules ## the product against the real exchange; Ctrl-C stops everything
	$(call serve,run,Procfile,)

demo: .venv node_modules ## the product against the exchange double; Ctrl-C stops everything
	$(call serve,demo,Procfile.demo,$(DEMO))

test: .venv node_modules ## all tests (ARGS="-k name" for some, ARGS="-n 0" one after the other)
	$(LOCAL) up test
	$(call INSTANCE,test) $(BIN)/pytest -n auto --no-loadscope-reorder $(ARGS)

check: .venv node_modules ## format, lint, types, import rules, migrations
	$(LOCAL) up test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(call INSTANCE,test) $(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/node node_modules/typescript/bin/tsc --project market/web
	$(call INSTANCE,test) $(BIN)/python manage.py makemigrations --check --dry-run

lock: .venv ## compile requirements/*.in to *.txt with hashes
	cd requirements && for name in base dev; do ../$(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	    --allow-unsafe --no-emit-index-url --no-emit-find-links --output-file $$name.txt $$name.in || exit 1; done

bench: .venv ## the measurements of tests/bench
	$(LOCAL) up bench
	$(call INSTANCE,bench) $(BIN)/pytest tests/bench -o addopts= -o timeout=0 -s $(ARGS)

down: ## stop the services of all instances; their data stays
	@if [ -d .local ]; then $(PYTHON) -m klineproject.local down; fi

clean: ## stop the services; remove their data, their programs and .venv
	@if [ -d .local ]; then $(PYTHON) -m klineproject.local clean; fi
	rm -rf .venv node_modules

# The demo's exchange and what it tracks at its first start.
EXCHANGE_PORT ?= 3001
DEMO = EXCHANGE_PORT=$(EXCHANGE_PORT) BINANCE_ARCHIVE_URL=http://127.0.0.1:$(EXCHANGE_PORT) \
    BINANCE_REST_URL=http://127.0.0.1:$(EXCHANGE_PORT) \
    BINANCE_WS_URL=ws://127.0.0.1:$(EXCHANGE_PORT)/market TRACKED_SYMBOL=BTCUSDT,ETHUSDT,SOLUSDT

# honcho gives each process a PORT of its own invention; the web server is told by the settings, or by PORT as given here.
export SERVE_OPTIONS := $(if $(PORT),--port $(PORT))

# $(1) instance, $(2) Procfile, $(3) settings. The shell outlives Ctrl-C and SIGTERM, so that honcho ends its
# processes first and the services stop after them. A terminal's Ctrl-C reaches honcho by itself.
define serve
@trap : INT; trap 'kill -TERM $$pid' TERM; trap '$(LOCAL) down $(1)' EXIT; \
$(LOCAL) up $(1) && \
$(call INSTANCE,$(1)) $(BIN)/python manage.py migrate --verbosity 0 && \
{ $(call INSTANCE,$(1)) $(3) $(BIN)/honcho -e /dev/null -f $(2) start & pid=$$!; \
  while kill -0 $$pid 2>/dev/null; do wait $$pid; done; }
endef

.venv: .venv/installed

.venv/installed: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# What the chart page loads, by npm from the virtual environment, so that the machine needs none. npm writes the file
# that is the target when everything is in place.
node_modules: node_modules/.package-lock.json

node_modules/.package-lock.json: package-lock.json | .venv
	$(BIN)/npm ci --loglevel=error
	@touch $@
