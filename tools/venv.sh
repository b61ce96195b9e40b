#!/usr/bin/env bash
# The control node's virtual environment, .venv, exactly as uv.lock says. Quick when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

# Written last, with the lock's checksum: an environment without it was interrupted or is out of date.
stamp=.venv/.complete
wanted=$(sha256sum uv.lock pyproject.toml | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0

uv_version=$(sed -n 's/^ *"uv==\([^"]*\)".*/\1/p' pyproject.toml)
# Caches stay in the checkout: nothing is left in the user's home.
export UV_CACHE_DIR=$PWD/.cache/uv PIP_CACHE_DIR=$PWD/.cache/pip PIP_DISABLE_PIP_VERSION_CHECK=1

# find_python: print the first interpreter that is new enough and can make an environment.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.14 python3.11; do
        if "$candidate" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(find_python) && ! { lab/bootstrap.sh control && python=$(find_python); }; then
    cat >&2 <<'MESSAGE'
The control node needs Python 3.11 or newer with its venv module, and none was found.
Name an interpreter and run again: PYTHON=/path/to/python3 make ...
MESSAGE
    exit 1
fi

echo "==> Control node: Python $("$python" -c 'import platform; print(platform.python_version())') into .venv"
rm -rf .venv
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet "uv==$uv_version"
# By way of requirements, not `uv sync`: the lock names the index it was made from, this takes the one configured here.
.venv/bin/uv export --frozen --quiet --no-emit-project |
    .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes -
echo "$wanted" >"$stamp"
