# Every target is one script of scripts/ or one cargo command. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up down status logs reset backup restore demo test test-api test-web screenshots test-servers bench chaos openapi configuration docs test-docs fmt lint unused rustdoc deny alerts manifests ci

help: ## list the targets
	@printf 'Rowlock, a ticketing system. Targets:\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

up: ## set up and run the whole system on http://localhost:3000 (ROWLOCK_PORT)
	@scripts/up.sh

down: ## stop the system and keep the data
	@scripts/down.sh

status: ## list what is running, with process ids and ports
	@scripts/status.sh

logs: ## follow the logs (PART=booking-service selects one service)
	@scripts/logs.sh

reset: ## stop the system and delete its data (asks first)
	@scripts/reset.sh

backup: ## back up all databases and their keys to a folder (BACKUP=folder)
	@scripts/backup.sh $(BACKUP)

restore: ## restore and verify a backup (BACKUP=folder; OVERWRITE=yes replaces existing data)
	@OVERWRITE=$(OVERWRITE) scripts/restore.sh $(BACKUP)

demo: ## six people, three tickets: who gets the returned one, on the running system
	@scripts/demo.sh

test: ## run all tests on private servers (TEST='-p rowlock-inventory' runs some)
	@scripts/test.sh $(TEST)

test-api: ## send requests generated from the OpenAPI document and check every response against it
	@scripts/test-api.sh

test-web: ## test the web site in a real browser: stories, accessibility, security (STORY=keyboard runs some)
	@scripts/test-web.sh $(STORY)

test-servers: ## start PostgreSQL and RabbitMQ for the tests and keep them running between test runs
	@scripts/test-servers.sh start

bench: ## run the benchmark on private servers, compared with pgbench (QUICK=1 takes two minutes)
	@QUICK=$(QUICK) ONLY=$(ONLY) BUILD=$(BUILD) BASELINE=$(BASELINE) scripts/bench.sh

chaos: ## inject faults under load and audit every guarantee (MINUTES=10 SEED=7; CONTROL=1 removes the row lock)
	@MINUTES=$(MINUTES) SEED=$(SEED) CONTROL=$(CONTROL) BUILD=$(BUILD) scripts/chaos.sh

openapi: ## regenerate the OpenAPI document (deploy/openapi.json)
	cargo run --quiet --locked -p rowlock-openapi

configuration: ## regenerate docs/configuration.md from the defaults of the services
	cargo run --quiet --locked -p rowlock-settings-docs

docs: ## build the documentation as a book (target/book) and check every link
	@scripts/docs.sh

screenshots: ## take the pictures of the web site for the documentation (docs/screenshots)
	@scripts/screenshots.sh

test-docs: ## run the shell commands of the documentation against a private system
	@scripts/test-docs.sh

fmt: ## format the code
	cargo fmt --all

lint: ## run clippy with warnings denied, shellcheck, and the checks of comments and documents
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/lint-scripts.sh
	@scripts/lint-prose.sh

unused: ## find dependencies that no crate uses (cargo-machete)
	@scripts/unused.sh

rustdoc: ## build the documentation of the crates (target/doc) with warnings denied
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

deny: ## check licenses, sources and duplicates of the dependencies (cargo-deny, deny.toml)
	@scripts/deny.sh

alerts: ## test the alert rules with made-up series (promtool)
	@scripts/test-alerts.sh

manifests: ## render the manifests of deploy/kubernetes and check them, without a cluster
	@scripts/test-manifests.sh

# The seed of the chaos test is fixed, so that a failure can be reproduced. The targets after `manifests` use the programs that it
# builds: another selection of packages would compile half of the dependencies again, and a release build takes a quarter of an hour.
ci: ## run everything that a change must pass, including two minutes of chaos
	cargo fmt --all --check
	$(MAKE) deny
	$(MAKE) alerts
	$(MAKE) lint
	$(MAKE) unused
	$(MAKE) rustdoc
	$(MAKE) manifests
	$(MAKE) docs
	$(MAKE) test
	ROWLOCK_BIN_DIR=$${CARGO_TARGET_DIR:-target}/debug $(MAKE) test-api
	ROWLOCK_BIN_DIR=$${CARGO_TARGET_DIR:-target}/debug $(MAKE) test-docs
	ROWLOCK_BIN_DIR=$${CARGO_TARGET_DIR:-target}/debug $(MAKE) test-web
	$(MAKE) chaos MINUTES=2 SEED=7 BUILD=debug
