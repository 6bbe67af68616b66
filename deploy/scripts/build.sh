#!/usr/bin/env bash
# Builds the release program; without libhs, with the pure-Rust engine.
set -eu
cd "$(dirname "$0")/../.."
if pkg-config --exists libhs 2>/dev/null; then
    exec cargo build --release --locked
fi
echo "libhs (Vectorscan) was not found: building with the pure-Rust matching engine, slower on large rule sets"
exec cargo build --release --locked --no-default-features
