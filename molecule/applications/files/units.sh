#!/usr/bin/env bash
# Make the repository of a library that application plots requires, as a web server can give it away file by file.
# Usage: units.sh DIRECTORY
set -euo pipefail
[ ! -e "$1/units.git" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git init --quiet --initial-branch main "$work/units"
cd "$work/units"
printf '[project]\nname = "units"\nversion = "1.0.0"\n\n[build-system]\nrequires = ["flit_core<4"]\nbuild-backend = "flit_core.buildapi"\n' \
  >pyproject.toml
sed -i '/^version/a description = "Lengths"' pyproject.toml
printf 'def metres(length):\n    return length\n' >units.py
git add .
git -c user.name=Somebody -c user.email=somebody@example.com -c commit.gpgsign=false commit --quiet --message 'Measure'
git tag v1
mkdir -p "$1"
git clone --quiet --bare --template= . "$1/units.git"
git --git-dir "$1/units.git" gc --quiet
git --git-dir "$1/units.git" update-server-info
