#!/usr/bin/env bash
# What is supported, run cell by cell, each result noted in docs/supported.json and in the READMEs. Usage:
#   tools/matrix.sh --list              the cells
#   tools/matrix.sh                     all of them
#   tools/matrix.sh 'unit-*' default-2.21-standin9
# Where this machine has no Python for an ansible-core, the control node is a container of a stand-in that has one; with
# CONTROLLER=container it always is. NOTE=no notes nothing. LAB_VM_NAME=stream9 says of what LAB_VM_IMAGE is an image.
set -euo pipefail
cd "$(dirname "$0")/.."
# Each cell says which it is of.
unset CORE LAB_KIND LAB_PLATFORM SCENARIO

# cells: print all, the quick ones first.
cells() {
    local core
    for core in "${cores[@]}"; do echo "unit-$core"; done
    # What releases 8 and 9 have as their own; that of 10 runs some of the above.
    printf 'hosts-%s\n' 3.6 3.9
    for core in "${cores[@]}"; do echo "sanity-$core"; done
    for core in "${cores[0]}" "${cores[-1]}"; do
        printf "default-$core-%s\n" standin9 standin10
    done
    # Only this one manages release 8.
    echo default-2.16-standin8
    # With the newest that this machine's Python carries.
    if [ -e molecule/vm/molecule.yml ]; then echo vm; fi
}

# here CORE: succeed if this machine is its control node.
here() { [ "${CONTROLLER:-}" != container ] && CORE=$1 tools/venv.sh --python >/dev/null; }

# on CORE COMMAND...: run it on a control node of that core.
on() {
    local CORE=$1
    export CORE
    shift
    if here "$CORE"; then
        "$@"
    else
        tools/controller.sh "$@"
    fi
}

# scenario CORE PLATFORM: scenario default. Podman is this machine's, so the hosts are made and removed from here, by .venv.
scenario() {
    local status=0
    export LAB_PLATFORM=$2 SCENARIO=default
    # One by one: errexit does not hold here, where the status is asked for.
    tools/lab.sh && tools/test.sh create && on "$1" tools/test.sh converged || status=$?
    tools/test.sh destroy || status=$?
    return "$status"
}

# run CELL: run it.
run() {
    case $1 in
        unit-*) on "${1#*-}" tools/test.sh unit ;;
        sanity-*) on "${1#*-}" tools/test.sh sanity ;;
        default-*) (IFS=- && read -r _ core platform <<<"$1" && scenario "$core" "$platform") ;;
        hosts-*) .venv/bin/python tests/old_python/run.py "${1#*-}" ;;
        vm) make vm ;;
    esac
}

# version_of ENVIRONMENT: print its Python's.
version_of() { sed -n 's/^version = \([0-9]*\.[0-9]*\).*/\1/p' "$1/pyvenv.cfg"; }

# note CELL OUTCOME: write down how it went.
note() {
    local what core host python
    IFS=- read -r what core host <<<"$1"
    case $what in
        hosts) python=$core core='' ;;
        vm)
            core=$(python -c 'from ansible.release import __version__ as v; print(".".join(v.split(".")[:2]))')
            host=vm-standin9
            # An image has no name of its own.
            [ -z "${LAB_VM_IMAGE:-}" ] || host=vm-$LAB_VM_NAME
            python=$(version_of .venv)
            ;;
        *)
            if here "$core"; then
                python=$(version_of ".venv-$core")
            else
                python=$(version_of ".cache/controller/venv-$core")
            fi
            ;;
    esac
    tools/supported.py record --what "$what" --core "$core" --on "$host" --python "$python" --outcome "$2"
}

tools/venv.sh
export PATH="$PWD/.venv/bin:$PATH"
mapfile -t cores < <(tools/venv.sh --cores)
if [ "${1:-}" = --list ]; then
    cells
    exit
fi
wanted=()
for cell in $(cells); do
    for pattern in "${@:-*}"; do
        # shellcheck disable=SC2053 # a pattern is what it is
        [[ $cell != $pattern ]] || wanted+=("$cell")
    done
done
if [ ${#wanted[@]} -eq 0 ]; then
    echo "tools/matrix.sh: there is no such cell; there are: $(cells | paste -sd' ')." >&2
    exit 2
fi
mkdir -p .cache/matrix
failed=0
for cell in "${wanted[@]}"; do
    started=$SECONDS status=0
    printf '%-24s ' "$cell"
    (run "$cell") >".cache/matrix/$cell.log" 2>&1 </dev/null || status=$?
    case $status in
        0) outcome=passed ;;
        77) outcome=skipped ;;
        *) outcome=failed failed=1 ;;
    esac
    printf '%-8s %5d s\n' "$outcome" $((SECONDS - started))
    case $outcome in
        skipped) tail -n 1 ".cache/matrix/$cell.log" ;;
        failed) tail -n 80 ".cache/matrix/$cell.log" | sed 's/^/    /' ;;
    esac
    if [ "$cell" = vm ] && [ -n "${LAB_VM_IMAGE:-}" ] && [ -z "${LAB_VM_NAME:-}" ]; then
        echo '    not noted: LAB_VM_NAME does not say of what LAB_VM_IMAGE is an image (stream9, say)'
        continue
    fi
    [ "$outcome" = skipped ] || [ "${NOTE:-}" = no ] || note "$cell" "$outcome"
done
exit "$failed"
