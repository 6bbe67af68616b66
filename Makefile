# make run   build and start the gateway      make demo   see one call blocked, one redirected, one request passed
# make test  install what tests need, run all make bench  criterion and, where present, the load suite
# make check format, lints, unit tests: the quick one while working; needs Rust and a C compiler, installs nothing
# BUILD=debug before run, demo or bench takes the debug build, which is there sooner.
.PHONY: run test check demo bench test-tools lint fuzz-smoke
SHELL := /bin/bash
CARGO := deploy/scripts/cargo.sh

run:
	@deploy/scripts/install.sh build
	@deploy/scripts/build.sh
	@deploy/scripts/run.sh

check:
	cargo fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) test --lib --test shape

# The second line tests the other matching engine, for systems without libhs. The README's commands are tried with the
# debug build: whole-program optimisation takes minutes and changes nothing that they show.
test: lint
	$(CARGO) test
	cargo test --locked --no-default-features --lib rules::
	BUILD=debug deploy/scripts/build.sh
	BUILD=debug .venv/bin/python deploy/scripts/readme.py
	deploy/scripts/fuzz.sh 10

# After a debug build: only Daylight itself is built again.
fuzz-smoke:
	deploy/scripts/fuzz.sh 10

lint: test-tools
	cargo fmt --check
	rustfmt --check --edition 2024 fuzz/src/*.rs fuzz/targets/*.rs
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet

test-tools:
	@deploy/scripts/install.sh test

demo: test-tools
	@deploy/scripts/build.sh
	@.venv/bin/python deploy/scripts/demo.py

bench:
	@deploy/scripts/install.sh build
	@deploy/scripts/build.sh
	@deploy/scripts/bench.sh
