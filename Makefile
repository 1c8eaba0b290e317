# Arguments go along in ARGS: make test ARGS='--test it watch'

.DEFAULT_GOAL := help
.PHONY: help run test crash chaos upgrade nightly mutants lint reference baseline clients waha-clients schemathesis abuse pages chart chart-readme bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the service on SQLite, with a simulated WhatsApp; needs nothing but Rust
	cargo run -- $(ARGS)

test: ## Run all tests, beside a throw-away PostgreSQL (found, or installed where apt may)
	scripts/test.sh $(ARGS)

crash: ## Run only the tests that kill the server and check what is left
	WAGROUPS_CRASH_ROUNDS=$${WAGROUPS_CRASH_ROUNDS:-100} scripts/test.sh --test it crash $(ARGS)

chaos: ## Have replicas, PostgreSQL, WAHA and the network between them fail at random under load; takes ten minutes
	WAGROUPS_CHAOS_FAULTS=$${WAGROUPS_CHAOS_FAULTS:-40} scripts/test.sh --test it chaos:: -- --nocapture --test-threads=1 $(ARGS)

upgrade: ## Have replicas take the place of the program of an earlier commit, under load; builds that first
	scripts/upgrade.sh $(ARGS)

nightly: ## The long forms of what CI runs briefly: 1,000 seeds of verdicts, crashes, attacks; takes hours
	VERDICT_SEEDS=1000 scripts/test.sh --test it waha::verdicts
	$(MAKE) crash
	$(MAKE) chaos
	WAGROUPS_RELAY_KILLS=20 scripts/test.sh --test it relay::kills -- --nocapture --test-threads=1
	WAGROUPS_FLEET_SESSIONS=10000 scripts/test.sh --release --test it chaos::many_sessions -- --nocapture
	$(MAKE) upgrade
	$(MAKE) abuse
	$(MAKE) mutants

mutants: ## Change the rules one at a time, a part of them, and say how many changes a unit test catches
	scripts/mutants.sh $(ARGS)

lint: ## Check format, contract (buf), dependencies (cargo-deny) and code (clippy)
	scripts/lint.sh

reference: ## Write docs/REFERENCE.md anew from the comments of proto/
	PATH="$$(scripts/tools.sh)" scripts/reference.sh

baseline: ## Accept the contract as it is: make lint measures breaks from it
	PATH="$$(scripts/tools.sh)" buf build --exclude-source-info --output proto/baseline.binpb

clients: ## Generate clients (Python, TypeScript) and run their tests against the server
	scripts/clients.sh $(ARGS)

waha-clients: ## Run the group calls of WAHA's own SDK (waha-py) against the REST gateway
	scripts/waha-clients.sh $(ARGS)

schemathesis: ## Hold what the REST gateway answers against its OpenAPI document
	scripts/schemathesis.sh $(ARGS)

abuse: ## Attack the release build beside a well-behaved client at each listener; takes half an hour
	scripts/abuse.sh $(ARGS)

pages: ## Drive the pages in a headless Chromium (found, or installed where apt may), beside PostgreSQL
	scripts/postgres.sh run -- scripts/pages.sh $(ARGS)

chart: ## Check the Helm chart, the Dockerfile, compose.yaml and docs/OPERATIONS.md, beside PostgreSQL
	scripts/postgres.sh run -- scripts/chart.sh $(ARGS)

chart-readme: ## Write the table of helm/README.md anew from the comments of helm/values.yaml
	scripts/chart.sh --readme

bench: ## Measure, each figure beside its limit; takes minutes, wants a quiet machine
	WAGROUPS_TEST_NATS_SERVER=$$(scripts/nats.sh) scripts/postgres.sh run -- cargo bench --bench '*' -- $(ARGS)
