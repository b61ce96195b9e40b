#!/usr/bin/env bash
# The tests, part by part, and how long each took. Usage: tools/test.sh PART...   (lint unit lint+unit molecule installed)
# One scenario only: SCENARIO=nginx tools/test.sh molecule
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_CONFIG="$PWD/ansible.cfg" ANSIBLE_HOME="$PWD/.ansible"
export MOLECULE_GLOB="molecule/*/molecule.yml" MOLECULE_EPHEMERAL_DIRECTORY="$PWD/.cache/molecule"

lint() {
    yamllint --strict .
    ansible-lint --offline --profile production --strict
    ruff check .
    ruff format --check .
    command -v shellcheck >/dev/null || lab/bootstrap.sh lint
    shellcheck --external-sources tools/*.sh lab/*.sh tests/installed/run.sh .ci/run
    tools/role_readmes.py --check
}

unit() {
    python -m pytest --quiet tests/unit
    python -m pytest --quiet app/tests
}

# Each keeps one processor busy for minutes. What lint says comes at its end.
side_by_side() {
    local log=.cache/lint.txt pid status=0
    mkdir -p .cache
    lint >"$log" 2>&1 &
    pid=$!
    # shellcheck disable=SC2064 # the process of now
    trap "kill $pid 2>/dev/null || true" EXIT
    unit
    wait "$pid" || status=$?
    trap - EXIT
    cat "$log"
    return "$status"
}

molecule() {
    tools/lab.sh
    # What an interrupted run remembers of hosts that may not be there any more.
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY" .cache/release.txt
    if [ -n "${SCENARIO:-}" ]; then
        command molecule test --no-command-borders --scenario-name "$SCENARIO"
    else
        command molecule test --no-command-borders --all --workers 2
    fi
    # What scenario release counted and timed.
    [ ! -e .cache/release.txt ] || cat .cache/release.txt
}

installed() {
    tools/lab.sh
    tests/installed/run.sh
}

tools/venv.sh
report=''
for part in "$@"; do
    printf '\n======== %s\n' "$part"
    started=$SECONDS
    case $part in
        lint | unit | molecule | installed) "$part" ;;
        lint+unit) side_by_side ;;
        *)
            echo "tools/test.sh: unknown part '$part'; there are lint, unit, lint+unit, molecule and installed." >&2
            exit 2
            ;;
    esac
    report+=$(printf '    %-10s %4d s' "$part" $((SECONDS - started)))$'\n'
done
printf '\nAll passed.\n%s    %-10s %4d s\n' "$report" together "$SECONDS"
