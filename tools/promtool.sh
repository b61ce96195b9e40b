#!/usr/bin/env bash
# Check monitoring/ with Prometheus' own tool: the alert rules, their tests, and what the dashboard asks.
# Where promtool is not installed, it is taken out of Debian's package `prometheus` into .cache: installing that would start a server.
# Exits 0 without a check, and says so, where it cannot be had; not in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/.cache/promtool

# unpack: put promtool into the cache; fail where the package is not to be had.
unpack() {
    local package
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    mkdir -p "$cache"
    (
        cd "$cache"
        rm -f prometheus_*.deb
        # A machine that is new has no lists of packages yet. apt warns that root's directory is not its own user's.
        apt-get -qq download prometheus 2>/dev/null || { apt-get -qq update && apt-get -qq download prometheus; } 2>/dev/null || exit 1
        for package in prometheus_*.deb; do dpkg-deb --fsys-tarfile "$package" | tar --extract --no-same-owner ./usr/bin/promtool; done
        # Complete, or not there.
        mv usr/bin/promtool promtool
        rm -rf usr prometheus_*.deb
    )
}

if command -v promtool >/dev/null; then
    promtool=promtool
elif [ -x "$cache/promtool" ] || unpack; then
    promtool=$cache/promtool
else
    echo "Alert rules are not checked: there is no promtool here, and no package of Debian's with it. Install Prometheus' promtool." >&2
    [ -z "${CI:-}" ]
    exit
fi

python=.venv${CORE:+-$CORE}/bin/python
[ -x "$python" ] || python=python3
mkdir -p "$cache"
# Whatever the dashboard asks is an expression, too.
"$python" tools/dashboard.py rules >"$cache/dashboard.yml"
"$promtool" check rules --lint=all --lint-fatal monitoring/alerts.yml "$cache/dashboard.yml"
"$promtool" test rules monitoring/alerts.test.yml
