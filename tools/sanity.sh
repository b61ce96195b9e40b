#!/usr/bin/env bash
# What Ansible's own tools say of the collection: ansible-test sanity, and antsibull-docs of its documentation. Both want it in a
# directory ansible_collections/<namespace>/<name>; so they get a copy of what its users get. Usage: tools/sanity.sh [TEST...]
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv${CORE:+-$CORE}/bin:$PATH"
root=$PWD/.cache/sanity
copy=$root/ansible_collections/flaskstack/centos
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
core=$(python -c 'from ansible.release import __version__ as v; print(".".join(v.split(".")[:2]))')

# Done by other means here: ruff and mypy for pep8 and pylint, shellcheck by itself, grammar for all interpreters in
# tests/unit/test_interfaces.py (for 3.6, too, which ansible-test does not know any more). There is no PowerShell, and the changelog
# is written by hand.
elsewhere=(pep8 pylint pslint shellcheck changelog compile)
# What Python 2 would need, which no host is asked to have; later releases of Ansible do not look for it any more.
[ "$core" != 2.16 ] || elsewhere+=(future-import-boilerplate metaclass-boilerplate)

# copy_collection: the files of the checkout, those that git does not know yet too, that galaxy.yml puts into the tarball.
copy_collection() {
    rm -rf "$root/ansible_collections"
    mkdir -p "$copy"
    git ls-files -z --cached --others --exclude-standard --deduplicate -- \
        docs galaxy.yml meta playbooks plugins README.md requirements.yml roles |
        while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar --create --null --files-from=- | tar --extract --directory="$copy"
    # Without a repository of its own the copy would be files that the checkout's ignores.
    git init --quiet "$copy"
}

# prepare_home: a home of its own, so that nothing is left in the user's. ansible-test hands pip neither the user's configuration
# nor the environment, and would fetch pip from its makers' server, where Python has one already.
prepare_home() {
    local pip
    export HOME=$root/home
    pip=$(sed -n "s/^ *pip='\([0-9.]*\)',$/\1/p" "$(python -c 'import ansible_test as t; print(t.__path__[0])')/_internal/python_requirements.py")
    mkdir -p "$HOME/.ansible/test/cache" "$HOME/.config/pip"
    echo 'import ensurepip; ensurepip.bootstrap(upgrade=True)' >"$HOME/.ansible/test/cache/get_pip_${pip//./_}.py"
    # There may be passwords in it.
    (umask 077 && printf '[global]\n%s\n' "$settings" >"$HOME/.config/pip/pip.conf")
}

# ignore_rules: what does not hold for this collection. A licence other than the GPL is fine outside of Ansible's own package.
ignore_rules() {
    local module
    mkdir -p "$copy/tests/sanity"
    for module in "$copy"/plugins/modules/*.py; do
        [ ! -e "$module" ] || echo "plugins/modules/${module##*/} validate-modules:missing-gplv3-license"
    done >"$copy/tests/sanity/ignore-$core.txt"
}

# quietly COMMAND...: show what it says only if it fails, without what pip says and that the locale is another than en_US.UTF-8.
quietly() {
    "$@" >"$root/log" 2>&1 || {
        grep -v -e '^Collecting' -e '^Installing' -e '^Looking in' -e '^  Downloading' -e '━' -e '^WARNING' "$root/log"
        return 1
    }
}

# The last value of each setting counts: pip lists those of the environment after those of files.
settings=$(python -m pip config list | sed -n "s/^[^.]*\.\([a-z-]*\)='\(.*\)'$/\1 = \2/p" |
    awk -F ' = ' '{ value[$1] = $0 } END { for (key in value) print value[key] }' | sed 's/\\n/\n    /g')
copy_collection
prepare_home
ignore_rules
cd "$copy"
which=()
if [ $# -gt 0 ]; then
    for test in "$@"; do which+=(--test "$test"); done
else
    for test in "${elsewhere[@]}"; do which+=(--skip-test "$test"); done
fi
status=0
quietly ansible-test sanity --python "$version" --requirements "${which[@]}" || status=$?
# Of what a reader sees only the sources are checked, not the reStructuredText that antsibull-docs itself would write of them.
[ $# -gt 0 ] || quietly antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck --validate-collection-refs=dependent . || status=$?
exit "$status"
