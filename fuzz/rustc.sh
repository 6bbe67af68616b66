#!/usr/bin/env bash
# cargo's RUSTC_WRAPPER for fuzz.sh. Only Daylight and the targets get the coverage that libFuzzer follows and AddressSanitizer:
# their dependencies are those that the other builds have made already. The sanitizer's switch is unstable in name only: its
# runtime ships with the pinned compiler.
set -eu
case ${CARGO_PKG_NAME:-} in
daylight | daylight-fuzz)
    export RUSTC_BOOTSTRAP=1
    exec "$@" --cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
