#!/usr/bin/env bash
# Builds the program: target/release/daylight, or target/debug/daylight with BUILD=debug.
set -eu
verb=(build --release)
[ "${BUILD:-release}" = release ] || verb=(build)
exec "$(dirname "$0")/cargo.sh" "${verb[@]}"
