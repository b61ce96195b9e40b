#!/usr/bin/env bash
# Make the repository of the scenario's application, /srv/shop: one tag for each way to go right or wrong.
# Usage: make_repository.sh SOURCE      The commits are the same on every host: times and names are given.
set -euo pipefail
# The builder reads it, whatever root's umask.
umask 022

export GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'

# version NAME [KEY=VALUE...]: commit and tag a version; what is not said is as in a good one.
version() {
    local VERSION=$1 IMPORT=works IMPORT_SECONDS=0 HEALTH=200 HEALTH_SECONDS=0 HEALTH_HOST='' PAGE=200 MIGRATION=works REQUIREMENT=''
    shift
    local "$@"
    cat >behaviour.py <<BEHAVIOUR
VERSION = "$VERSION"
IMPORT = "$IMPORT"
IMPORT_SECONDS = $IMPORT_SECONDS
HEALTH = $HEALTH
HEALTH_SECONDS = $HEALTH_SECONDS
HEALTH_HOST = "$HEALTH_HOST"
PAGE = $PAGE
MIGRATION = "$MIGRATION"
BEHAVIOUR
    printf 'flask==3.1.3\n%s\n' "$REQUIREMENT" >requirements.txt
    git add .
    git commit --quiet --message "$VERSION"
    git tag "$VERSION"
}

git init --quiet --initial-branch main /srv/shop
cd /srv/shop
cp "$1"/*.py .
for n in 1 2 3 4 5 6 7 8 9; do
    version "v$n"
done
version import-error IMPORT=fails
version unhealthy HEALTH=500
version unhealthy-app2 HEALTH=500 HEALTH_HOST=app2
version unhealthy-release-2 HEALTH=500 HEALTH_HOST=release-2
version hanging HEALTH_SECONDS=60
version bad-page PAGE=500
version bad-migration MIGRATION=fails
version bad-requirement REQUIREMENT=itsdangerous==0.0.999
version slow-import IMPORT_SECONDS=6
# With requirements of its own, so that its build takes a while and much room.
version large REQUIREMENT=numpy==2.2.6
