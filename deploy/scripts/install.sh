#!/usr/bin/env bash
# Installs what is missing: install.sh build | test. Says what it does; does nothing when everything is there.
set -eu
cd "$(dirname "$0")/../.."
want=${1:?build or test}

packages() {
    echo pkg-config gcc libc6-dev libvectorscan-dev
    [ "$want" = build ] || echo g++ curl git openssl python3-venv nodejs npm chromium libnss3-tools ca-certificates procps systemd
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

have() {
    case $1 in
    nodejs) command -v node >/dev/null ;;
    npm | gcc | g++ | curl | git | openssl | chromium | pkg-config) command -v "$1" >/dev/null ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    systemd) command -v systemd-analyze >/dev/null ;;
    *) dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
    esac
}

if command -v apt-get >/dev/null; then
    missing=()
    for package in $(packages); do have "$package" || missing+=("$package"); done
    if [ ${#missing[@]} -gt 0 ]; then
        echo "installing system packages: ${missing[*]}"
        export DEBIAN_FRONTEND=noninteractive
        as_root apt-get update -qq
        for package in "${missing[@]}"; do
            as_root apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
                echo "could not install $package"
        done
    fi
else
    echo "no apt-get here: install a C compiler, pkg-config and libhs (Vectorscan) by hand where you can"
fi
[ "$want" = test ] || exit 0

if ! cmp -s tests/peers/requirements.txt .venv/installed 2>/dev/null; then
    echo "installing Python test packages into .venv"
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r tests/peers/requirements.txt
    cp tests/peers/requirements.txt .venv/installed
fi
if ! cmp -s tests/peers/package-lock.json tests/peers/node_modules/installed 2>/dev/null; then
    echo "installing Node test packages into tests/peers/node_modules"
    (cd tests/peers && npm ci --silent --no-progress && cp package-lock.json node_modules/installed)
fi
