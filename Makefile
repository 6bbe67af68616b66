# make run   build and start the gateway      make demo   see one call blocked, one redirected, one request passed
# make test  install what tests need, run all make bench  criterion and, where present, the load suite
.PHONY: run test demo bench test-tools lint
SHELL := /bin/bash
CARGO := deploy/scripts/cargo.sh

run:
	@deploy/scripts/install.sh build
	@deploy/scripts/build.sh
	@deploy/scripts/run.sh

# The second line tests the other matching engine, for systems without libhs.
test: lint
	$(CARGO) test
	cargo test --locked --no-default-features --lib rules::
	deploy/scripts/build.sh
	.venv/bin/python deploy/scripts/readme.py

lint: test-tools
	cargo fmt --check
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
