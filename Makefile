# make run   build and start the gateway      make demo   see one call blocked, one redirected, one request passed
# make test  install what tests need, run all make bench  criterion and, where present, the load suite
.PHONY: run test demo bench system test-tools lint
SHELL := /bin/bash

run:
	@deploy/scripts/install.sh build
	@deploy/scripts/build.sh
	@exec target/release/daylight run

test: test-tools lint
	cargo test --locked

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet

test-tools:
	@deploy/scripts/install.sh test

demo: test-tools
	@deploy/scripts/build.sh
	@.venv/bin/python deploy/scripts/demo.py

bench:
	@deploy/scripts/install.sh build
	@deploy/scripts/build.sh
	@deploy/scripts/bench.sh
