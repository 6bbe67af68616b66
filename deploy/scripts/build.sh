#!/usr/bin/env bash
# Builds the release program.
exec "$(dirname "$0")/cargo.sh" build --release
