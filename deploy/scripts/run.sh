#!/usr/bin/env bash
# Runs the gateway: run.sh [PROGRAM]. On a terminal it gets a process group of its own, so that Ctrl-C reaches the gateway
# alone: `make`, hit by the same Ctrl-C, would end with an error although the gateway drained and exited 0.
set -eu
cd "$(dirname "$0")/../.."
program=${1:-target/${BUILD:-release}/daylight}

# A TERM that ends this script must end the gateway too; Ctrl-Z would stop the gateway out of the shell's sight.
alone=(setpriv --pdeathsig TERM env --ignore-signal=TSTP)
# Only the foreground group of a terminal hears Ctrl-C (proc_pid_stat(5): pgrp is field 5, tpgid field 8).
group='' foreground=none
[ ! -r /proc/$$/stat ] || read -r _ _ _ _ group _ _ foreground _ </proc/$$/stat
[ "$group" = "$foreground" ] && "${alone[@]}" true 2>/dev/null || exec "$program" run
set -m
"${alone[@]}" "$program" run
