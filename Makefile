# Gridwatch from a fresh clone: `make demo` to look at it, `make test` to check it. Everything else: `make help`.
# Needs git, make and Python 3.11+; what else is missing is installed into .venv/ and, by apt, into the system.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
# Processes of the test run; `make test JOBS=0` runs in one, which a debugger needs. ARGS goes to pytest.
JOBS ?= auto
ARGS ?=

# A stamp is named after the content it stands for: what is unchanged is not installed again, whatever git did to the dates.
key = $(shell cat $(1) 2>/dev/null | cksum | cut -d ' ' -f 1)
RUNTIME := .venv/.runtime-$(call key,requirements.lock setup.cfg pyproject.toml)
DEV := .venv/.dev-$(call key,requirements-dev.lock setup.cfg pyproject.toml)
FOREIGN := tests/foreign/node_modules/.installed-$(call key,tests/foreign/package-lock.json)
NODE := static/node_modules/.installed-$(call key,static/package-lock.json)
WEB_SOURCES := $(shell find static -type f -not -path '*/node_modules/*' -not -path '*/tests/*' 2>/dev/null | LC_ALL=C sort)
WEB := gridwatch/webroot/.built-$(call key,$(WEB_SOURCES))

# Where system packages were unpacked for a plain user, this tells a process where they are.
ENV = if [ -f .local-lib/env ]; then . ./.local-lib/env; fi;

UV_VERSION = 0.13.9

.DEFAULT_GOAL := help
.PHONY: help demo serve handheld test lint format openapi bench chaos lock clean system-demo system-test

help: ## 本说明 · this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: system-demo $(RUNTIME) handheld ## 装好所缺、载入南城样例、启动 · install what is missing, load the sample, start
	@$(ENV) exec $(BIN)/gridwatch demo

serve: system-demo $(RUNTIME) handheld ## 按环境变量启动 · start with the settings of the environment
	@$(ENV) exec $(BIN)/gridwatch serve

handheld: $(WEB) ## 构建手机应用，网址 /m/ · build the handheld, served at /m/

test: system-test $(DEV) $(FOREIGN) handheld ## 全部检查与测试，两种数据库 · every check and test, on both databases
	@status=0; \
	$(MAKE) --no-print-directory lint || status=1; \
	$(ENV) $(BIN)/python -m pytest -n $(JOBS) --maxprocesses=8 $(ARGS) || status=1; \
	exit $$status

lint: $(DEV) $(NODE) ## 写法、格式、层次，手机应用的类型与表格 · style, format, shelves; types and tables of the handheld
	@status=0; \
	if [ -e $(NODE) ]; then npm --prefix static run --silent lint || status=1; npm --prefix static run --silent test || status=1; fi; \
	$(BIN)/ruff check --output-format concise . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/lint-imports --no-logo || status=1; \
	exit $$status

format: $(DEV) $(NODE) ## 排好格式 · put the format right
	@[ ! -e $(NODE) ] || npm --prefix static run --silent format
	@$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

openapi: system-demo $(RUNTIME) ## 重写 docs/openapi.json · write docs/openapi.json anew
	@$(ENV) $(BIN)/gridwatch openapi >docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

bench: system-test $(DEV) ## 两种数据库上的速度 · speed on both databases
	@$(ENV) exec $(BIN)/python -m bench $(ARGS)

chaos: system-test $(DEV) ## 断网、杀进程的长测 · the long run: a bad network, kill -9
	@$(ENV) exec $(BIN)/python -m tests.chaos $(ARGS)

lock: ## 重算 requirements*.lock（UPGRADE=--upgrade 取新版本）· resolve the locks again (UPGRADE=--upgrade: newer releases)
	@tool=$$(mktemp -d) && trap 'rm -rf "$$tool"' EXIT && set -e; \
	$(PYTHON) -m venv "$$tool" && "$$tool/bin/pip" --disable-pip-version-check --quiet install uv==$(UV_VERSION); \
	compile() { out=$$1; shift; "$$tool/bin/uv" pip compile setup.cfg "$$@" $(UPGRADE) --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' -o "$$out"; }; \
	compile requirements.lock --extra build; \
	compile requirements-dev.lock --extra build --extra dev --constraint requirements.lock

clean: ## 删去 make 所建，数据不动 · remove what make made, never data
	@rm -rf .venv .local-lib tests/foreign/node_modules static/node_modules gridwatch/webroot build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- what the targets stand on ----------------------------------------------------------------------------------------

system-demo:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo '需要 Python 3.11 以上，没有找到 / Python 3.11 or newer is needed and was not found:' \
		'apt-get install python3 (Debian 12, Ubuntu 24.04), brew install python@3.12' >&2; exit 1; }
	@PYTHON=$(PYTHON) deploy/install-system.sh $(if $(wildcard .venv/bin/python),,venv) spatialite
	@PYTHON=$(PYTHON) deploy/install-system.sh fonts || true # without one all works but the PDF of a package, which says so

# Without PostGIS the tests still run, on the embedded database, and say at their end what was left out; without a browser too.
system-test: system-demo
	@PYTHON=$(PYTHON) deploy/install-system.sh postgis || test -z "$$CI"
	@PYTHON=$(PYTHON) deploy/install-system.sh chromium || test -z "$$CI"

.venv/bin/python: | system-demo
	@$(PYTHON) -m venv .venv

$(RUNTIME): | .venv/bin/python
	@echo '安装 Python 依赖 / installing Python packages: requirements.lock'
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@rm -f .venv/.runtime-* && touch $@

# The development lock holds the runtime lock, release for release.
$(DEV): | .venv/bin/python
	@echo '安装 Python 依赖 / installing Python packages: requirements-dev.lock'
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@rm -f .venv/.dev-* .venv/.runtime-* && touch $@ $(RUNTIME)

# Clients in JavaScript that are not ours. Without npm their tests are left out, and say so.
$(FOREIGN):
	@! command -v npm >/dev/null || { echo '安装 npm 依赖 / installing npm packages: package-lock.json' && \
		npm ci --prefix tests/foreign --silent && touch $@; }

# The front end: Node.js 20 or newer. Without npm all else still works, and /m/ says what is missing.
$(NODE):
	@! command -v npm >/dev/null || { echo '安装 npm 依赖 / installing npm packages: static/package-lock.json' && \
		npm ci --prefix static --silent --no-audit --no-fund && rm -f static/node_modules/.installed-* && touch $@; }

$(WEB): $(NODE)
	@if command -v npm >/dev/null; then \
		echo '构建手机应用 / building the handheld' && npm --prefix static run --silent build -- --logLevel warn && \
		rm -f gridwatch/webroot/.built-* && touch $@; \
	else echo '没有 npm，不构建手机应用；/m/ 会说明 / npm was not found: the handheld is not built, /m/ says how'; fi
