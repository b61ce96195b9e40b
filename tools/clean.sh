#!/usr/bin/env bash
# Remove all that the other targets made: lab hosts, images, environments, caches. What was installed by apt or dnf stays.
set -euo pipefail
cd "$(dirname "$0")/.."
# Of every platform and kind, whichever the environment names. Virtual machines first: they go with .lab, which knows them.
unset LAB_KIND LAB_PLATFORM
LAB_KIND=vm lab/vm/cut.sh --clean >/dev/null
if [ -x .venv/bin/ansible-playbook ] && [ -d .lab ]; then
    .venv/bin/ansible-playbook lab/destroy.yml --extra-vars lab_clean=true
fi
rm -rf .venv .venv-* .cache .ansible .lab .pytest_cache .ruff_cache build
find . -name __pycache__ -type d -prune -exec rm -rf {} +
