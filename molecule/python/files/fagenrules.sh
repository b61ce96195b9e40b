#!/bin/sh
# Compiles the rules as fapolicyd's own fagenrules does, and notes each load.
set -eu
cd /etc/fapolicyd/rules.d
test ! -e /etc/fapolicyd/broken || { echo 'Field type is unknown in line 2' >&2; exit 1; }
for rules in $(ls -1v | grep '[.]rules$'); do cat "$rules"; done | grep -v '^[[:space:]]*#' | grep . >../compiled.rules
echo "$@" >>/var/log/fagenrules
