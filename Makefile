# The lab's commands: `make help` lists them. Everything that needs the network is in `make prepare`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export CHECKPOINT_DISABLE := 1
# Terraform prints an error block at every call when this names a file that is not there.
ifeq ($(wildcard $(TF_CLI_CONFIG_FILE)),)
unexport TF_CLI_CONFIG_FILE
endif

BIN := .venv/bin
# Node lies there where the host has none that fits.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Nobody answers in CI.
deploy destroy: ARGS ?= $(if $(filter-out 0 false,$(CI)),--yes)
PARALLEL := --numprocesses auto --dist worksteal
SLOWEST := --durations=20
SCRIPTS := tools/prepare tools/packages.sh tools/node.sh tests/e2e/sandbox provider/launcher .ci/run

.PHONY: help
help: ## Show the commands
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: prepare
prepare: ## Install what is missing: packages, Python, cdktf, the provider, the base image
	@tools/prepare

.PHONY: develop
develop: ## The same, and the tools that check and test
	@tools/prepare --developer

# uv asks the package index that the machine is set up for; no file names one.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command 'make lock'
.PHONY: lock
lock: ## Lock what pyproject.toml asks for (ARGS=--upgrade: at the newest versions)
	$(LOCK) $(ARGS) pyproject.toml --output-file requirements/users.txt
	$(LOCK) $(ARGS) pyproject.toml --extra dev --constraints requirements/users.txt --output-file requirements/developers.txt
	$(LOCK) $(ARGS) requirements/node.in --output-file requirements/node.txt

# A .venv that was copied along with its checkout acts on the original.
.PHONY: own
own:
	@tools/prepare --own

.PHONY: deploy
deploy: prepare ## Build the lab
	@$(BIN)/halab deploy $(ARGS)

.PHONY: destroy
destroy: own ## Remove the lab
	@$(BIN)/halab destroy $(ARGS)

.PHONY: sweep
sweep: own ## List what killed runs left behind, and remove it after a yes (ARGS=--yes: without asking)
	@$(BIN)/halab sweep $(ARGS)

.PHONY: bench
bench: prepare ## Deploy, time it, a checkpoint, a diff and a failover, destroy (ARGS=--keep: leave the lab)
	@$(BIN)/halab bench $(ARGS)

.PHONY: lint
lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck -x $(SCRIPTS)
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: check
check: develop lint ## Linters, types, import rules and the unit tests
	$(BIN)/pytest -q $(PARALLEL) tests/unit

# A sandbox keeps the machine's libvirt apart. What boots one machine at a time runs in two of them at once; a lab's
# machines fill all processors, and it has them for itself.
INSTALLER := tests/e2e/test_installer.py
MACHINES := $(filter-out $(INSTALLER),$(wildcard tests/e2e/test_[a-z]*.py))
IN_SANDBOX := HALAB_SANDBOX_PREPARED=1 tests/e2e/sandbox $(BIN)/pytest -m "not long" $(SLOWEST)
.PHONY: test
test: export PYTEST_BEGAN := $(shell date +%s)
test: ## The checks and all tests, with real terraform and real machines in a sandbox
	@tools/prepare --tools
	@$(MAKE) --jobs=2 --output-sync=target develop lint
	$(IN_SANDBOX) $(PARALLEL) tests/unit tests/acceptance
	@$(MAKE) --jobs=2 --output-sync=target test-installer test-machines
	$(IN_SANDBOX) tests/e2e/test_[0-9]*.py

.PHONY: test-installer test-machines
test-installer:
	$(IN_SANDBOX) $(INSTALLER)
test-machines:
	$(IN_SANDBOX) $(MACHINES)

.PHONY: test-long
test-long: develop test-hosts ## What make test leaves out, on real machines too: it takes long
	$(BIN)/pytest -m long tests/mutants tests/agents tests/pacemaker
	HALAB_IMAGE_EXTRA_PACKAGES=postgresql $(BIN)/python -m halab.cli.image # for examples/second_service
	HALAB_IMAGE_EXTRA_PACKAGES=pacemaker-cts $(BIN)/python -m halab.cli.image # for halab cts
	-$(BIN)/halab tree debian13 .cache/trees/debian13 # as far as the archive serves it
	HALAB_SANDBOX_PREPARED=1 HALAB_IMAGE_EXTRA_PACKAGES=pacemaker-cts tests/e2e/sandbox $(BIN)/pytest -m long \
	  tests/acceptance tests/e2e

.PHONY: test-hosts
test-hosts: develop ## README's two commands on a fresh Debian 13 and 12, as a user with sudo (by root; needs slirp4netns)
	$(BIN)/pytest -m long tests/hosts

# What the development machine cannot do, since no EL tree is in its reach. TREE: an http(s) address, an ISO file or a
# directory; other settings as for any lab (HALAB_IMAGE_REPOSITORIES, HALAB_IMAGE_RHSM_ORGANIZATION and so on).
.PHONY: test-el9
test-el9: export HALAB_IMAGE_SUITE := el9
test-el9: export HALAB_IMAGE_TREE := $(TREE)
test-el9: develop ## The whole end-to-end test on EL 9, a verdict for each step (TREE=http://…/9/BaseOS/x86_64/os)
	HALAB_SANDBOX_PREPARED=1 HALAB_SANDBOX_UPLINK=yes HALAB_SANDBOX_DIR=$${HALAB_SANDBOX_DIR:-/var/tmp} \
	  tests/e2e/sandbox $(BIN)/python -m halab.cli.developer.verdicts -m "not long" tests/e2e

.PHONY: export
export: own ## Write HCL and import blocks for what runs in a cluster (ARGS="--cluster NAME DIRECTORY")
	@$(BIN)/halab export $(ARGS)

.PHONY: clean
clean: ## Remove what was installed or cached in the checkout (refused while a lab is deployed)
	@python3 cli/leftovers/clean.py
