#!/usr/bin/env bash
# cargo with the matching engine that this machine can build: cargo.sh VERB [ARGUMENT...]
set -eu
cd "$(dirname "$0")/../.."
verb=${1:?a verb of cargo}
shift
pkg-config --exists libhs 2>/dev/null && exec cargo "$verb" --locked "$@"
echo "libhs (Vectorscan) was not found: using the pure-Rust matching engine, slower on large rule sets" >&2
exec cargo "$verb" --locked --no-default-features "$@"
