#!/usr/bin/env bash
# See that ansible-builder accepts execution-environment.yml, and finds what the collection needs where it is installed.
# ansible-builder comes from the package index, into an environment that uv keeps in .cache.
set -euo pipefail
cd "$(dirname "$0")/.."
version=3.2.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UV_CACHE_DIR=$PWD/.cache/uv UV_TOOL_DIR=$PWD/.cache/uv-tools

builder() {
    ".venv${CORE:+-$CORE}/bin/uv" tool run --quiet --from "ansible-builder==$version" ansible-builder "$@"
}

builder create --file execution-environment.yml --context "$work/context" --output-filename Containerfile >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
# As the collection lies where it is installed: its files are found by their names.
mkdir -p "$work/collections/ansible_collections/flaskstack/centos"
cp -r galaxy.yml requirements.txt bindep.txt "$work/collections/ansible_collections/flaskstack/centos"
builder introspect "$work/collections" >"$work/found" 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
}
grep --quiet 'openssh-clients.*flaskstack.centos' "$work/found" || {
    echo "ansible-builder does not find bindep.txt in an installed flaskstack.centos:" >&2
    cat "$work/found" >&2
    exit 1
}
