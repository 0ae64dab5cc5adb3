# What can be done with this checkout. Every target is one script of scripts/ or one cargo command.
.DEFAULT_GOAL := help
.PHONY: help up down status logs reset backup restore demo test test-api test-servers bench chaos openapi configuration docs test-docs fmt lint deny alerts manifests ci

help: ## show this list
	@printf 'Rowlock, a ticketing backend. Targets:\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

up: ## set up and run the whole system on http://localhost:3000 (ROWLOCK_PORT)
	@scripts/up.sh

down: ## stop it; data stay
	@scripts/down.sh

status: ## what runs, with pids and ports
	@scripts/status.sh

logs: ## follow the logs (PART=booking-service: of one part)
	@scripts/logs.sh

reset: ## stop it and delete its data (asks first)
	@scripts/reset.sh

backup: ## both databases and the key to them into a folder (BACKUP=folder)
	@scripts/backup.sh $(BACKUP)

restore: ## bring them back and check them (BACKUP=folder; OVERWRITE=yes: over what is there)
	@OVERWRITE=$(OVERWRITE) scripts/restore.sh $(BACKUP)

demo: ## six people, three tickets: the story on the running system
	@scripts/demo.sh

test: ## all tests, on servers of their own (TEST='-p rowlock-inventory': some)
	@scripts/test.sh $(TEST)

test-api: ## send what can be made of the API's description; every answer must be described
	@scripts/test-api.sh

test-servers: ## keep the tests' servers running between test runs
	@scripts/test-servers.sh start

bench: ## measure it against the engine's limit, on servers of its own (QUICK=1: in two minutes)
	@QUICK=$(QUICK) ONLY=$(ONLY) scripts/bench.sh

chaos: ## break everything under load and audit every promise (MINUTES=10 SEED=7; CONTROL=1: without the row lock)
	@MINUTES=$(MINUTES) SEED=$(SEED) CONTROL=$(CONTROL) scripts/chaos.sh

openapi: ## write the API's description (deploy/openapi.json) anew
	cargo run --quiet --locked -p rowlock-openapi

configuration: ## write docs/configuration.md from the defaults of the services
	cargo run --quiet --locked -p rowlock-settings-docs

docs: ## build the documentation as a book (target/book) and check every link
	@scripts/docs.sh

test-docs: ## run the shell commands of the documentation against a private system
	@scripts/test-docs.sh

fmt: ## format the code
	cargo fmt --all

lint: ## clippy with warnings denied, and the scripts if shellcheck is there
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/lint-scripts.sh

deny: ## licences, sources and duplicates of the dependencies (cargo-deny, deny.toml)
	@scripts/deny.sh

alerts: ## the alert rules, with made-up numbers (promtool)
	@scripts/test-alerts.sh

manifests: ## render the manifests of deploy/kubernetes and check them, without a cluster
	@scripts/test-manifests.sh

# The faults of ci are the same each time, so that what failed can be repeated.
ci: ## what a change must pass: format, dependencies, alerts, lint, manifests, docs, tests, the API's description, the documented commands, two minutes of chaos
	cargo fmt --all --check
	$(MAKE) deny
	$(MAKE) alerts
	$(MAKE) lint
	$(MAKE) manifests
	$(MAKE) docs
	$(MAKE) test
	$(MAKE) test-api
	$(MAKE) test-docs
	$(MAKE) chaos MINUTES=2 SEED=7
