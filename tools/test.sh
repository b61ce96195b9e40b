#!/usr/bin/env bash
# The tests, part by part, and how long each took. Usage: tools/test.sh PART...   (lint unit lint+unit molecule installed)
# One scenario only: SCENARIO=nginx tools/test.sh molecule
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_CONFIG="$PWD/ansible.cfg" ANSIBLE_HOME="$PWD/.ansible"
export MOLECULE_GLOB="molecule/*/molecule.yml" MOLECULE_EPHEMERAL_DIRECTORY="$PWD/.cache/molecule"

lint() {
    linters
    playbooks
}

# All but the longest, the quick ones first.
linters() {
    ruff check .
    ruff format --check .
    mypy
    # tomllib is used where there is one.
    vermin --quiet --violations --no-tips --eval-annotations --exclude tomllib --target=3.6- plugins/modules plugins/module_utils
    yamllint --strict .
    command -v shellcheck >/dev/null || lab/bootstrap.sh lint
    shellcheck --external-sources tools/*.sh lab/*.sh tests/installed/run.sh .ci/run
    tools/reference.py --check
    tools/sanity.sh
}

# The longest by far: it has Ansible check the syntax of each playbook, too.
playbooks() {
    ansible-lint --offline --profile production --strict
}

unit() {
    python -m pytest --quiet tests/unit
    python -m pytest --quiet app/tests
}

# Each keeps one processor busy. What ansible-lint says comes at the end.
side_by_side() {
    local log=.cache/lint.txt pid status=0
    mkdir -p .cache
    playbooks >"$log" 2>&1 &
    pid=$!
    # shellcheck disable=SC2064 # the process of now
    trap "kill $pid 2>/dev/null || true" EXIT
    linters
    unit
    wait "$pid" || status=$?
    trap - EXIT
    cat "$log"
    return "$status"
}

# scenarios: print them in the order in which two workers take them: the longest first, so that none runs alone at the end.
scenarios() {
    local order=' release applications uwsgi nginx standalone default flask_app python ' name
    for name in $order; do [ ! -e "molecule/$name/molecule.yml" ] || echo "$name"; done
    for name in molecule/*/molecule.yml; do
        name=$(basename "$(dirname "$name")")
        [[ $order == *" $name "* ]] || echo "$name"
    done
}

# stamp: put the seconds since the beginning in front of each line, which tell how long each step of each scenario takes.
stamp() {
    local started=$SECONDS line
    while IFS= read -r line; do printf '[%4d s] %s\n' $((SECONDS - started)) "$line"; done
}

molecule() {
    local names=() name
    tools/lab.sh
    # What an interrupted run remembers of hosts that may not be there any more.
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY" .cache/release.txt
    if [ -n "${SCENARIO:-}" ]; then
        command molecule test --no-command-borders --scenario-name "$SCENARIO"
    else
        # Workers take scenarios by their names in this order; --all would be the alphabet.
        for name in $(scenarios); do names+=(--scenario-name "$name"); done
        command molecule test --no-command-borders --workers 2 "${names[@]}" 2>&1 | stamp
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
