#!/usr/bin/env bash
# The tests, part by part, and how long each took. Usage: tools/test.sh PART...
#   (lint unit lint+unit cores sanity molecule releases installed vm)
# One scenario only: SCENARIO=nginx tools/test.sh molecule
# On another platform: LAB_PLATFORM=standin10 SCENARIO=default tools/test.sh molecule
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv${CORE:+-$CORE}/bin:$PATH" ANSIBLE_CONFIG="$PWD/ansible.cfg" ANSIBLE_HOME="$PWD/.ansible"
# What belongs to one platform, as molecule/inventory/hosts.yml has it: two may be tested side by side.
cache=.cache/${LAB_KIND:+$LAB_KIND/}${LAB_PLATFORM:+$LAB_PLATFORM/}
export MOLECULE_GLOB="molecule/*/molecule.yml" MOLECULE_EPHEMERAL_DIRECTORY="$PWD/${cache}molecule"

# begin FUNCTION LOG [ARGUMENT]: run it in the background; its process is $begun, and ends when this one does.
begin() {
    mkdir -p .cache
    # In a group of its own, so that all of it can be ended.
    set -m
    "$1" "${@:3}" >"$2" 2>&1 &
    set +m
    begun=$!
    running+=("-$begun")
    trap 'kill -- "${running[@]}" 2>/dev/null || true' EXIT
}
running=()

lint() {
    linters
    playbooks
}

# All but the longest, the quick ones first.
linters() {
    ruff check .
    ruff format --check .
    mypy
    # tomllib is used where there is one. One process: several do not end when they are interrupted.
    vermin --processes=1 --quiet --violations --no-tips --eval-annotations --exclude tomllib --target=3.6- plugins/modules plugins/module_utils
    yamllint --strict .
    workflows
    tools/promtool.sh
    tools/builder.sh
    command -v shellcheck >/dev/null || lab/bootstrap.sh lint
    shellcheck --external-sources tools/*.sh lab/*.sh lab/vm/*.sh tests/installed/run.sh .ci/run
    tools/reference.py --check
    tools/supported.py --check
    tools/sanity.sh
}

# What hosted CI runs: we cannot run it, so at least the forges' own schemas know its words, and nobody else can make it theirs.
workflows() {
    check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
    check-jsonschema --quiet --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml
    zizmor --quiet --offline --persona pedantic .github/workflows
}

# The longest by far: it has Ansible check the syntax of each playbook, too.
playbooks() {
    ansible-lint --offline --profile production --strict
}

unit() {
    python -m pytest --quiet tests/unit
    python -m pytest --quiet app/tests
}

# Each keeps one processor busy, for about as long. What ansible-lint says comes at the end, and what the second half of the tests say
# that run playbooks.
side_by_side() {
    local log=.cache/lint.txt pid status=0
    begin about_playbooks "$log"
    pid=$begun
    linters
    python -m pytest --quiet tests/unit/plugins tests/unit/test_[a-f]*.py
    python -m pytest --quiet app/tests
    wait "$pid" || status=$?
    cat "$log"
    return "$status"
}

about_playbooks() {
    playbooks
    python -m pytest --quiet tests/unit/test_[!a-f]*.py
}

# scenarios: print them in the order in which two workers take them: the longest first, so that none runs alone at the end.
scenarios() {
    local order=' cluster release applications uwsgi nginx standalone default flask_app python ' name
    for name in $order; do [ ! -e "molecule/$name/molecule.yml" ] || echo "$name"; done
    for name in molecule/*/molecule.yml; do
        name=$(basename "$(dirname "$name")")
        # By `make vm` only.
        [ "$name" != vm ] || continue
        [[ $order == *" $name "* ]] || echo "$name"
    done
}

# stamp: put the seconds since the beginning in front of each line, which tell how long each step of each scenario takes.
stamp() {
    local started=$SECONDS line
    while IFS= read -r line; do printf '[%4d s] %s\n' $((SECONDS - started)) "$line"; done
}

# failed_tasks LOG: print the beginning of what failed last in what Ansible said. Where a log is cut, its end is kept.
failed_tasks() {
    printf '\nWhat failed, in short:\n'
    # Molecule draws a frame around what several workers said.
    sed 's/\x1b\[[0-9;]*m//g; s/^ *│ \?//' "$1" | awk '
        /^(TASK|PLAY|RUNNING HANDLER) / { title = $0 }
        /^(fatal|failed): / { print title; left = 25 }
        /^$/ { left = 0 }
        left-- > 0 { print substr($0, 1, 400) }' | tail -n 60
}

molecule() {
    local names=() name
    tools/lab.sh
    # What an interrupted run remembers of hosts that may not be there any more.
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY" "${cache}release.txt" "${cache}cluster.txt"
    if [ -n "${SCENARIO:-}" ]; then
        command molecule test --no-command-borders --scenario-name "$SCENARIO"
    else
        # Some cases of scenario cluster: all of them take longer than all the rest (make cluster).
        export CASES=${CASES-addresses rolling}
        # Workers take scenarios by their names in this order; --all would be the alphabet.
        for name in $(scenarios); do names+=(--scenario-name "$name"); done
        # All of them, even if one fails: a run that takes this long tells all that it can.
        command molecule test --no-command-borders --workers 2 --continue-on-failure "${names[@]}" 2>&1 |
            tee "${cache}molecule.txt" | stamp || { failed_tasks "${cache}molecule.txt" >&2 && return 1; }
    fi
    # What scenarios release and cluster counted and timed.
    for name in release cluster; do [ ! -e "$cache$name.txt" ] || cat "$cache$name.txt"; done
}

# What of tools/matrix.sh is quick: the oldest and the newest ansible-core, and the oldest Python that a host may have.
cores() {
    local cell pid pids=() status=0 cells=(unit-2.16 "unit-$(tools/venv.sh --cores | tail -n 1)" hosts-3.6)
    for cell in "${cells[@]}"; do
        begin cell_of_matrix ".cache/cell-$cell.txt" "$cell"
        pids+=("$begun")
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=1; done
    for cell in "${cells[@]}"; do cat ".cache/cell-$cell.txt"; done
    return "$status"
}
cell_of_matrix() { NOTE=no tools/matrix.sh "$1"; }

# What molecule does at once, for a control node that makes no hosts itself (tools/matrix.sh): they are made and removed from here.
create() {
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"
    command molecule create --no-command-borders --scenario-name "$SCENARIO"
}
converged() { command molecule test --destroy never --no-command-borders --scenario-name "$SCENARIO"; }
destroy() { command molecule destroy --no-command-borders --scenario-name "$SCENARIO"; }

sanity() { tools/sanity.sh; }

# The releases beside the one that all scenarios run on.
others=(standin8 standin10)

# images: make the images of all releases, one after the other: the network and the disk are what they wait for.
images() {
    tools/lab.sh
    other_images
}
other_images() {
    local platform
    for platform in "${others[@]}"; do LAB_PLATFORM=$platform tools/lab.sh; done
}

# releases: scenario default on each of the other releases, side by side.
releases() {
    local platform pid pids=() status=0
    # If they are being made, this waits; if that failed, it says why.
    other_images
    for platform in "${others[@]}"; do
        begin default_on ".cache/default-$platform.txt" "$platform"
        pids+=("$begun")
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=1; done
    for platform in "${others[@]}"; do sed "s/^/[$platform] /" ".cache/default-$platform.txt"; done
    return "$status"
}

# default_on PLATFORM
default_on() {
    LAB_PLATFORM=$1 SCENARIO=default tools/test.sh molecule
}

# vm: what takes a machine with a kernel of its own. Emulated where KVM does not work: then it takes most of an hour.
vm() {
    export LAB_KIND=vm MOLECULE_EPHEMERAL_DIRECTORY=$PWD/.cache/vm/molecule
    lab/bootstrap.sh vm
    [ -n "${LAB_VM_IMAGE:-}" ] || tools/lab.sh
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"
    command molecule test --no-command-borders --scenario-name vm 2>&1 | stamp
}

installed() {
    tools/lab.sh
    tests/installed/run.sh
}

trap 'echo "Interrupted. Lab hosts may still run; the next run takes them up, and make clean removes them." >&2; exit 130' INT
tools/venv.sh
# Beside other parts, which wait for what they need and is not there yet.
case " $* " in *' '?*' releases '*) begin images .cache/images.txt ;; esac
report=''
for part in "$@"; do
    printf '\n======== %s\n' "$part"
    started=$SECONDS
    case $part in
        lint | unit | cores | sanity | molecule | releases | installed | vm | create | converged | destroy) "$part" ;;
        lint+unit) side_by_side ;;
        *)
            echo "tools/test.sh: unknown part '$part'; there are lint, unit, lint+unit, cores, sanity, molecule, releases, installed and vm." >&2
            exit 2
            ;;
    esac
    report+=$(printf '    %-10s %4d s' "$part" $((SECONDS - started)))$'\n'
done
printf '\nAll passed.\n%s    %-10s %4d s\n' "$report" together "$SECONDS"
