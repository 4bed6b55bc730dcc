# What CI runs is what you run. Build caches are kept outside the clone.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/tallylight/target
export CARGO_TERM_COLOR ?= auto

.PHONY: run test check unit web e2e tools bench chaos fuzz-api deny sbom fix openapi clean

run: ## build, and start a server with living sample broadcasts
	cargo run --release --locked -p tallylight-server --bin tallylight -- demo $(ARGS)

test: tools check unit e2e ## install what the tests need, and run every test

tools: ## install the tests' tools from Debian where they are missing: ffmpeg, Chromium, PostgreSQL, PgBouncer, Python packages
	scripts/install-tools

web: ## check, test and build the pages
	cd web && npm ci --no-audit --no-fund && npm run check && npm test

check: web ## format, lints, and whether the documents are current
	cargo fmt --all --check
	WEB_DIST=$(CURDIR)/web/dist cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo check --locked --manifest-path bench/Cargo.toml

unit: web ## every Rust test
	WEB_DIST=$(CURDIR)/web/dist scripts/cargo-test --workspace --locked

e2e: web ## the real binary with real clients: ffmpeg in; ffprobe, Chromium and Centrifuge's own out
	WEB_DIST=$(CURDIR)/web/dist cargo build --locked -p tallylight-server --bin tallylight
	cargo build --locked -p tallylight-realtime --example echo
	cd e2e && npm ci --no-audit --no-fund && TALLYLIGHT=$(CARGO_TARGET_DIR)/debug/tallylight npm test

bench: ## measure, beside the limits, in one run
	bench/run

chaos: ## longer campaigns than the tests': KILLS=1000 of the real server, SEEDS=10000 of the simulation by default
	TESTKIT_KILLS=$(or $(KILLS),1000) scripts/cargo-test --locked -p tallylight-server --test faults -- kills
	SEEDS=$(or $(SEEDS),10000) scripts/cargo-test --locked -p tallylight-simulation --test seeds

fuzz-api: ## a longer campaign of requests made of the API's description, as each role: EXAMPLES=500 of each operation by default
	cargo build --locked -p tallylight-server --bin tallylight
	cd e2e && npm ci --no-audit --no-fund && TALLYLIGHT=$(CARGO_TARGET_DIR)/debug/tallylight \
		FUZZ_EXAMPLES=$(or $(EXAMPLES),500) node --test --test-reporter=spec tests/openapi.test.js

deny: ## licences, advisories and sources of dependencies
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check

sbom: ## what the binary is made of, as CycloneDX, into the build folder
	cargo cyclonedx --version >/dev/null 2>&1 || cargo install --locked cargo-cyclonedx
	cargo cyclonedx --quiet --manifest-path crates/server/Cargo.toml --format json --describe binaries --target all \
		--spec-version 1.5
	rm -f crates/testkit/*_bin.cdx.json
	mkdir -p $(CARGO_TARGET_DIR) && mv crates/server/tallylight_bin.cdx.json $(CARGO_TARGET_DIR)/tallylight.cdx.json
	@echo "the bill of materials is $(CARGO_TARGET_DIR)/tallylight.cdx.json"

openapi: ## write the reviewed snapshot of the API's description anew
	cargo run --locked -p tallylight-server --bin tallylight -- openapi > crates/api/openapi.json

fix: ## format, and what the lints can mend
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

clean: ## remove the build caches
	rm -rf $(CARGO_TARGET_DIR) web/dist web/node_modules e2e/node_modules
