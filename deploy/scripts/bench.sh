#!/usr/bin/env bash
# Criterion benches, then the load suite where its folder is present: BENCH=dir, default ../shared/bench. With BUILD=debug the
# figures mean nothing; that only tries whether everything runs.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-release} profile=release
[ "$build" = release ] || profile=dev
deploy/scripts/cargo.sh bench --profile $profile -- --quick
bench=${BENCH:-../shared/bench}
[ -d "$bench/mitmload" ] || { echo "no load suite in $bench"; exit 0; }
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
cp -r "$bench/mitmload" "$work/load" && chmod -R u+w "$work/load"
CARGO_TARGET_DIR=target/mitmload cargo build --profile $profile --quiet --manifest-path "$work/load/Cargo.toml"
export MITMLOAD=$PWD/target/mitmload/$build/mitmload
taskset -c 0 "$MITMLOAD" origin --dir "$work" >/dev/null &
for record in detections all; do
    cat >"$work/$record.yaml" <<YAML
listen: { proxy: 127.0.0.1:18080, admin: 127.0.0.1:18082 }
data: $work/data-$record
ca: { dir: $work/certs }
rules: [ $PWD/rules ]
destinations: { deny: [] }
tls: { extra_roots: [ $work/origin-ca.pem ] }
record: $record
YAML
    taskset -c 1 "target/$build/daylight" run --config "$work/$record.yaml" >"$work/$record.log" 2>&1 &
    gateway=$!
    until grep -q 'metrics' "$work/$record.log"; do kill -0 $gateway && sleep 0.1; done
    bash "$bench/suite.sh" "daylight record=$record" 18080 $gateway "$work/certs/ca.pem"
    kill $gateway && wait $gateway || true
done
