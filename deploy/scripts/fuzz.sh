#!/usr/bin/env bash
# Fuzzes what reads bytes of strangers: fuzz.sh SECONDS [TARGET...], default every target of fuzz/Cargo.toml, two at a time.
# Seeds are in fuzz/seeds; what was found on the way stays in target/fuzz/corpus. A finding ends the run, and its input is in
# target/fuzz/found.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?seconds for each target}
shift
mapfile -t targets < <(printf '%s\n' "$@" | grep . || sed -n 's/^path = "targets\/\(.*\)\.rs"/\1/p' fuzz/Cargo.toml)

features=()
pkg-config --exists libhs 2>/dev/null || features=(--no-default-features)
cp Cargo.lock fuzz/Cargo.lock
RUSTC_WRAPPER=$PWD/fuzz/rustc.sh \
    cargo build --quiet --manifest-path fuzz/Cargo.toml --target-dir target "${features[@]}"

run() {
    local corpus=target/fuzz/corpus/$1 found=target/fuzz/found
    mkdir -p "$corpus" "$found"
    log=$found/$1.log
    "target/debug/fuzz-$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="$found/$1-" "$corpus" "fuzz/seeds/$1" >"$log" 2>&1 ||
        { tail -n 60 "$log"; echo "FAILED: fuzz target $1; its input is in $found"; exit 1; }
    echo "ok  fuzz $1  ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs)"
}
export -f run
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -euc "run {} $seconds"
