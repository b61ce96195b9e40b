#!/usr/bin/env bash
# The control node's virtual environment, exactly as uv.lock says. Quick when there is nothing to do.
#   tools/venv.sh               .venv, with the newest ansible-core that the interpreter carries
#   CORE=2.16 tools/venv.sh     .venv-2.16, with that one
#   tools/venv.sh --cores       only print each ansible-core that there is, the oldest first
#   tools/venv.sh --python      only say which interpreter it would take; fail if there is none
# PYTHON=/path/to/python3 names an interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv${CORE:+-$CORE}
# Written last, with the lock's checksum: an environment without it was interrupted or is out of date.
stamp=$venv/.complete
wanted=$(sha256sum uv.lock pyproject.toml | sha256sum | cut -d' ' -f1)

# Succeed if the environment is complete, and its interpreter is still there and the one that it was made with.
complete() {
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c 'import ansible' 2>/dev/null
}
[ $# -gt 0 ] || ! complete || exit 0

uv_version=$(sed -n 's/^ *"uv==\([^"]*\)".*/\1/p' pyproject.toml)
# Caches stay in the checkout: nothing is left in the user's home.
export UV_CACHE_DIR=$PWD/.cache/uv PIP_CACHE_DIR=$PWD/.cache/pip PIP_DISABLE_PIP_VERSION_CHECK=1

# cores: print each ansible-core there is, the first Python that carries it and the first that does not any more; newest first.
cores() {
    sed -n 's/^"core-\([0-9.]*\)" = { requires-python = ">=\([0-9.]*\),<\([0-9.]*\)" }$/\1 \2 \3/p' pyproject.toml | sort --version-sort --reverse
}

# carried PYTHON: print the newest ansible-core of those asked for that this interpreter carries; fail if there is none.
carried() {
    cores | "$1" -c '
import ensurepip, os, sys
version = lambda text: tuple(map(int, text.split(".")))
for core, first, end in map(str.split, sys.stdin):
    if os.environ.get("CORE") in (None, "", core) and version(first) <= sys.version_info[:2] < version(end):
        print(core)
        break
else:
    sys.exit(1)' 2>/dev/null
}

# find_python: print the first interpreter that will do, and the ansible-core that it carries.
find_python() {
    local candidate core
    # Where pyenv manages interpreters, what is called so in PATH may only say that it is not chosen.
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.14 python3.11 ~/.pyenv/versions/3.*/bin/python3; do
        if core=$(carried "$candidate"); then
            echo "$candidate $core"
            return
        fi
    done
    return 1
}

if [ -n "${CORE:-}" ] && ! cores | grep --quiet --fixed-strings "$CORE "; then
    echo "CORE=$CORE: there is no environment for that ansible-core; there are $(cores | cut -d' ' -f1 | sort --version-sort | paste -sd' ')." >&2
    exit 2
fi
case ${1:-} in
    --cores) cores | cut -d' ' -f1 | sort --version-sort && exit ;;
    --python) find_python | cut -d' ' -f1 && exit ;;
esac
if ! found=$(find_python) && ! { lab/bootstrap.sh control && found=$(find_python); }; then
    read -r first end < <(cores | sed -n "s/^${CORE:-none} //p")
    cat >&2 <<MESSAGE
${CORE:+With ansible-core $CORE, }the control node needs Python ${first:-3.11} or newer${end:+, older than $end,} with its venv module, and none was found.
Name an interpreter and run again: PYTHON=/path/to/python3 make ...
MESSAGE
    exit 1
fi
read -r python core <<<"$found"

echo "==> Control node: ansible-core $core on Python $("$python" -c 'import platform; print(platform.python_version())') into $venv"
# In a container (tools/controller.sh) it is a mount, which stays.
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet "uv==$uv_version"
# By way of requirements, not `uv sync`: the lock names the index it was made from, this takes the one configured here.
"$venv/bin/uv" export --frozen --quiet --no-emit-project --python "$venv/bin/python" --group "core-$core" |
    "$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes -
echo "$wanted" >"$stamp"
